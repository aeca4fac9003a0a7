"""Columns that only the source knows: found in the data, typed by their values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.segments.shop import NOW, Shop, segments, settings

from orchestrator.contacts.custom import learn_custom_fields
from orchestrator.contacts.measures import CustomColumn, ValueType
from orchestrator.segments.members import holds, profiles

if TYPE_CHECKING:
    from orchestrator.store.database import Database


def learned(database: Database, *names: str) -> dict[str, CustomColumn]:
    with database.read() as connection:
        return learn_custom_fields(connection, names or None)


@pytest.mark.parametrize(
    ("values", "type_", "decimals"),
    [
        (["1", "20", "-3"], ValueType.NUMBER, 0),
        (["1", "2.50"], ValueType.NUMBER, 2),
        (["1", "two"], ValueType.TEXT, 0),
        (["007", "8"], ValueType.TEXT, 0),
        (["4006381333931"], ValueType.TEXT, 0),
        (["2026-01-31", "1999-12-01"], ValueType.DATE, 0),
        (["2026-01-31", "2026-02-30"], ValueType.TEXT, 0),
        (["true", "False"], ValueType.BOOLEAN, 0),
        (["true", "1"], ValueType.TEXT, 0),
    ],
)
def test_the_type_is_that_of_all_values(database: Database, values: list[str], type_: ValueType, decimals: int) -> None:
    shop = Shop()
    for value in values:
        shop.contact(extra={"thing": value})
    shop.contact()
    shop.write(database)
    assert learned(database) == {"x_thing": CustomColumn("contact", "thing", type_, decimals)}


def test_fields_of_accounts_and_odd_column_names(database: Database) -> None:
    shop = Shop()
    shop.contact(account=shop.account(extra={"Loyalty Zone": "A'1", "points": "3"}), extra={"points": "4"})
    shop.write(database)
    assert set(learned(database)) == {"x_points", "account_x_points", "account_x_loyalty_zone"}
    assert set(learned(database, "x_points", "x_other")) == {"x_points"}
    with database.read() as connection:
        names = ["x_points", "account_x_points", "account_x_loyalty_zone"]
        (found,) = profiles(connection, settings(), names, now=NOW)
    assert found == (1, {"x_points": 4, "account_x_points": 3, "account_x_loyalty_zone": "A'1"})


def test_numbers_compare_as_numbers_dates_as_dates_and_what_is_missing_is_unknown(database: Database) -> None:
    shop = Shop()
    for points in ("9", "10", "-0.5", "10.25", "0.1"):
        shop.contact(extra={"points": points, "renewal": f"2026-0{1 + len(points)}-01", "vip": "true"})
    shop.contact(extra={"vip": "FALSE"})
    shop.contact()
    shop.write(database)
    for where, expected in {
        "x_points > 9": {2, 4},
        "x_points < 0": {3},
        "x_points = 10.25": {4},
        "x_points + 0.2 = 0.3": {5},
        "not x_points > 0": {3},
        "x_points is null": {6, 7},
        "x_renewal <= '2026-03-01'": {1, 2},
        "x_vip": {1, 2, 3, 4, 5},
        "not x_vip": {6},
        "x_vip = false": {6},
    }.items():
        with database.read() as connection:
            found = holds(connection, settings(), segments(s=where), "s", now=NOW, contacts=range(1, 8))
        assert found == expected, where
