"""Random conditions over random shops: the databases, the evaluator in Python and an oracle by loops must agree."""

from __future__ import annotations

import operator
import random
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st
from sqlalchemy import text
from tests.segments.engines import duckdb_over
from tests.segments.shop import DAY, HOUR, NOW, Oracle, Shop, at, segments, settings

from orchestrator.segments.compile import compile_segments
from orchestrator.segments.members import exact_values, holds
from orchestrator.segments.portable import portable_query
from orchestrator.segments.truth import truth
from orchestrator.vocabulary import CartStatus, OrderChannel, OrderStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from orchestrator.store.database import Database

PERIODS = [
    "total",
    "this_year",
    "last_year",
    "this_month",
    "last_month",
    "last_1_days",
    "last_30_days",
    "last_400_days",
]
COUNTS = ["orders", "returns", "logins", "account_orders"]
NUMBERS = [
    "employees",
    "lead_score",
    "days_since_signup",
    "days_since_last_order",
    "days_since_first_order",
    "cart_items",
    "cart_lines",
    "hours_since_cart_change",
    "hours_since_cart_add",
    "days_since_login",
    "account_days_since_last_order",
    *(f"{name}_{period}" for name in COUNTS for period in PERIODS),
    *(f"web_share_{period}" for period in PERIODS),
]
MONEY = [
    "annual_revenue",
    "cart_value",
    *(f"{name}_{period}" for name in ("revenue", "avg_order_value", "account_revenue") for period in PERIODS),
]
TEXTS = {
    "region": ["Europe", "North America"],
    "industry": ["Food", "food", "Steel"],
    "role": ["buyer", "Bûcher", "O'Neil"],
    "size": ["small", "large"],
}
ABSENT = {"region": "Asia", "size": "medium"}
"""a value that nobody has, of the fields that take no other words"""
NAMES = {"=": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
Value = Any
Values = dict[str, Value]


@dataclass(frozen=True)
class Sentence:
    """A condition as text, and what it says about a contact's values."""

    text: str
    judge: Callable[[Values], bool | None]


def _number(value: Value) -> Value:
    return value if isinstance(value, float) or value is None else Fraction(value)


@st.composite
def operands(draw: st.DrawFn, depth: int = 1) -> tuple[str, Callable[[Values], Value]]:
    kind = draw(st.sampled_from(["field", "field", "money", "literal", "sum"]))
    if kind == "literal":
        units, decimals = draw(st.integers(-300, 30_000)), draw(st.sampled_from([0, 0, 1, 2, 3]))
        value = Fraction(units, 10**decimals)
        written = f"{abs(units) // 10**decimals}"
        if decimals:
            written += f".{abs(units) % 10**decimals:0{decimals}}"
        return ("-" if units < 0 else "") + written, lambda _: value
    if kind == "sum" and depth:
        left, right = draw(operands(depth=depth - 1)), draw(operands(depth=depth - 1))
        sign = draw(st.sampled_from("+-*"))

        def calculate(values: Values) -> Value:
            first, second = left[1](values), right[1](values)
            if first is None or second is None:
                return None
            if isinstance(first, float) or isinstance(second, float):
                first, second = float(first), float(second)
            return first + second if sign == "+" else first - second if sign == "-" else first * second

        return f"({left[0]} {sign} {right[0]})", calculate
    name = draw(st.sampled_from(MONEY if kind == "money" else NUMBERS))
    return name, lambda values: _number(values[name])


def _compared(sign: str, left: Value, right: Value) -> bool | None:
    if left is None or right is None:
        return None
    if isinstance(left, float) or isinstance(right, float):
        left, right = float(left), float(right)
    compare: Callable[[Value, Value], bool] = getattr(operator, NAMES[sign])
    return compare(left, right)


@st.composite
def comparisons(draw: st.DrawFn) -> Sentence:
    left, right = draw(operands()), draw(operands())
    sign = draw(st.sampled_from(sorted(NAMES)))
    return Sentence(f"{left[0]} {sign} {right[0]}", lambda v: _compared(sign, left[1](v), right[1](v)))


@st.composite
def others(draw: st.DrawFn) -> Sentence:
    name = draw(st.sampled_from(sorted(TEXTS)))
    words = draw(st.lists(st.sampled_from([*TEXTS[name], ABSENT.get(name, "none")]), min_size=1, max_size=3))
    written = ["'" + word.replace("'", "''") + "'" for word in words]
    kind = draw(st.sampled_from(["in", "like", "null", "order", "between", "number in"]))
    if kind == "in":
        return Sentence(f"{name} in ({', '.join(written)})", lambda v: None if v[name] is None else v[name] in words)
    if kind == "like":
        word = words[0]
        pattern = draw(st.sampled_from([word.upper(), word[:2] + "%", "%" + word[-2:].upper(), "_" + word[1:]]))

        def like(values: Values) -> bool | None:
            value = values[name]
            if value is None:
                return None
            low, seen = pattern.lower(), value.lower()
            if low.startswith("%"):
                return bool(seen.endswith(low[1:]))
            if low.endswith("%"):
                return bool(seen.startswith(low[:-1]))
            return len(seen) == len(low) and all(a in ("_", b) for a, b in zip(low, seen, strict=True))

        return Sentence(f"{name} like '{pattern.replace(chr(39), chr(39) * 2)}'", like)
    if kind == "order":
        return Sentence(f"{name} < {written[0]}", lambda v: None if v[name] is None else v[name] < words[0])
    left = draw(operands(depth=0))
    if kind == "null":
        return Sentence(f"{left[0]} is null", lambda v: left[1](v) is None)
    low, high = sorted((draw(st.integers(-5, 500)), draw(st.integers(-5, 500))))
    if kind == "between":
        return Sentence(
            f"{left[0]} between {low} and {high}",
            lambda v: None if left[1](v) is None else low <= left[1](v) <= high,
        )
    return Sentence(
        f"{left[0]} in ({low}, {high})", lambda v: None if left[1](v) is None else left[1](v) in (low, high)
    )


def _combined(parts: st.SearchStrategy[Sentence]) -> st.SearchStrategy[Sentence]:
    def negated(part: Sentence) -> Sentence:
        def judge(values: Values) -> bool | None:
            said = part.judge(values)
            return None if said is None else not said

        return Sentence(f"not ({part.text})", judge)

    def joined(word: str, pieces: list[Sentence]) -> Sentence:
        decisive = word == "or"

        def judge(values: Values) -> bool | None:
            said = [piece.judge(values) for piece in pieces]
            return decisive if decisive in said else None if None in said else not decisive

        return Sentence(f" {word} ".join(f"({piece.text})" for piece in pieces), judge)

    several = st.lists(parts, min_size=2, max_size=3)
    return parts.map(negated) | st.builds(joined, st.sampled_from(["and", "or"]), several)


SENTENCES = st.recursive(comparisons() | others(), _combined, max_leaves=5)


def random_shop(seed: int) -> Shop:
    """Few values, many of them equal or at a boundary, many missing."""
    chance = random.Random(seed)
    shop = Shop()
    now = at(NOW)
    new_year, march = 1_767_222_000, 1_772_319_600  # local midnights of 2026-01-01 and 2026-03-01
    moments = [now + shift for shift in (-400 * DAY, -30 * DAY, -DAY, -14 * HOUR, 0, DAY)]
    moments += [new_year, march, new_year - 31 * DAY, now - 800 * DAY]
    moments = [moment + shift for moment in moments for shift in (-1, 0, 1)]

    def maybe(values: list[Any]) -> Any:
        return chance.choice([None, *values])

    for _ in range(2):
        shop.account(
            industry=maybe(TEXTS["industry"]),
            employees=maybe([10, 50, 250]),
            country=maybe(["SE", "US"]),
            annual_revenue_cents=maybe([100, 5_000_00]),
        )
    products = [shop.product("P1", price_cents=150), shop.product("P2")]
    for _ in range(6):
        contact = shop.contact(
            account=maybe([1, 2]),
            country=maybe(["DE", "BR", "AQ"]),
            role=maybe(TEXTS["role"]),
            lead_score=maybe([0.1, 0.7, 3.0]),
            created_at=maybe([now - DAY, now - 40 * DAY - 7, now]),
        )
        for _ in range(chance.randrange(4)):
            status = chance.choice([*OrderStatus, OrderStatus.COMPLETED])
            cents = chance.choice([1, 10, 33_33, 100_00])
            shop.order(
                contact,
                -cents if status == "returned" else cents,
                chance.choice(moments),
                status.value,
                channel=maybe([channel.value for channel in OrderChannel]),
            )
        for _ in range(chance.randrange(3)):
            lines = [(p, chance.choice([1, 16]), maybe([0, 99])) for p in products if chance.random() < 0.7]
            shop.cart(
                contact,
                lines,
                status=chance.choice([*CartStatus, CartStatus.OPEN]).value,
                modified_at=maybe(moments),
                last_added_at=maybe(moments),
            )
        for _ in range(chance.randrange(4)):
            shop.event(contact, chance.choice(["login", "login", "page_view"]), chance.choice(moments))
    return shop


@cache
def duckdb_over_file(file: str) -> duckdb.DuckDBPyConnection:
    """Opened once for all examples of a test."""
    return duckdb_over(file)


def engines(database: Database) -> dict[str, Callable[[str], list[Any]]]:
    """Who answers a query about the database: itself, and DuckDB where it is a file."""

    def itself(query: str) -> list[Any]:
        with database.read() as connection:
            cursor = connection.connection.cursor()
            cursor.execute(query)
            return list(cursor.fetchall())

    if database.dialect == "postgresql":
        return {"postgres": itself}
    file = str(database.engine.url.database)
    return {"sqlite": itself, "duckdb": lambda query: duckdb_over_file(file).execute(query).fetchall()}


@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(seed=st.integers(0, 10**6), sentences=st.lists(SENTENCES, min_size=1, max_size=5))
def test_random_conditions_mean_the_same_everywhere(database: Database, seed: int, sentences: list[Sentence]) -> None:
    shop = random_shop(seed)
    with database.write() as connection:
        for table in ("cart_line", "cart", "orders", "event", "contact", "account", "product"):
            connection.execute(text(f"DELETE FROM {table}"))
    shop.write(database)
    written = segments(**{f"s{number}": sentence.text for number, sentence in enumerate(sentences)})
    compiled = compile_segments(written)
    assert not compiled.problems
    everybody = [contact["id"] for contact in shop.contacts]
    oracle = Oracle(shop, NOW)
    values = {number: {name: oracle.value(number, name) for name in [*NUMBERS, *MONEY, *TEXTS]} for number in everybody}
    with database.read() as connection:
        for name, sentence in zip(written, sentences, strict=True):
            expected = {number for number in everybody if sentence.judge(values[number]) is True}
            found = holds(connection, settings(), written, name, now=NOW, contacts=everybody)
            assert found == expected, sentence.text
            one = compiled.segments[name]
            answers = exact_values(connection, settings(), one.fields, now=NOW, contacts=None)
            said = {number for number, answer in answers if truth(one.condition, answer) is True}
            assert said == expected, sentence.text
    for dialect, answer in engines(database).items():
        for name, sentence in zip(written, sentences, strict=True):
            query = portable_query(compiled.segments[name], settings(), now=NOW, dialect=dialect).sql
            members = {f"C{number}" for number in everybody if sentence.judge(values[number]) is True}
            assert {row[0] for row in answer(query)} == members, (dialect, sentence.text)
