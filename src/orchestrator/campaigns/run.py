"""The states of a run and of its mailings, and the moves that are allowed between them. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from orchestrator.vocabulary import Decision, MailingState, RunState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

RUN_MOVES: dict[RunState, frozenset[RunState]] = {
    RunState.PLANNED: frozenset(
        {RunState.WAITING_APPROVAL, RunState.PREPARING, RunState.NOTHING_TO_SEND, RunState.CANCELLED, RunState.FAILED}
    ),
    RunState.WAITING_APPROVAL: frozenset({RunState.PLANNED, RunState.CANCELLED, RunState.NOTHING_TO_SEND}),
    RunState.PREPARING: frozenset(
        {RunState.SENDING, RunState.SENT, RunState.NOTHING_TO_SEND, RunState.CANCELLED, RunState.FAILED}
    ),
    RunState.SENDING: frozenset({RunState.PREPARING, RunState.SENT, RunState.NOTHING_TO_SEND, RunState.CANCELLED}),
    RunState.SENT: frozenset(),
    RunState.NOTHING_TO_SEND: frozenset(),
    RunState.CANCELLED: frozenset(),
    RunState.FAILED: frozenset(),
}
"""SENDING goes back to PREPARING when deferred contacts become due, and ends as NOTHING_TO_SEND when the provider
withheld every mail that it was asked to send"""

MAILING_MOVES: dict[MailingState, frozenset[MailingState]] = {
    MailingState.COMPILED: frozenset({MailingState.FILLING, MailingState.SEGMENT_WANTED, MailingState.DROPPED}),
    MailingState.FILLING: frozenset({MailingState.SEGMENT_WANTED, MailingState.DROPPED}),
    MailingState.SEGMENT_WANTED: frozenset({MailingState.SEGMENT_FILLING, MailingState.DROPPED}),
    MailingState.SEGMENT_FILLING: frozenset(
        {MailingState.SEGMENT_WANTED, MailingState.CAMPAIGN_WANTED, MailingState.DROPPED}
    ),
    MailingState.CAMPAIGN_WANTED: frozenset(
        {MailingState.SEGMENT_FILLING, MailingState.CAMPAIGN_MADE, MailingState.SENDING, MailingState.DROPPED}
    ),
    MailingState.CAMPAIGN_MADE: frozenset(
        {MailingState.SEGMENT_FILLING, MailingState.CAMPAIGN_WANTED, MailingState.SEND_WANTED, MailingState.SENDING}
        | {MailingState.DROPPED}
    ),
    MailingState.SEND_WANTED: frozenset(
        {MailingState.CAMPAIGN_WANTED, MailingState.CAMPAIGN_MADE, MailingState.SENDING, MailingState.DROPPED}
    ),
    MailingState.SENDING: frozenset({MailingState.SENT}),
    MailingState.SENT: frozenset({MailingState.SETTLED}),
    MailingState.SETTLED: frozenset(),
    MailingState.DROPPED: frozenset(),
}

TITLE_PREFIX = "co "
TITLE_LENGTH = 50
"""longest static segment name seen to work; the campaign's title is the same"""


def run_name(campaign: str, scheduled_for: datetime) -> str:
    """What people type to name a run."""
    return f"{campaign}-{scheduled_for:%Y%m%dT%H%M%SZ}"


def remote_title(run: str, number: int) -> str:
    """The deterministic title of a mailing's static segment and campaign: how a restart finds them again."""
    title = f"{TITLE_PREFIX}{run} {number}"
    if len(title) <= TITLE_LENGTH:
        return title
    digest = hashlib.sha256(run.encode()).hexdigest()[:8]
    tail = f"~{digest}{run[-17:]} {number}"
    return f"{TITLE_PREFIX}{run}"[: TITLE_LENGTH - len(tail)] + tail


def recipients_of(decisions: Mapping[str, int]) -> int:
    """How many get a mail, now or at their next open moment, by the counts of a run's decisions."""
    mailed = (Decision.SENT, Decision.PLANNED, Decision.DEFERRED)
    return sum(decisions.get(decision.value, 0) for decision in mailed)
