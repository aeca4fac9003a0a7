"""Books that are older than what went out: after a database was restored from a backup, or lost.

Before anything is begun, our campaigns at the provider are listed: those made since the newest run that the books
know. One that was sent and is in no book was sent by an earlier life of ours. Its receipts are written into the books
as if they had never been lost: the run, who got it, and which entry it answered. What is decided afterwards sees them,
so nobody gets a run, or the answer to one entry, a second time; caps count them, too.

A listing is one call for a thousand campaigns. It is made when something is due or open, not in an idle cycle.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from orchestrator.campaigns.run import TITLE_PREFIX, remote_title, run_name
from orchestrator.clock import from_epoch, to_epoch
from orchestrator.errors import NotAtProvider, RetryLater
from orchestrator.store import recovery as books, runs as store
from orchestrator.store.candidates import due_entries
from orchestrator.store.seen import first_seen
from orchestrator.vocabulary import TriggerKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import CampaignDefinition
    from orchestrator.gateway import EmailGateway, Receipt, RemoteCampaign
    from orchestrator.store.database import Database

MARGIN = timedelta(days=1)
"""how far the provider's clock and ours may be apart"""
HORIZON = timedelta(days=90)
"""how far back is looked at most: where the books know no run, or none of late"""
NOT_SENT = {"save", "schedule", "paused"}

_TITLE = re.compile(re.escape(TITLE_PREFIX) + r"(?P<rest>.+)-(?P<time>\d{8}T\d{6}Z) (?P<number>\d+)")


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A mailing that went out and is in no book."""

    remote: RemoteCampaign
    campaign: str
    scheduled_for: datetime
    number: int


def recover(
    database: Database,
    gateway: EmailGateway,
    campaigns: Mapping[str, CampaignDefinition],
    *,
    now: datetime,
    real_now: datetime,
    check: Callable[[], None],
) -> int:
    """Write mailings that the books have forgotten into them. Returns how many there were.

    Raises RetryLater while one of them is still being sent: until its receipts are complete, nobody can tell who got
    it, and nothing new is begun.
    """
    with database.read() as connection:
        newest = books.newest_start(connection)
        names = {*campaigns, *first_seen(connection)}
    since = max(from_epoch(newest) - MARGIN if newest is not None else real_now - HORIZON, real_now - HORIZON)
    listed = [one for one in gateway.campaigns(created_since=since) if one.status not in NOT_SENT]
    found = [one for remote in listed if (one := _ours(remote, names)) is not None]
    with database.read() as connection:
        found = [one for one in found if not books.is_known(connection, one.remote.id)]
    for one in sorted(found, key=lambda one: (one.scheduled_for, one.number)):
        receipts = _receipts(gateway, one)
        check()
        with database.write() as connection:
            _write(connection, one, campaigns.get(one.campaign), receipts, now)
    return len(found)


def _ours(remote: RemoteCampaign, names: set[str]) -> Forgotten | None:
    """What the title says; a long one has lost letters of the campaign's name, so the known names are tried."""
    match = _TITLE.fullmatch(remote.title)
    if match is None:
        return None
    moment = datetime.strptime(match["time"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    number = int(match["number"])
    for name in (match["rest"], *sorted(names)):
        if remote_title(run_name(name, moment), number) == remote.title:
            return Forgotten(remote, name, moment, number)
    return None


def _receipts(gateway: EmailGateway, one: Forgotten) -> list[Receipt]:
    try:
        receipts = list(gateway.receipts(one.remote.id)) if one.remote.status != "sending" else []
    except NotAtProvider:
        receipts = []  # a report appears some time after the send
    if one.remote.status == "sending" or len(receipts) < max(one.remote.emails_sent, 1):
        raise RetryLater(
            f'Mailchimp holds a mailing that the database does not know, "{one.remote.title}", as after a restore. '
            "Who got it is not complete there yet. Nothing new is begun until it is; the next cycle looks again."
        )
    return receipts


def _write(
    connection: Connection,
    one: Forgotten,
    campaign: CampaignDefinition | None,
    receipts: list[Receipt],
    now: datetime,
) -> None:
    sent_at = one.remote.send_time
    if sent_at is None or not one.scheduled_for <= sent_at <= now:
        # `--now`: the provider's clock tells another time than ours
        sent_at = one.scheduled_for
    entries: dict[int, int] = {}
    if campaign is not None and campaign.trigger.on == TriggerKind.ENTER:
        segment = store.segment_row(connection, campaign.segment)
        if segment is not None:
            existing = campaign.trigger.existing
            unanswered = due_entries(campaign.name, segment, since=0, until=to_epoch(now), existing=existing)
            entries = unanswered.entries(connection)
    books.record_mailing(
        connection,
        books.SentMailing(
            run=run_name(one.campaign, one.scheduled_for),
            campaign=one.campaign,
            trigger=(campaign.trigger.on if campaign is not None else TriggerKind.MANUAL).value,
            scheduled_for=to_epoch(one.scheduled_for),
            number=one.number,
            remote_campaign=one.remote.id,
            sent_at=to_epoch(sent_at),
            asked_at=to_epoch(one.remote.send_time or now),
        ),
        {receipt.email.lower(): receipt.bounce.value if receipt.bounce else None for receipt in receipts},
        entries,
    )
