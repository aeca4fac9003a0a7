"""Real recipients to step through and to search for. Reads only.

The order is that of contact ids. A segment that was recomputed is read as it was recorded; one that never was is
computed for the moment and kept by the caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import text

from orchestrator.store import runs as store
from orchestrator.store.tags import WORD_BITS

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Row

    from orchestrator.store.tables import Segment

MOST_FOUND = 30
_COLUMNS = "c.id, c.key, c.email, c.first_name, c.last_name, a.name"
_PEOPLE = "contact c LEFT JOIN account a ON a.id = c.account"


class Recipient(NamedTuple):
    """A contact, as one recognizes it."""

    id: int
    key: str
    email: str
    name: str
    company: str


class Place(NamedTuple):
    """Where a contact stands among the recipients. ``number`` is 0 for one who is none of them."""

    number: int
    total: int
    before: str | None
    """key of the recipient before"""
    after: str | None


def recorded_segment(connection: Connection, name: str) -> Segment | None:
    """The segment as last recomputed; None where it never was."""
    segment = store.segment_row(connection, name)
    return segment if segment is not None and segment.active else None


def place_in(connection: Connection, segment: Segment, contact: int | None) -> Place:
    """Where ``contact`` stands among those members whose consent allows a mail."""
    among = (
        "membership_mask m JOIN contact c ON c.id = m.contact WHERE m.word = :word AND (m.mask & :flag) <> 0"
        " AND c.consent = 'opted_in'"
    )
    values: dict[str, Any] = {
        "word": segment.bit // WORD_BITS,
        "flag": 1 << (segment.bit % WORD_BITS),
        "contact": contact or 0,
    }

    def one(query: str) -> Any:
        return connection.execute(text(query), values).scalar()

    counted = f"SELECT count(*) FROM {among}"
    return Place(
        number=one(f"{counted} AND c.id <= :contact") if one(f"{counted} AND c.id = :contact") else 0,
        total=one(counted),
        before=one(f"SELECT c.key FROM {among} AND c.id < :contact ORDER BY c.id DESC LIMIT 1"),
        after=one(f"SELECT c.key FROM {among} AND c.id > :contact ORDER BY c.id LIMIT 1"),
    )


def place_among(keys: list[str], key: str | None) -> Place:
    """The same for a list of keys."""
    if key not in keys:
        return Place(0, len(keys), None, keys[0] if keys else None)
    at = keys.index(key)
    return Place(at + 1, len(keys), keys[at - 1] if at else None, keys[at + 1] if at + 1 < len(keys) else None)


def with_consent(connection: Connection, keys: list[str]) -> list[str]:
    """Those of ``keys`` whose consent allows a mail."""
    allowed = set(connection.execute(text("SELECT key FROM contact WHERE consent = 'opted_in'")).scalars())
    return [key for key in keys if key in allowed]


def ids_with_consent(connection: Connection, keys: list[str]) -> list[int]:
    """The same, as ids in ascending order."""
    wanted = set(keys)
    rows = connection.execute(text("SELECT id, key FROM contact WHERE consent = 'opted_in' ORDER BY id"))
    return [row[0] for row in rows if row[1] in wanted]


def key_of(connection: Connection, contact: int) -> str:
    """The source's key of a contact."""
    return str(connection.execute(text("SELECT key FROM contact WHERE id = :id"), {"id": contact}).scalar_one())


def by_name(connection: Connection, name: str) -> Recipient | None:
    """A contact by id, or by address in any letter case."""
    rows = connection.execute(
        text(f"SELECT {_COLUMNS} FROM {_PEOPLE} WHERE c.key = :name OR c.email_key = :lower ORDER BY c.key <> :name"),
        {"name": name, "lower": name.strip().lower()},
    ).all()
    return _recipient(rows[0]) if rows else None


def search(connection: Connection, words: str) -> list[Recipient]:
    """Contacts whose id or address begins with ``words``, or whose name or company contains them, in any case."""
    typed = words.strip()
    # databases differ in the letter case of letters beyond a to z: ask for the usual spellings of a name
    spellings = dict.fromkeys((typed, typed.lower(), typed.title(), typed.capitalize(), typed.upper()))
    values: dict[str, Any] = {"most": MOST_FOUND, "begin": f"{_literally(typed.lower())}%"}
    ways = ["lower(c.key) LIKE :begin ESCAPE '\\'", "c.email_key LIKE :begin ESCAPE '\\'"]
    for number, spelling in enumerate(spellings):
        values[f"inside_{number}"] = f"%{_literally(spelling)}%"
        ways.append(f"coalesce(c.first_name, '') || ' ' || coalesce(c.last_name, '') LIKE :inside_{number} ESCAPE '\\'")
        ways.append(f"a.name LIKE :inside_{number} ESCAPE '\\'")
    rows = connection.execute(
        text(f"SELECT {_COLUMNS} FROM {_PEOPLE} WHERE {' OR '.join(ways)} ORDER BY c.id LIMIT :most"), values
    ).all()
    return [_recipient(row) for row in rows]


def _literally(words: str) -> str:
    """Without the signs that mean anything to LIKE."""
    for sign in "\\%_":
        words = words.replace(sign, f"\\{sign}")
    return words


def _recipient(row: Row[Any]) -> Recipient:
    number, key, email, first, last, company = tuple(row)
    return Recipient(number, key, email, " ".join(part for part in (first, last) if part), company or "")
