"""What the parts of the profile query share: the moment asked about, the joins and parameters collected so far."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.clock import to_epoch
from orchestrator.contacts.periods import Window, period_window

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from orchestrator.contacts.measures import OrderAge, OrderFigure
    from orchestrator.contacts.ranking import Ranking
    from orchestrator.definitions.values import Settings


ACCOUNT_KEY = "COALESCE(c.account, -c.id)"
"""of a contact ``c``: whoever has no account is one by itself"""
WHOLE_DIVISION = {"duckdb": "//", "spark": "DIV"}
"""elsewhere the division of whole numbers is whole"""


@dataclass(frozen=True, slots=True)
class Answer:
    """SQL of one answer: ``value / 10**decimals``, divided by ``divisor`` (never 0, null without any) if given."""

    value: str
    divisor: str | None = None
    decimals: int = 0
    real: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """The moment as of which everything is asked, in the workspace's terms."""

    now: datetime
    settings: Settings

    @property
    def epoch(self) -> int:
        return to_epoch(self.now)

    @property
    def today(self) -> date:
        """The date in business time."""
        return self.now.astimezone(self.settings.timezone).date()

    def window(self, period: str) -> Window:
        return period_window(period, self.now, self.settings.timezone)


@dataclass(frozen=True, slots=True)
class InTable:
    """Contacts whose ids stand in the column ``contact`` of a table."""

    table: str
    keyed: bool = False
    """its column ``account`` says, as ``ACCOUNT_KEY`` does, whose orders are those of the contact's account"""
    of_accounts: tuple[OrderFigure | OrderAge, ...] = ()
    """questions about their accounts' orders whose figures stand in a part that is filled already; if any, these are
    all that are asked
    """


@dataclass(frozen=True, slots=True)
class Part:
    """Figures of a table of facts, to be put into a temporary table of their own before the query reads them."""

    table: str
    columns: tuple[str, ...]
    rows: str
    """SQL that gives the key ``k`` and these columns"""


@dataclass(slots=True)
class Asked:
    """A profile query in the making."""

    moment: Moment
    dialect: str
    contacts: tuple[int, ...] | InTable | None
    """ids, however many: they travel as one parameter; None: everybody"""
    ranking: Ranking | None = None
    """of RFM, kept for this very moment"""
    apart: bool = False
    """figures may go into temporary tables (``_is_apart``)"""
    ranked: str = ""
    """set where RFM is asked apart: SQL of the figures that are ranked, over one of the parts"""
    joins: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    parameters: dict[str, object] = field(default_factory=dict)

    @property
    def contact_list(self) -> str:
        """The ids as a subquery; an empty list matches nobody."""
        if isinstance(self.contacts, InTable):
            return f"SELECT contact FROM {self.contacts.table}"
        self.parameters["contacts"] = json.dumps(self.contacts)
        if self.dialect == "postgresql":
            return "SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST(:contacts AS JSON))"
        return "SELECT value FROM json_each(:contacts)"

    def join(self, alias: str, rows: str, columns: Sequence[str], on: str) -> None:
        """Join figures, whose key is called ``k``."""
        if self._is_apart(alias):
            self.parts.append(Part(self.part(alias), tuple(columns), rows))
            self.join_part(alias, on)
        else:
            self.joins.append(f"LEFT JOIN ({rows}) {alias} ON {alias}.k = {on}")

    def join_part(self, alias: str, on: str) -> None:
        """Join figures that stand in their part."""
        self.joins.append(f"LEFT JOIN {self.part(alias)} {alias} ON {alias}.k = {on}")

    def _is_apart(self, alias: str) -> bool:
        """SQLite copies a subquery twice to look rows up in it; DuckDB would group all of them at once, in memory.
        PostgreSQL does neither; there, what is read again, to rank it, is worth a table, and figures of accounts: it
        takes what is joined by an expression for a hundred times as many rows, unless it could measure them.
        """
        if self.dialect == "postgresql":
            everybody = self.contacts is None
            return self.apart and (alias == "ao" or (alias == "o" and everybody and self.ranked != ""))
        return self.apart and self.dialect in {"sqlite", "duckdb"}

    @staticmethod
    def part(alias: str) -> str:
        """The temporary table of figures that are joined under this alias."""
        return f"profile_{alias}"

    def only(self, column: str) -> str:
        """A condition that narrows a table of facts to the contacts asked for, or nothing."""
        return f" AND {column} IN ({self.contact_list})" if self.contacts is not None else ""

    @property
    def known_of_accounts(self) -> tuple[OrderFigure | OrderAge, ...]:
        """Questions about orders of accounts whose figures stand in a part already."""
        return self.contacts.of_accounts if isinstance(self.contacts, InTable) else ()

    @property
    def account_key(self) -> str:
        """By what the figures of accounts are joined."""
        return "chosen.account" if isinstance(self.contacts, InTable) and self.contacts.keyed else ACCOUNT_KEY

    def only_accounts(self, column: str) -> str:
        """The same for a table of facts by account."""
        if self.contacts is None:
            return ""
        if isinstance(self.contacts, InTable) and self.contacts.keyed:
            return f" AND {column} IN (SELECT account FROM {self.contacts.table})"
        return f" AND {column} IN (SELECT account FROM contact WHERE id IN ({self.contact_list}))"

    def only_alone(self, column: str) -> str:
        """The same for facts of contacts that have no account."""
        if self.contacts is None:
            return ""
        if isinstance(self.contacts, InTable) and self.contacts.keyed:
            return f" AND {column} IN (SELECT contact FROM {self.contacts.table} WHERE account < 0)"
        return f" AND {column} IN (SELECT id FROM contact WHERE account IS NULL AND id IN ({self.contact_list}))"

    def bind(self, value: str) -> str:
        """A parameter for a text; equal texts share one."""
        for name, bound in self.parameters.items():
            if bound == value:
                return f":{name}"
        name = f"q{len(self.parameters)}"
        self.parameters[name] = value
        return f":{name}"

    def whole(self, dividend: str, divisor: object) -> str:
        """A division of whole numbers without its remainder."""
        return f"{dividend} {WHOLE_DIVISION.get(self.dialect, '/')} {divisor}"

    def ordered(self, sql: str) -> str:
        """A text to be put in order byte by byte, as SQLite does; PostgreSQL would follow the language."""
        return f'{sql} COLLATE "C"' if self.dialect == "postgresql" else sql

    def position(self, text: str, part: str) -> str:
        """Where a part begins in a text, from 1; 0: nowhere."""
        return f"{'strpos' if self.dialect == 'postgresql' else 'instr'}({text}, {part})"

    def among(self, column: str, rest: str) -> Answer:
        """Whether the contact is in a column of the rows that ``FROM …`` gives. Not a join, as SQLite joins 64 tables
        at most; but on Spark, which takes no such question among the columns.
        """
        if self.dialect == "spark":
            alias = f"b{len(self.joins)}"
            self.joins.append(f"LEFT JOIN (SELECT DISTINCT {column} AS k {rest}) {alias} ON {alias}.k = c.id")
            return Answer(f"({alias}.k IS NOT NULL)")
        if self.dialect == "duckdb" and self.apart:  # the query is asked several times, the facts are read once
            source = self.part(f"b{len(self.parts)}")
            self.parts.append(Part(source, (), f"SELECT DISTINCT {column} AS k {rest}"))
            return Answer(f"(c.id IN (SELECT k FROM {source}))")
        return Answer(f"(c.id IN (SELECT {column} {rest}))")
