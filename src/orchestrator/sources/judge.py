"""Judge staged rows: what they refer to, and which of them cannot be stored after all.

All rows at once, in the database: a row at a time would take minutes for what takes seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, and_, case, cast, func, insert, literal, null, select, text, tuple_, update

from orchestrator.sources.addresses import settle_addresses
from orchestrator.sources.canonical import TABLES
from orchestrator.sources.kept_out import FORGOTTEN, keep_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import ColumnElement, FromClause
    from sqlalchemy.engine import Connection

    from orchestrator.sources.canonical import CanonicalTable
    from orchestrator.sources.staging import Staging


@dataclass(frozen=True, slots=True)
class Judge:
    """Fills ``verdict`` for the staged rows of one table; ``given`` are the canonical columns that the source has."""

    connection: Connection
    table: CanonicalTable
    staging: Staging
    given: frozenset[str]

    def judge(self) -> tuple[int, int]:
        """Give every staged row its verdict; the numbers of good and of faulty rows. Call in a write transaction."""
        self._resolve_references()
        keep_out(self.connection, self.table, self.staging)
        self._find_double_keys()
        if self.table.name == "contacts":
            settle_addresses(self.connection, self.staging)
        fault = self.staging.verdict.c.fault
        counts = select(func.count().filter(fault.is_(None)), func.count(fault)).select_from(self.staging.verdict)
        good, faulty = self.connection.execute(counts).one()
        return good, faulty

    def faults(self, limit: int) -> Iterator[tuple[int, str, str]]:
        """The first rows that ``judge`` set aside: line, column and reason."""
        staged, verdict = self.staging.staged, self.staging.verdict
        query = (
            select(staged.c.line, verdict.c.fault, verdict.c.other)
            .join(verdict, verdict.c.n == staged.c.n)
            .where(verdict.c.fault.is_not(None))
            .order_by(staged.c.line)
            .limit(limit)
        )
        for line, fault, other in self.connection.execute(query):
            yield line, *self._explain(fault, other)

    def waiting_marks(self) -> list[str]:
        """The watermarks of rows that refer to something unknown."""
        staged, verdict = self.staging.staged, self.staging.verdict
        references = [column.name for column in self.table.references]
        query = (
            select(staged.c.mark)
            .join(verdict, verdict.c.n == staged.c.n)
            .where(verdict.c.fault.in_(references), staged.c.mark.is_not(None))
            .distinct()
        )
        return list(self.connection.scalars(query))

    def _explain(self, fault: str, other: str | None) -> tuple[str, str]:
        """Column and reason."""
        match fault:
            case "double key":
                reason = f"the same {self.table.thing} stands on line {other} already; that one is kept"
                return self.table.key[0], reason
            case "address in file":
                return "email", f"line {other} has the same address; the first contact keeps it"
            case "address taken":
                return "email", f'contact "{other}" has the same address and keeps it'
            case word if word == FORGOTTEN:
                return self.table.key[0], f"asked to be forgotten on {other}: kept out"
            case "nobody":
                return "contact_id", "names neither a contact nor an account"
            case _:
                thing = TABLES[self.table.by_name[fault].refers_to].thing
                return fault, f'no such {thing}: "{other}"'

    def _resolve_references(self) -> None:
        """Fill ``verdict``: the ids behind the source's keys, and which rows name something unknown."""
        staged, target = self.staging.staged, self.table.target
        source: FromClause = staged
        ids: dict[str, ColumnElement[Any]] = {}
        unknown: list[tuple[ColumnElement[bool], str]] = []
        for column in self.table.references:
            if column.name not in self.given:
                ids[column.stored] = null()
                continue
            referred = TABLES[column.refers_to].target.alias(f"the_{column.name}")
            source = source.outerjoin(referred, referred.c.key == staged.c[column.name])
            ids[column.stored] = referred.c.id
            unknown.append((and_(staged.c[column.name].is_not(None), referred.c.id.is_(None)), column.name))
        if "key" in target.c:
            source = source.outerjoin(target, target.c.key == staged.c.key)
        else:
            source = source.outerjoin(target, and_(*(target.c[name] == ids[name] for name in self.table.stored_key)))
        others = [(condition, staged.c[name]) for condition, name in unknown]
        faults = [(condition, literal(name)) for condition, name in unknown]
        if self.table.name == "orders":
            source, ids["contact"], ids["account"] = self._parties(source, ids)
            faults.append((and_(ids["contact"].is_(None), ids["account"].is_(None)), literal("nobody")))
        known = target.c.id if "id" in target.c else target.c[self.table.stored_key[0]]
        chosen = select(
            staged.c.n,
            *(ids[column.stored] for column in self.table.references),
            case((known.is_not(None), 1)),
            case(*faults) if faults else null(),
            case(*others) if others else null(),
        ).select_from(source)
        names = ["n", *(column.stored for column in self.table.references), "known", "fault", "other"]
        self.connection.execute(insert(self.staging.verdict).from_select(names, chosen))
        if self.connection.dialect.name == "postgresql":
            self.connection.execute(text("ANALYZE verdict"))

    def _parties(
        self, source: FromClause, ids: Mapping[str, ColumnElement[Any]]
    ) -> tuple[FromClause, ColumnElement[Any], ColumnElement[Any]]:
        """Contact and account of an order.

        An order without an account has its contact's at the time it came in: when the contact moves to another
        account, past orders stay where they were.
        """
        target = self.table.target
        contact = ids["contact"] if "contact_id" in self.given else target.c.contact
        buyer = TABLES["contacts"].target.alias("buyer")
        source = source.outerjoin(buyer, buyer.c.id == contact)
        stays = case((target.c.contact.is_not_distinct_from(contact), target.c.account))
        return source, contact, func.coalesce(ids["account"], stays, buyer.c.account)

    def _find_double_keys(self) -> None:
        """Of good rows with one key the first is kept."""
        staged, verdict = self.staging.staged, self.staging.verdict
        key = [staged.c.key] if "key" in staged.c else [verdict.c[name] for name in self.table.stored_key]
        good = select(*key).join_from(staged, verdict, verdict.c.n == staged.c.n).where(verdict.c.fault.is_(None))
        several = good.group_by(*key).having(func.count() > 1)  # mostly none: counting takes a quarter of ranking
        window: dict[str, Any] = {"partition_by": key, "order_by": staged.c.n}
        ranked = (
            select(
                staged.c.n,
                func.first_value(staged.c.line).over(**window).label("first_line"),
                func.row_number().over(**window).label("place"),
            )
            .join(verdict, verdict.c.n == staged.c.n)
            .where(verdict.c.fault.is_(None), tuple_(*key).in_(several))
            .subquery()
        )
        self.connection.execute(
            update(verdict)
            .values(fault="double key", other=cast(ranked.c.first_line, Text))
            .where(verdict.c.n == ranked.c.n, ranked.c.place > 1)
        )
