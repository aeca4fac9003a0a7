"""A folder of CSV files: which file holds which table, and the records of one file with their physical line.

Files are UTF-8 (with or without a byte order mark), separated by comma, semicolon or tab, plain or gzipped. A record
that cannot be split is given as BadValue in its place; a file that cannot be trusted as a whole raises DataError.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from orchestrator.errors import DataError
from orchestrator.sources.canonical import TABLES
from orchestrator.sources.rows import normal_name
from orchestrator.sources.values import BadValue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_SEPARATORS = ",;\t"
_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Folder:
    """The tables of a folder."""

    files: Mapping[str, Path]
    """canonical table -> file"""
    faults: Mapping[str, str]
    """canonical table -> why its file cannot be chosen"""


def look_into(folder: Path) -> Folder:
    """Find the files of the canonical tables. Raises DataError where there is no folder, or no such file in it."""
    try:
        present = sorted(path for path in folder.iterdir() if path.name.lower().endswith((".csv", ".csv.gz")))
    except OSError as fault:
        raise DataError(f"The folder {folder} cannot be read: {fault.strerror}.") from fault
    files: dict[str, Path] = {}
    faults: dict[str, str] = {}
    strangers: list[Path] = []
    for path in present:
        name = _table_name(path)
        if name not in TABLES:
            strangers.append(path)
        elif name in files:
            faults[name] = f"{files[name].name} and {path.name} are both there. Remove one of them."
        else:
            files[name] = path
    for path in strangers:
        # a slip in a name must not pass as "no such file today"
        absent = [name for name in TABLES if name not in files]
        for name in difflib.get_close_matches(_table_name(path), absent, n=1, cutoff=0.85):
            faults[name] = f"{path.name} is not the name of a table. Rename it to {name}.csv, or move it away."
    if not files and not faults:
        expected = ", ".join(f"{name}.csv" for name in TABLES)
        raise DataError(f"The folder {folder} holds none of the files {expected} (or .csv.gz).")
    return Folder({name: path for name, path in files.items() if name not in faults}, faults)


def _table_name(path: Path) -> str:
    return path.name.lower().removesuffix(".gz").removesuffix(".csv")


class CsvReader:
    """The records of one open file."""

    def __init__(self, path: Path, raw: IO[bytes], content: IO[bytes] | gzip.GzipFile, size: int) -> None:
        self.file = path.name
        self._raw = raw
        self._size = size
        self._content = content
        self._line = 0
        header = next(self._lines(), None)
        if not header or not header.strip():
            raise DataError(f"{self.file} is empty: its first line must name the columns.")
        if "\r" in header.rstrip("\r\n"):
            raise DataError(f"{self.file} ends its lines with CR alone. Save it with LF or CRLF line ends.")
        self._separator = _separator(header)
        self.names = next(csv.reader([header], delimiter=self._separator))

    def records(self) -> Iterator[tuple[int, list[str] | BadValue]]:
        """Line at which the record begins, and its cells; empty lines are left out."""
        reader = csv.reader(self._lines(), delimiter=self._separator, strict=True)
        width = len(self.names)
        while True:
            begins = self._line + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as fault:
                yield begins, self._unreadable(fault, begins)
                continue
            if len(cells) == width:
                yield begins, cells
            elif cells:
                yield (
                    begins,
                    BadValue(f"has {len(cells)} cells, the first line has {width}; a separator or quote is off"),
                )

    def estimate(self, rows_read: int) -> int | None:
        """All rows of the file, judged by the bytes that the rows so far took."""
        position = self._raw.tell()
        return round(rows_read * self._size / position) if position else None

    def _lines(self) -> Iterator[str]:
        """Decoded physical lines; the rest of them after an earlier call."""
        try:
            for raw in self._content:
                self._line += 1
                if self._line == 1:
                    raw = raw.removeprefix(_BOM)
                try:
                    yield raw.decode()
                except UnicodeDecodeError as fault:
                    raise DataError(self._not_utf8(raw, fault)) from None
        except (OSError, EOFError, zlib.error) as fault:
            raise DataError(
                f"{self.file} cannot be read past line {self._line:,}: {fault}. "
                "The file is damaged or incomplete; export it again."
            ) from fault

    def _not_utf8(self, raw: bytes, fault: UnicodeDecodeError) -> str:
        return (
            f"{self.file}:{self._line}: byte {fault.start + 1} of the line is 0x{raw[fault.start]:02X}, "
            'which is not UTF-8. Export the file as UTF-8 (in Excel: "CSV UTF-8").'
        )

    def _unreadable(self, fault: csv.Error, begins: int) -> BadValue:
        message = str(fault)
        if "unexpected end of data" in message or "field larger than" in message:
            raise DataError(
                f"{self.file}:{begins}: a quote that opens here is never closed. "
                "The file is damaged or incomplete; export it again."
            )
        return BadValue(f"cannot be split into cells: {message}; write a quote inside quotes twice")


@contextmanager
def open_csv(path: Path) -> Iterator[CsvReader]:
    """Open a file for reading its records. Raises DataError."""
    if path.exists() and not path.is_file() and not path.is_dir():  # a pipe would be waited for
        raise DataError(f"{path.name} cannot be opened: it is a pipe or a device, not a file. Rename or remove it.")
    try:
        raw = path.open("rb")
    except OSError as fault:
        raise DataError(
            f"{path.name} cannot be opened: {fault.strerror}. It has to be a file that this user may read."
        ) from fault
    with raw:
        size = path.stat().st_size
        named, gzipped = path.name.lower().endswith(".gz"), raw.peek(2)[:2] == _GZIP
        if gzipped and not named:
            raise DataError(f"{path.name} is gzipped. Rename it to {path.name}.gz, or unpack it.")
        if named and size and not gzipped:
            raise DataError(f"{path.name} is not gzipped. Rename it to {path.name[:-3]}, or export it again.")
        if named:
            with gzip.open(raw) as content:
                yield CsvReader(path, raw, content, size)
        else:
            yield CsvReader(path, raw, raw, size)


def _separator(header: str) -> str:
    """The separator that splits the first line into most names that we know."""

    def known(separator: str) -> tuple[int, int]:
        names = {normal_name(name) for name in next(csv.reader([header], delimiter=separator))}
        return max(len(names & table.by_name.keys()) for table in TABLES.values()), len(names)

    return max(_SEPARATORS, key=known)
