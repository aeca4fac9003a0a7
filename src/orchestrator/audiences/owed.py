"""Whom the audience lacks, or holds with other values: compared in the database, and made only for who differs.

A payload is made from a contact's language and the answers to the merge fields' questions. Those facts are stored, as
text, beside the payload that the provider answered; a member whose facts are the same is not looked at. The text says
what the facts mean, too, so that another merge field or another kind of value makes everybody differ.

Facts may differ and make the same payload: that is recorded, so that it is found out once.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import text

from orchestrator.audiences.payload import FORMAT, Contents
from orchestrator.contacts.measures import ValueType
from orchestrator.contacts.profile import profile_query
from orchestrator.contacts.values import exact, shown
from orchestrator.gateway import BATCH
from orchestrator.segments.members import STREAMED, fields_named
from orchestrator.store import audience as store, tags
from orchestrator.store.tags import WORD_BITS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from orchestrator.contacts.profile import AnswerColumn
    from orchestrator.definitions.values import Settings
    from orchestrator.segments.field import Field
    from orchestrator.store.database import Database

SNAPSHOT = 50_000
"""rows after which the database is asked anew: while one answer is read, SQLite keeps all that is written meanwhile"""
_LANGUAGE, _ANSWERS = 4, 9
"""places in a row: the contact's language, and the first of the answers"""
COMBINATIONS = 10_000
"""of tags that are remembered: many members share one"""
JSON_LIST = {"sqlite": "json_array({})", "postgresql": "CAST(json_build_array({}) AS TEXT)"}


class Owed(NamedTuple):
    """A member to be added or updated. There are as many as contacts: a tuple is made fastest."""

    contact: int
    key: str
    email: str
    email_key: str
    contents: Contents
    payload: str
    made_from: str
    is_new: bool
    is_first: bool
    """written for the first time"""
    tags: tuple[str, ...] = ()
    """those that it lacks as far as we know; they travel along"""


def owed_members(
    database: Database, settings: Settings, synced: Mapping[str, int], *, now: datetime
) -> Generator[Owed, None, None]:
    """Contacts with consent who have not left and are owed a write, in the order of ids.

    ``synced``: segment -> bit of those carried as tags.
    """
    after, tags = 0, _Tags(synced)
    while True:
        read, unchanged = 0, list[dict[str, object]]()
        with database.read() as connection:
            question = _Question(connection, settings, tags, now)
            for row in question.rows(connection, after):
                # by place: names take longer to be looked up
                after, key, email, email_key, _, status, known, refused, made_from = row[:_ANSWERS]
                read += 1
                contents = question.contents(row)
                payload = contents.payload()
                if payload in (known, refused):
                    unchanged.append({"email_key": email_key, "payload": payload, "made_from": made_from})
                    if len(unchanged) == BATCH:
                        store.record_unchanged(database, unchanged)
                        unchanged = []
                else:
                    is_new = not status or status == store.GONE
                    is_first, lacks = known is None, tags.names(row)
                    yield Owed(after, key, email, email_key, contents, payload, made_from, is_new, is_first, lacks)
        if unchanged:
            store.record_unchanged(database, unchanged)
        if read < SNAPSHOT:
            return
        database.empty_log()


