"""What recipients did with their mails, read back less and less often: late opens and bounces keep coming for weeks.

Reading overlaps by an hour, because reports at the provider lag; each event is stored once.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from orchestrator.clock import from_epoch
from orchestrator.errors import NotAtProvider, OutcomeUnknown, RejectedByProvider, RetryLater
from orchestrator.store import mail_events as store

if TYPE_CHECKING:
    from collections.abc import Collection

    from orchestrator.gateway import EmailGateway
    from orchestrator.store.database import Database

HOUR = 3600
DAY = 24 * HOUR
OVERLAP = HOUR
PAGE = 500

READ_AGAIN = ((2 * DAY, 0), (7 * DAY, 6 * HOUR), (30 * DAY, DAY))
"""up to this age of a mailing, it is read again after so long at the earliest; older ones are not read any more"""


def read_back(database: Database, gateway: EmailGateway, *, real_now: int, among: Collection[int] | None = None) -> int:
    """Read the events of every mailing that is due for it. Returns how many new ones there were.

    ``real_now``: seconds of real time, because the provider's reports know no other. ``among`` (ids) narrows it to some
    mailings: a cycle leaves out those that it sent itself, which have nothing to tell yet.
    """
    found = 0
    with database.read() as connection:
        mailings = store.sent_mailings(connection, real_now - READ_AGAIN[-1][0])
    for mailing, campaign, asked_at, read_at in mailings:
        if among is not None and mailing not in among:
            continue
        if not is_due(real_now - asked_at, None if read_at is None else real_now - read_at):
            continue
        since = None if read_at is None else from_epoch(read_at - OVERLAP)
        try:
            events = iter(gateway.mail_events(campaign, since))
            while page := list(islice(events, PAGE)):
                with database.write() as connection:
                    found += store.record_events(connection, mailing, page)
        except (NotAtProvider, RetryLater, OutcomeUnknown, RejectedByProvider):
            continue  # no report yet, or deleted by a person: asked again, until it is too old
        with database.write() as connection:
            store.mark_read(connection, mailing, real_now)
    return found


def is_due(age: int, since_read: int | None) -> bool:
    """``age`` of the mailing and time since its last reading (None: never), in seconds."""
    pause = next((pause for limit, pause in READ_AGAIN if age <= limit), None)
    return pause is not None and (since_read is None or since_read >= pause)
