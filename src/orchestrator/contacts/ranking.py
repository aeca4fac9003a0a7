"""RFM without ranking everybody again: each contact's figures are kept, and the values at which scores change.

A contact with b of n strictly better ones scores ``5 - floor(5 * b / n)``: it has lost a point for each k of 1 to 4
with ``5 * b >= k * n``. As b only grows when the figure gets smaller, there is for each k a smallest figure that keeps
the point, the *cut*: the figure at place ``ceil(k * n / 5)`` from the best. So a score is a comparison with four cuts,
and when a few contacts change, a cut moves by a few places. It is followed through the index from where it was; who
stands between its old and its new place has a new score. Tiers rank the sums of three scores, of which there are
thirteen: they are counted.

``scores.py`` ranks everybody from the orders, which is what this has to equal.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from orchestrator.contacts.question import Asked, Moment
from orchestrator.contacts.scores import SUMS, figures, of_those_who_were_there, tier_of
from orchestrator.store.statements import without_indexes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from orchestrator.contacts.question import InTable
    from orchestrator.definitions.values import RfmSettings, Settings

FIGURES = ("latest", "orders", "revenue")
POINTS = (1, 2, 3, 4)
REBUILD = 4
"""a table in which more than one row in so many differs is written anew"""
MOVED, SHIFTED, READ, DIFFERING = "rfm_moved", "rfm_shifted", "rfm_read", "rfm_differing"


@dataclass(frozen=True, slots=True)
class Cut:
    """The smallest figure that keeps a point."""

    value: int
    better: int
    """contacts whose figure is strictly greater"""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Where scores change, among all contacts with an order in the window."""

    cuts: Mapping[str, tuple[Cut, ...]]
    """figure -> the cuts of the four points, best first"""
    sums: Mapping[int, int]
    """sum of the three scores -> contacts"""

    @property
    def contacts(self) -> int:
        """How many are ranked."""
        return sum(self.sums.values())

    def tier_starts(self, rfm: RfmSettings) -> dict[str, int]:
        """Tier -> the smallest sum of scores in it, best tier first; 16 where nobody can be in it."""
        starts = {}
        for tier in rfm.tiers:
            inside = [total for total in SUMS if tier in self._tiers_of(total, rfm)]
            starts[tier] = min(inside, default=16)
        return starts

    def score(self, figure: str, column: str) -> str:
        """The score of a figure as SQL; null where the figure is."""
        kept = " ".join(f"WHEN {column} >= {cut.value} THEN {5 - lost}" for lost, cut in enumerate(self.cuts[figure]))
        return f"(CASE {kept} WHEN {column} IS NOT NULL THEN 1 END)"

    def total(self, alias: str, suffix: str = "") -> str:
        """The sum of the three scores as SQL over a row of figures."""
        return " + ".join(self.score(figure, f"{alias}.{figure}{suffix}") for figure in FIGURES)

    def _tiers_of(self, total: int, rfm: RfmSettings) -> set[str]:
        better = sum(contacts for other, contacts in self.sums.items() if other > total)
        return {tier for tier, share in rfm.tiers.items() if tier_of(better, self.contacts, share)}

    def stored(self) -> dict[str, Any]:
        """As JSON."""
        cuts = {figure: [[cut.value, cut.better] for cut in cuts] for figure, cuts in self.cuts.items()}
        return {"cuts": cuts, "sums": {str(total): contacts for total, contacts in self.sums.items()}}

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Ranking:
        """From JSON."""
        cuts = {figure: tuple(Cut(*cut) for cut in cuts) for figure, cuts in stored["cuts"].items()}
        return cls(cuts, {int(total): contacts for total, contacts in stored["sums"].items()})


def ranking_of(ask: Callable[[str], Iterable[Sequence[Any]]], contacts: int, dialect: str) -> Ranking:
    """Of the figures of so many contacts in the table ``rfm_figure`` of who answers."""
    cuts = _cuts(ask, contacts, dialect)
    total = Ranking(cuts, {}).total("f")
    sums = ask(f"SELECT {total} AS total, COUNT(*) FROM rfm_figure f GROUP BY 1 ORDER BY 1")
    return Ranking(cuts, {row[0]: row[1] for row in sums})


