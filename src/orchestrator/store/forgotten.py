"""People who asked to be forgotten: what tells that a row is theirs, when nothing of theirs is held any more.

An address, and the ids that the ERP gave them and their carts and orders, are kept as hashes (HMAC-SHA256) with a
random key of this database. A hash can be compared with what an import brings, and not be read back. Whoever has the
database can try addresses, as with every hash of something that can be guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, insert, select, update
from sqlmodel import col

from orchestrator.store.run_list import FORGOTTEN_BELOW
from orchestrator.store.tables import Forgotten, ForgottenKey, HashKey

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from sqlalchemy.engine import Connection

CHUNK = 500


class Mark(StrEnum):
    """What a hash is of; the names of the canonical columns."""

    ADDRESS = "email"
    CONTACT = "contact_id"
    CART = "cart_id"
    ORDER = "order_id"


class Erased(NamedTuple):
    """Somebody who was forgotten: the number that stands for them, and when it was."""

    id: int
    at: int


def pseudonym(forgotten: int) -> int:
    """What stands for the contact in sends."""
    return -FORGOTTEN_BELOW - forgotten


def anybody(connection: Connection) -> bool:
    """Is anybody kept out? Where nobody is, nothing needs to be looked up."""
    return connection.execute(select(col(ForgottenKey.digest)).limit(1)).first() is not None


def known(connection: Connection, mark: Mark, values: Collection[str]) -> dict[str, Erased]:
    """Of ``values``, those that forgotten people had."""
    if not values or not anybody(connection):
        return {}
    hashed = _hash(connection)
    by_digest = {hashed(mark, value): value for value in values}
    return {by_digest[digest]: erased for digest, erased in _stored(connection, list(by_digest)).items()}


def remembered(connection: Connection, name: str) -> Erased | None:
    """Who had this address or contact id and was forgotten; None: nobody."""
    if not anybody(connection):
        return None
    hashed = _hash(connection)
    digests = [hashed(Mark.CONTACT, name.strip()), hashed(Mark.ADDRESS, name.strip().lower())]
    return max(_stored(connection, digests).values(), default=None)


def remember(connection: Connection, marks: Mapping[Mark, Iterable[str]], *, now: int) -> int:
    """One person more. Returns Forgotten.id."""
    found = connection.execute(insert(Forgotten).values(at=now)).inserted_primary_key
    assert found is not None
    add(connection, int(found[0]), marks)
    return int(found[0])


def add(connection: Connection, forgotten: int, marks: Mapping[Mark, Iterable[str]]) -> None:
    """Further hashes of a forgotten person. One that another forgotten person had stays with that one."""
    hashed = _hash(connection)
    digests = {hashed(mark, value) for mark, values in marks.items() for value in values}
    new = sorted(digests - set(_stored(connection, list(digests))))
    if new:
        connection.execute(insert(ForgottenKey), [{"digest": digest, "forgotten": forgotten} for digest in new])


def lift(connection: Connection, forgotten: int, *, now: int) -> None:
    """The person came back: nothing of theirs is kept out any more."""
    connection.execute(update(Forgotten).where(col(Forgotten.id) == forgotten).values(lifted_at=now))
    connection.execute(delete(ForgottenKey).where(col(ForgottenKey.forgotten) == forgotten))


def _stored(connection: Connection, digests: list[str]) -> dict[str, Erased]:
    """Digest -> its person."""
    found: dict[str, Erased] = {}
    for start in range(0, len(digests), CHUNK):
        query = (
            select(col(ForgottenKey.digest), col(Forgotten.id), col(Forgotten.at))
            .join(Forgotten, col(Forgotten.id) == col(ForgottenKey.forgotten))
            .where(col(ForgottenKey.digest).in_(digests[start : start + CHUNK]))
        )
        found |= {row[0]: Erased(row[1] or 0, row[2]) for row in connection.execute(query)}
    return found


def _hash(connection: Connection) -> Callable[[Mark, str], str]:
    """The hash of this database. Its key is made with the first that is stored."""
    written = connection.scalar(select(col(HashKey.key)).order_by(col(HashKey.id)).limit(1))
    if written is None:
        written = secrets.token_hex(32)
        connection.execute(insert(HashKey).values(key=written))
    key = bytes.fromhex(written)

    def hashed(mark: Mark, value: str) -> str:
        return hmac.new(key, f"{mark.value}\0{value}".encode(), hashlib.sha256).hexdigest()

    return hashed
