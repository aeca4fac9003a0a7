"""`campaigns test-send`: the mail of one contact arrives, written out; nothing stays behind, nobody else gets it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.scenarios.world import AUDIENCE, MONDAY, World

from orchestrator import test_mail
from orchestrator.test_mail import test_title as title_of

if TYPE_CHECKING:
    from orchestrator.sandbox.server import Sandbox

BODY = '<p>Hello {{ contact.first_name }}!</p><a href="https://shop.example/{{ contact.contact_id }}">Look</a>'
TO = ("test-send", "offer", "--to", "boss@shop.example")


@pytest.fixture
def shop(world: World) -> World:
    world.segment("named", "first_name is not null")
    world.segment("nobody", "first_name = 'Zoe'")
    world.template("offer", BODY)
    world.campaign("offer", "named", "offer", "For {{ contact.first_name }}", preheader="Only for you")
    world.campaign("empty", "nobody", "offer", "For {{ contact.first_name }}")
    world.contact("c0", consent="opted_out")
    world.contact("c1", first_name="Ada & Eve")
    world.contact("c2", first_name="Bo")
    world.load(MONDAY)
    world.ok("sync", now=MONDAY)
    return world


def at_mailchimp(sandbox: Sandbox) -> tuple[list[str], list[str]]:
    """Titles of all campaigns, names of static segments that are no tag of a segment."""
    with sandbox.opened(writes=False) as (account, _):
        segments = [one.name for one in account.audiences[AUDIENCE].segments.values()]
        titles = [str(one.settings["title"]) for one in account.campaigns.values()]
    return titles, [name for name in segments if name not in {"named", "nobody"}]


def test_the_mail_of_the_named_contact_arrives_as_previewed(shop: World, sandbox: Sandbox) -> None:
    preview = shop.ok("preview", "offer", "--contact", "c1", "--json", now=MONDAY).json
    answer = shop.ok(*TO, "--to", "it@shop.example", "--contact", "c1", "--json", now=MONDAY).json
    mails = sandbox.deliveries()
    assert [(mail.email, mail.test) for mail in mails] == [("boss@shop.example", True), ("it@shop.example", True)]
    for mail in mails:
        assert mail.subject == preview["subject"] == "For Ada & Eve"
        assert mail.html == preview["html"]
        assert "Hello Ada & Eve!" in mail.html
        assert "CO_" not in mail.html
    assert answer == {
        "campaign": "offer",
        "contact_id": "c1",
        "subject": "For Ada & Eve",
        "language": "en",
        "to": ["boss@shop.example", "it@shop.example"],
    }
    assert at_mailchimp(sandbox) == ([], [])


def test_without_a_contact_it_is_the_first_member_of_the_segment(shop: World, sandbox: Sandbox) -> None:
    said = shop.ok(*TO, now=MONDAY).out
    assert said == "Sent as a test to boss@shop.example: what c1 would get, “For Ada & Eve”.\n"
    assert [mail.subject for mail in sandbox.deliveries()] == ["For Ada & Eve"]


def test_a_segment_without_members_asks_for_a_contact(shop: World, sandbox: Sandbox) -> None:
    result = shop.command("test-send", "empty", "--to", "boss@shop.example", now=MONDAY)
    assert (result.code, "--contact ID" in result.err) == (2, True)
    shop.ok("test-send", "empty", "--to", "boss@shop.example", "--contact", "C2@shop.example", now=MONDAY)
    assert [mail.subject for mail in sandbox.deliveries()] == ["For Bo"]


@pytest.mark.parametrize("address", ["boss", "boss@", "boss@shop..example", "a@b.example,c@d.example", ""])
def test_what_is_no_address_is_a_wrong_call_and_asks_mailchimp_nothing(
    shop: World, sandbox: Sandbox, address: str
) -> None:
    sandbox.forget_requests()
    result = shop.command("test-send", "offer", "--to", "boss@shop.example", "--to", address, now=MONDAY)
    assert (result.code, sandbox.requests) == (2, [])
    assert "is not an e-mail address" in result.err


def test_the_draft_reaches_nobody_even_if_somebody_sent_it(
    shop: World, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_mail._Made, "remove", lambda _made, _gateway: None)
    shop.ok(*TO, now=MONDAY)
    with sandbox.opened(writes=False) as (account, _):
        (draft,) = account.campaigns.values()
        segment = account.audiences[AUDIENCE].static_segment(title_of("offer", AUDIENCE))
    assert segment is not None
    assert segment.members == {}
    assert (draft.status, draft.settings["title"]) == ("save", title_of("offer", AUDIENCE))
    assert draft.segment_opts is not None
    assert draft.segment_opts["saved_segment_id"] == segment.id


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/lists/*/segments"),
        ("POST", "/campaigns"),
        ("GET", "/campaigns/*"),
        ("PUT", "/campaigns/*/content"),
        ("POST", "/campaigns/*/actions/test"),
        ("DELETE", "/campaigns/*"),
        ("DELETE", "/lists/*/segments/*"),
    ],
)
@pytest.mark.parametrize("kind", ["500", "cut-before", "cut-after"])
def test_whatever_fails_nothing_is_left_behind_for_long(
    shop: World, sandbox: Sandbox, method: str, path: str, kind: str
) -> None:
    sandbox.fail_next(method, path, kind, times=20)
    first = shop.command(*TO, now=MONDAY)
    sandbox.calm()
    if method == "DELETE":
        # the test itself went out
        assert (first.code, len(sandbox.deliveries())) == (0, 1)
    else:
        assert first.code == 1
        assert first.err
        assert at_mailchimp(sandbox) == ([], [])
    shop.ok(*TO, now=MONDAY + timedelta(minutes=1))
    assert at_mailchimp(sandbox) == ([], [])
    assert all(mail.test for mail in sandbox.deliveries())


def test_a_draft_that_would_reach_somebody_is_deleted_and_not_tested(
    shop: World, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestrator.mailchimp.gateway import MailchimpGateway  # noqa: PLC0415 -- patched here alone

    members = ["c1@shop.example"]
    create = MailchimpGateway.create_segment
    monkeypatch.setattr(MailchimpGateway, "create_segment", lambda gateway, name: create(gateway, name, members))
    result = shop.command(*TO, now=MONDAY)
    assert result.code == 1
    assert "1 people instead of nobody" in result.err
    assert sandbox.deliveries() == []
    assert at_mailchimp(sandbox) == ([], [])


def test_titles_fit_and_belong_to_one_campaign() -> None:
    names = [
        "offer",
        "offer2",
        "a-very-long-name-of-a-campaign-for-the-spring-sale",
        "a-very-long-name-of-a-campaign-for",
    ]
    titles = [title_of(name, AUDIENCE) for name in names]
    assert len(set(titles)) == len(names)
    assert max(len(title) for title in titles) <= 50
    assert title_of("offer", "another") != titles[0]
