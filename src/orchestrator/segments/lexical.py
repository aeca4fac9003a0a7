"""The words of a condition: text in, tokens for sqlglot's parser out, or what is wrong with each word.

Nothing that a person wrote reaches the parser by name. Characters outside the language are refused first, every word
must be a keyword, a field or a call of a function of ours, and fields and calls go on as numbered placeholders: what
sqlglot knows beyond our language cannot be reached.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import Token, Tokenizer, TokenType

from orchestrator.contacts.periods import is_period
from orchestrator.segments.characters import INSTEAD, PARTS_OF_THE_LANGUAGE, Fault, refuse_characters
from orchestrator.segments.fields import nearest, resolve
from orchestrator.segments.functions import FUNCTIONS, IN_SEGMENT, function_field
from orchestrator.segments.shape import SPLIT, shape_faults
from orchestrator.segments.tree import InSegment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.contacts.measures import CustomColumn
    from orchestrator.segments.field import Field

MAX_LENGTH = 10_000

KEYWORDS = {
    "and": TokenType.AND,
    "or": TokenType.OR,
    "not": TokenType.NOT,
    "in": TokenType.IN,
    "is": TokenType.IS,
    "null": TokenType.NULL,
    "like": TokenType.LIKE,
    "between": TokenType.BETWEEN,
    "true": TokenType.TRUE,
    "false": TokenType.FALSE,
}
SIGNS = {
    TokenType.L_PAREN: "(",
    TokenType.R_PAREN: ")",
    TokenType.COMMA: ",",
    TokenType.EQ: "=",
    TokenType.NEQ: "!=",
    TokenType.LT: "<",
    TokenType.LTE: "<=",
    TokenType.GT: ">",
    TokenType.GTE: ">=",
    TokenType.PLUS: "+",
    TokenType.DASH: "-",
    TokenType.STAR: "*",
}
SQL_WORDS = frozenset(
    [
        "select",
        "from",
        "where",
        "having",
        "group",
        "order",
        "limit",
        "union",
        "exists",
        "any",
        "all",
        "case",
        "when",
        "then",
        "else",
        "end",
        "cast",
        "collate",
        "glob",
        "regexp",
        "similar",
        "ilike",
        "rlike",
        "interval",
        "extract",
        "over",
        "partition",
        "current_date",
        "current_timestamp",
        "now",
        "div",
        "mod",
        "xor",
        "contains",
        "escape",
        "distinct",
        "join",
        "on",
        "values",
        "drop",
        "delete",
        "insert",
        "update",
        "create",
        "alter",
        "with",
        "unknown",
        "symmetric",
        "array",
    ]
)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")


@dataclass(slots=True)
class Words:
    """The condition as tokens. The identifier ``v3`` stands for ``meanings[3]``; ``faults`` must be empty to go on."""

    text: str
    tokens: list[Token] = field(default_factory=list)
    meanings: list[Field | InSegment] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read_words(text: str, custom: Mapping[str, CustomColumn]) -> Words:
    """Split a condition into words and say what each means."""
    words = Words(text)
    if len(text) > MAX_LENGTH:
        words.faults.append(
            Fault(MAX_LENGTH, 1, f"the condition has {len(text):,} characters; the limit is {MAX_LENGTH:,}", SPLIT)
        )
        return words
    clean = refuse_characters(text, words.faults)
    if not clean.strip():
        if not words.faults:
            words.faults.append(
                Fault(0, 1, "the condition is empty", "Write `true` for a segment that holds everybody.")
            )
        return words
    tokens = Tokenizer().tokenize(clean)
    position = 0
    while position < len(tokens):
        position = _read_word(tokens, position, words, custom)
    words.faults += shape_faults(text, tokens)
    return words


def _read_word(tokens: list[Token], position: int, words: Words, custom: Mapping[str, CustomColumn]) -> int:
    """Take the word at ``position``, or a whole call; the position after it."""
    token = tokens[position]
    written = words.text[token.start : token.end + 1]
    following = tokens[position + 1] if position + 1 < len(tokens) else None
    keyword = KEYWORDS.get(written.lower())
    if keyword is not None and keyword is token.token_type:
        words.tokens.append(token)
        return position + 1
    if _WORD.fullmatch(written) and token.token_type not in {TokenType.STRING, TokenType.NUMBER}:
        before = tokens[position - 1] if position else None
        if before and before.token_type is TokenType.NUMBER and before.end + 1 == token.start:
            whole = words.text[before.start : token.end + 1]
            hint = (
                f"Write {whole.replace('_', '')}."
                if whole.replace("_", "").isdigit()
                else "Write digits, as in 1250.5."
            )
            words.faults.append(Fault(before.start, len(whole), f'"{whole}" is not a number', hint))
            return position + 1
        if following and following.token_type is TokenType.L_PAREN:
            return _read_call(tokens, position, words, custom)
        if found := resolve(written, custom):
            _append_meaning(words, token, token, found)
        else:
            words.faults.append(_unknown_field(token, written, custom))
        return position + 1
    if token.token_type is TokenType.NUMBER and not _NUMBER.fullmatch(written):
        hint = "Write digits, and at most six after a point: 1250.5."
        words.faults.append(Fault(token.start, len(written), f'"{written}" is not a number of the language', hint))
    elif token.token_type not in {TokenType.STRING, TokenType.NUMBER} and SIGNS.get(token.token_type) != written:
        words.faults.append(
            Fault(
                token.start,
                len(written),
                f'"{written}" is not part of the language',
                INSTEAD.get(written, PARTS_OF_THE_LANGUAGE),
            )
        )
    words.tokens.append(token)
    return position + 1


def _append_meaning(words: Words, first: Token, last: Token, meaning: Field | InSegment) -> None:
    words.tokens.append(
        Token(TokenType.VAR, f"v{len(words.meanings)}", line=last.line, col=last.col, start=first.start, end=last.end)
    )
    words.meanings.append(meaning)


def _unknown_field(token: Token, name: str, custom: Mapping[str, CustomColumn]) -> Fault:
    width = len(name)
    if name.lower() in SQL_WORDS:
        hint = "Segments are conditions over fields; `campaigns fields` lists them."
        return Fault(token.start, width, f'"{name}" is not part of the language', hint)
    if name != name.lower() and resolve(name.lower(), custom):
        return Fault(token.start, width, f'unknown field "{name}"', f"Field names are lower case: {name.lower()}.")
    if name in FUNCTIONS or name == IN_SEGMENT:
        usage = FUNCTIONS[name].usage if name in FUNCTIONS else f"{IN_SEGMENT}('gold')"
        return Fault(token.start, width, f'"{name}" is a function and needs its arguments', f"Write {usage}.")
    near = nearest(name, custom)
    if near:
        names = " or ".join(f'"{other}"' for other in near)
        hint = f"Did you mean {names}? `campaigns fields` lists every field."
    elif name.startswith(("x_", "account_x_")):
        hint = "Custom fields are the extra columns of imported contacts and accounts; none of this name was imported."
    else:
        hint = "`campaigns fields` lists every field; texts stand in single quotes."
    return Fault(token.start, width, f'unknown field "{name}"', hint)


def _read_call(tokens: list[Token], position: int, words: Words, custom: Mapping[str, CustomColumn]) -> int:
    """A function's name and its arguments up to the closing parenthesis."""
    name_token = tokens[position]
    name = words.text[name_token.start : name_token.end + 1]
    end = position + 1
    depth = 0
    while end < len(tokens):
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(tokens[end].token_type, 0)
        if depth == 0:
            break
        end += 1
    closed = end < len(tokens)
    last = tokens[end if closed else -1]
    if name not in FUNCTIONS and name != IN_SEGMENT:
        words.faults.append(_unknown_function(name_token, name, custom))
        # what stands in the parentheses of an unknown function has no meaning of its own
        return end + 1
    if not closed:
        words.faults.append(
            Fault(name_token.start, len(name), f"the parenthesis after {name} is never closed", "Add a ).")
        )
        return end
    arguments = _arguments(tokens[position + 2 : end], words)
    usage = FUNCTIONS[name].usage if name in FUNCTIONS else f"{IN_SEGMENT}('gold')"
    wanted = FUNCTIONS[name].arguments if name in FUNCTIONS else ("text",)
    place = name_token.start, last.end + 1 - name_token.start
    if arguments is None or not _fits(arguments, wanted):
        words.faults.append(Fault(*place, f"{name} cannot take these arguments", f"Write it like {usage}."))
    elif name == IN_SEGMENT:
        _append_meaning(words, name_token, last, InSegment(arguments[0][1]))
    else:
        try:
            _append_meaning(words, name_token, last, function_field(name, [value for _, value in arguments]))
        except ValueError as fault:
            words.faults.append(Fault(*place, str(fault), f"Write it like {usage}."))
    return end + 1


