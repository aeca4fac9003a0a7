"""States, moves, and the titles by which a restart finds things again."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from orchestrator.campaigns.run import MAILING_MOVES, RUN_MOVES, TITLE_LENGTH, remote_title, run_name
from orchestrator.vocabulary import OPEN_RUN_STATES, MailingState, RunState

NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=120)
MOMENTS = st.integers(1_577_836_800, 3_786_912_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def test_every_state_has_its_moves() -> None:
    assert set(RUN_MOVES) == set(RunState)
    assert set(MAILING_MOVES) == set(MailingState)


@pytest.mark.parametrize("state", RunState)
def test_exactly_the_open_states_of_a_run_lead_on(state: RunState) -> None:
    assert bool(RUN_MOVES[state]) == (state in OPEN_RUN_STATES)


def test_from_every_open_state_a_run_can_end_and_be_cancelled() -> None:
    for state in OPEN_RUN_STATES:
        assert RunState.CANCELLED in RUN_MOVES[state]
        assert RUN_MOVES[state] & {RunState.SENT, RunState.NOTHING_TO_SEND}


def test_a_mailing_that_is_on_its_way_is_never_dropped_or_prepared_again() -> None:
    assert MAILING_MOVES[MailingState.SENDING] == {MailingState.SENT}
    assert MAILING_MOVES[MailingState.SENT] == {MailingState.SETTLED}


def test_what_can_still_be_stopped_can_be_dropped() -> None:
    before = set(MailingState) - {
        MailingState.SENDING, MailingState.SENT, MailingState.SETTLED, MailingState.DROPPED,
    }  # fmt: skip
    assert all(MailingState.DROPPED in MAILING_MOVES[state] for state in before)


def test_a_run_is_named_by_campaign_and_moment_in_utc() -> None:
    assert run_name("cart", datetime(2026, 3, 2, 9, tzinfo=UTC)) == "cart-20260302T090000Z"


@given(NAMES, MOMENTS, st.integers(1, 100))
def test_a_title_is_short_and_says_whose_it_is(name: str, moment: datetime, number: int) -> None:
    title = remote_title(run_name(name, moment), number)
    assert len(title) <= TITLE_LENGTH
    assert re.fullmatch(rf"co .+\d{{8}}T\d{{6}}Z {number}", title)


@given(st.sets(st.tuples(NAMES, MOMENTS, st.integers(1, 100)), max_size=30))
def test_different_mailings_have_different_titles(mailings: set[tuple[str, datetime, int]]) -> None:
    made = {(name, f"{moment:%Y%m%dT%H%M%S}", number): None for name, moment, number in mailings}
    titles = {
        remote_title(run_name(name, datetime.strptime(moment, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)), number).lower()
        for name, moment, number in made
    }
    assert len(titles) == len(made)


def test_long_names_that_begin_alike_keep_different_titles() -> None:
    moment = datetime(2026, 3, 2, 9, tzinfo=UTC)
    first, second = ("a" * 60 + ending for ending in ("-one", "-two"))
    assert remote_title(run_name(first, moment), 1) != remote_title(run_name(second, moment), 1)
