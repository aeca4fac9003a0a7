"""Who keeps an address that two contacts have: no address is stored twice, whatever order rows come in.

A contact that has an address keeps it, unless its own row gives it another one. Of rows that want one free address
the first gets it. So two contacts can swap addresses, or one take what another leaves, in one import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, cast, delete, func, insert, literal, select, update

from orchestrator.sources.canonical import TABLES

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.engine import Connection

    from orchestrator.sources.staging import Staging


def settle_addresses(connection: Connection, staging: Staging) -> None:
    """Set aside staged contacts whose address is another's; clear the way for those that change theirs."""
    contact, claim = TABLES["contacts"].target, staging.claim
    _list_claims(connection, staging)
    _set_aside(connection, staging, "address in file", _later_claims(staging))
    # whoever is refused keeps the address it had, which may have been promised to a third
    while _set_aside(connection, staging, "address taken", _claims_of_kept_addresses(staging)):
        pass
    # the unique index would refuse a swap half way through
    movers = select(claim.c.contact).where(claim.c.contact.is_not(None))
    parked = literal("moving:").concat(cast(contact.c.id, Text))
    connection.execute(update(contact).values(email_key=parked).where(contact.c.id.in_(movers)))


def _list_claims(connection: Connection, staging: Staging) -> None:
    contact, staged, verdict = TABLES["contacts"].target, staging.staged, staging.verdict
    claims = (
        select(staged.c.n, contact.c.id, staged.c.email_key)
        .join(verdict, verdict.c.n == staged.c.n)
        .outerjoin(contact, contact.c.key == staged.c.key)
        .where(verdict.c.fault.is_(None), contact.c.email_key.is_distinct_from(staged.c.email_key))
    )
    connection.execute(insert(staging.claim).from_select(["n", "contact", "email_key"], claims))


def _later_claims(staging: Staging) -> Select[Any]:
    claim, staged = staging.claim, staging.staged
    window: dict[str, Any] = {"partition_by": claim.c.email_key, "order_by": claim.c.n}
    ranked = (
        select(
            claim.c.n,
            func.first_value(staged.c.line).over(**window).label("first_line"),
            func.row_number().over(**window).label("place"),
        )
        .join(staged, staged.c.n == claim.c.n)
        .subquery()
    )
    return select(ranked.c.n, cast(ranked.c.first_line, Text).label("other")).where(ranked.c.place > 1)


def _claims_of_kept_addresses(staging: Staging) -> Select[Any]:
    contact, claim = TABLES["contacts"].target, staging.claim
    leaving = claim.alias("leaving")
    return (
        select(claim.c.n, contact.c.key.label("other"))
        .join(contact, contact.c.email_key == claim.c.email_key)
        .outerjoin(leaving, leaving.c.contact == contact.c.id)
        .where(leaving.c.n.is_(None))
    )


def _set_aside(connection: Connection, staging: Staging, fault: str, losers: Select[Any]) -> int:
    verdict, claim = staging.verdict, staging.claim
    lost = losers.subquery()
    changed = connection.execute(
        update(verdict).values(fault=fault, other=lost.c.other).where(verdict.c.n == lost.c.n)
    ).rowcount
    if changed:
        refused = select(verdict.c.n).where(verdict.c.fault == fault)
        connection.execute(delete(claim).where(claim.c.n.in_(refused)))
    return changed
