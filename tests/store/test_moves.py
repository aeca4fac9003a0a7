"""What becomes of members whose contacts have other addresses now, where two contacts take turns at one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from orchestrator.store import moves

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.store.database import Database
    from orchestrator.store.moves import Move

AT = 1_790_000_000


@pytest.fixture(autouse=True)
def swapped(database: Database) -> None:
    """Ada's member vanished; then she and Bo swapped addresses in the ERP."""
    with database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO contact (id, key, email, email_key, consent, extra) VALUES"
                " (1, 'C1', 'bo@x.example', 'bo@x.example', 'opted_in', '{}'),"
                " (2, 'C2', 'ada@x.example', 'ada@x.example', 'opted_in', '{}')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO audience_member (email_key, contact, status, detail) VALUES"
                " ('ada@x.example', 1, 'gone', ''), ('bo@x.example', 2, 'subscribed', '')"
            )
        )


def owed(database: Database) -> dict[int, Move]:
    return {move.contact: move for move in moves.moves(database)}


def members(database: Database) -> list[tuple[str, int | None, str]]:
    with database.read() as connection:
        rows = connection.execute(text("SELECT email_key, contact, status FROM audience_member ORDER BY 1"))
        return [(row[0], row[1], row[2]) for row in rows]


def left(database: Database) -> list[tuple[int, int, str]]:
    with database.read() as connection:
        rows = connection.execute(text("SELECT contact, at, reason FROM opt_out ORDER BY 1"))
        return [(row[0], row[1], row[2]) for row in rows]


@pytest.mark.parametrize("record", [moves.record_move, moves.record_parting])
def test_that_a_member_vanished_is_remembered_when_somebody_else_gets_its_address(
    database: Database, record: Callable[[Database, Move, int], None]
) -> None:
    record(database, owed(database)[2], AT)
    assert left(database) == [(1, AT, "vanished")]
    assert ("ada@x.example", 2) in {(address, contact) for address, contact, _ in members(database)}


def test_who_vanished_takes_nothing_from_whoever_has_the_address_by_now(database: Database) -> None:
    both = owed(database)
    moves.record_move(database, both[2], AT)
    moves.record_vanished(database, both[1], AT)
    assert members(database) == [("ada@x.example", 2, "subscribed")]
    assert left(database) == [(1, AT, "vanished")]
