"""Each order is credited once, to the latest mail before it and within the goal; against a computation pair by pair."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given, strategies as st

from orchestrator.reports.attribution import Credit, credited, outcomes, spaced
from orchestrator.store.reports import ExposureRow, PurchaseRow

WEEK = 7


def mail(at: int, *, unit: int = 1, run: int = 1, contact: int = 1, held_out: bool = False) -> ExposureRow:
    return ExposureRow(unit, contact, run, held_out, at)


def order(placed_at: int, cents: int = 100, *, unit: int = 1, completed: bool = True) -> PurchaseRow:
    return PurchaseRow(unit, placed_at, cents, completed)


def credits_of(mails: list[ExposureRow], orders: list[PurchaseRow]) -> list[tuple[int, int]]:
    return [(credit.orders, credit.cents) for _, credit in credited(mails, orders, WEEK)]


def test_an_order_counts_to_the_last_second_of_the_goal_and_not_in_the_second_of_the_mail() -> None:
    assert credits_of([mail(10)], [order(10), order(11, 5), order(17, 7), order(18)]) == [(2, 12)]


def test_an_order_after_two_mails_is_the_later_one_s() -> None:
    assert credits_of([mail(10), mail(12, run=2)], [order(11), order(13), order(18)]) == [(1, 100), (2, 200)]


def test_two_mails_in_one_second_share_no_order() -> None:
    assert sum(orders for orders, _ in credits_of([mail(10), mail(10, contact=2)], [order(11)])) == 1


def test_a_return_lowers_revenue_and_is_no_order() -> None:
    assert credits_of([mail(10)], [order(11, 500), order(12, -200, completed=False)]) == [(1, 300)]


def test_a_held_out_contact_is_not_asked_again_sooner_than_a_mailed_one() -> None:
    entries = [mail(at, held_out=True) for at in (0, 3, 7, 13, 14)]
    assert [one.at for one in spaced(entries, WEEK)] == [0, 7, 14]
    assert [one.at for one in spaced(entries, 0)] == [0, 3, 7, 13, 14]
    colleagues = [mail(0, held_out=True), mail(1, contact=2, held_out=True)]
    assert spaced(colleagues, WEEK) == colleagues


units = st.integers(-3, 3)
moments = st.integers(0, 40)
exposure_rows = st.lists(
    st.builds(mail, moments, unit=units, run=st.integers(1, 3), contact=st.integers(1, 2), held_out=st.booleans())
)
purchase_rows = st.lists(st.builds(order, moments, st.integers(-50, 500), unit=units, completed=st.booleans()))


@given(exposure_rows, purchase_rows, st.integers(1, 20))
def test_crediting_unit_by_unit_equals_looking_at_every_pair(
    exposures: list[ExposureRow], purchases: list[PurchaseRow], within: int
) -> None:
    exposures.sort(key=lambda one: (one.unit, one.at))
    purchases.sort(key=lambda one: (one.unit, one.placed_at))
    found: dict[tuple[int, bool, int], list[int]] = defaultdict(lambda: [0, 0])
    for unit in outcomes(exposures, purchases, within=within):
        for exposure, credit in (*unit.mails, *unit.held_out):
            if credit != Credit():
                found[unit.unit, exposure.held_out, exposure.at][0] += credit.orders
                found[unit.unit, exposure.held_out, exposure.at][1] += credit.cents
    expected: dict[tuple[int, bool, int], list[int]] = defaultdict(lambda: [0, 0])
    for purchase in purchases:
        for held_out in (False, True):
            before = [
                one.at
                for one in exposures
                if one.unit == purchase.unit and one.held_out == held_out and one.at < purchase.placed_at
            ]
            if before and purchase.placed_at - max(before) <= within:
                expected[purchase.unit, held_out, max(before)][0] += purchase.completed
                expected[purchase.unit, held_out, max(before)][1] += purchase.cents
    assert {key: value for key, value in found.items() if value != [0, 0]} == {
        key: value for key, value in expected.items() if value != [0, 0]
    }


@given(exposure_rows, purchase_rows)
def test_every_unit_that_was_mailed_or_held_out_has_one_outcome(
    exposures: list[ExposureRow], purchases: list[PurchaseRow]
) -> None:
    exposures.sort(key=lambda one: (one.unit, one.at))
    purchases.sort(key=lambda one: (one.unit, one.placed_at))
    found = [outcome.unit for outcome in outcomes(exposures, purchases, within=WEEK)]
    assert found == sorted({one.unit for one in exposures})
