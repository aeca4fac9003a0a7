"""Which orders a campaign is credited with: each to the account's latest mail before it, within the goal.

The account is the unit, because it is what a holdout leaves out: colleagues order for one another. A contact without
an account is its own unit. Held-out contacts are treated in the same way, as if they had been mailed.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from orchestrator.store.reports import ExposureRow, PurchaseRow


@dataclass(slots=True)
class Credit:
    """Orders and revenue, in cents; returns lower it."""

    orders: int = 0
    cents: int = 0

    def add(self, other: Credit) -> None:
        self.orders += other.orders
        self.cents += other.cents


@dataclass(frozen=True, slots=True)
class UnitOutcome:
    """One account: its exposures, and what is credited to each of them."""

    unit: int
    mails: Sequence[tuple[ExposureRow, Credit]] = field(default=())
    held_out: Sequence[tuple[ExposureRow, Credit]] = field(default=())


def outcomes(
    exposures: Iterable[ExposureRow], purchases: Iterable[PurchaseRow], *, within: int, again_after: int = 0
) -> Iterator[UnitOutcome]:
    """The outcome of each unit that was mailed or held out. Both inputs in the order of unit and time.

    ``within``: seconds after the mail in which an order counts, the last one included. ``again_after``: seconds in
    which the campaign does not mail a contact again; held-out ones are not looked at again either in that time.
    """
    bought = groupby(purchases, key=lambda purchase: purchase.unit)
    buyer, baskets = next(bought, (None, ()))
    for unit, group in groupby(exposures, key=lambda exposure: exposure.unit):
        while buyer is not None and buyer < unit:
            buyer, baskets = next(bought, (None, ()))
        orders = list(baskets) if buyer == unit else []
        rows = list(group)
        mails = [row for row in rows if not row.held_out]
        held_out = spaced([row for row in rows if row.held_out], again_after)
        yield UnitOutcome(unit, credited(mails, orders, within), credited(held_out, orders, within))


def credited(
    exposures: Sequence[ExposureRow], purchases: Iterable[PurchaseRow], within: int
) -> list[tuple[ExposureRow, Credit]]:
    """Each exposure of one unit, in the order of time, with what is credited to it: every order at most once.

    An order in the very second of the mail is not after it.
    """
    credits_ = [Credit() for _ in exposures]
    moments = [exposure.at for exposure in exposures]
    for purchase in purchases:
        latest = bisect_left(moments, purchase.placed_at) - 1
        if latest >= 0 and purchase.placed_at - moments[latest] <= within:
            credits_[latest].add(Credit(int(purchase.completed), purchase.cents))
    return list(zip(exposures, credits_, strict=True))


def spaced(held_out: Sequence[ExposureRow], again_after: int) -> list[ExposureRow]:
    """Those that would have been mailed: not sooner than ``again_after`` since the contact's one before.

    Without this a held-out contact that enters often would have more windows to order in than a mailed one.
    """
    last: dict[int, int] = {}
    kept = []
    for exposure in held_out:
        if exposure.contact not in last or exposure.at - last[exposure.contact] >= again_after:
            last[exposure.contact] = exposure.at
            kept.append(exposure)
    return kept