def _unknown_function(token: Token, name: str, custom: Mapping[str, CustomColumn]) -> Fault:
    if resolve(name, custom):
        return Fault(token.start, len(name), f'"{name}" is a field, not a function', "Write it without parentheses.")
    near = difflib.get_close_matches(name.lower(), [*FUNCTIONS, IN_SEGMENT], 1, 0.7)
    hint = f'Did you mean "{near[0]}"? ' if near else ""
    every = ", ".join(sorted([*FUNCTIONS, IN_SEGMENT]))
    return Fault(token.start, len(name), f'unknown function "{name}"', f"{hint}The functions are {every}.")


def _arguments(tokens: list[Token], words: Words) -> list[tuple[str, str]] | None:
    """Kind (text, period) and value of each argument; None where they are not a list of those."""
    found = []
    for number, token in enumerate(tokens):
        if number % 2:
            if token.token_type is not TokenType.COMMA:
                return None
            continue
        written = words.text[token.start : token.end + 1]
        if token.token_type is TokenType.STRING:
            found.append(("text", token.text))
        elif is_period(written):
            found.append(("period", written))
        else:
            return None
    return found if len(tokens) % 2 else None


def _fits(arguments: list[tuple[str, str]], wanted: tuple[str, ...]) -> bool:
    required = [kind for kind in wanted if not kind.endswith("?")]
    if not len(required) <= len(arguments) <= len(wanted):
        return False
    return all(kind == want.removesuffix("?") for (kind, _), want in zip(arguments, wanted, strict=False))
