"""Everything that we hold of a person, as one document in words: keys instead of numbers, moments, money."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text
from sqlmodel import col

from orchestrator.campaigns.kept import kept
from orchestrator.clock import from_epoch
from orchestrator.people.holdings import HOLDINGS, NOBODY, parameters
from orchestrator.store import tags
from orchestrator.store.tables import Account, Contact, Run
from orchestrator.store.tags import WORD_BITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection, RowMapping

    from orchestrator.people.holdings import Holding
    from orchestrator.people.search import Person

NAMES = {
    "account": ("account", "key"),
    "product": ("product", "key"),
    "segment": ("segment", "name"),
    "run": ("run", "name"),
    "order_id": ("orders", "key"),
    "cart": ("cart", "key"),
}
"""column that refers to something -> (table, column of its name)"""
MOMENTS = ("at", "not_before")
"""and every name that ends in _at"""
MASKS = ("membership_mask", "tag_mask")


def person_document(connection: Connection, person: Person) -> dict[str, Any]:
    """Call in one read transaction."""
    held: dict[str, dict[str, Any]] = {
        holding.table: {"about": holding.about, "rows": _rows(connection, holding, person)} for holding in HOLDINGS
    }
    _fill_in(held)
    return {
        "contact_id": person.key or None,
        "addresses": list(person.addresses),
        "company": _company(connection, person),
        "held": {table: found for table, found in held.items() if found["rows"]},
        "nothing_in": [table for table, found in held.items() if not found["rows"]],
        "not_about_people": dict(NOBODY),
    }


def _rows(connection: Connection, holding: Holding, person: Person) -> list[Any]:
    target = holding.target
    query = select(target).where(holding.condition).order_by(*target.primary_key.columns)
    found = connection.execute(query, parameters(holding, person)).mappings().all()
    if holding.table in MASKS:
        return _segments(connection, found)
    return [
        dict(_readable(connection, column, value) for column, value in _with_fields(connection, row).items())
        for row in found
    ]


def _with_fields(connection: Connection, row: RowMapping) -> dict[str, Any]:
    """A decision's values by the names of their fields, instead of by their places."""
    if not row.get("facts"):
        return dict(row)
    definition = connection.scalar(select(col(Run.definition)).where(col(Run.id) == row["run"]))
    rested_on = kept(definition or {}, row["facts"])
    values = rested_on.values if rested_on is not None else {}
    readable = {name: str(value) if isinstance(value, Decimal) else value for name, value in values.items()}
    return {**row, "facts": {**row["facts"], "values": readable}}


def _company(connection: Connection, person: Person) -> dict[str, Any] | None:
    """Whom the person works for; facts of the company, which stay when the person is forgotten."""
    query = select(Account.__table__).where(  # type: ignore[attr-defined] # SQLModel adds it
        col(Account.id) == select(col(Contact.account)).where(col(Contact.id) == person.contact).scalar_subquery()
    )
    row = connection.execute(query).mappings().first()
    return None if row is None else dict(_readable(connection, column, value) for column, value in row.items())


def _segments(connection: Connection, rows: Sequence[RowMapping]) -> list[str]:
    masks = {row["word"]: row["mask"] for row in rows}
    bits = tags.segment_bits(connection)
    return sorted(name for name, (_, bit) in bits.items() if masks.get(bit // WORD_BITS, 0) >> bit % WORD_BITS & 1)


def _readable(connection: Connection, column: str, value: Any) -> tuple[str, Any]:
    """Name and value in words."""
    if value is None:
        return column.removesuffix("_cents"), None
    if column.endswith("_cents"):
        return column.removesuffix("_cents"), str(Decimal(value).scaleb(-2))
    if column.endswith("_at") or column in MOMENTS:
        return column, from_epoch(value).isoformat()
    if column in NAMES:
        table, name = NAMES[column]
        return column, connection.scalar(text(f"SELECT {name} FROM {table} WHERE id = :id"), {"id": value})
    return column, value


def _fill_in(held: Mapping[str, Mapping[str, Any]]) -> None:
    """Each mail as the person read it: with their own values instead of the slots."""
    slots = {row["mailing"]: row["slots"] for row in held["send"]["rows"] if row["mailing"] is not None}
    for mailing in held["mailing"]["rows"]:
        for tag, value in slots.get(mailing["id"], {}).items():
            for part in ("subject", "preheader", "html", "text"):
                mailing[part] = mailing[part].replace(f"*|{tag}|*", value)