class _Tags:
    """The tags that somebody lacks as far as we know: one column for each word of the masks."""

    def __init__(self, synced: Mapping[str, int]) -> None:
        self._names = {bit: name for name, bit in synced.items()}
        self._of_mask = lru_cache(COMBINATIONS)(self._find_names)
        words = sorted({bit // WORD_BITS for bit in self._names})
        self._words = [(word, tags.mask_of(word, self._names)) for word in words]

    @property
    def columns(self) -> str:
        return "".join(
            f", coalesce(w{word}.mask, 0) & ~coalesce(t{word}.mask, 0) & {mask} AS lacks{word}"
            for word, mask in self._words
        )

    @property
    def joins(self) -> str:
        return "".join(
            f" LEFT JOIN membership_mask w{word} ON w{word}.contact = c.id AND w{word}.word = {word}"
            f" LEFT JOIN tag_mask t{word} ON t{word}.contact = c.id AND t{word}.word = {word}"
            for word, _ in self._words
        )

    def names(self, row: Any) -> tuple[str, ...]:
        """Out of a row that ends with ``columns``."""
        found: tuple[str, ...] = ()
        for (word, _), mask in zip(self._words, row[len(row) - len(self._words) :], strict=True):
            if mask:
                found += self._of_mask(word, mask)
        return found

    def _find_names(self, word: int, mask: int) -> tuple[str, ...]:
        return tuple(self._names[word * WORD_BITS + bit] for bit in tags.bits_of(mask))


class _Question:
    """Who differs, and what of."""

    def __init__(self, connection: Connection, settings: Settings, tags: _Tags, now: datetime) -> None:
        self._tags = tags
        self._dialect = connection.dialect.name
        self._merge_fields = settings.mailchimp.merge_fields
        self._fields = fields_named(connection, tuple(dict.fromkeys(self._merge_fields.values())))
        measures = [field.measure for field in self._fields.values()]
        self._profile = profile_query(measures, settings, now=now, dialect=self._dialect)
        self._printed: list[tuple[str, Callable[[Any], object]]] = []

    def rows(self, connection: Connection, after: int) -> Iterator[Any]:
        values = {**self._profile.parameters, "after": after, "most": SNAPSHOT, "format": self._format()}
        with connection.execute(text(self._sql()), values, execution_options=STREAMED) as rows:
            places = {name: place for place, name in enumerate(rows.keys())}
            self._printed = [
                (tag, self._printer(self._fields[name], places)) for tag, name in self._merge_fields.items()
            ]
            yield from chain.from_iterable(rows.partitions())

    def contents(self, row: Any) -> Contents:
        return Contents.of(row[_LANGUAGE], {tag: printed(row) for tag, printed in self._printed})

    def _printer(self, field: Field, places: Mapping[str, int]) -> Callable[[Any], object]:
        """What a field is in people's units, out of a row."""
        column, type_ = self._column(field), field.type
        if type_ in {ValueType.TEXT, ValueType.DATE}:
            return itemgetter(places[column.value])
        return lambda row: shown(exact(column, type_, row._mapping), type_)  # noqa: SLF001 -- SQLAlchemy's name for it

    def _column(self, field: Field) -> AnswerColumn:
        return self._profile.columns[field.measure]

    def _format(self) -> str:
        """What the facts mean."""
        meaning = [
            [tag, name, self._fields[name].type.value, self._column(self._fields[name]).decimals]
            for tag, name in self._merge_fields.items()
        ]
        return hashlib.sha256(json.dumps([FORMAT, meaning]).encode()).hexdigest()[:8]

    def _sql(self) -> str:
        facts = JSON_LIST[self._dialect].format(", ".join(["CAST(:format AS TEXT)", "c.language", *self._facts()]))
        return (
            "SELECT c.id, c.key, c.email, c.email_key, c.language, m.status, m.payload, m.refused_payload, "
            f"{facts} AS made_from, p.*{self._tags.columns} "
            f"FROM ({self._profile.sql}) p JOIN contact c ON c.id = p.contact "
            f"LEFT JOIN audience_member m ON m.email_key = c.email_key{self._tags.joins} "
            "WHERE c.consent = 'opted_in' AND c.id > :after "
            "AND coalesce(m.status, '') IN ('', 'gone', 'subscribed') "
            f"AND (m.made_from IS NULL OR m.made_from <> {facts}) "
            "AND NOT EXISTS (SELECT 1 FROM opt_out x WHERE x.contact = c.id) "
            # a member who is still to be moved to the new address must not be added there as a second one
            "AND NOT (m.email_key IS NULL AND EXISTS (SELECT 1 FROM audience_member o WHERE o.contact = c.id)) "
            "ORDER BY c.id LIMIT :most"
        )

    def _facts(self) -> Iterator[str]:
        """The columns that answers stand in; measured numbers to their last digit, which SQLite's JSON leaves out."""
        for field in self._fields.values():
            column = self._column(field)
            value = f"p.{column.value}"
            if column.real and self._dialect == "sqlite":
                value = f"CASE WHEN {value} IS NOT NULL THEN printf('%!.17g', {value}) END"
            yield value
            if column.divisor:
                yield f"p.{column.divisor}"
