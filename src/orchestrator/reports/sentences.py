"""A report in plain sentences: what can be told from the figures, and what cannot."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from orchestrator.reports.comparison import LEAST_ACCOUNTS, LEAST_ORDERING, Finding

if TYPE_CHECKING:
    from orchestrator.reports.comparison import Comparison
    from orchestrator.reports.performance import CampaignReport, GoalResult


def sentences(report: CampaignReport, currency: str) -> list[str]:
    """About orders, revenue and the windows; about what is missing for a comparison."""
    name = report.campaign
    if report.goal is None:
        return [f'No goal, so orders are not counted: write [goal] within = "7 days" into campaigns/{name}.toml.']
    if report.goal.comparison is not None:
        said = [*findings(report.goal.comparison, currency)]
    elif report.holdout or report.goal.held_out:
        said = ["Nothing to compare with yet: it takes accounts that were mailed and accounts that were held out."]
    else:
        why = "No holdout, so nobody knows what they would have ordered without the mail"
        said = [f"{why}: write [holdout] share = 0.10 into campaigns/{name}.toml."]
    if report.switched:
        said.append(
            f"{_counted(report.switched, 'account')} both mailed and held out at different times "
            f"{'is' if report.switched == 1 else 'are'} left out of the comparison."
        )
    return [*said, *windows(report.goal)]


def findings(comparison: Comparison, currency: str) -> list[str]:
    """What the comparison says, in one sentence for orders and one for revenue; in one for both where it is small."""
    mailed, held_out = comparison.mailed, comparison.held_out
    if not comparison.large_enough:
        ordering = mailed.ordering + held_out.ordering
        accounts = f"{_counted(mailed.accounts, 'account')} mailed, {held_out.accounts:,} held out"
        least = f"It takes {LEAST_ACCOUNTS} in each group and {LEAST_ORDERING} that ordered."
        return [f"Too few to tell: {accounts}, {ordering:,} of them ordered. {least}"]
    return [_orders(comparison), _revenue(comparison, currency)]


def windows(goal: GoalResult) -> list[str]:
    """Whether the figures will still change."""
    if not goal.open_windows:
        return []
    return [f"{goal.open_windows:,} of {goal.windows:,} windows are still open: the figures will change."]


def money(cents: float) -> str:
    """``123456`` -> "1,234.56"; fractions of a cent are rounded."""
    return f"{Decimal(round(cents)) / 100:,.2f}"


def _orders(comparison: Comparison) -> str:
    difference = comparison.conversion
    shares = (
        f"{comparison.mailed.share_ordering:.1%} of the mailed accounts ordered, "
        f"{comparison.held_out.share_ordering:.1%} of those held out"
    )
    low, high = difference.low or 0, difference.high or 0
    match difference.finding:
        case Finding.TOO_FEW:
            return (
                f"Too few to tell whether more accounts order: {shares}; "
                f"the difference lies between {100 * low:+.1f} and {100 * high:+.1f} points."
            )
        case found:
            least, most = sorted((abs(100 * low), abs(100 * high)))
            word = "More" if found is Finding.MORE else "Fewer"
            return (
                f"{word} accounts order: {shares}; that is {abs(100 * difference.value):.1f} points "
                f"{found.value} ({least:.1f} to {most:.1f})."
            )


def _revenue(comparison: Comparison, currency: str) -> str:
    difference = comparison.revenue
    means = (
        f"{money(comparison.mailed.sample.mean)} {currency} for each mailed account, "
        f"{money(comparison.held_out.sample.mean)} for each held out"
    )
    low, high = difference.low or 0, difference.high or 0
    match difference.finding:
        case Finding.TOO_FEW:
            return (
                f"Too few to tell whether they spend more: {means}; "
                f"the difference lies between {_signed(low)} and {_signed(high)}."
            )
        case found:
            least, most = sorted((abs(low), abs(high)))
            return (
                f"They spend {found.value}: {means}; that is {money(abs(difference.value))} {found.value} "
                f"({money(least)} to {money(most)})."
            )


def _signed(cents: float) -> str:
    return f"{'+' if cents >= 0 else '-'}{money(abs(cents))}"


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'s' * (number != 1)}"
