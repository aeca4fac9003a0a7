"""What the grammar would misread or answer obscurely: stray nulls and commas, parentheses and signs without end."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from sqlglot import TokenType

from orchestrator.segments.characters import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlglot import Token

SPLIT = "Move parts into segments of their own and join them with in_segment('name')."
MAX_NESTING = 20
MAX_ARITHMETIC = 100
_SIGNS = {TokenType.PLUS, TokenType.DASH, TokenType.STAR}
_BEFORE_GROUP = {
    TokenType.AND, TokenType.OR, TokenType.NOT, TokenType.LIKE, TokenType.BETWEEN, TokenType.IS, TokenType.L_PAREN,
    TokenType.COMMA, TokenType.EQ, TokenType.NEQ, TokenType.LT, TokenType.LTE, TokenType.GT, TokenType.GTE, *_SIGNS,
}  # fmt: skip
"""a parenthesis after one of these holds a condition or a value, after anything else a list"""


def shape_faults(text: str, tokens: list[Token]) -> Iterator[Fault]:
    """Faults of a condition's tokens, whatever its words mean."""
    for before, token in pairwise(tokens):
        if before.token_type is token.token_type is TokenType.STRING:
            width = token.end + 1 - token.start
            yield Fault(token.start, width, "two texts stand side by side", "A quote inside a text is written twice.")
    yield from _stray_nulls(tokens)
    yield from _stray_commas(text, tokens)
    yield from _too_deep(tokens)


def _stray_nulls(tokens: list[Token]) -> Iterator[Fault]:
    for position, token in enumerate(tokens):
        before = [earlier.token_type for earlier in tokens[max(0, position - 2) : position]]
        if (
            token.token_type is TokenType.NULL
            and before[-1:] != [TokenType.IS]
            and before != [TokenType.IS, TokenType.NOT]
        ):
            yield Fault(token.start, 4, "nothing can be compared with null", "Write `is null` or `is not null`.")


def _stray_commas(text: str, tokens: list[Token]) -> Iterator[Fault]:
    """Commas outside of lists; between digits they were meant to part thousands."""
    lists: list[bool] = []
    for position, token in enumerate(tokens):
        match token.token_type:
            case TokenType.L_PAREN:
                lists.append(position > 0 and tokens[position - 1].token_type not in _BEFORE_GROUP)
            case TokenType.R_PAREN if lists:
                lists.pop()
            case TokenType.COMMA if not (lists and lists[-1]):
                around = tokens[max(0, position - 1)].start, tokens[min(position + 1, len(tokens) - 1)].end + 1
                whole = text[slice(*around)]
                if re.fullmatch(r"[0-9]{1,3},[0-9]{3}([.][0-9]+)?", whole):
                    yield Fault(around[0], len(whole), f'"{whole}" is not a number', f"Write {whole.replace(',', '')}.")
                else:
                    yield Fault(
                        token.start,
                        1,
                        "a comma stands only in lists",
                        "In a number write a point: 1.5. A list: in (1, 2).",
                    )


def _too_deep(tokens: list[Token]) -> Iterator[Fault]:
    depth = negations = arithmetic = 0
    for token in tokens:
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.token_type, 0)
        negations = negations + 1 if token.token_type is TokenType.NOT else 0
        arithmetic += token.token_type in _SIGNS
        if token.token_type is TokenType.L_PAREN and depth == MAX_NESTING + 1:
            yield Fault(token.start, 1, f"parentheses are nested more than {MAX_NESTING} deep", SPLIT)
        if negations == MAX_NESTING + 1:
            yield Fault(token.start, 3, f"more than {MAX_NESTING} `not` in a row", "Two of them cancel out.")
        if token.token_type in _SIGNS and arithmetic == MAX_ARITHMETIC + 1:
            yield Fault(token.start, 1, f"more than {MAX_ARITHMETIC} arithmetic signs", SPLIT)
