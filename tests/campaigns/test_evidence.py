"""What is kept with each decision, and what it costs to ask for it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, select
from sqlmodel import col
from tests.segments.shop import DAY, NOW as LOCAL, Shop, at, segments, settings

from orchestrator.campaigns.compile import recheck
from orchestrator.campaigns.due import by_hand
from orchestrator.campaigns.kept import values_of
from orchestrator.campaigns.start import start
from orchestrator.definitions.values import CampaignDefinition, FrequencyCap, LimitSettings, Trigger, Workspace
from orchestrator.segments.evaluate import recompute
from orchestrator.store.tables import Run, Send
from orchestrator.vocabulary import Consent, TriggerKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from orchestrator.store.database import Database

NOW = LOCAL.astimezone(UTC)
NEWS = CampaignDefinition(
    "news", "campaigns/news.toml", "core", "news", "News", Trigger(TriggerKind.MANUAL), exclude=("tired",)
)
FILES = segments(
    core="in_segment('big') and region = 'Europe'",
    big="avg_order_value_total > 30",
    tired="mails_total > 9",
    other="rfm_tier = 'gold' and x_never = 1",
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, settings(limits=LimitSettings(business_days=False)), FILES, {})


def shop(database: Database) -> None:
    """Three contacts in Europe; the orders of the first average a third, the second's are too small."""
    facts = Shop()
    for totals in ((10000, 10000, 10001), (100,), (5000,)):
        contact = facts.contact(country="SE", consent=Consent.OPTED_IN.value)
        for total in totals:
            facts.order(contact, total, at(NOW) - DAY)
    facts.write(database)


def decided(database: Database, workspace: Workspace, now: datetime = NOW, campaign: CampaignDefinition = NEWS) -> Run:
    recompute(database, workspace.settings, workspace.segments, now=now)
    with database.read() as connection:
        occurrence = by_hand(connection, campaign, now=now)
    return start(database, workspace, occurrence, now=now)


def facts_of(database: Database, run: Run) -> dict[int, Any]:
    """Contact -> what its decision rests on, the values by field."""
    conditions: Any = run.definition["conditions"]
    with database.read() as connection:
        rows = connection.execute(select(col(Send.contact), col(Send.facts)).where(col(Send.run) == run.id))
        return {
            contact: facts | {"values": values_of(conditions[facts["conditions"]], facts)} for contact, facts in rows
        }


@contextmanager
def counted(database: Database, word: str) -> Iterator[list[str]]:
    """Statements that have the word in them."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if word in statement:
            found.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield found
    event.remove(database.engine, "before_cursor_execute", note)


def test_each_decision_keeps_the_exact_values_of_the_fields_that_decide(
    database: Database, workspace: Workspace
) -> None:
    shop(database)
    run = decided(database, workspace)
    facts = facts_of(database, run)
    assert {contact: one["values"] for contact, one in facts.items()} == {
        1: {"avg_order_value_total": Fraction(30001, 300), "region": "Europe", "mails_total": 0},
        3: {"avg_order_value_total": 50, "region": "Europe", "mails_total": 0},
    }
    assert {one["at"] for one in facts.values()} == {at(NOW)}
    conditions: Any = run.definition["conditions"]
    assert conditions.keys() == {one["conditions"] for one in facts.values()}
    (kept,) = conditions.values()
    assert kept["where"] == {name: FILES[name].where for name in ("core", "big", "tired")}
    assert (kept["segment"], kept["exclude"]) == ("core", ["tired"])
    assert kept["fields"]["region"] == {
        "type": "text",
        "source": "contacts.country, accounts.country",
        "answer": {"value": "f0", "divisor": None, "decimals": 0, "real": False},
    }


def test_a_decision_taken_again_keeps_its_own_values_conditions_and_time(
    database: Database, workspace: Workspace
) -> None:
    shop(database)
    run = decided(database, workspace)
    first = facts_of(database, run)
    later = NOW + timedelta(days=2)
    edited = replace(workspace, segments={**FILES, **segments(big="avg_order_value_total > 30 and orders_total = 1")})
    recompute(database, edited.settings, edited.segments, now=later - timedelta(minutes=5))
    recheck(database, edited, NEWS, run, now=later)
    facts = facts_of(database, run)
    assert facts[1]["values"] == {**first[1]["values"], "orders_total": 3}
    assert (facts[1]["at"], facts[1]["recomputed_at"]) == (at(later), at(later) - 300)
    assert facts[1]["conditions"] != first[1]["conditions"]
    kept: Any = run.definition["conditions"]
    assert kept.keys() == {facts[1]["conditions"], first[1]["conditions"]}


def test_who_is_capped_keeps_since_when_mails_count(database: Database, workspace: Workspace) -> None:
    shop(database)
    limits = LimitSettings(per_contact=FrequencyCap(1, timedelta(days=7)), business_days=False)
    strict = replace(workspace, settings=settings(limits=limits))
    decided(database, strict, campaign=replace(NEWS, name="offer"))
    facts = facts_of(database, decided(database, strict, NOW + timedelta(hours=1)))
    assert {one["since"] for one in facts.values()} == {at(NOW) + 3600 - 7 * DAY}


def test_one_query_asks_for_all_and_scores_are_ranked_once(database: Database, workspace: Workspace) -> None:
    facts = Shop()
    for number in range(1200):
        contact = facts.contact(consent=Consent.OPTED_IN.value)
        facts.order(contact, 100 + number, at(NOW) - DAY)
    facts.write(database)
    scored = replace(workspace, segments=segments(core="rfm_monetary >= 1", tired="rfm_tier = 'vip'"))
    recompute(database, scored.settings, scored.segments, now=NOW)
    with database.read() as connection:
        occurrence = by_hand(connection, NEWS, now=NOW)
    with counted(database, "RANK()") as asked:
        run = start(database, scored, occurrence, now=NOW)
    assert len(asked) == 1
    tiers = [one["values"]["rfm_tier"] for one in facts_of(database, run).values()]
    assert {tier: tiers.count(tier) for tier in tiers} == {"vip": 240, "silver": 480, "bronze": 480}


def test_conditions_that_cannot_be_computed_leave_no_values(database: Database, workspace: Workspace) -> None:
    shop(database)
    run = decided(database, workspace)
    without = replace(workspace, segments={})
    recheck(database, without, NEWS, run, now=NOW + timedelta(hours=1))
    assert {str(one["values"]) for one in facts_of(database, run).values()} == {"{}"}
