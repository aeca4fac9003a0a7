"""The values of many mails on disk, and what is known of each column: rows in, rows out again, any number of times.

Memory holds one chunk of rows and a few facts about each column, however many mails there are. The file has no name,
so nothing stays behind when the process dies.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.errors import DataError
from orchestrator.templates.slots import SLOT_BYTES, slots_needed

if TYPE_CHECKING:
    from collections.abc import Iterator

    Row = tuple[str, tuple[str, ...]]

CHUNK = 256
"""rows of one pile that are written together"""
_MOST_AT_HAND = 16_384
"""rows of all piles of a spool that wait to be written"""
_END = "\0"
"""between the values of a digest; no safe value contains it"""


@dataclass(slots=True)
class Column:
    """What is known of one value of all rows."""

    first: str
    constant: bool = True
    rows: int = 0
    longest: int = 0
    """bytes of the longest value"""
    slots: int = 1
    """merge fields that the longest value takes"""
    empty: bool = False
    """some value is empty"""
    ampersand: bool = False
    """some value contains an ``&``"""
    _digest: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=16))

    def look_at(self, values: tuple[str, ...]) -> None:
        """The next rows' values."""
        if self.constant:
            if values.count(self.first) == len(values):
                self.rows += len(values)
                return
            self._become_varying()
        joined = _END.join(values)
        self.rows += len(values)
        self._digest.update((joined + _END).encode())
        self.empty = self.empty or "" in values
        self.ampersand = self.ampersand or "&" in joined
        longest = max(map(len, values)) if joined.isascii() else max(len(value.encode()) for value in values)
        self.longest = max(self.longest, longest)
        if longest > SLOT_BYTES:
            self.slots = max(self.slots, slots_needed(values))

    def digest(self) -> bytes:
        """Equal for varying columns of a pile whose values are equal in every row."""
        found: bytes = self._digest.digest()
        return found

    def _become_varying(self) -> None:
        self.constant = False
        self.empty = not self.first
        self.ampersand = "&" in self.first
        self.longest = len(self.first.encode())
        self.slots = slots_needed([self.first])
        same = (self.first + _END).encode()
        left = self.rows
        while left:
            self._digest.update(same * min(left, CHUNK))
            left -= min(left, CHUNK)


class Spool:
    """A file for the rows of any number of piles. It goes with the last pile that uses it."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # closed when nobody uses it any more
        self._end = 0
        self._waiting: dict[int, Pile] = {}
        self._at_hand = 0

    def __del__(self) -> None:
        self._file.close()

    def write(self, rows: list[Row]) -> tuple[int, int]:
        content = marshal.dumps(rows)
        where = (self._end, len(content))
        view = memoryview(content)
        try:
            while view:
                written = os.pwrite(self._file.fileno(), view, self._end)
                self._end += written
                view = view[written:]
        except OSError as fault:
            raise DataError(
                f"The personal values of a run cannot be kept in {tempfile.gettempdir()}: {fault.strerror}. "
                "Make room there, or name another folder in the environment variable TMPDIR."
            ) from None
        return where

    def read(self, where: tuple[int, int]) -> list[Row]:
        start, length = where
        parts = []
        while length:
            part = os.pread(self._file.fileno(), length, start)
            parts.append(part)
            start += len(part)
            length -= len(part)
        rows: list[Row] = marshal.loads(b"".join(parts))  # noqa: S302  # our own file, without a name
        return rows

    def waits(self, pile: Pile) -> None:
        """One more row of ``pile`` is in memory; where there are many, all are written."""
        self._waiting[id(pile)] = pile
        self._at_hand += 1
        if self._at_hand > _MOST_AT_HAND:
            for each in list(self._waiting.values()):
                each.flush()

    def wrote(self, pile: Pile, rows: int) -> None:
        self._waiting.pop(id(pile), None)
        self._at_hand -= rows


class Pile:
    """Rows of equal width: a key and its values each."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self.columns: list[Column] = []
        """of the rows that are written: call ``flush`` first"""
        self.size = 0
        self.first_key = ""
        """the least one, of the rows that are written"""
        self._rows: list[Row] = []
        self._chunks: list[tuple[int, int]] = []

    def add(self, key: str, values: tuple[str, ...]) -> None:
        self._rows.append((key, values))
        self.size += 1
        self.spool.waits(self)
        if len(self._rows) >= CHUNK:
            self.flush()

    def flush(self) -> None:
        """Write what is in memory."""
        rows = self._rows
        if not rows:
            return
        least = min(key for key, _ in rows)
        self.first_key = min(self.first_key, least) if self._chunks else least
        columns = list(zip(*[values for _, values in rows], strict=True))
        if not self._chunks:
            self.columns = [Column(values[0]) for values in columns]
        for column, values in zip(self.columns, columns, strict=True):
            column.look_at(values)
        self._chunks.append(self.spool.write(rows))
        self._rows = []
        self.spool.wrote(self, len(rows))

    def chunks(self) -> Iterator[list[Row]]:
        """All rows, in the order in which they came, some at a time."""
        self.flush()
        for where in self._chunks:
            yield self.spool.read(where)

    def rows(self) -> Iterator[Row]:
        """All rows, in the order in which they came."""
        for chunk in self.chunks():
            yield from chunk
