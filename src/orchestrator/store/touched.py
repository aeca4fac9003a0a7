"""The queue of contacts whose facts changed: written in the transaction that changes them, read by the next recompute.

Facts are named by their table. What is queued for a fact that no segment asks about costs nothing.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import column, insert, select, table, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.engine import Connection

# by name: the table classes take longer to load than a small recompute
_touched = table("touched", column("fact"), column("contact"), column("account"))


def touch_contacts(connection: Connection, fact: str, contacts: Iterable[int]) -> None:
    """These contacts have new facts."""
    rows = [{"fact": fact, "contact": contact} for contact in sorted(set(contacts))]
    if rows:
        connection.execute(insert(_touched), rows)


def touch_selected(connection: Connection, fact: str, contacts: Select[tuple[int]]) -> None:
    """The contacts that a query gives have new facts; nulls are left out."""
    _touch_column(connection, fact, "contact", contacts)


def touch_accounts(connection: Connection, fact: str, accounts: Select[tuple[int]]) -> None:
    """Every contact of the accounts that a query gives has; which they are is looked up by the recompute."""
    _touch_column(connection, fact, "account", accounts)


def touch_everybody(connection: Connection, fact: str) -> None:
    """So much changed that the next recompute is a full one, if it asks about the fact at all."""
    connection.execute(insert(_touched).values(fact=fact))


def forget_touched(connection: Connection) -> None:
    """Empty the queue, before everybody is looked at. What another transaction commits meanwhile stays queued."""
    connection.execute(text("DELETE FROM touched"))


@contextmanager
def taken(connection: Connection) -> Iterator[str]:
    """The name of a table with the queue's rows (``fact``, ``contact``, ``account``); after the block they are gone.

    Only rows that this reads are removed: what another transaction commits meanwhile stays for the next recompute, in
    whatever order PostgreSQL commits. SQLite has one writer, and it is us.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("DROP TABLE IF EXISTS taken"))
        connection.execute(text("CREATE TEMPORARY TABLE taken (fact TEXT, contact BIGINT, account BIGINT)"))
        moved = "WITH gone AS (DELETE FROM touched RETURNING fact, contact, account)"
        connection.execute(text(f"{moved} INSERT INTO taken SELECT fact, contact, account FROM gone"))
        yield "taken"
        connection.execute(text("DROP TABLE taken"))
    else:
        yield "touched"
        forget_touched(connection)


def _touch_column(connection: Connection, fact: str, column: str, chosen: Select[tuple[int]]) -> None:
    (value,) = chosen.selected_columns
    found: ColumnElement[int] = value
    wanted = chosen.where(found.is_not(None)).distinct().subquery()
    connection.execute(
        insert(_touched).from_select(["fact", column], select(text(f"'{fact}'"), wanted), include_defaults=False)
    )
