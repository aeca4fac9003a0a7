"""Whom an import touches: queue the contacts behind the rows that it changes, for the next recompute.

A row that moves from one contact to another touches both, so known rows are looked at before they are changed and all
rows after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, or_, select

from orchestrator.sources.canonical import TABLES
from orchestrator.store import touched

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.engine import Connection

    from orchestrator.sources.canonical import CanonicalTable
    from orchestrator.sources.staging import Staging

FEW = 1_000
"""changed rows that are always queued one by one"""
MANY_SHARE = 0.05
"""changed rows, as a share of the contacts, from which everybody counts as touched: a full recompute costs less"""
MANY_PRODUCTS = 100
"""changed products from which everybody counts as touched"""


@dataclass(frozen=True, slots=True)
class Touching:
    """Queues for one import of one table, whose verdicts say which rows are new and which differ."""

    connection: Connection
    table: CanonicalTable
    staging: Staging
    given: frozenset[str]

    @property
    def fact(self) -> str:
        return self.table.target.name

    def before(self) -> bool:
        """Call before rows are written: whoever has them now. False where everybody was queued."""
        if self.fact == "product":
            self._products()
            return False
        changing = select(func.count()).select_from(self.staging.verdict).where(self._changing)
        rows = self.connection.scalar(changing) or 0
        if rows > FEW:
            contacts = self.connection.scalar(select(func.count()).select_from(TABLES["contacts"].target)) or 0
            if rows > contacts * MANY_SHARE:
                touched.touch_everybody(self.connection, self.fact)
                return False
        for column in {"contact", "account"} & set(self.table.target.c.keys()):
            if self.fact != "contact":
                self._touch(column, self._known(self.table.target.c[column]))
        return True

    def after(self) -> None:
        """Call after rows were written: whoever has them then."""
        verdict, target = self.staging.verdict, self.table.target
        match self.fact:
            case "account":
                self._touch("account", self._known(target.c.id))
            case "contact":
                staged = self.staging.staged
                source = target.join(staged, staged.c.key == target.c.key).join(verdict, verdict.c.n == staged.c.n)
                self._touch("contact", select(target.c.id).select_from(source).where(self._changing))
            case "order_line":
                orders = TABLES["orders"].target
                found = select(orders.c.contact).join(verdict, verdict.c.order_id == orders.c.id)
                self._touch("contact", found.where(self._changing))
            case "cart_line":
                carts = TABLES["carts"].target
                found = select(carts.c.contact).join(verdict, verdict.c.cart == carts.c.id)
                self._touch("contact", found.where(self._changing))
            case _:
                for column in {"contact", "account"} & set(verdict.c.keys()):
                    self._touch(column, select(verdict.c[column]).where(self._changing))

    def _products(self) -> None:
        """Who bought a product that moves to another category or brand, and whose cart holds one of another price."""
        lines, orders = TABLES["order_lines"].target, TABLES["orders"].target
        moved = self._differing({"category", "brand"})
        if moved is not None:
            if (self.connection.scalar(select(func.count()).select_from(moved.subquery())) or 0) > MANY_PRODUCTS:
                touched.touch_everybody(self.connection, "order_line")
            else:
                buyers = select(orders.c.contact).join(lines, lines.c.order_id == orders.c.id)
                touched.touch_selected(self.connection, "order_line", buyers.where(lines.c.product.in_(moved)))
        priced = self._differing({"price"})
        if priced is not None:
            lines, carts = TABLES["cart_lines"].target, TABLES["carts"].target
            holders = select(carts.c.contact).join(lines, lines.c.cart == carts.c.id)
            chosen = holders.where(lines.c.unit_price_cents.is_(None), lines.c.product.in_(priced))
            touched.touch_selected(self.connection, "cart_line", chosen)

    def _differing(self, names: set[str]) -> Select[tuple[int]] | None:
        """The known products of which one of these columns changes; None where the source has none of them."""
        stored = [column.stored for column in self.table.columns if column.name in names & self.given]
        if not stored:
            return None
        target, staged = self.table.target, self.staging.staged
        return self._known(target.c.id).where(or_(*(target.c[c].is_distinct_from(staged.c[c]) for c in stored)))

    @property
    def _changing(self) -> ColumnElement[bool]:
        verdict = self.staging.verdict
        return and_(verdict.c.fault.is_(None), or_(verdict.c.known.is_(None), verdict.c.differs == 1))

    def _known(self, column: ColumnElement[Any]) -> Select[tuple[int]]:
        """A column of the stored rows that differ from what the source says."""
        target, staged, verdict = self.table.target, self.staging.staged, self.staging.verdict
        source = target.join(staged, staged.c.key == target.c.key).join(verdict, verdict.c.n == staged.c.n)
        return select(column).select_from(source).where(verdict.c.differs == 1)

    def _touch(self, column: str, chosen: Select[tuple[int]]) -> None:
        queue = touched.touch_selected if column == "contact" else touched.touch_accounts
        queue(self.connection, self.fact, chosen)
