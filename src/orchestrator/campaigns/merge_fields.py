"""The audience's merge fields as carriers of personal content: slots to lease, and fields that are synced anyway.

A slot belongs to one run until its campaigns are sent: the provider reads merge values when it delivers. A synced field
(``[mailchimp.merge_fields]``) may stand for a printed value where the provider confirmed that it holds exactly that.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import insert

from orchestrator.errors import OutcomeUnknown, RetryLater
from orchestrator.store import runs as store
from orchestrator.store.mail_values import changeable_values, confirmed_payloads, leave_mailings
from orchestrator.store.tables import SlotLease

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import Settings
    from orchestrator.gateway import EmailGateway
    from orchestrator.store.database import Database

SLOT_PREFIX = "CO_"
MOST_SLOTS = 99
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Carriers:
    """What can carry personal content now."""

    free: tuple[str, ...]
    """slots to use, in order"""
    existing: frozenset[str]
    """slots that the provider has"""
    leased: bool
    """other runs have some, which will be free again"""
    synced: Mapping[str, str]
    """tags of synced text fields -> what the provider prints where a member's value is empty"""


def carriers(database: Database, gateway: EmailGateway, settings: Settings, run: int) -> Carriers:
    """What the audience's merge fields leave for a run."""
    fields = gateway.merge_fields()
    tags = {field.tag for field in fields}
    limit = gateway.audience().merge_field_limit
    own = {tag for tag in tags if tag.startswith(SLOT_PREFIX)}
    room = max(0, limit - len(tags))
    names = [f"{SLOT_PREFIX}{number}" for number in range(1, MOST_SLOTS + 1)]
    new = [name for name in names if name not in own][:room]
    with database.read() as connection:
        taken = {tag for tag, holder in store.leased_slots(connection).items() if holder != run}
    usable = own | set(new)
    synced = {
        field.tag: field.default
        for field in fields
        if field.tag in settings.mailchimp.merge_fields and field.type == "text"
    }
    return Carriers(
        free=tuple(name for name in names if name in usable and name not in taken),
        existing=frozenset(own),
        leased=bool(taken & usable),
        synced=synced,
    )


def confirmed_values(
    connection: Connection, contacts: Sequence[int], synced: Mapping[str, str]
) -> dict[int, dict[str, str]]:
    """Contact -> tag -> the value that the provider confirmed last and prints. Fields that are not known are absent."""
    found: dict[int, dict[str, str]] = {}
    for contact, payload in confirmed_payloads(connection, contacts):
        _, values = json.loads(payload)
        # an empty value shows the field's default
        found[contact] = {tag: values[tag] for tag in synced if tag in values and (values[tag] or not synced[tag])}
    return found


def release_outdated(database: Database, run: int, settings: Settings) -> None:
    """Mails that rely on a synced field whose value changed since leave their mailing, to be written anew."""
    tags = dict.fromkeys(settings.mailchimp.merge_fields, "")
    after = 0
    while True:
        with database.read() as connection:
            page = changeable_values(connection, run, after=after, limit=_PAGE)
            known = confirmed_values(connection, [contact for contact, _ in page], tags)
        if not page:
            return
        after = page[-1][0]
        outdated = [
            contact
            for contact, values in page
            if any(known.get(contact, {}).get(tag) != value for tag, value in values.items() if tag in tags)
        ]
        if outdated:
            with database.write() as connection:
                leave_mailings(connection, run, outdated)


def make_fields(
    gateway: EmailGateway, wanted: Collection[str], existing: Collection[str], check: Callable[[], None]
) -> None:
    """The slots that the provider does not have yet."""
    for tag in sorted(set(wanted) - set(existing)):
        check()
        try:
            gateway.create_merge_field(tag, f"Campaign orchestrator {tag}")
        except OutcomeUnknown:
            if tag not in {field.tag for field in gateway.merge_fields()}:
                raise RetryLater(f"Mailchimp did not answer whether it made the merge field {tag}.") from None


def lease(connection: Connection, run: int, tags: Iterable[str]) -> None:
    """The run has these slots until they are released. Raises RetryLater where another one was faster."""
    held = store.leased_slots(connection)
    lacking = [tag for tag in sorted(tags) if held.get(tag) != run]
    if any(tag in held for tag in lacking):
        raise RetryLater("Another run began to use the same merge fields; this one goes on when they are free.")
    if lacking:
        connection.execute(insert(SlotLease), [{"tag": tag, "run": run} for tag in lacking])
