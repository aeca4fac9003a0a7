"""The condition of a segment file: text in, a typed tree out, or every problem with its place in the file.

``lexical.py`` gives every word its meaning, sqlglot parses, ``reader.py`` takes over what the language allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import TokenType, exp
from sqlglot.errors import ParseError
from sqlglot.parser import Parser

from orchestrator.problems import Problem
from orchestrator.segments.characters import Fault
from orchestrator.segments.lexical import Words, read_words
from orchestrator.segments.reader import TreeReader
from orchestrator.segments.tree import Condition, InSegment, fields_of, walk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.contacts.measures import CustomColumn
    from orchestrator.definitions.values import SegmentDefinition
    from orchestrator.segments.field import Field


COMPARING = {TokenType.EQ, TokenType.NEQ, TokenType.LT, TokenType.LTE, TokenType.GT, TokenType.GTE}


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition that was read without a problem."""

    condition: Condition
    fields: tuple[Field, ...]
    segments: tuple[str, ...]
    """names in ``in_segment``"""


def parse(
    definition: SegmentDefinition, custom: Mapping[str, CustomColumn] | None = None
) -> Expression | list[Problem]:
    """Read a segment's condition; ``custom`` are the custom fields that the data has (contacts/custom.py)."""
    result = parse_text(definition.where, custom)
    if isinstance(result, Expression):
        return result
    return [problem_at(definition, fault) for fault in result]


def parse_text(text: str, custom: Mapping[str, CustomColumn] | None = None) -> Expression | list[Fault]:
    """Read a condition. Faults carry offsets into the text, in order."""
    words = read_words(text, custom or {})
    if words.faults:
        return sorted(set(words.faults))
    try:
        trees = Parser().parse_into(exp.Condition, words.tokens, text)
        if len(trees) != 1 or trees[0] is None:
            return [Fault(0, 1, "this is not one condition")]
        reader = TreeReader(words)
        condition = reader.condition(trees[0])
    except ParseError as error:
        return [_syntax_fault(error, words)]
    except RecursionError:
        return [Fault(0, 1, "the condition is nested too deeply", "Put parts of it into segments of their own.")]
    if reader.faults:
        return sorted(set(reader.faults))
    segments = tuple(dict.fromkeys(node.name for node in walk(condition) if isinstance(node, InSegment)))
    return Expression(condition, fields_of(condition), segments)


def problem_at(definition: SegmentDefinition, fault: Fault) -> Problem:
    """A fault of the condition as a problem of the file."""
    text = definition.where
    start = min(fault.start, len(text))
    row = text.count("\n", 0, start)
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", start)
    excerpt = text[line_start : line_end if line_end >= 0 else len(text)]
    column = start - line_start + 1
    if row == 0 and definition.where_column > 1:
        # the file's line, as far as we know it: the key, then the text
        before = definition.where_column - 1
        excerpt = 'where = "'.rjust(before)[-before:] + excerpt
        column += before
    width = max(1, min(fault.width, len(excerpt) - column + 1))
    return Problem(definition.file, definition.where_line + row, column, fault.message, fault.hint, excerpt, width)


def _syntax_fault(error: ParseError, words: Words) -> Fault:
    """Sqlglot says line and end column of the token that it stumbled over."""
    detail = error.errors[0] if error.errors else {}
    place = next((t for t in words.tokens if (t.line, t.col) == (detail.get("line"), detail.get("col"))), None)
    if place is None or not words.tokens:
        return Fault(0, 1, "the condition cannot be read")
    description = str(detail.get("description", ""))
    written = words.text[place.start : place.end + 1]
    width = place.end + 1 - place.start
    if "Expecting )" in description:
        hint = "Close each ( with a )."
        return Fault(place.start, width, f'a closing parenthesis is missing at "{written}"', hint)
    first = words.tokens[0]
    if "Required" in description and first.token_type in COMPARING:
        start, end = first.start, first.end + 1
        hint = "A comparison has a field on its left: cart_items > 5."
        return Fault(start, end - start, f'something is missing before "{words.text[start:end]}"', hint)
    if place is words.tokens[-1] and "Required" in description:
        hint = "A comparison has two sides: cart_items > 5; `between` has two ends: between 2 and 5."
        return Fault(place.start, width, f'something is missing after "{written}"', hint)
    return Fault(place.start, width, f'"{written}" is not expected here', "Join conditions with `and` or `or`.")
