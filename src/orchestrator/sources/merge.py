"""Staged rows -> the canonical table: one UPDATE of what differs and one INSERT of what is new, for all rows."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, func, insert, literal, or_, select, text, update
from sqlalchemy.exc import OperationalError

from orchestrator.sources.canonical import Kind
from orchestrator.sources.json_columns import JsonColumns
from orchestrator.sources.touching import Touching
from orchestrator.store.statements import without_indexes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Insert, Update
    from sqlalchemy.engine import Connection

    from orchestrator.sources.canonical import CanonicalTable
    from orchestrator.sources.staging import Staging


BULK = 10_000
"""new rows from which indexes may be made anew"""


@dataclass(frozen=True, slots=True)
class Merge:
    """Stores the staged rows without a fault; ``given`` are the canonical columns that the source has."""

    connection: Connection
    table: CanonicalTable
    staging: Staging
    given: frozenset[str]

    def lock(self) -> None:
        """Nobody else may write between the judgement and the writing. SQLite has only one writer anyway."""
        if self.connection.dialect.name == "postgresql":
            self.connection.execute(text(f"LOCK TABLE {self.table.target.name} IN SHARE ROW EXCLUSIVE MODE"))

    def store(self) -> tuple[int, int]:
        """Write what is new or different, and queue whom it touches; the numbers of inserted and of updated rows."""
        touching = Touching(self.connection, self.table, self.staging, self.given)
        self._find_differences()
        one_by_one = touching.before()
        updated = self._update()
        inserted = self._insert()
        if one_by_one:
            touching.after()
        return inserted, updated

    @property
    def _json(self) -> JsonColumns:
        return JsonColumns(self.connection.dialect.name)

    def _values(self) -> dict[str, ColumnElement[Any]]:
        """Column of the target -> what the source says it is; columns that the source lacks are left out."""
        staged, verdict = self.staging.staged, self.staging.verdict
        found: dict[str, ColumnElement[Any]] = {}
        for column in self.table.columns:
            if column.name in self.given:
                found[column.stored] = verdict.c[column.stored] if column.refers_to else staged.c[column.stored]
        if self.table.name == "contacts":
            found["email_key"] = staged.c.email_key
        if self.table.name == "orders":
            found["account"] = verdict.c.account
        return found

    def _new_values(self) -> dict[str, ColumnElement[Any]]:
        """What known rows will hold."""
        new = {name: value for name, value in self._values().items() if name not in self.table.stored_key}
        new |= self._kept_opt_out(new)
        if "extra" in self.staging.staged.c:
            new["extra"] = self._json.patched(self.table.target.c.extra, self.staging.staged.c.extra)
        return new

    @property
    def _same_row(self) -> ColumnElement[bool]:
        """A stored row is the one that a staged row speaks of."""
        staged, verdict, target = self.staging.staged, self.staging.verdict, self.table.target
        if "key" in target.c:
            same = target.c.key == staged.c.key
        else:
            same = and_(*(target.c[name] == verdict.c[name] for name in self.table.stored_key))
        return and_(same, verdict.c.n == staged.c.n)

    def _find_differences(self) -> None:
        """Mark the staged rows that change a known one."""
        staged, verdict, target = self.staging.staged, self.staging.verdict, self.table.target
        comparable = self._json.comparable
        differs = [
            comparable(target.c[name]).is_distinct_from(comparable(value)) for name, value in self._new_values().items()
        ]
        if differs:
            found = select(staged.c.n).where(self._same_row, verdict.c.known == 1, or_(*differs))
            marked = update(verdict).values(differs=1).where(verdict.c.fault.is_(None), verdict.c.n.in_(found))
            self.connection.execute(marked)

    def _update(self) -> int:
        """Bring known rows up to date where something differs; others are not written."""
        new = self._new_values()
        if not new:
            return 0
        statement = update(self.table.target).values(new).where(self._same_row, self.staging.verdict.c.differs == 1)
        return self._rows_of(statement)

    def _kept_opt_out(self, new: Mapping[str, ColumnElement[Any]]) -> dict[str, ColumnElement[Any]]:
        """The newest word on consent counts: an opt-in that is dated before a known opt-out does not undo it."""
        if self.table.name != "contacts" or not {"consent", "consent_at"} <= new.keys():
            return {}
        held = self.table.target.c
        is_older = and_(held.consent == "opted_out", new["consent"] != "opted_out", new["consent_at"] < held.consent_at)
        words = [name for name in ("consent", "consent_at", "consent_source") if name in new]
        return {name: case((is_older, held[name]), else_=new[name]) for name in words}

    def _insert(self) -> int:
        """Add the rows whose key is new."""
        staged, verdict, target = self.staging.staged, self.staging.verdict, self.table.target
        new = self._values()
        for column in self.table.columns:
            if column.default is not None and column.name not in self.given:
                is_json = column.kind is Kind.OBJECT
                new[column.stored] = self._json.literal(column.default) if is_json else literal(column.default)
        empty = self._json.literal("{}")
        new["extra"] = self._json.patched(empty, staged.c.extra) if "extra" in staged.c else empty
        chosen = (
            select(*new.values())
            .join_from(staged, verdict, verdict.c.n == staged.c.n)
            .where(verdict.c.fault.is_(None), verdict.c.known.is_(None))
            .order_by(staged.c.n)
        )
        statement = insert(target).from_select(list(new), chosen, include_defaults=False)
        with without_indexes(self.connection, target) if self._is_bulk() else nullcontext():
            return self._rows_of(statement)

    def _is_bulk(self) -> bool:
        """There are many new rows, and not fewer than are stored: a first import, or one after years."""
        verdict = self.staging.verdict.c
        is_new = and_(verdict.fault.is_(None), verdict.known.is_(None))
        new = self.connection.scalar(select(func.count()).select_from(self.staging.verdict).where(is_new)) or 0
        if new < BULK:
            return False
        more = select(literal(1)).select_from(self.table.target).limit(new + 1).subquery()
        held = self.connection.scalar(select(func.count()).select_from(more)) or 0
        return held <= new and self._nobody_reads()

    def _nobody_reads(self) -> bool:
        """On PostgreSQL an index can be dropped only while nobody reads the table. A backup is not waited for."""
        if self.connection.dialect.name != "postgresql":
            return True
        try:
            with self.connection.begin_nested():
                self.connection.execute(text(f"LOCK TABLE {self.table.target.name} IN ACCESS EXCLUSIVE MODE NOWAIT"))
        except OperationalError:
            return False
        return True

    def _rows_of(self, statement: Insert | Update) -> int:
        """Execute it and count the rows that it wrote."""
        return self.connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount
