"""What a recompute changes: the new masks against the stored ones, compared, counted and applied in the database.

Only contacts whose masks differ are kept, in a temporary table; nothing of it travels through Python but the counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from orchestrator.contacts.profile import fenced
from orchestrator.segments.query import WORD, mask_of
from orchestrator.store.statements import by_covering_index

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from orchestrator.contacts.question import InTable
    from orchestrator.segments.query import SegmentQuery

TABLE, EXPECTED = "changed_membership", "expected_membership"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many contacts a bit gains and loses."""

    entered: int = 0
    left: int = 0


class Difference:
    """The temporary table: a contact, and for each word its stored mask ``oN`` and its new one ``nN``."""

    def __init__(self, connection: Connection, words: int) -> None:
        self.connection = connection
        self.words = range(words)

    def compute(self, query: SegmentQuery, bits: Mapping[str, int], keep: Iterable[int], *, now: int) -> None:
        """Fill it with everybody. ``bits``: segment -> bit; stored ones in ``keep`` stay, others are cleared."""
        connection = self.connection
        connection.execute(text(f"DROP TABLE IF EXISTS {TABLE}"))
        with by_covering_index(connection):
            # not INSERT: PostgreSQL takes several processes for this alone
            connection.execute(
                text(f"CREATE TEMPORARY TABLE {TABLE} AS {self.rows(query, bits, keep, connection.dialect.name)}"),
                dict(query.parameters),
            )
        self._take_out_absent(now, None)

    def begin(self) -> None:
        """Make the table, empty, for ``add``."""
        self.connection.execute(text(f"DROP TABLE IF EXISTS {TABLE}"))
        columns = ", ".join(f"o{word} BIGINT, n{word} BIGINT" for word in self.words)
        self.connection.execute(text(f"CREATE TEMPORARY TABLE {TABLE} (contact BIGINT, {columns})"))

    def add(self, query: SegmentQuery, bits: Mapping[str, int], keep: Iterable[int]) -> None:
        """Those of some contacts, by a query about them, who were not added yet."""
        rows = self.rows(query, bits, keep, self.connection.dialect.name)
        self.connection.execute(text(f"INSERT INTO {TABLE} {rows}"), dict(query.parameters))

    def end(self, contacts: InTable, *, now: int) -> None:
        """Everybody was added, but those of these contacts who are absent."""
        self._take_out_absent(now, contacts)

    def take(self, computed: Iterable[Sequence[tuple[int, ...]]], *, now: int) -> None:
        """Fill it with what ``rows`` gave of everybody elsewhere."""
        self.begin()
        places = ", ".join("?" * (1 + 2 * len(self.words)))
        for rows in computed:
            self.connection.exec_driver_sql(f"INSERT INTO {TABLE} VALUES ({places})", list(rows))
        self._take_out_absent(now, None)

    def rows(self, query: SegmentQuery, bits: Mapping[str, int], keep: Iterable[int], dialect: str) -> str:
        """SQL of the contacts whose masks differ from the stored ones, with both masks of each word."""
        conditions = {bits[name]: condition for name, condition in query.conditions.items()}
        kept = _masks(keep)
        selected, joins, differs = [], [], []
        for word in self.words:
            stored = f"COALESCE(m{word}.mask, 0)"
            joins.append(f"LEFT JOIN membership_mask m{word} ON m{word}.contact = p.contact AND m{word}.word = {word}")
            new = mask_of(conditions, word)
            if kept.get(word):
                new = f"({new} | ({stored} & {kept[word]}))"
            selected.append(f"{stored} AS o{word}, {new} AS n{word}")
            differs.append(f"o{word} <> n{word}")
        inner = f"SELECT p.contact AS contact, {', '.join(selected)} FROM {query.profile} p {' '.join(joins)}"
        return f"SELECT contact, {self._columns()} FROM {fenced(inner, dialect)} computed WHERE {' OR '.join(differs)}"

    def _take_out_absent(self, now: int, contacts: InTable | None) -> None:
        """Contacts that are gone, or were created after ``now``, are members of nothing."""
        members = "membership_mask m LEFT JOIN contact c ON c.id = m.contact WHERE c.id IS NULL OR c.created_at > :now"
        if contacts is not None:
            # who is absent first, which is hardly anybody: PostgreSQL would go through the members
            absent = (
                f"SELECT t.contact FROM {contacts.table} t LEFT JOIN contact c ON c.id = t.contact"
                " WHERE c.id IS NULL OR c.created_at > :now"
            )
            absent = fenced(absent, self.connection.dialect.name)
            members = f"{absent} t JOIN membership_mask m ON m.contact = t.contact"
        masks = ", ".join(
            f"CAST(COALESCE(SUM(CASE WHEN m.word = {word} THEN m.mask END), 0) AS BIGINT), 0" for word in self.words
        )
        self.connection.execute(
            text(f"INSERT INTO {TABLE} SELECT m.contact, {masks} FROM {members} GROUP BY m.contact"), {"now": now}
        )

    def counts(self, bits: Mapping[str, int]) -> dict[str, Counts]:
        """Segment -> how many enter and leave it, in one pass."""
        if not bits:
            return {}
        sums = ", ".join(
            f"CAST(COALESCE(SUM(((n{bit // WORD} & ~o{bit // WORD}) >> {bit % WORD}) & 1), 0) AS BIGINT),"
            f" CAST(COALESCE(SUM(((o{bit // WORD} & ~n{bit // WORD}) >> {bit % WORD}) & 1), 0) AS BIGINT)"
            for bit in bits.values()
        )
        row = list(self.connection.execute(text(f"SELECT {sums} FROM {TABLE}")).one())
        return {name: Counts(*row[2 * number : 2 * number + 2]) for number, name in enumerate(bits)}

    def set_aside(self) -> None:
        """Keep what was found, to be compared with what is found in another way."""
        self.connection.execute(text(f"DROP TABLE IF EXISTS {EXPECTED}"))
        self.connection.execute(text(f"ALTER TABLE {TABLE} RENAME TO {EXPECTED}"))

    def compare(self, bits: Mapping[str, int]) -> dict[str, int]:
        """Segment -> contacts about whom this and what was set aside disagree, without those that agree."""
        both = ", ".join(
            f"COALESCE(a.n{word}, b.o{word}) AS a{word}, COALESCE(b.n{word}, a.o{word}) AS b{word}"
            for word in self.words
        )
        sums = ", ".join(
            f"CAST(COALESCE(SUM((((a{bit // WORD} | b{bit // WORD}) & ~(a{bit // WORD} & b{bit // WORD}))"
            f" >> {bit % WORD}) & 1), 0) AS BIGINT)"
            for bit in bits.values()
        )
        row = self.connection.execute(
            text(
                f"SELECT {sums or 1} FROM ("
                f"SELECT {both} FROM {TABLE} a LEFT JOIN {EXPECTED} b ON b.contact = a.contact"
                f" UNION ALL SELECT {both} FROM {EXPECTED} b LEFT JOIN {TABLE} a ON a.contact = b.contact"
                " WHERE a.contact IS NULL) compared"
            )
        ).one()
        self.connection.execute(text(f"DROP TABLE {EXPECTED}"))
        return {name: differ for name, differ in zip(bits, row, strict=False) if differ}

    def hold(self, bits: Iterable[int]) -> None:
        """Leave these bits as they are stored; whom that concerns is looked at again next time."""
        held = _masks(bits)
        if not held:
            return
        changed = " OR ".join(
            f"(((o{word} | n{word}) & ~(o{word} & n{word})) & CAST({mask} AS BIGINT)) <> 0"
            for word, mask in held.items()
        )
        self.connection.execute(
            text(f"INSERT INTO touched (fact, contact) SELECT 'contact', contact FROM {TABLE} WHERE {changed}")
        )
        for word, mask in held.items():
            self.connection.execute(
                text(f"UPDATE {TABLE} SET n{word} = (n{word} & ~CAST({mask} AS BIGINT)) | (o{word} & {mask})")
            )

    def log(self, segments: Mapping[int, int], *, now: int) -> None:
        """Note who enters and leaves these segments (id -> bit) at ``now``.

        What was noted for the same moment before and is now taken back never happened: that note goes away.
        """
        for word in self.words:
            bits = {segment: bit % WORD for segment, bit in segments.items() if bit // WORD == word}
            if bits:
                self._log_word(word, bits, now)

    def _log_word(self, word: int, bits: Mapping[int, int], now: int) -> None:
        listed = ", ".join(f"({segment}, {bit})" for segment, bit in bits.items())
        head = f"WITH logged (segment, bit) AS (VALUES {listed})"
        # SQLite has no exclusive or
        differs = f"((((o{word} | n{word}) & ~(o{word} & n{word})) >> s.bit) & 1) = 1"
        noted = "membership_change m WHERE m.segment = s.segment AND m.at = :now"
        again = self.connection.scalar(
            text(f"{head} SELECT 1 FROM logged s WHERE EXISTS (SELECT 1 FROM {noted}) LIMIT 1"), {"now": now}
        )
        known = f"EXISTS (SELECT 1 FROM {noted} AND m.contact = d.contact)"
        taken_back: list[dict[str, int]] = []
        if again:
            rows = self.connection.execute(
                text(
                    f"{head} SELECT s.segment, d.contact FROM {TABLE} d CROSS JOIN logged s WHERE {differs} AND {known}"
                ),
                {"now": now},
            )
            taken_back = [{"segment": segment, "contact": contact, "now": now} for segment, contact in rows]
        self.connection.execute(
            text(
                f"INSERT INTO membership_change (segment, contact, at, entered) {head}"
                f" SELECT s.segment, d.contact, :now, ((n{word} >> s.bit) & 1) = 1"
                f" FROM {TABLE} d CROSS JOIN logged s WHERE {differs}{f' AND NOT {known}' if again else ''}"
            ),
            {"now": now},
        )
        if taken_back:
            self.connection.execute(
                text("DELETE FROM membership_change WHERE segment = :segment AND at = :now AND contact = :contact"),
                taken_back,
            )

    def store(self) -> bool:
        """Write the new masks; whether there were any."""
        written = 0
        for word in self.words:
            written += self.connection.execute(
                text(
                    f"DELETE FROM membership_mask WHERE word = {word} AND contact IN"
                    f" (SELECT contact FROM {TABLE} WHERE n{word} = 0 AND o{word} <> 0)"
                )
            ).rowcount
            written += self.connection.execute(
                text(
                    "INSERT INTO membership_mask (contact, word, mask)"
                    f" SELECT contact, {word}, n{word} FROM {TABLE} WHERE n{word} <> 0 AND n{word} <> o{word}"
                    " ON CONFLICT (contact, word) DO UPDATE SET mask = excluded.mask"
                )
            ).rowcount
        return written > 0

    def drop(self) -> None:
        """Remove the temporary table."""
        self.connection.execute(text(f"DROP TABLE {TABLE}"))

    def _columns(self) -> str:
        return ", ".join(f"o{word}, n{word}" for word in self.words)


def _masks(bits: Iterable[int]) -> dict[int, int]:
    masks: dict[int, int] = {}
    for bit in bits:
        masks[bit // WORD] = masks.get(bit // WORD, 0) | 1 << bit % WORD
    return masks
