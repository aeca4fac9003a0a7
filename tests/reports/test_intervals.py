"""Intervals against published figures, a second computation, and chance itself."""

from __future__ import annotations

import random
import statistics
from math import sqrt

import pytest

from orchestrator.reports.intervals import Sample, mean_difference, share_difference, t_quantile, wilson


def sample(values: list[int]) -> Sample:
    return Sample(len(values), sum(values), sum(value**2 for value in values))


@pytest.mark.parametrize(
    ("counts", "limits"),
    [
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((6, 7, 2, 7), (0.0582, 0.8062)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((0, 10, 0, 20), (-0.1611, 0.2775)),
        ((0, 10, 0, 10), (-0.2775, 0.2775)),
        ((10, 10, 0, 20), (0.6791, 1.0000)),
        ((10, 10, 0, 10), (0.6075, 1.0000)),
    ],
)
def test_the_limits_are_those_of_newcombe_s_table_ii(
    counts: tuple[int, int, int, int], limits: tuple[float, float]
) -> None:
    assert share_difference(*counts) == pytest.approx(limits, abs=0.00005)


def test_wilson_s_limits_are_the_shares_that_the_score_test_just_accepts() -> None:
    for successes, size in ((1, 30), (7, 31), (250, 1000), (30, 31)):
        for limit in wilson(successes, size):
            score = (successes / size - limit) / sqrt(limit * (1 - limit) / size)
            assert abs(score) == pytest.approx(1.959964, abs=1e-5)


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(5, 2.5706), (10, 2.2281), (29, 2.0452), (60, 2.0003), (120, 1.9799)]
)
def test_the_t_quantile_is_that_of_the_printed_table(freedom: int, quantile: float) -> None:
    assert t_quantile(freedom) == pytest.approx(quantile, abs=0.001)


def test_the_difference_of_means_is_welch_s() -> None:
    random.seed(1)
    mailed = [random.choice((0, 0, 0, random.randrange(100_000))) for _ in range(400)]
    spared = [random.choice((0, 0, 0, 0, random.randrange(40_000))) for _ in range(41)]
    errors = [statistics.variance(values) / len(values) for values in (mailed, spared)]
    freedom = sum(errors) ** 2 / (errors[0] ** 2 / 399 + errors[1] ** 2 / 40)
    low, high = mean_difference(sample(mailed), sample(spared))
    difference = statistics.mean(mailed) - statistics.mean(spared)
    assert (low + high) / 2 == pytest.approx(difference)
    assert (high - low) / 2 == pytest.approx(t_quantile(freedom) * sqrt(sum(errors)))


def test_groups_without_any_spread_differ_by_exactly_their_difference() -> None:
    assert mean_difference(sample([5, 5, 5]), sample([3, 3])) == (2, 2)


def test_intervals_hold_the_true_difference_about_nineteen_times_of_twenty() -> None:
    random.seed(7)
    held = 0
    for _ in range(1000):
        mailed = sum(random.random() < 0.10 for _ in range(200))
        spared = sum(random.random() < 0.05 for _ in range(60))
        low, high = share_difference(mailed, 200, spared, 60)
        held += low <= 0.05 <= high
    assert 930 <= held <= 985
