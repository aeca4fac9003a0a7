"""Personal values and static segments are written several calls at once; a lost answer is written or read again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from tests.scenarios.world import MONDAY, World

from orchestrator.mailchimp.gateway import MailchimpGateway

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.gateway import MembersAnswer, MemberWrite, SegmentAnswer

READERS = 24


@pytest.fixture
def shop(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("orchestrator.campaigns.fill.BATCH", 4)
    world.segment("all", "consent = 'opted_in'")
    world.template("t", "<p>{{ contact.first_name }}, {{ contact.first_name | upper }}</p>")
    world.campaign("news", "all", "t", "News")
    for number in range(READERS):
        world.contact(f"c{number:02}", first_name=f"Name{number:02}")
    world.load(MONDAY)
    return world


def assert_everybody_got_their_own(world: World) -> None:
    assert world.receivers("news") == sorted(f"c{number:02}" for number in range(READERS))
    for mail in world.mails("news"):
        assert f"Name{mail.email[1:3]}, NAME{mail.email[1:3]}" in mail.html


def test_calls_that_fill_a_mailing_are_under_way_together(shop: World) -> None:
    together = threading.Barrier(2, timeout=20)
    write, change = MailchimpGateway.update_members, MailchimpGateway.change_segment

    def writing(gateway: MailchimpGateway, rows: Sequence[MemberWrite]) -> MembersAnswer:
        assert len(rows) <= 4
        together.wait()
        return write(gateway, rows)

    def changing(gateway: MailchimpGateway, segment: int, *parts: Any) -> SegmentAnswer:
        together.wait()
        return change(gateway, segment, *parts)

    shop.ok("sync", now=MONDAY)
    with (
        mock.patch.object(MailchimpGateway, "update_members", writing),
        mock.patch.object(MailchimpGateway, "change_segment", changing),
    ):
        shop.ok("send", "news", "--yes", now=MONDAY)
    assert_everybody_got_their_own(shop)


@pytest.mark.parametrize("path", ["/lists/9e67587f52", "/lists/*/segments/*"])
@pytest.mark.parametrize("fault", ["cut-after", "cut-before"])
def test_lost_answers_among_calls_at_once_lose_nobody(shop: World, path: str, fault: str) -> None:
    shop.ok("sync", now=MONDAY)
    shop.sandbox.fail_next("POST", path, fault, times=8)
    shop.ok("send", "news", "--yes", now=MONDAY)
    assert_everybody_got_their_own(shop)
