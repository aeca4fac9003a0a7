"""Why somebody got a mail or did not: at once, and long after everything else has changed."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.scenarios.world import MONDAY

if TYPE_CHECKING:
    from datetime import datetime

    from tests.scenarios.world import World

    from orchestrator.sandbox.server import Sandbox

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATER = MONDAY + 250 * DAY
OFFER = 'on = "enter"\nexisting = true\nagain_after = "30 days"'


@pytest.fixture
def shop(world: World) -> World:
    """Ada spends a lot, Bo little, Cy is excluded, Di opted out."""
    world.segment("big", "in_segment('european') and revenue_this_year > 50000 and x_points >= 2.5")
    world.segment("european", "region = 'Europe'")
    world.segment("tired", "first_name = 'Cy' or days_since_login > 300")
    world.template("offer", '<p>Hello {{ contact.first_name }}</p><a href="https://shop.example/">Shop</a>')
    world.campaign("offer", "big", "offer", "An offer for {{ contact.first_name }}", OFFER, exclude=["tired"])
    for contact, name, total in (("a", "Ada", "61250.40"), ("b", "Bo", "10.00"), ("c", "Cy", "99000.00")):
        world.contact(contact, first_name=name, x="1", points="2.50")
        world.order(f"o-{contact}", contact, MONDAY - DAY, total)
    world.contact("d", first_name="Di", consent="opted_out", points="3")
    world.order("o-d", "d", MONDAY - DAY, "70000")
    world.load(MONDAY)
    return world


def why(world: World, contact: str, now: datetime, campaign: str = "offer") -> Any:
    return world.ok("why", campaign, contact, "--json", now=now).json


def told(world: World, contact: str, now: datetime, campaign: str = "offer") -> str:
    """The text, without what is another one each time."""
    text = world.ok("why", campaign, contact, now=now).out
    return re.sub(r"\b[0-9a-f]{10,12}\b", "FINGERPRINT", text)


ADA = """\
a and offer: sent
  Sent at 2026-03-02 10:00 as Mailchimp campaign FINGERPRINT.
  It went to a@shop.example, the address then; today it is ada@elsewhere.example.
  Entered "big" at 2026-03-02 10:00.
  The contact opened it at 2026-03-02 10:00.
  The contact clicked in it at 2026-03-02 10:00.
  Run offer-20260302T090000Z (sent), decided at 2026-03-02 10:00.

Values then (2026-03-02 10:00): revenue_this_year = 61,250.40, x_points = 2.5, region = Europe, \
first_name = Ada, days_since_login = unknown

big: met
result  clause                     value then  from
true    in_segment('european')     a member
true        region = 'Europe'      Europe      contacts.country, accounts.country
true    revenue_this_year > 50000  61,250.40   orders.placed_at, orders.status, orders.total
true    x_points >= 2.5            2.5         contacts.points

Texts used, by fingerprint: campaigns/offer.toml FINGERPRINT, templates/offer FINGERPRINT, \
segments/big.toml FINGERPRINT, segments/european.toml FINGERPRINT, segments/tired.toml FINGERPRINT
"""
CY = """\
c and offer: excluded
  Member of the excluded segment "tired".
  Entered "big" at 2026-03-02 10:00.
  Run offer-20260302T090000Z (sent), decided at 2026-03-02 10:00.

Values then (2026-03-02 10:00): revenue_this_year = 99,000.00, x_points = 2.5, region = Europe, \
first_name = Cy, days_since_login = unknown

big: met
result  clause                     value then  from
true    in_segment('european')     a member
true        region = 'Europe'      Europe      contacts.country, accounts.country
true    revenue_this_year > 50000  99,000.00   orders.placed_at, orders.status, orders.total
true    x_points >= 2.5            2.5         contacts.points

tired, which is excluded: met
result                clause                      value then  from
true                  first_name = 'Cy' or days_since_login > 300
true                      first_name = 'Cy'       Cy          contacts.first_name
unknown, so not true      days_since_login > 300  unknown     events.kind, events.at

Texts used, by fingerprint: campaigns/offer.toml FINGERPRINT, segments/big.toml FINGERPRINT, \
segments/european.toml FINGERPRINT, segments/tired.toml FINGERPRINT
"""
BO = """\
b and offer: not considered by any run
  The only run of "offer" did not consider this contact; it was offer-20260302T090000Z, 2026-03-02 10:00 (sent).
  It was not in "big" when that run was made (2026-03-02 10:00).
  Not in "big" by the last recompute (2026-03-02 10:00).

Today's values (2026-03-02 10:00): revenue_this_year = 10.00, x_points = 2.5, region = Europe, \
first_name = Bo, days_since_login = unknown