def _cuts(ask: Callable[[str], Iterable[Sequence[Any]]], contacts: int, dialect: str) -> dict[str, tuple[Cut, ...]]:
    """The values at the places of the points, then how many are better than each."""
    if not contacts:
        return {figure: tuple(Cut(0, 0) for _ in POINTS) for figure in FIGURES}
    places = [_place(contacts, point) for point in POINTS]
    at = _at_fractions if dialect == "postgresql" else _at_places
    values = [(figure, value) for figure, found in at(ask, places, contacts).items() for value in found]
    better = ", ".join(f"COUNT(*) FILTER (WHERE {figure} > {value})" for figure, value in values)
    (counts,) = ask(f"SELECT {better} FROM rfm_figure")
    cuts = [(figure, Cut(value, count)) for (figure, value), count in zip(values, counts, strict=True)]
    return {figure: tuple(cut for of, cut in cuts if of == figure) for figure in FIGURES}


def _at_places(ask: Callable[[str], Iterable[Sequence[Any]]], places: Sequence[int], _: int) -> dict[str, list[int]]:
    """Figure -> its values at these places from the best, from 0."""
    listed = ", ".join(str(place + 1) for place in {*places})
    found: dict[str, list[int]] = {}
    for figure in FIGURES:
        placed = f"SELECT {figure} AS value, ROW_NUMBER() OVER (ORDER BY {figure} DESC) AS place FROM rfm_figure"
        values = {row[0]: row[1] for row in ask(f"SELECT place, value FROM ({placed}) p WHERE place IN ({listed})")}
        found[figure] = [values[place + 1] for place in places]
    return found


def _at_fractions(
    ask: Callable[[str], Iterable[Sequence[Any]]], places: Sequence[int], contacts: int
) -> dict[str, list[int]]:
    """The same by PostgreSQL's percentiles, which sort the values alone. A fraction f of n stands for the place
    ``ceil(f * n)`` from 1; half a place before it, rounding cannot make it another's.
    """
    fractions = ", ".join(f"{(2 * place + 1) / (2 * contacts)!r}" for place in places)
    asked = ", ".join(
        f"percentile_disc(ARRAY[{fractions}]) WITHIN GROUP (ORDER BY {figure} DESC)" for figure in FIGURES
    )
    (row,) = ask(f"SELECT {asked} FROM rfm_figure")
    return dict(zip(FIGURES, map(list, row), strict=True))


