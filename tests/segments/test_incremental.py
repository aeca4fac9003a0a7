"""An incremental recompute stores what a full one would; where it cannot, everybody is computed, and it says why."""

from __future__ import annotations

import random
import shutil
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st
from sqlalchemy import text
from tests.segments.changing_shop import ChangingShop
from tests.segments.shop import DAY, NOW, Shop, at, segments, settings, unguarded

from orchestrator.contacts.question import Asked, InTable, Moment
from orchestrator.contacts.ranking import Ranker
from orchestrator.contacts.scores import figures
from orchestrator.definitions.values import GuardSettings, RfmSettings
from orchestrator.segments import candidates, crossings, spans
from orchestrator.segments.evaluate import Recompute, Scope, recompute
from orchestrator.store.opening import open_database
from orchestrator.store.touched import taken, touch_contacts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import SegmentDefinition
    from orchestrator.store.database import Database

Item = TypeVar("Item")
HOUR = timedelta(hours=1)


class Drawn:
    """Choices of Hypothesis."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def whole(self, low: int, high: int) -> int:
        return self._data.draw(st.integers(low, high))

    def one_of(self, items: Sequence[Item]) -> Item:
        return items[self._data.draw(st.integers(0, len(items) - 1))]


class Seeded:
    """Choices of a generator."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def whole(self, low: int, high: int) -> int:
        return self._random.randint(low, high)

    def one_of(self, items: Sequence[Item]) -> Item:
        return self._random.choice(items)


def changed(database: Database, wanted: dict[str, SegmentDefinition], now: Any, **other: Any) -> Recompute:
    return recompute(database, other.pop("settings", unguarded()), wanted, now=now, scope=Scope.CHANGED, **other)


def result(outcome: Recompute) -> dict[str, tuple[int, int, int]]:
    return {one.name: (one.size, one.entered, one.left) for one in outcome.segments}


def rescore(database: Database, scores: dict[int, int], *, queued: bool = True) -> None:
    with database.write() as connection:
        for contact, score in scores.items():
            connection.execute(text("UPDATE contact SET lead_score = :s WHERE id = :c"), {"s": score, "c": contact})
        if queued:
            touch_contacts(connection, "contact", scores)