big: not met
result  clause                     value today  from
true    in_segment('european')     a member
true        region = 'Europe'      Europe       contacts.country, accounts.country
false   revenue_this_year > 50000  10.00        orders.placed_at, orders.status, orders.total
true    x_points >= 2.5            2.5          contacts.points
"""


def test_the_answer_stays_the_same_whatever_changes_later(shop: World) -> None:
    shop.cycle(MONDAY)
    before = why(shop, "a", MONDAY), why(shop, "c", MONDAY), why(shop, "d", MONDAY)
    shop.contact("a", email="ada@elsewhere.example", first_name="Augusta", country="US", points="many")
    shop.contact("c", first_name="Cyd")
    shop.order("o-a", "a", MONDAY - DAY, "1.00")
    shop.contact("d", consent="opted_in")
    shop.load(MONDAY + HOUR)
    shop.segment("european", "region = 'Asia'")
    (shop.root / "segments" / "big.toml").unlink()
    (shop.root / "segments" / "tired.toml").unlink()
    (shop.root / "campaigns" / "offer.toml").unlink()
    (shop.root / "templates" / "offer.html").unlink()
    shop.command("segments", "--force", now=LATER)
    after = why(shop, "a", LATER), why(shop, "c", LATER), why(shop, "d", LATER)
    assert [one["decision"] for one in after] == ["sent", "excluded", "no_consent"]
    for then, now in zip(before, after, strict=True):
        then["reasons"] = now["reasons"] = None  # the address of today is told
        assert now == then
    assert why(shop, "a@shop.example", LATER)["contact_id"] == "a"
    assert told(shop, "c", LATER) == CY


def test_the_text_reads_as_it_did_months_ago(shop: World, sandbox: Sandbox) -> None:
    shop.cycle(MONDAY)
    assert told(shop, "b", MONDAY) == BO
    (mail,) = shop.mails("offer")
    sandbox.open_mail(mail.id)
    sandbox.click(mail.id, "https://shop.example/")
    shop.cycle(MONDAY + HOUR)
    shop.contact("a", email="ada@elsewhere.example")
    shop.load(LATER)
    (shop.root / "campaigns" / "offer.toml").unlink()
    text = told(shop, "a", LATER)
    # what people did has the time of the provider, which is the real one
    assert re.sub(r"(The contact .* at )[-0-9]{10} [0-9:]{5}", r"\g<1>2026-03-02 10:00", text) == ADA


def test_every_value_is_there_with_where_it_came_from(shop: World) -> None:
    shop.cycle(MONDAY)
    found = why(shop, "a", MONDAY)
    assert (found["decision"], found["considered"], found["run"]) == ("sent", True, "offer-20260302T090000Z")
    assert found["at"] == found["sent_at"] == found["decided_at"] == found["values_at"] == MONDAY.isoformat()
    assert (found["email"], found["subject"]) == ("a@shop.example", "An offer for Ada")
    assert found["values"] == {
        "revenue_this_year": 61250.40,
        "x_points": 2.5,
        "region": "Europe",
        "first_name": "Ada",
        "days_since_login": None,
    }
    assert found["sources"]["revenue_this_year"] == "orders.placed_at, orders.status, orders.total"
    assert found["clauses"][0] == {
        "clause": "in_segment('european')",
        "value": True,
        "result": True,
        "clauses": [
            {
                "clause": "region = 'Europe'",
                "value": "Europe",
                "result": True,
                "from": "contacts.country, accounts.country",
            }
        ],
    }
    assert [(one["segment"], one["member"]) for one in found["excluded"]] == [("tired", False)]
    assert [one["decision"] for one in found["history"]] == ["sent"]


def test_a_withheld_mail_names_the_earlier_one_that_is_the_cause(shop: World) -> None:
    shop.configure('[limits]\nper_contact = "1 in 7 days"')
    shop.cycle(MONDAY)
    shop.ok("send", "offer", "--yes", now=MONDAY + DAY)
    again = why(shop, "a", MONDAY + DAY)
    assert again["decision"] == "recently_mailed"
    cause = {"campaign": "offer", "run": "offer-20260302T090000Z", "decision": "sent", "at": MONDAY.isoformat()}
    assert again["caused_by"] == [cause]
    assert [one["decision"] for one in again["history"]] == ["recently_mailed", "sent"]
    shop.campaign("other", "big", "offer", "Other")
    shop.ok("send", "other", "--yes", now=MONDAY + DAY + HOUR)
    # the limit is another one today
    shop.configure("")
    capped = why(shop, "a", LATER, "other")
    assert (capped["decision"], capped["caused_by"]) == ("capped", [cause])
    assert "The earlier mail: offer, sent at 2026-03-02 10:00 (run offer-20260302T090000Z)." in capped["reasons"]


def test_a_moment_of_the_past_knows_no_later_run(shop: World) -> None:
    shop.cycle(MONDAY)
    shop.ok("send", "offer", "--yes", now=MONDAY + DAY)
    result = shop.ok("why", "offer", "a", "--json", now=MONDAY + HOUR)
    assert (result.json["decision"], len(result.json["history"])) == ("sent", 1)
    assert "Not counted: 1 later decision. Leave --now out to see them." in result.err


@pytest.mark.parametrize(
    ("trigger", "more", "words"),
    [
        ('on = "manual"', {}, "It goes out by hand: campaigns send news"),
        ('on = "schedule"\ncron = "0 9 * * mon"', {}, "Its next time is 2026-03-09 09:00."),
        ('on = "enter"', {}, "so it has not entered; existing = true in [trigger] counts such members."),
        ('on = "enter"\nexisting = true\nafter = "4 hours"', {}, "It is due at 2026-03-02 14:00"),
        ('on = "enter"', {"active": False}, "It is switched off, active = false; by hand: campaigns send news"),
    ],
    ids=["manual", "schedule", "enter", "existing", "inactive"],
)
def test_what_the_trigger_waits_for_is_said_in_words(
    shop: World, trigger: str, more: dict[str, Any], words: str
) -> None:
    shop.campaign("news", "big", "offer", "News", trigger, **more)
    shop.cycle(MONDAY)
    found = why(shop, "a", MONDAY, "news")
    assert (found["decision"], found["considered"], found["run"]) == (None, False, None)
    assert any(words in reason for reason in found["reasons"]), found["reasons"]
    assert found["values"]["revenue_this_year"] == 61250.40


def test_what_a_run_now_would_say_is_marked_as_such(shop: World) -> None:
    shop.segment("all", "true")
    shop.campaign("news", "all", "offer", "News")
    found = why(shop, "d", MONDAY, "news")
    assert (found["decision"], found["considered"]) == ("no_consent", False)
    assert 'Segment "all" was never computed: campaigns segments' in found["reasons"]
    assert "A run now would say no_consent: The ERP says opted_out." in found["reasons"]


def test_somebody_who_left_before_the_wait_was_over_is_told_so(shop: World) -> None:
    shop.campaign("offer", "big", "offer", "Offer", 'on = "enter"\nafter = "4 hours"')
    shop.cycle(MONDAY)
    shop.order("o-b", "b", MONDAY - DAY, "60000")
    shop.load(MONDAY + HOUR)
    shop.cycle(MONDAY + HOUR)
    shop.order("o-b", "b", MONDAY - DAY, "10")
    shop.load(MONDAY + 2 * HOUR)
    shop.cycle(MONDAY + 2 * HOUR)
    found = why(shop, "b", LATER)
    assert found["decision"] == "left_segment"
    assert found["considered"] is False
    assert "It was in it since 2026-03-02 11:00 until 2026-03-02 12:00." in found["reasons"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("offer", "A"), "Did you mean a?"),
        (("offer", "a@shop.exampel"), "Did you mean a@shop.example?"),
        (("offer", "nobody"), "Is it imported?"),
        (("ofer", "a"), "campaigns/offer.toml"),
    ],
    ids=["case", "address", "nothing-like-it", "campaign"],
)
def test_what_does_not_exist_is_a_wrong_call_with_the_nearest_name(
    shop: World, arguments: tuple[str, str], words: str
) -> None:
    result = shop.command("why", *arguments, now=MONDAY)
    assert result.code == 2
    assert words in result.err


def test_a_mail_that_waited_tells_of_the_decision_that_sent_it(shop: World) -> None:
    """Deferred at night on one condition, sent in the morning on another one, with other texts."""
    shop.configure('[limits]\nquiet_hours = "20:00-07:00"')
    night, morning = MONDAY + 11 * HOUR, MONDAY + DAY - 3 * HOUR
    shop.cycle(night)
    deferred = why(shop, "a", night)
    assert (deferred["decision"], deferred["values"]["x_points"]) == ("deferred", 2.5)
    shop.order("o-a2", "a", MONDAY, "0.60")
    shop.load(morning)
    shop.segment("big", "revenue_this_year > 50000")
    shop.campaign("offer", "big", "offer", "Good morning, {{ contact.first_name }}", OFFER)
    shop.cycle(morning)
    sent = why(shop, "a", morning)
    assert (sent["decision"], sent["subject"]) == ("sent", "Good morning, Ada")
    assert sent["values"] == {"revenue_this_year": 61251.0}
    assert sent["values_at"] == sent["sent_at"] == morning.isoformat()
    assert [one["clause"] for one in sent["clauses"]] == ["revenue_this_year > 50000"]
    for file in ("campaigns/offer.toml", "segments/big.toml"):
        assert sent["texts"][file] != deferred["texts"][file]
