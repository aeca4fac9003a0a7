"""What interrupted work left at the provider: drafts and static segments with our titles that no mailing needs.

Only objects whose title is exactly that of a mailing in our own records are touched, and only drafts are deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.campaigns.run import TITLE_PREFIX, remote_title
from orchestrator.clock import from_epoch, real_seconds
from orchestrator.store import runs as store
from orchestrator.vocabulary import MailingState

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.gateway import EmailGateway
    from orchestrator.store.database import Database

OVER = {MailingState.SETTLED.value, MailingState.DROPPED.value}
LOOK_BACK_SECONDS = 2 * 24 * 3600
"""how long orphans of a run are looked for after it was begun or sent"""


def clean_up(database: Database, gateway: EmailGateway, *, check: Callable[[], None]) -> int:
    """Delete orphans of runs that are open, or were begun or sent in the last two days (real time). Returns how many
    were deleted.
    """
    titles: dict[str, tuple[int | None, str | None, bool]] = {}
    with database.read() as connection:
        runs = store.runs_at_work_since(connection, real_seconds() - LOOK_BACK_SECONDS)
        for run in runs:
            for mailing in store.mailings(connection, run.id or 0):
                title = remote_title(run.name, mailing.number)
                over = mailing.state in OVER
                titles[title.lower()] = (mailing.remote_segment, mailing.remote_campaign, over)
    if not titles:
        return 0
    return _segments(gateway, titles, check) + _drafts(gateway, titles, min(run.started_at for run in runs), check)


def _segments(
    gateway: EmailGateway, titles: dict[str, tuple[int | None, str | None, bool]], check: Callable[[], None]
) -> int:
    deleted = 0
    for segment in gateway.segments():
        known = titles.get(segment.name.lower())
        if known is None or not segment.name.lower().startswith(TITLE_PREFIX):
            continue
        ours, _, over = known
        if over or (ours is not None and ours != segment.id):
            check()
            gateway.delete_segment(segment.id)
            deleted += 1
    return deleted


def _drafts(
    gateway: EmailGateway,
    titles: dict[str, tuple[int | None, str | None, bool]],
    since: int,
    check: Callable[[], None],
) -> int:
    deleted = 0
    for campaign in gateway.campaigns(created_since=from_epoch(max(0, since - 24 * 3600)), status="save"):
        known = titles.get(campaign.title.lower())
        if known is None:
            continue
        _, ours, over = known
        if (ours is not None and ours != campaign.id) or (over and ours is None):
            check()
            gateway.delete_campaign(campaign.id)
            deleted += 1
    return deleted
