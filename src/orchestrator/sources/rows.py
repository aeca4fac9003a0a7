"""One row of a source -> the values to store, or the first column that is wrong and why."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from orchestrator.errors import DataError
from orchestrator.sources import moments, values, watermark, words
from orchestrator.sources.canonical import Kind
from orchestrator.sources.values import BadValue

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from orchestrator.sources.canonical import CanonicalTable, Column

Parser = Callable[[Any], object]

REMEMBERED = 16_384
"""cells of a column"""
LONG = 200
"""characters of a cell that is not remembered"""


class BadRow(Exception):
    """The row is set aside; ``column`` is "" where the row as a whole is meant."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a source's columns belong, by their position."""

    known: tuple[tuple[int, Column], ...]
    custom: tuple[tuple[int, str], ...] = ()
    """columns of which we know nothing, with the name that their field gets"""
    mark: int | None = None
    """the watermark column"""

    @property
    def given(self) -> frozenset[str]:
        """The canonical columns that the source has."""
        return frozenset(column.name for _, column in self.known)


def lay_out(table: CanonicalTable, names: Sequence[str], *, where: str, mark: str | None = None) -> Layout:
    """Recognise columns by their names. Raises DataError where a required one is missing or a name comes twice."""
    by_name = table.by_name
    known: dict[str, tuple[int, Column]] = {}
    custom: dict[str, tuple[int, str]] = {}
    marked = None
    for index, written in enumerate(names):
        if not written.strip():
            continue  # ERPs end their lines with a separator
        name = normal_name(written) or f"column_{index + 1}"
        if name in known or name in custom:
            raise DataError(f'{where}: the column "{name}" comes twice. Rename or drop one of them.')
        is_mark = mark is not None and name == normal_name(mark)
        if is_mark:
            marked = index
        if name in by_name:
            known[name] = (index, by_name[name])
        elif not is_mark:
            custom[name] = (index, name)
    for column in table.columns:
        if column.required and column.name not in known:
            raise DataError(_missing(column.name, names, where))
    if mark is not None and marked is None:
        raise DataError(f'{where}: the query gives no column "{mark}", its watermark. Add it to the select list.')
    return Layout(tuple(known.values()), tuple(custom.values()), marked)


def _missing(column: str, names: Sequence[str], where: str) -> str:
    found = [name.strip() for name in names if name.strip()]
    message = f'{where}: the required column "{column}" is missing. Columns found: {", ".join(found) or "none"}.'
    close = difflib.get_close_matches(column, [name.lower() for name in found], n=1, cutoff=0.5)
    return f'{message} Did you mean "{column}" by "{close[0]}"?' if close else message


def normal_name(written: str) -> str:
    """A column's name as fields spell it: small letters, digits and ``_``."""
    ascii_only = unicodedata.normalize("NFKD", written.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", ascii_only).strip("_")


class Cells(dict[str, object]):
    """The text in one column's cells -> the value to store. What was read is remembered for a while: most words, keys
    of others and documents come again in many rows. Indexing raises BadRow.
    """

    def __init__(self, column: Column, parse: Parser) -> None:
        super().__init__()
        self._column = column
        self._parse = parse

    def __missing__(self, cell: str) -> object:
        value = self.value(cell.strip())
        if len(cell) < LONG:
            if len(self) == REMEMBERED:
                self.clear()
            self[cell] = value
        return value

    def value(self, cell: object) -> object:
        """What is stored of a cell that a driver gives, or of one without blanks around it. Raises BadRow."""
        if cell is None or cell == "":
            if self._column.required:
                raise BadRow(self._column.name, "is empty")
            return self._column.default
        try:
            return self._parse(cell)
        except BadValue as fault:
            raise BadRow(self._column.name, str(fault)) from None


class RowReader:
    """Reads the rows of one layout; ``columns`` names what it gives, in order."""

    def __init__(self, layout: Layout, zone: ZoneInfo) -> None:
        filled = [(index, column, *each) for index, column in layout.known for each in _parsers(column, zone)]
        self._cells = [(index, Cells(column, parse)) for index, column, _, parse in filled]
        self._custom = layout.custom
        self._mark = layout.mark
        self.columns = tuple(stored for _, _, stored, _ in filled)
        self.columns += ("extra",) if layout.custom else ()
        self.columns += ("mark",) if layout.mark is not None else ()

    def read(self, row: Sequence[object]) -> list[object]:
        """The values of ``columns``. Raises BadRow."""
        # only text is looked up: of what drivers give, 1 and true are equal
        found = [cells[cell] if type(cell := row[index]) is str else cells.value(cell) for index, cells in self._cells]
        if self._custom:
            found.append(self._extra(row))
        if self._mark is not None:
            found.append(watermark.encode(row[self._mark]))
        return found

    def _extra(self, row: Sequence[object]) -> str:
        """A JSON patch: a column without a value takes the field away."""
        fields: dict[str, str | None] = {}
        for index, name in self._custom:
            cell = row[index]
            try:
                fields[name] = None if cell is None else values.text(cell).strip() or None
            except BadValue as fault:
                raise BadRow(name, str(fault)) from None
        return values.compact(fields)


def _parsers(column: Column, zone: ZoneInfo) -> tuple[tuple[str, Parser], ...]:
    """The stored columns that a canonical one fills, each with its parser."""
    # a key of another table is resolved later; until then it keeps the source's name
    stored = column.name if column.refers_to else column.stored
    if column.kind is Kind.EMAIL:
        return (stored, values.email), ("email_key", values.email_key)
    return ((stored, _parser(column, zone)),)


def _parser(column: Column, zone: ZoneInfo) -> Parser:
    match column.kind:
        case Kind.MOMENT:
            return moments.moment_in(zone)
        case Kind.WORD if column.words:
            return words.word_of(column.words)
        case Kind.WHOLE if column.lowest is not None:
            return values.whole_from(column.lowest)
        case kind:
            return _PARSERS[kind]


_PARSERS: Mapping[Kind, Parser] = MappingProxyType(
    {
        Kind.KEY: values.key,
        Kind.TEXT: values.text,
        Kind.MONEY: values.money,
        Kind.WHOLE: values.whole,
        Kind.NUMBER: values.number,
        Kind.LATITUDE: values.number_between(-90, 90),
        Kind.LONGITUDE: values.number_between(-180, 180),
        Kind.DAY: moments.day,
        Kind.WORD: words.any_word,
        Kind.LANGUAGE: words.language,
        Kind.COUNTRY: words.country,
        Kind.TIMEZONE: words.timezone,
        Kind.INTERESTS: words.interests,
        Kind.OBJECT: values.json_object,
    }
)
