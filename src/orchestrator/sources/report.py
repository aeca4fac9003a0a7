"""What an import did, as values: counts, rows set aside, tables that failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

KEPT_REJECTS = 10_000
"""rejects of one table that are kept one by one; all are counted"""

Progress = Callable[[str, int, int | None], None]
"""called with the table, the rows read so far and an estimate of all its rows, None where nothing tells"""


@dataclass(frozen=True, slots=True)
class TableCounts:
    """Rows of one table; read = inserted + updated + unchanged + rejected."""

    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0

    def __add__(self, other: TableCounts) -> TableCounts:
        return TableCounts(
            self.read + other.read,
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.rejected + other.rejected,
        )


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was set aside."""

    source: str
    table: str
    file: str
    """file name, or ``SOURCE.TABLE`` of a query"""
    line: int
    """line of the file at which the row begins, or number of the row in the answer to the query"""
    column: str
    """canonical name; "" where the row as a whole is meant"""
    reason: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A table of which nothing was stored."""

    source: str
    table: str
    """ "" where the source as a whole failed"""
    message: str
    refused: bool = False
    """a guard stopped it; ``--force`` accepts it"""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """One import of one or several sources."""

    tables: Mapping[str, TableCounts] = field(default_factory=dict)
    """canonical table -> counts over all sources; tables that failed are not in it"""
    rejects: tuple[Reject, ...] = ()
    """at most KEPT_REJECTS of each table and source, by line"""
    failures: tuple[Failure, ...] = ()