@pytest.fixture(autouse=True)
def _a_query_for_each_aspect(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few candidates it concerns."""
    monkeypatch.setattr(candidates, "ALONE", 1)


@hypothesis_settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whatever_happens_both_ways_store_the_same(sqlite_template: Path, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(sqlite_template, Path(folder, "shop.db"))
        database = open_database("sqlite:///shop.db", Path(folder), now=0)
        try:
            shop = ChangingShop(database, Path(folder), Drawn(data))
            shop.open()
            for _ in range(6):
                shop.step()
                shop.recompute(data.draw(st.sampled_from([Scope.CHANGED, Scope.CHANGED, Scope.CHECKED])))
        finally:
            database.close()


def test_weeks_of_changes_store_the_same(database: Database, tmp_path: Path) -> None:
    shop = ChangingShop(database, tmp_path, Seeded(3))
    shop.open()
    for _ in range(15):
        shop.step()
        shop.recompute(Scope.CHANGED)
    assert shop.ways.count("") > 3


LATE = "2025-12-10T12:00:00"


def late_order(**whose: object) -> tuple[str, dict[str, object]]:
    return "orders", {"order_id": "O1", "placed_at": LATE, "status": "completed", "total": 9, **whose}


NEWS: dict[str, tuple[str, list[tuple[str, dict[str, object]]], int]] = {
    "contact": ("lead_score > 5", [("contacts", {"contact_id": "C1", "email": "c1@shop.example", "lead_score": 9})], 1),
    "account": ("industry = 'Food'", [("accounts", {"account_id": "A1", "name": "One", "industry": "Food"})], 2),
    "own order": (
        "orders_total > 0",
        [late_order(contact_id="C1")],
        1,
    ),
    "colleague's order": (
        "account_orders_total > 0",
        [late_order(account_id="A1")],
        2,
    ),
    "own order without an account": (
        "account_orders_total > 0",
        [late_order(contact_id="C3")],
        1,
    ),
    "ranking": (
        "rfm_recency = 5",
        [late_order(contact_id="C1")],
        1,
    ),
    "order line": (
        "bought('product', 'P1')",
        [("order_lines", {"order_id": "O0", "product_id": "P1", "quantity": 1})],
        1,
    ),
    "cart line": ("cart_lines > 1", [("cart_lines", {"cart_id": "K0", "product_id": "P1", "quantity": 1})], 1),
    "event": (
        "logins_total > 0",
        [("events", {"event_id": "E1", "contact_id": "C1", "kind": "login", "at": LATE})],
        1,
    ),
}


@pytest.mark.parametrize("news", NEWS)
def test_late_news_reaches_the_segments_that_ask_about_it(sqlite_database: Database, tmp_path: Path, news: str) -> None:
    where, loads, members = NEWS[news]
    shop = ChangingShop(sqlite_database, tmp_path, Seeded(1), conditions={"asked": where, "other": "lead_score > 100"})
    shop.load("accounts", [{"account_id": "A1", "name": "One", "industry": "Tools"}])
    shop.load("products", [{"product_id": f"P{number}", "name": "Pump"} for number in (0, 1)])
    accounts = {"C1": "A1", "C2": "A1", "C3": ""}
    shop.load(
        "contacts",
        [
            {"contact_id": key, "email": f"{key}@shop.example", "account_id": account, "lead_score": 1}
            for key, account in accounts.items()
        ],
    )
    old = {"placed_at": "2020-01-01T12:00:00", "status": "pending", "total": 1}
    bought = {**old, "order_id": "O0", "contact_id": "C2", "status": "completed"}
    if news in {"order line", "ranking"}:
        shop.load("orders", [bought])
    shop.load("carts", [{"cart_id": "K0", "contact_id": "C2", "modified_at": LATE, "status": "open"}])
    shop.load("cart_lines", [{"cart_id": "K0", "product_id": "P0", "quantity": 1}])
    shop.recompute(Scope.CHANGED)
    for table, row in loads:
        shop.load(table, [row])
    shop.now += timedelta(seconds=1)
    shop.recompute(Scope.CHANGED)
    assert shop.ways[-1] in {"", "the ranking has to be made anew"}
    with sqlite_database.read() as connection:
        assert connection.scalar(text("SELECT size FROM segment WHERE name = 'asked'")) == members


def test_only_who_was_touched_is_computed(database: Database) -> None:
    shop = Shop()
    for _ in range(5):
        shop.contact(lead_score=1)
    shop.write(database)
    hot = segments(hot="lead_score > 5")
    assert changed(database, hot, NOW).found.everybody == "nothing is recorded yet"
    rescore(database, {2: 9})
    rescore(database, {3: 9}, queued=False)
    outcome = changed(database, hot, NOW + HOUR)
    assert (outcome.found.everybody, outcome.found.computed) == ("", 1)
    assert result(outcome) == {"hot": (1, 1, 0)}


def test_a_check_finds_what_was_changed_behind_our_back_names_it_and_heals_it(database: Database) -> None:
    shop = Shop()
    for _ in range(4):
        shop.contact(lead_score=1)
    shop.write(database)
    wanted = segments(hot="lead_score > 5", cold="lead_score < 0")
    changed(database, wanted, NOW)
    rescore(database, {1: 9, 2: 9}, queued=False)
    rescore(database, {3: 9})
    outcome = recompute(database, unguarded(), wanted, now=NOW + HOUR, scope=Scope.CHECKED)
    assert outcome.found.drift == {"hot": 2}
    assert result(outcome)["hot"] == (3, 3, 0)
    again = recompute(database, unguarded(), wanted, now=NOW + HOUR, scope=Scope.CHECKED)
    assert again.found.drift == {}


def test_a_fact_that_no_segment_asks_about_touches_nobody(sqlite_database: Database) -> None:
    shop = Shop()
    shop.contact(lead_score=1)
    shop.write(sqlite_database)
    hot = segments(hot="lead_score > 5")
    changed(sqlite_database, hot, NOW)
    with sqlite_database.write() as connection:
        touch_contacts(connection, "event", [1])
    assert changed(sqlite_database, hot, NOW + HOUR).found.computed == 0


def test_what_a_guard_holds_is_looked_at_again_until_it_is_accepted(database: Database) -> None:
    shop = Shop()
    for _ in range(10):
        shop.contact(lead_score=9)
    shop.write(database)
    hot = segments(hot="lead_score > 5")
    guarded = settings(guards=GuardSettings(max_leave_share=0.3, min_size=1))
    changed(database, hot, NOW, settings=guarded)
    rescore(database, dict.fromkeys(range(1, 6), 1))
    for hours in (1, 2):
        outcome = changed(database, hot, NOW + hours * HOUR, settings=guarded)
        assert outcome.found.everybody == ""
        assert [one.held for one in outcome.segments] == ["it would lose 5 of 10 members (50 %; the limit is 30 %)"]
    outcome = changed(database, hot, NOW + 3 * HOUR, settings=guarded, force=True)
    assert (outcome.found.everybody, result(outcome)) == ("", {"hot": (5, 0, 5)})


def test_who_crosses_a_limit_by_time_alone_is_found(database: Database) -> None:
    shop = Shop()
    for days in (12, 13, 20):
        shop.login(shop.contact(), at(NOW) - days * DAY)
    shop.write(database)
    idle = segments(idle="days_since_login >= 14")
    changed(database, idle, NOW)
    before = changed(database, idle, NOW + timedelta(days=1) - timedelta(seconds=1))
    assert (before.found.everybody, result(before)) == ("", {"idle": (1, 0, 0)})
    after = changed(database, idle, NOW + timedelta(days=1))
    assert (after.found.computed, result(after)) == (1, {"idle": (2, 1, 0)})


AGES: dict[str, tuple[str, Callable[[Shop, int, int], object]]] = {
    "login": ("days_since_login >= 14", lambda shop, contact, moment: shop.login(contact, moment)),
    "opening": ("days_since_open >= 14", lambda shop, contact, moment: shop.opening(contact, moment)),
    "last order": ("days_since_last_order >= 14", lambda shop, contact, moment: shop.order(contact, 100, moment)),
    "first order": ("days_since_first_order >= 14", lambda shop, contact, moment: shop.order(contact, 100, moment)),
    "order of the account": (
        "account_days_since_last_order >= 14",
        lambda shop, contact, moment: shop.order(contact, 100, moment),
    ),
}


@pytest.mark.parametrize("age", AGES)
def test_an_age_is_looked_at_where_nothing_newer_hides_it(database: Database, age: str) -> None:
    where, happens = AGES[age]
    shop, passed, ahead = Shop(), at(NOW) - 13 * DAY, at(NOW) + 20 * DAY
    account = shop.account()
    alone, hidden, revealed = shop.contact(), shop.contact(), shop.contact()
    first, second = (shop.contact(account=account) for _ in range(2))
    shop.event(alone, "page_view", at(NOW) - DAY)  # another kind hides nothing
    if "order" in age:
        for contact in (alone, first):  # nor what is not completed
            shop.order(contact, 100, at(NOW) - DAY, status="pending")
    for contact in (alone, hidden, revealed, first):
        happens(shop, contact, passed)
    happens(shop, hidden, at(NOW) - DAY)
    happens(shop, revealed, ahead)
    shop.write(database)
    wanted = segments(one=where)
    changed(database, wanted, NOW)
    outcome = changed(database, wanted, NOW + timedelta(days=1))
    found = {alone, revealed, first} | ({hidden} if age == "first order" else set())
    found |= {second} if age == "order of the account" else set()
    assert (outcome.found.everybody, outcome.found.computed) == ("", len(found))
    assert result(outcome) == {"one": (len(found), len(found), 0)}
    checked = recompute(database, unguarded(), wanted, now=NOW + timedelta(days=1), scope=Scope.CHECKED)
    assert checked.found.drift == {}


AHEAD = at(NOW) + 1_800


@pytest.mark.parametrize(
    ("where", "prepare"),
    [
        ("lead_score > 0", lambda shop: shop.contact(lead_score=1, created_at=AHEAD)),
        ("consent = 'opted_in'", lambda shop: shop.contact(consent="opted_in", consent_at=AHEAD)),
        ("orders_total > 0", lambda shop: shop.order(shop.contact(), 100, AHEAD)),
        ("account_orders_total > 0", lambda shop: shop.order(shop.contact(account=shop.account()), 100, AHEAD)),
        ("days_since_last_order >= 0", lambda shop: shop.order(shop.contact(), 100, AHEAD)),
        ("cart_lines = 0 and hours_since_cart_change >= 0", lambda shop: shop.cart(shop.contact(), modified_at=AHEAD)),
        ("hours_since_cart_add >= 0", lambda shop: shop.cart(shop.contact(), last_added_at=AHEAD)),
        ("days_since_login is not null", lambda shop: shop.login(shop.contact(), AHEAD)),
        ("attended('x')", lambda shop: shop.event(shop.contact(), "event_attended", AHEAD, x="yes")),
        ("rfm_recency = 5", lambda shop: shop.order(shop.contact(), 100, AHEAD)),
    ],
    ids=[
        *("signup", "consent", "order", "order of the account", "age of an order", "cart", "addition to a cart"),
        *("login", "mention", "score"),
    ],
)
def test_what_lies_ahead_counts_when_its_moment_has_come(
    sqlite_database: Database, where: str, prepare: Callable[[Shop], object]
) -> None:
    shop = Shop()
    if where.startswith("rfm"):
        shop.order(shop.contact(), 50, at(NOW) - DAY)
    prepare(shop)
    shop.write(sqlite_database)
    wanted = segments(one=where)
    before = changed(sqlite_database, wanted, NOW)
    after = changed(sqlite_database, wanted, NOW + HOUR)
    assert after.found.everybody == ""
    assert after.segments[0].entered == 1
    checked = recompute(sqlite_database, unguarded(), wanted, now=NOW + HOUR, scope=Scope.CHECKED)
    assert checked.found.drift == {}
    assert before.segments[0].size == (1 if where.startswith("rfm") else 0)


@pytest.mark.parametrize(
    ("where", "later", "why"),
    [
        ("revenue_this_month > 0", timedelta(days=2), "a month or a year began, and segments ask for its figures"),
        ("age > 30", timedelta(days=1), "a new day began, and segments ask for the age"),
        ("age > 30 or revenue_this_month > 0", HOUR, ""),
        ("days_since_login * 2 > 5", HOUR, ""),
    ],
    ids=["a new month", "a new day", "the same day", "arithmetic"],
)
def test_where_it_cannot_be_told_everybody_is_computed(
    sqlite_database: Database, where: str, later: timedelta, why: str
) -> None:
    wanted = segments(one=where)
    changed(sqlite_database, wanted, NOW)
    assert changed(sqlite_database, wanted, NOW + later).found.everybody == why


@pytest.mark.parametrize(
    "where", ["days_since_login * 2 > 3", "not days_since_login * 2 <= 3", "lead_score < days_since_login"]
)
def test_whoever_is_a_day_older_for_a_calculation_is_computed_and_nobody_else(database: Database, where: str) -> None:
    shop = Shop()
    for days in range(8):  # the even ones are a day older in half an hour, the odd ones in half a day
        contact = shop.contact(lead_score=1)
        shop.login(contact, at(NOW) - days * DAY + (1_800 if days % 2 == 0 else DAY // 2))
    shop.write(database)
    before = changed(database, segments(one=where), NOW)
    after = changed(database, segments(one=where), NOW + HOUR)
    assert after.found.everybody == ""
    assert after.found.computed == 4
    assert result(before) == {"one": (5, 0, 0)}
    assert result(after) == {"one": (6, 1, 0)}
    assert recompute(database, unguarded(), segments(one=where), now=NOW + HOUR, scope=Scope.CHECKED).found.drift == {}


CALCULATED = (
    "days_since_signup",
    "days_since_last_order",
    "days_since_first_order",
    "account_days_since_last_order",
    "account_days_since_first_order",
    "hours_since_cart_change",
    "hours_since_cart_add",
    "days_since_login",
    "days_since_open",
    "days_since_click",
    "days_since('form_submitted')",
)


@pytest.mark.parametrize("age", CALCULATED)
def test_every_kind_of_age_that_is_calculated_with_is_followed(database: Database, age: str) -> None:
    shop = Shop()
    soon = at(NOW) + 600  # minus so many whole days or hours: they are full in ten minutes
    for units in range(6):
        account = shop.account()
        days, hours = soon - units * DAY, soon - units * 3_600
        contact = shop.contact(lead_score=units, account=account, created_at=days)
        shop.order(contact, 100, days)
        shop.cart(contact, status="open", modified_at=hours, last_added_at=hours)
        for kind in ("login", "form_submitted"):
            shop.event(contact, kind, days)
        for kind in ("open", "click"):
            shop.opening(contact, days)
            shop.mail_events[-1]["kind"] = kind
    shop.write(database)
    wanted = segments(one=f"{age} * 2 >= lead_score * 2")
    assert result(changed(database, wanted, NOW)) == {"one": (0, 0, 0)}
    later = changed(database, wanted, NOW + timedelta(minutes=20))
    assert later.found.everybody == ""
    assert result(later) == {"one": (6, 6, 0)}


@pytest.mark.parametrize("pause", [timedelta(minutes=20), HOUR, timedelta(hours=5), timedelta(days=3, minutes=20)])
def test_calculated_ages_are_followed_however_old_they_are_and_however_long_the_pause(
    database: Database, pause: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (crossings, spans):
        monkeypatch.setattr(module, "MOST_REPEATS", 3)
    shop = Shop()
    for hours in (*range(100), 168):
        contact = shop.contact(lead_score=hours)
        shop.cart(contact, status="open", modified_at=at(NOW) - hours * 3_600 + 600)
        shop.login(contact, at(NOW) - hours * 3_600 + 600)
    shop.write(database)
    wanted = segments(
        cart="hours_since_cart_change * 2 >= lead_score * 2",
        login="days_since_login * 24 + 23 >= lead_score",
        both="days_since_login * 24 < hours_since_cart_change",
    )
    changed(database, wanted, NOW)
    outcome = changed(database, wanted, NOW + pause)
    assert outcome.found.everybody == ""
    assert any(one.entered for one in outcome.segments)
    everybody = recompute(database, unguarded(), wanted, now=NOW + pause)
    assert not any(one.entered or one.left for one in everybody.segments)


def test_other_conditions_or_settings_compute_everybody(sqlite_database: Database) -> None:
    changed(sqlite_database, segments(one="lead_score > 5"), NOW)
    again = changed(sqlite_database, segments(one="lead_score > 6"), NOW)
    assert again.found.everybody == "segments or settings changed"
    other = replace(unguarded(), rfm=RfmSettings("total"))
    assert changed(sqlite_database, segments(one="lead_score > 6"), NOW, settings=other).found.everybody


def test_where_much_was_touched_everybody_is_computed(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "FEW", 1)
    shop = Shop()
    for _ in range(4):
        shop.contact(lead_score=1)
    shop.write(sqlite_database)
    hot = segments(hot="lead_score > 5")
    changed(sqlite_database, hot, NOW)
    rescore(sqlite_database, {1: 9, 2: 9})
    outcome = changed(sqlite_database, hot, NOW + HOUR)
    assert outcome.found.everybody == "so much changed that it costs less"
    assert result(outcome) == {"hot": (2, 2, 0)}


def test_who_has_very_many_rows_of_one_moment_hides_nobody(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "FEW", 3)
    shop = Shop()
    for _ in range(20):
        shop.contact()
    for contact in [*[1] * 30, 2]:
        shop.login(contact, at(NOW) - 30 * DAY + 60)
    shop.write(database)
    active = segments(active="logins_last_30_days > 0")
    assert result(changed(database, active, NOW)) == {"active": (2, 0, 0)}
    outcome = changed(database, active, NOW + HOUR)
    assert outcome.found.everybody == ""
    assert result(outcome) == {"active": (0, 0, 2)}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.postgres
def test_whoever_is_queued_by_a_transaction_that_commits_later_stays_queued(database: Database) -> None:
    with database.engine.connect() as slow, slow.begin() as late:
        touch_contacts(slow, "contact", [1])
        with database.write() as connection:
            touch_contacts(connection, "contact", [2])
        assert _taken(database) == [2]
        late.commit()
    assert _taken(database) == [1]


def test_a_recompute_that_is_taken_back_leaves_the_queue(database: Database) -> None:
    with database.write() as connection:
        touch_contacts(connection, "contact", [1])
    with database.rehearsal() as rehearsed:
        assert _taken(rehearsed) == [1]
    assert _taken(database) == [1]


def _taken(database: Database) -> list[int]:
    with database.write() as connection, taken(connection) as queue:
        return list(connection.scalars(text(f"SELECT contact FROM {queue} ORDER BY 1")))


def test_cuts_are_followed_to_where_a_new_ranking_has_them(sqlite_database: Database) -> None:
    chance = random.Random(5)
    shop = Shop()
    for _ in range(40):
        shop.contact()
    shop.write(sqlite_database)
    ranker_settings = replace(unguarded(), rfm=RfmSettings("total"))
    everybody = Asked(Moment(NOW, ranker_settings), "sqlite", None)
    with sqlite_database.write() as connection:
        _orders(connection, chance, 30)
        ranker = Ranker(connection, ranker_settings, NOW)
        ranking = ranker.build(figures(everybody))
        for _ in range(30):
            touched = _orders(connection, chance, chance.randint(1, 6))
            connection.execute(text("CREATE TEMPORARY TABLE some (contact INTEGER PRIMARY KEY)"))
            connection.execute(text("INSERT INTO some VALUES (:c)"), [{"c": contact} for contact in touched])
            followed = ranker.update(ranking, InTable("some"))
            connection.execute(text("DROP TABLE some"))
            ranking = ranker.build(figures(everybody))
            assert followed == ranking


def _orders(connection: Connection, chance: random.Random, count: int) -> set[int]:
    """New orders, and as many taken back; whose they are."""
    touched = set()
    for _ in range(count):
        contact = chance.randint(1, 40)
        gone = connection.execute(
            text("DELETE FROM orders WHERE contact = :c AND total_cents < :limit"), {"c": contact, "limit": 500}
        ).rowcount
        values = {"c": contact, "at": at(NOW) - chance.randint(0, 9) * DAY, "cents": chance.randint(1, 9) * 100}
        if not gone or chance.random() < 0.5:
            connection.execute(
                text(
                    "INSERT INTO orders (key, contact, placed_at, status, total_cents, extra)"
                    " SELECT COALESCE(MAX(id), 0) + 1, :c, :at, 'completed', :cents, '{}' FROM orders"
                ),
                values,
            )
        touched.add(contact)
    return touched
