"""Rows of people who asked to be forgotten do not come in again, as long as the ERP still sends them.

Only rows that could be theirs are looked at, because hashing takes time: contacts that are new or have a new address,
and rows that refer to something unknown. An order stays with its company, without the person; what else is theirs is
set aside. What they bought or put into carts meanwhile is remembered as kept out, for the lines that follow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from orchestrator.clock import from_epoch
from orchestrator.sources.canonical import TABLES
from orchestrator.store import forgotten
from orchestrator.store.forgotten import Mark

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Select
    from sqlalchemy.engine import Connection

    from orchestrator.sources.canonical import CanonicalTable
    from orchestrator.sources.staging import Staging
    from orchestrator.store.forgotten import Erased

FORGOTTEN = "forgotten"
"""the verdict's fault; ``other`` is the day"""
CHUNK = 5000
PASSED_ON = {"carts": Mark.CART, "orders": Mark.ORDER}
"""tables whose keys other tables refer to"""


def keep_out(connection: Connection, table: CanonicalTable, staging: Staging) -> None:
    """Set aside what belongs to forgotten people. Call when references are resolved."""
    if not forgotten.anybody(connection):
        return
    if table.name == "contacts":
        _contacts(connection, staging)
        return
    for mark in (Mark.CONTACT, Mark.CART, Mark.ORDER):
        if any(column.name == mark.value for column in table.references):
            _references(connection, table, staging, mark)


def _contacts(connection: Connection, staging: Staging) -> None:
    contact, staged, verdict = TABLES["contacts"].target, staging.staged, staging.verdict
    query = (
        select(staged.c.n, staged.c.key, staged.c.email_key)
        .join(verdict, verdict.c.n == staged.c.n)
        .outerjoin(contact, contact.c.key == staged.c.key)
        .where(verdict.c.fault.is_(None), contact.c.email_key.is_distinct_from(staged.c.email_key))
        .order_by(staged.c.n)
    )
    for page in _pages(connection.execute(query).all()):
        by_key = forgotten.known(connection, Mark.CONTACT, {key for _, key, _ in page})
        by_address = forgotten.known(connection, Mark.ADDRESS, {address for _, _, address in page})
        for n, key, address in page:
            erased = by_address.get(address, by_key.get(key))
            if erased is not None:
                _set_aside(connection, staging, [n], erased)


def _references(connection: Connection, table: CanonicalTable, staging: Staging, mark: Mark) -> None:
    """Rows that name a contact, a cart or an order that we do not have, because its person was forgotten."""
    verdict = staging.verdict
    query = select(verdict.c.other).where(verdict.c.fault == mark.value).distinct()
    for page in _pages(list(connection.scalars(query))):
        for value, erased in forgotten.known(connection, mark, page).items():
            theirs = select(verdict.c.n).where(verdict.c.fault == mark.value, verdict.c.other == value)
            if table.name == "orders":
                _leave_to_company(connection, staging, theirs.where(verdict.c.account.is_not(None)))
            numbers = list(connection.scalars(theirs))
            if table.name in PASSED_ON:
                keys = _keys(connection, staging, numbers)
                forgotten.add(connection, erased.id, {PASSED_ON[table.name]: keys})
            _set_aside(connection, staging, numbers, erased)


def _leave_to_company(connection: Connection, staging: Staging, theirs: Select[tuple[int]]) -> None:
    """The company's order, without what the person may have written into it."""
    numbers = list(connection.scalars(theirs))
    staged, verdict = staging.staged, staging.verdict
    private: dict[str, Any] = {name: value for name, value in (("coupon", None), ("extra", {})) if name in staged.c}
    for page in _pages(numbers):
        connection.execute(update(verdict).where(verdict.c.n.in_(page)).values(fault=None, other=None))
        if private:
            connection.execute(update(staged).where(staged.c.n.in_(page)).values(private))


def _keys(connection: Connection, staging: Staging, numbers: list[int]) -> list[str]:
    staged = staging.staged
    return [
        key for page in _pages(numbers) for key in connection.scalars(select(staged.c.key).where(staged.c.n.in_(page)))
    ]


def _set_aside(connection: Connection, staging: Staging, numbers: list[int], erased: Erased) -> None:
    verdict = staging.verdict
    for page in _pages(numbers):
        values = {"fault": FORGOTTEN, "other": f"{from_epoch(erased.at):%Y-%m-%d}"}
        connection.execute(update(verdict).where(verdict.c.n.in_(page)).values(values))


def _pages(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]
