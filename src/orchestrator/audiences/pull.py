"""Read the audience's news first: nobody is added or mailed on an old belief about their consent.

Statuses other than subscribed are the provider's word against mailing somebody; they are read at every sync and
before every send. All reading is incremental by the provider's own clock (``last_changed``), so that neither our
clock nor ``--now`` decides what is missed.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from orchestrator.clock import from_epoch, to_epoch
from orchestrator.store import audience as store
from orchestrator.vocabulary import MemberStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from orchestrator.gateway import EmailGateway, Member
    from orchestrator.store.database import Database

ORDER = (
    MemberStatus.SUBSCRIBED,
    MemberStatus.PENDING,
    MemberStatus.TRANSACTIONAL,
    MemberStatus.ARCHIVED,
    MemberStatus.CLEANED,
    MemberStatus.UNSUBSCRIBED,
)
"""reasons not to mail last: who changes status while we read is found in the stricter one"""


def pull(database: Database, gateway: EmailGateway) -> int:
    """Bring our copy of the members' statuses up to date. Returns how many members the provider reported."""
    with database.read() as connection:
        marks = store.pull_marks(connection)
    seen = 0
    for status in ORDER:
        mark = marks.get(status.value)
        newest = mark
        since = from_epoch(mark) if mark is not None else None
        for page in _pages(gateway, status, since):
            seen += len(page)
            changes = [to_epoch(member.last_changed) for member in page if member.last_changed]
            newest = max([*changes, *([] if newest is None else [newest])], default=None)
            store.record_pulled(database, status, page, None)
        # only a listing that was read to its end moves the mark
        store.record_pulled(database, status, (), newest)
    store.link_members(database)
    return seen


def _pages(gateway: EmailGateway, status: MemberStatus, since: datetime | None) -> Iterator[list[Member]]:
    members = iter(gateway.members(status, since))
    while page := list(islice(members, store.PAGE)):
        yield page