class Ranker:
    """Keeps the table of figures, as of ``now``."""

    def __init__(self, connection: Connection, settings: Settings, now: datetime) -> None:
        self.connection = connection
        self._moment = Moment(now, settings)
        self._updated = False
        """what ``update`` found stands in the table, and what was there before in MOVED"""
        self.differs = "IS NOT" if connection.dialect.name == "sqlite" else "IS DISTINCT FROM"

    def build(self, ranked: str) -> Ranking:
        """From the figures of all orders; ``ranked``: SQL that gives them."""
        contacts = self._read(self.of_everybody(ranked))
        # few differ where recomputes went on: they are written, and the rest stays with its indexes
        known = f"SELECT 1 FROM {READ} r WHERE r.contact = rfm_figure.contact"
        self.connection.execute(text(f"DELETE FROM rfm_figure WHERE NOT EXISTS ({known})"))
        differing = self._find_differing()
        if REBUILD * differing > contacts:
            with self._without_indexes():
                self.connection.execute(text("DELETE FROM rfm_figure"))
                self._upsert(f"SELECT contact, latest, orders, revenue FROM {READ} WHERE true")
        else:
            self._upsert(f"SELECT contact, latest, orders, revenue FROM {DIFFERING} WHERE true")
        return ranking_of(lambda sql: self.connection.execute(text(sql)), contacts, self.connection.dialect.name)

    def take(self, differing: Iterable[Sequence[tuple[int, ...]]], contacts: int) -> None:
        """Bring the table to the figures of these contacts, of whom so many are ranked: figures read elsewhere.

        ``differing``: contacts and figures that are not what is committed; without orders where there are none now.
        What ``update`` wrote is taken back: who read elsewhere did not see it.
        """
        if self._updated:
            self.connection.execute(text(f"DELETE FROM rfm_figure WHERE contact IN (SELECT contact FROM {MOVED})"))
            self._upsert(f"SELECT contact, latest0, orders0, revenue0 FROM {MOVED} WHERE latest0 IS NOT NULL")
        self._make(READ, *FIGURES)
        for rows in differing:
            self.connection.exec_driver_sql(f"INSERT INTO {READ} VALUES (?, ?, ?, ?)", list(rows))
        gone = f"SELECT contact FROM {READ} WHERE orders = 0"
        self.connection.execute(text(f"DELETE FROM rfm_figure WHERE contact IN ({gone})"))
        many = REBUILD * self._number(f"SELECT COUNT(*) FROM {READ}") > contacts
        with self._without_indexes() if many else nullcontext():
            self._upsert(f"SELECT contact, latest, orders, revenue FROM {READ} WHERE orders > 0")

    def of_everybody(self, ranked: str) -> str:
        """SQL of the figures to be ranked (``k``); ``ranked``: SQL that gives them of whoever ordered."""
        return of_those_who_were_there(ranked, self._moment)

    def _read(self, figures: str) -> int:
        """Of how many contacts there are figures. On SQLite their key is the row id."""
        if self.connection.dialect.name == "sqlite":
            self._make(READ, *FIGURES)
            filled = f"INSERT INTO {READ} (contact, {', '.join(FIGURES)}) {figures}"
        else:
            self.connection.execute(text(f"DROP TABLE IF EXISTS {READ}"))
            filled = f"CREATE TEMPORARY TABLE {READ} (contact, {', '.join(FIGURES)}) AS {figures}"
        return self.connection.execute(text(filled)).rowcount

    def _find_differing(self) -> int:
        """Those figures that were read and are not in the table, apart; of how many contacts."""
        columns = ", ".join(f"r.{column}" for column in ("contact", *FIGURES))
        differs = " OR ".join(f"f.{figure} {self.differs} r.{figure}" for figure in FIGURES)
        self.connection.execute(text(f"DROP TABLE IF EXISTS {DIFFERING}"))
        found = f"SELECT {columns} FROM {READ} r LEFT JOIN rfm_figure f ON f.contact = r.contact WHERE {differs}"
        self.connection.execute(text(f"CREATE TEMPORARY TABLE {DIFFERING} AS {found}"))
        return self._number(f"SELECT COUNT(*) FROM {DIFFERING}")

    @contextmanager
    def _without_indexes(self) -> Iterator[None]:
        """Many rows are written faster without them."""
        from orchestrator.store.tables import RfmFigure  # noqa: PLC0415 -- slow to load, and seldom needed

        with without_indexes(self.connection, RfmFigure.__table__):  # type: ignore[attr-defined] # SQLModel adds it
            yield
        if self.connection.dialect.name == "postgresql":
            self.connection.execute(text("ANALYZE rfm_figure"))

    def update(self, old: Ranking, candidates: InTable) -> Ranking | None:
        """Bring the figures of the candidates up to date: whose figures may have changed.

        Adds those whose scores changed though their figures did not, for ``shifted`` to give. None where everybody
        left or came.
        """
        self._find_moved(candidates)
        self._updated = True
        contacts = old.contacts + self._number(
            f"SELECT SUM(CASE WHEN latest1 IS NULL THEN 0 ELSE 1 END - CASE WHEN latest0 IS NULL THEN 0 ELSE 1 END)"
            f" FROM {MOVED}"
        )
        if not old.contacts and not contacts:
            self._make(SHIFTED)
            return old
        if not old.contacts or not contacts:
            return None
        followed = self._count_better(old)
        self.connection.execute(
            text(f"DELETE FROM rfm_figure WHERE contact IN (SELECT contact FROM {MOVED} WHERE latest1 IS NULL)")
        )
        self._upsert(f"SELECT contact, latest1, orders1, revenue1 FROM {MOVED} WHERE latest1 IS NOT NULL")
        cuts = {
            figure: tuple(
                self._follow(figure, cut, _place(contacts, point))
                for point, cut in zip(POINTS, followed[figure], strict=True)
            )
            for figure in FIGURES
        }
        new = Ranking(cuts, {})
        self._find_shifted(old, new)
        return Ranking(cuts, self._moved_sums(old, new))

    def shifted(self) -> str:
        """Contacts whose figures or scores are not what they were, as SQL."""
        return f"SELECT contact FROM {SHIFTED} WHERE contact IS NOT NULL"

    def drop(self) -> None:
        """Remove the temporary tables."""
        for table in (MOVED, SHIFTED, READ, DIFFERING):
            self.connection.execute(text(f"DROP TABLE IF EXISTS {table}"))

    def _find_moved(self, candidates: InTable) -> None:
        """The candidates whose figures differ: before (0) and now (1), null where there are none."""
        self._make(MOVED, *(f"{figure}{moment}" for moment in (0, 1) for figure in FIGURES))
        columns = ", ".join(f"{alias}.{figure}" for alias in ("f", "n") for figure in FIGURES)
        differs = " OR ".join(f"f.{figure} {self.differs} n.{figure}" for figure in FIGURES)
        self.connection.execute(
            text(
                f"INSERT INTO {MOVED} SELECT c.contact, {columns} FROM {candidates.table} c"
                " LEFT JOIN rfm_figure f ON f.contact = c.contact"
                f" LEFT JOIN ({self._figures(candidates)}) n ON n.k = c.contact WHERE {differs}"
            )
        )

    def _count_better(self, old: Ranking) -> dict[str, list[Cut]]:
        """The old cuts with the number of better contacts that there are now."""
        gains = [
            f"SUM(CASE WHEN {figure}1 > {cut.value} THEN 1 ELSE 0 END"
            f" - CASE WHEN {figure}0 > {cut.value} THEN 1 ELSE 0 END)"
            for figure in FIGURES
            for cut in old.cuts[figure]
        ]
        row = self.connection.execute(text(f"SELECT {', '.join(gains)} FROM {MOVED}")).one()
        gained = iter(int(gain or 0) for gain in row)
        return {figure: [Cut(cut.value, cut.better + next(gained)) for cut in old.cuts[figure]] for figure in FIGURES}

    def _follow(self, figure: str, cut: Cut, place: int) -> Cut:
        """From where a cut was to the figure at ``place`` (from 0), counting those that it passes."""
        if cut.better > place:
            ahead = f"{figure} > {cut.value} ORDER BY {figure} LIMIT 1 OFFSET {cut.better - 1 - place}"
        else:
            ahead = f"{figure} <= {cut.value} ORDER BY {figure} DESC LIMIT 1 OFFSET {place - cut.better}"
        value = self._number(f"SELECT {figure} FROM rfm_figure WHERE {ahead}")
        low, high = sorted((value, cut.value))
        passed = self._number(f"SELECT COUNT(*) FROM rfm_figure WHERE {figure} > {low} AND {figure} <= {high}")
        return Cut(value, cut.better + (passed if value < cut.value else -passed))

    def _find_shifted(self, old: Ranking, new: Ranking) -> None:
        self._make(SHIFTED)
        self.connection.execute(text(f"INSERT INTO {SHIFTED} SELECT contact FROM {MOVED}"))
        for figure in FIGURES:
            for before, after in zip(old.cuts[figure], new.cuts[figure], strict=True):
                if before.value != after.value:
                    low, high = sorted((before.value, after.value))
                    between = f"SELECT contact FROM rfm_figure WHERE {figure} >= {low} AND {figure} < {high}"
                    self.connection.execute(text(f"INSERT INTO {SHIFTED} {between} ON CONFLICT DO NOTHING"))

    def _moved_sums(self, old: Ranking, new: Ranking) -> dict[int, int]:
        """How many contacts have each sum now."""
        before = f"CASE WHEN m.contact IS NULL THEN {old.total('f')} ELSE {old.total('m', '0')} END"
        query = (
            f"SELECT {before} AS was, {new.total('f')} AS becomes, COUNT(*) FROM {SHIFTED} s"
            f" LEFT JOIN rfm_figure f ON f.contact = s.contact LEFT JOIN {MOVED} m ON m.contact = s.contact"
            " GROUP BY 1, 2"
        )
        sums = dict(old.sums)
        for was, becomes, contacts in self.connection.execute(text(query)):
            for total, change in ((was, -contacts), (becomes, contacts)):
                if total is not None:
                    sums[total] = sums.get(total, 0) + change
        return {total: contacts for total, contacts in sorted(sums.items()) if contacts}

    def _figures(self, candidates: InTable) -> str:
        return figures(Asked(self._moment, self.connection.dialect.name, candidates))

    def _upsert(self, rows: str) -> None:
        """``rows``: SQL that ends with a condition; SQLite would take ON for that of a join."""
        self.connection.execute(
            text(
                f"INSERT INTO rfm_figure (contact, latest, orders, revenue) {rows} ON CONFLICT (contact) DO UPDATE"
                " SET latest = excluded.latest, orders = excluded.orders, revenue = excluded.revenue"
            )
        )

    def _make(self, table: str, *columns: str) -> None:
        kind = "INTEGER" if self.connection.dialect.name == "sqlite" else "BIGINT"
        others = "".join(f", {column} BIGINT" for column in columns)
        self.connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
        self.connection.execute(text(f"CREATE TEMPORARY TABLE {table} (contact {kind} PRIMARY KEY{others})"))

    def _number(self, sql: str) -> int:
        return int(self.connection.scalar(text(sql)) or 0)


def _place(contacts: int, point: int) -> int:
    """Where the cut of a point stands from the best, from 0: the last place with ``5 * place < point * contacts``."""
    return (point * contacts + 4) // 5 - 1
