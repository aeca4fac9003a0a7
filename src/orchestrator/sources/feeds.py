"""Where the rows of each table come from: configured sources, or a folder given by hand, opened but not yet read."""

from __future__ import annotations

import difflib
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, Self

from orchestrator.definitions.values import CsvSource, SqlSource
from orchestrator.errors import DataError, UsageError
from orchestrator.sources.canonical import TABLES
from orchestrator.sources.csv_folder import look_into, open_csv
from orchestrator.sources.report import Failure
from orchestrator.sources.sql import SqlDatabase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from orchestrator.definitions.values import Settings, Source
    from orchestrator.sources.canonical import CanonicalTable
    from orchestrator.sources.values import BadValue


class Reader(Protocol):
    """The rows of one table of one source."""

    @property
    def file(self) -> str:
        """What messages call it."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """The columns, as the source writes them."""
        ...

    def records(self) -> Iterator[tuple[int, Sequence[object] | BadValue]]:
        """Line and cells of each row; BadValue where it cannot be split. Raises DataError."""
        ...

    def estimate(self, rows_read: int) -> int | None:
        """About how many rows there are in all."""
        ...


@dataclass(frozen=True, slots=True)
class Feed:
    """One table of one source."""

    source: str
    table: CanonicalTable
    open: Callable[[Any], AbstractContextManager[Reader]]
    """takes the watermark, gives the rows; raises DataError"""
    watermark: str | None = None
    """the column that says how far it was read"""
    partial: bool = False
    """gives only what changed: nothing is a good answer"""


@dataclass(slots=True)
class Feeds:
    """All feeds of an import. A context: leaving it closes the sources' connections."""

    found: list[Feed] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    _open: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def of(self, table: CanonicalTable) -> list[Feed]:
        """The feeds of one table, in the order of the sources."""
        return [feed for feed in self.found if feed.table is table]

    def add(self, source: Source, root: Path) -> None:
        """Open a source; one that cannot be opened becomes a failure."""
        try:
            match source:
                case CsvSource():
                    self.add_folder(source.name, root / source.folder)
                case SqlSource():
                    self._add_queries(source, root)
        except DataError as fault:
            self.failures.append(Failure(source.name, "", str(fault)))

    def add_folder(self, name: str, folder: Path) -> None:
        """Add the files of a folder. Raises DataError where it holds none."""
        content = look_into(folder)
        for table, path in content.files.items():
            self.found.append(Feed(name, TABLES[table], partial(_open_whole, path)))
        self.failures += [Failure(name, table, message) for table, message in content.faults.items()]

    def _add_queries(self, source: SqlSource, root: Path) -> None:
        database = SqlDatabase(source, root)
        self._open.callback(database.close)
        database.check()
        for table, asked in source.tables.items():
            if table in TABLES:
                opened = partial(database.open_query, table, asked)
                changes_only = database.is_incremental(asked)
                self.found.append(Feed(source.name, TABLES[table], opened, asked.watermark, partial=changes_only))
            else:
                message = f'there is no table "{table}"; there are {", ".join(TABLES)}'
                self.failures.append(Failure(source.name, table, message))


def _open_whole(path: Path, _since: object) -> AbstractContextManager[Reader]:
    return open_csv(path)


def chosen_sources(settings: Settings, name: str | None) -> tuple[Source, ...]:
    """All configured sources, or the one of that name. Raises UsageError."""
    if name is None:
        if not settings.sources:
            raise UsageError(
                "config.toml names no source. Add a [sources.NAME] section, "
                "or load files with: campaigns import --csv DIR"
            )
        return settings.sources
    chosen = tuple(source for source in settings.sources if source.name == name)
    if not chosen:
        names = [source.name for source in settings.sources]
        close = difflib.get_close_matches(name, names, n=1)
        hint = f' Did you mean "{close[0]}"?' if close else f" There are: {', '.join(names) or 'none'}."
        raise UsageError(f'config.toml has no source "{name}".{hint}')
    return chosen
