"""Mailed accounts against held-out ones: did more of them order, did they spend more, and can that be told at all?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from orchestrator.reports.intervals import Sample, mean_difference, share_difference

if TYPE_CHECKING:
    from orchestrator.reports.attribution import Credit

LEAST_ACCOUNTS = 30
"""in each group; with fewer, the means of so skewed a thing as revenue follow no known law"""
LEAST_ORDERING = 10
"""accounts that ordered, both groups together; with fewer, one large order decides"""


class Finding(StrEnum):
    """What a difference says."""

    MORE = "more"
    """the mailed accounts have more, and the interval is above zero"""
    LESS = "less"
    """the mailed accounts have less, and the interval is below zero"""
    TOO_FEW = "too_few_to_tell"
    """the interval includes zero, or the groups are under the minimum"""


@dataclass(slots=True)
class Group:
    """The accounts that were mailed, or held out. Revenue in cents."""

    accounts: int = 0
    ordering: int = 0
    """accounts with at least one completed order"""
    orders: int = 0
    cents: int = 0
    squares: int = 0
    """of the accounts' cents"""

    def add(self, credit: Credit) -> None:
        """One more account with what is credited to it."""
        self.accounts += 1
        self.ordering += credit.orders > 0
        self.orders += credit.orders
        self.cents += credit.cents
        self.squares += credit.cents**2

    @property
    def share_ordering(self) -> float:
        return self.ordering / self.accounts

    @property
    def sample(self) -> Sample:
        return Sample(self.accounts, self.cents, self.squares)


@dataclass(frozen=True, slots=True)
class Difference:
    """Mailed minus held out, with its 95 % interval (None: too few for one) and what it says."""

    value: float
    low: float | None
    high: float | None
    finding: Finding


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both groups, and how they differ: share of accounts that ordered (-1 to 1), cents for each account."""

    mailed: Group
    held_out: Group
    conversion: Difference
    revenue: Difference

    @property
    def large_enough(self) -> bool:
        return large_enough(self.mailed, self.held_out)


def compare(mailed: Group, held_out: Group) -> Comparison | None:
    """None where one of the groups has nobody."""
    if not mailed.accounts or not held_out.accounts:
        return None
    enough = large_enough(mailed, held_out)
    limits = share_difference(mailed.ordering, mailed.accounts, held_out.ordering, held_out.accounts)
    conversion = _difference(mailed.share_ordering - held_out.share_ordering, limits, enough=enough)
    means = mailed.sample, held_out.sample
    spread = mean_difference(*means) if min(mailed.accounts, held_out.accounts) > 1 else None
    revenue = _difference(means[0].mean - means[1].mean, spread, enough=enough)
    return Comparison(mailed, held_out, conversion, revenue)


def large_enough(mailed: Group, held_out: Group) -> bool:
    """Are the groups at or above the minimum?"""
    return (
        min(mailed.accounts, held_out.accounts) >= LEAST_ACCOUNTS
        and mailed.ordering + held_out.ordering >= LEAST_ORDERING
    )


def _difference(value: float, limits: tuple[float, float] | None, *, enough: bool) -> Difference:
    if limits is None:
        return Difference(value, None, None, Finding.TOO_FEW)
    low, high = limits
    finding = Finding.MORE if low > 0 else Finding.LESS if high < 0 else Finding.TOO_FEW
    return Difference(value, low, high, finding if enough else Finding.TOO_FEW)
