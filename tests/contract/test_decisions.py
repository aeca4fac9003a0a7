"""Sections 5 and 9: who is mailed, in which order reasons are looked for, and what the triggers mean."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.scenarios.world import MONDAY

if TYPE_CHECKING:
    from tests.contract.conftest import Wall
    from tests.scenarios.world import World

    from orchestrator.sandbox.server import Sandbox

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def decision(shop: World, contact: str = "c1") -> str:
    """What a run of the newsletter, not carried out, decides."""
    answer = shop.command("why", "news", contact, "--json", now=MONDAY)
    assert answer.code == 0, answer.err
    return str(answer.json["decision"])


def test_the_first_reason_wins_in_the_order_of_the_contract(shop: World, mailchimp: Sandbox) -> None:
    """Everything speaks against c1; one reason after the other is taken away."""
    shop.configure('[limits]\nper_contact = "1 in 7 days"')
    shop.campaign("other", "everybody", "plain")
    shop.ok("send", "other", "--yes", now=MONDAY)
    shop.segment("unwanted", "first_name = 'Ada'")
    shop.segment("everybody", "first_name = 'Bo'")
    shop.campaign("news", "everybody", "plain", holdout=0.999999, exclude=["unwanted"])
    mailchimp.unsubscribe("c1@shop.example")
    shop.contact("c1", consent="unknown")
    shop.load(MONDAY)
    shop.ok("sync", now=MONDAY)
    found = [decision(shop)]
    shop.contact("c1", consent="opted_in")
    shop.load(MONDAY)
    shop.ok("sync", now=MONDAY)
    found.append(decision(shop))
    shop.contact("c2", consent="opted_in")
    mailchimp.clean("c2@shop.example")
    shop.ok("sync", now=MONDAY)
    found.append(decision(shop, "c2"))
    shop.segment("unwanted", "email_domain = 'shop.example'")
    shop.ok("sync", now=MONDAY)
    found.append(decision(shop, "c4"))
    shop.segment("unwanted", "false")
    shop.ok("sync", now=MONDAY)
    found.append(decision(shop, "c4"))
    shop.campaign("news", "everybody", "plain")
    found.append(decision(shop, "c4"))
    shop.segment("everybody", "true")
    shop.ok("sync", now=MONDAY)
    found.append(decision(shop, "c4"))
    assert found == ["no_consent", "suppressed", "undeliverable", "excluded", "held_out", "left_segment", "capped"]


def test_again_after_comes_before_the_cap(shop: World) -> None:
    shop.configure('[limits]\nper_contact = "1 in 7 days"')
    trigger = 'on = "enter"\nexisting = true\nagain_after = "7 days"'
    shop.campaign("reminder", "carts", "cart", trigger=trigger)
    shop.cycle(MONDAY)
    assert shop.receivers() == ["c1"]
    soon = MONDAY + HOUR
    answer = shop.ok("send", "reminder", "--yes", "--json", now=soon).json
    assert answer["decisions"] == {"no_consent": 1, "recently_mailed": 1}
    assert answer["state"] == "nothing_to_send"


def test_who_is_refused_by_mailchimp_is_not_mailed_and_the_run_settles(shop: World, mailchimp: Sandbox) -> None:
    mailchimp.refuse_address("di@shop.example", "invalid")
    answer = shop.ok("send", "news", "--yes", "--json", now=MONDAY).json
    assert answer["state"] == "sent"
    assert answer["decisions"] == {"no_consent": 1, "undeliverable": 1, "sent": 2}
    assert shop.receivers() == ["c1", "c2"]


def test_nobody_to_mail_is_a_state_of_its_own(shop: World) -> None:
    shop.segment("everybody", "consent = 'opted_out'")
    answer = shop.ok("send", "news", "--yes", "--json", now=MONDAY).json
    assert (answer["state"], answer["recipients"], answer["mailings"]) == ("nothing_to_send", 0, [])


@pytest.mark.parametrize(("existing", "expected"), [("", []), ("\nexisting = true", ["c1"])])
def test_members_of_the_first_computation_have_not_entered(shop: World, existing: str, expected: list[str]) -> None:
    shop.campaign("reminder", "carts", "cart", trigger='on = "enter"' + existing)
    shop.cycle(MONDAY)
    assert shop.receivers() == expected


def test_a_contact_is_mailed_after_the_wait_if_it_is_still_in(shop: World) -> None:
    shop.campaign("reminder", "carts", "cart", trigger='on = "enter"\nafter = "4 hours"\nagain_after = "7 days"')
    shop.cycle(MONDAY)
    for contact in ("c2", "c4"):
        shop.cart(contact, MONDAY + HOUR, [("p1", 1, "10.00")])
    shop.load(MONDAY + HOUR, "carts", "cart_lines")
    shop.cycle(MONDAY + HOUR)
    shop.cycle(MONDAY + 5 * HOUR - timedelta(seconds=1))
    assert shop.receivers() == []
    shop.put("carts", cart_id="cart-c4", contact_id="c4", status="emptied")
    shop.load(MONDAY + 2 * HOUR, "carts")
    shop.cycle(MONDAY + 5 * HOUR)
    assert shop.receivers() == ["c2"]
    # leaves and enters again: not sooner than again_after
    for status, at in (("emptied", 6 * HOUR), ("open", 7 * HOUR)):
        shop.put("carts", cart_id="cart-c2", contact_id="c2", status=status)
        shop.load(MONDAY + at, "carts")
        shop.cycle(MONDAY + at)
    shop.cycle(MONDAY + 12 * HOUR)
    assert shop.receivers() == ["c2"]


def test_a_schedule_counts_from_the_first_cycle_that_saw_it_and_fires_once(shop: World) -> None:
    shop.campaign(
        "news", "everybody", "plain", trigger='on = "schedule"\ncron = "30 9 * * *"\nmissed_after = "6 hours"'
    )
    shop.cycle(MONDAY)  # 10:00 in Stockholm: today's 9:30 is past
    assert shop.receivers("news") == []
    shop.load(MONDAY + DAY)
    for hours in (-1, 0, 1):
        shop.cycle(MONDAY + DAY + hours * HOUR)
    assert shop.receivers("news") == ["c1", "c2", "c4"]
    shop.load(MONDAY + 2 * DAY + 6 * HOUR)
    report = shop.cycle(MONDAY + 2 * DAY + 6 * HOUR)
    (run,) = [one for one in report["runs"] if one["campaign"] == "news"]
    assert run["state"] == "cancelled"
    assert "Missed" in run["reason"]
    assert shop.receivers("news") == ["c1", "c2", "c4"]


def test_an_inactive_campaign_goes_out_by_hand_only(shop: World) -> None:
    shop.campaign("reminder", "carts", "cart", trigger='on = "enter"\nexisting = true', active=False)
    shop.cycle(MONDAY)
    assert shop.mails() == []
    shop.ok("send", "reminder", "--yes", now=MONDAY)
    assert shop.receivers() == ["c1"]


def test_priority_takes_the_last_place_under_a_cap(shop: World) -> None:
    shop.configure('[limits]\nper_contact = "1 in 7 days"')
    for name, priority in (("low", 10), ("high", 90)):
        shop.campaign(name, "carts", "plain", trigger='on = "enter"\nexisting = true', priority=priority)
    shop.campaign("reminder", "carts", "cart")
    shop.cycle(MONDAY)
    assert (shop.receivers("high"), shop.receivers("low")) == (["c1"], [])


def test_the_holdout_is_by_account_and_stable(shop: World) -> None:
    for number in range(40):
        shop.account(f"h{number}")
        for person in range(2):
            shop.contact(f"h{number}-{person}", account_id=f"h{number}")
        shop.contact(f"alone{number}")
    shop.load(MONDAY)
    shop.campaign("news", "everybody", "plain", holdout=0.5)
    first = shop.ok("send", "news", "--dry-run", "--json", now=MONDAY).json
    shop.ok("send", "news", "--yes", now=MONDAY)
    decisions = shop.decisions(first["run"], MONDAY)
    held = {contact for contact, word in decisions.items() if word == "held_out"}
    for number in range(40):
        assert (f"h{number}-0" in held) is (f"h{number}-1" in held)
    assert (
        20
        <= len({contact[:-2] for contact in held if contact.startswith("h")})
        + sum(contact.startswith("alone") for contact in held)
        <= 60
    )
    assert held.isdisjoint(shop.receivers())
    later = MONDAY + DAY
    shop.load(later)
    again = shop.ok("send", "news", "--yes", "--json", now=later).json
    assert {c for c, word in shop.decisions(again["run"], later).items() if word == "held_out"} == held


def test_outside_open_hours_is_deferred_and_goes_out_at_the_next_open_moment(shop: World) -> None:
    shop.configure('[limits]\nquiet_hours = "20:00-07:00"')
    shop.contact("c2", timezone="Pacific/Auckland")  # 22:00 there
    shop.load(MONDAY)
    answer = shop.ok("send", "news", "--yes", "--json", now=MONDAY).json
    assert answer["decisions"] == {"no_consent": 1, "deferred": 1, "sent": 2}
    shop.load(MONDAY + 9 * HOUR)
    shop.cycle(MONDAY + 9 * HOUR - timedelta(seconds=1))
    assert "c2" not in shop.receivers("news")
    shop.cycle(MONDAY + 9 * HOUR)
    assert shop.receivers("news") == ["c1", "c2", "c4"]


@pytest.mark.parametrize(
    ("hours_late", "decision", "others"), [(6, "sent", True), (7, "cancelled", True), (7, "cancelled", False)]
)
def test_who_waited_for_open_hours_is_missed_like_the_schedule(
    shop: World, hours_late: int, decision: str, *, others: bool
) -> None:
    """c2 lives where it is night; nobody looks until some hours after the morning there."""
    shop.configure('[limits]\nquiet_hours = "20:00-07:00"')
    shop.campaign(
        "news", "everybody", "plain", trigger='on = "schedule"\ncron = "30 10 * * mon"\nmissed_after = "6 hours"'
    )
    shop.contact("c2", timezone="Pacific/Honolulu")
    for contact in () if others else ("c1", "c4"):
        shop.contact(contact, consent="opted_out")
    shop.load(MONDAY)
    shop.cycle(MONDAY)
    shop.cycle(MONDAY + HOUR)  # 11:00 in Stockholm, midnight in Honolulu
    morning = MONDAY + 8 * HOUR
    shop.cycle(morning + hours_late * HOUR)
    answer = shop.ok("why", "news", "c2", "--json", now=morning + hours_late * HOUR).json
    assert answer["decision"] == decision
    assert shop.receivers("news") == (["c1"] if others else []) + (["c2"] if decision == "sent" else []) + (
        ["c4"] if others else []
    )
    assert answer["state"] == ("sent" if others else "cancelled")
    if decision == "cancelled":
        assert answer["reasons"][0] == (
            "Missed: it was to go out at 2026-03-02 18:00, more than 6 hours before anybody looked."
        )
        runs = shop.ok("runs", "--json", now=morning + hours_late * HOUR).json["runs"]
        (run,) = [one for one in runs if one["campaign"] == "news"]
        assert run["reason"].startswith("Missed: 1 contact waited for open hours")


def test_a_segment_with_nobody_in_it_is_said_in_words(shop: World) -> None:
    shop.segment("nobody", "false")
    shop.campaign("quiet", "nobody", "plain")
    out = shop.ok("send", "quiet", "--yes", now=MONDAY).out
    assert 'Nobody is in "nobody", so there is nobody to send it to.' in out
    assert "campaigns segments explain nobody CONTACT" in out


def test_the_first_cycle_says_that_members_were_there_before(shop: World) -> None:
    first = shop.ok("daemon", "--once", now=MONDAY).out
    assert "3 of them for the first time: their 7 members were there before" in first
    assert "for the first time" not in shop.ok("daemon", "--once", now=MONDAY + HOUR).out


def test_what_was_read_back_is_a_field(shop: World, mailchimp: Sandbox, wall: Wall) -> None:
    for name, where in {
        "mailed": "mails_total >= 1 and mails_last_1_days >= 1 and received('news')",
        "opened": "opens_total >= 1 and days_since_open = 0",
        "clicked": "clicks_total >= 1 and days_since_click = 0 and clicked('news')",
    }.items():
        shop.segment(name, where)
    shop.template("plain", '<a href="https://shop.example/offer">{{ contact.first_name }}</a>')
    shop.ok("send", "news", "--yes", now=MONDAY)
    wall.now = MONDAY + HOUR
    mail = next(one for one in shop.mails("news") if one.email == "c1@shop.example")
    mailchimp.open_mail(mail.id)
    mailchimp.click(mail.id, "https://shop.example/offer")
    shop.cycle(MONDAY + 2 * HOUR)
    later = MONDAY + 3 * HOUR
    shop.ok("segments", now=later)
    members = {
        name: [one["contact_id"] for one in shop.ok("segments", "members", name, "--json", now=later).json["members"]]
        for name in ("mailed", "opened", "clicked")
    }
    assert members == {"mailed": ["c1", "c2", "c4"], "opened": ["c1"], "clicked": ["c1"]}
