"""What is said about mailed and held-out accounts; with the experiment that Kevin Hillstrom published."""

from __future__ import annotations

import csv
import gzip
import statistics
from collections import defaultdict
from decimal import Decimal
from math import sqrt
from typing import TYPE_CHECKING

import pytest

from orchestrator.reports.attribution import Credit
from orchestrator.reports.comparison import Comparison, Finding, Group, compare
from orchestrator.reports.sentences import findings

if TYPE_CHECKING:
    from pathlib import Path


def group(accounts: int, ordering: int, cents: int = 1000) -> Group:
    """``ordering`` of the accounts ordered once, for about so many cents."""
    found = Group()
    for number in range(accounts):
        found.add(Credit(1, cents + number % 7) if number < ordering else Credit())
    return found


def comparison(mailed: Group, held_out: Group) -> Comparison:
    found = compare(mailed, held_out)
    assert found is not None
    return found


def test_without_anybody_held_out_there_is_nothing_to_compare() -> None:
    assert compare(group(40, 4), Group()) is None
    assert compare(Group(), group(40, 4)) is None


def test_one_account_held_out_has_no_interval_for_revenue() -> None:
    found = comparison(group(400, 40), group(1, 0))
    assert (found.revenue.low, found.revenue.high, found.revenue.finding) == (None, None, Finding.TOO_FEW)
    assert findings(found, "EUR") == [
        (
            "Too few to tell: 400 accounts mailed, 1 held out, 40 of them ordered. "
            "It takes 30 in each group and 10 that ordered."
        )
    ]


@pytest.mark.parametrize(
    ("mailed", "held_out"),
    [(group(1000, 900), group(29, 0)), (group(29, 29), group(1000, 0)), (group(30, 9), group(5000, 0))],
)
def test_under_the_minimum_it_is_too_few_even_where_the_interval_is_clear(mailed: Group, held_out: Group) -> None:
    found = comparison(mailed, held_out)
    assert found.conversion.low is not None
    assert found.conversion.low > 0
    assert found.conversion.finding is Finding.TOO_FEW


def test_at_the_minimum_a_clear_difference_is_told() -> None:
    assert comparison(group(30, 10), group(30, 0)).conversion.finding is Finding.MORE


def test_an_interval_that_includes_zero_is_too_few_to_tell() -> None:
    assert findings(comparison(group(300, 36), group(40, 4)), "EUR") == [
        (
            "Too few to tell whether more accounts order: 12.0% of the mailed accounts ordered, "
            "10.0% of those held out; the difference lies between -11.4 and +9.3 points."
        ),
        (
            "Too few to tell whether they spend more: 1.20 EUR for each mailed account, 1.00 for each held out; "
            "the difference lies between -0.83 and +1.24."
        ),
    ]


def test_a_mail_that_harms_is_said_to_harm() -> None:
    assert findings(comparison(group(1000, 50), group(1000, 200)), "EUR") == [
        (
            "Fewer accounts order: 5.0% of the mailed accounts ordered, 20.0% of those held out; "
            "that is 15.0 points less (12.2 to 17.9)."
        ),
        "They spend less: 0.50 EUR for each mailed account, 2.01 for each held out; that is 1.50 less (1.22 to 1.79).",
    ]


@pytest.fixture(scope="module")
def experiment(shared: Path) -> dict[str, dict[str, list[int]]]:
    """Segment -> visit, conversion, spend (cents) of each customer."""
    rows: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    with gzip.open(shared / "data" / "hillstrom_email" / "customers.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found = rows[row["segment"]]
            found["visit"].append(int(row["visit"]))
            found["conversion"].append(int(row["conversion"]))
            found["spend"].append(int(Decimal(row["spend"]) * 100))
    return rows


def arm(of: dict[str, list[int]], what: str = "conversion") -> Group:
    found = Group()
    for happened, cents in zip(of[what], of["spend"], strict=True):
        found.add(Credit(happened, cents))
    return found


@pytest.mark.shared
@pytest.mark.parametrize(
    ("segment", "what", "points", "dollars"),
    [
        ("Mens E-Mail", "conversion", 0.68, 0.77),
        ("Mens E-Mail", "visit", 7.66, 0.77),
        ("Womens E-Mail", "conversion", 0.31, 0.42),
        ("Womens E-Mail", "visit", 4.52, 0.42),
    ],
)
def test_the_published_experiment_comes_out_as_published(
    experiment: dict[str, dict[str, list[int]]], segment: str, what: str, points: float, dollars: float
) -> None:
    mailed, spared = experiment[segment], experiment["No E-Mail"]
    found = comparison(arm(mailed, what), arm(spared, what))
    assert 100 * found.conversion.value == pytest.approx(points, abs=0.005)
    assert found.revenue.value / 100 == pytest.approx(dollars, abs=0.005)
    assert (found.conversion.finding, found.revenue.finding) == (Finding.MORE, Finding.MORE)
    # with 21,000 customers in each group every method agrees with the textbook's
    for difference, column in ((found.conversion, what), (found.revenue, "spend")):
        error = sqrt(sum(statistics.variance(side[column]) / len(side[column]) for side in (mailed, spared)))
        mean = statistics.mean(mailed[column]) - statistics.mean(spared[column])
        assert difference.value == pytest.approx(mean, rel=1e-9)
        assert difference.low == pytest.approx(mean - 1.96 * error, rel=0.01)
        assert difference.high == pytest.approx(mean + 1.96 * error, rel=0.01)


@pytest.mark.shared
def test_of_the_published_experiment_a_hundredth_is_too_few_to_tell(
    experiment: dict[str, dict[str, list[int]]],
) -> None:
    part = {name: {column: values[::100] for column, values in columns.items()} for name, columns in experiment.items()}
    found = comparison(arm(part["Mens E-Mail"]), arm(part["No E-Mail"]))
    assert found.conversion.finding is Finding.TOO_FEW
    assert findings(found, "USD")[0].startswith("Too few to tell")
