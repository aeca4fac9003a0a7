"""A report as the JSON of `campaigns report --json`. Money in the workspace's currency, shares from 0 to 1."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from orchestrator.clock import from_epoch
from orchestrator.reports.intervals import CONFIDENCE
from orchestrator.reports.sentences import findings, sentences, windows

if TYPE_CHECKING:
    from orchestrator.reports.comparison import Comparison, Difference, Group
    from orchestrator.reports.performance import CampaignReport, Delivery, GoalResult, RunReport


def campaign_document(report: CampaignReport, currency: str, *, with_runs: bool) -> dict[str, Any]:
    """One campaign; ``with_runs``: each run of it, too."""
    found: dict[str, Any] = {
        "campaign": report.campaign,
        **_delivery(report.delivery),
        "contacts": dict(report.people),
        "currency": currency,
        "goal_within_hours": None if report.goal_within is None else report.goal_within.total_seconds() / 3600,
        **_goal(report.goal),
        "switched_accounts": report.switched,
        "sentences": sentences(report, currency),
    }
    if with_runs:
        found["runs"] = [_run(run, currency) for run in report.runs]
    return found


def _run(report: RunReport, currency: str) -> dict[str, Any]:
    said: list[str] = []
    if report.goal is not None:
        said = findings(report.goal.comparison, currency) if report.goal.comparison is not None else []
        said += windows(report.goal)
    return {
        "run": report.run,
        "scheduled_for": from_epoch(report.scheduled_for),
        **_delivery(report.delivery),
        **_goal(report.goal),
        "sentences": said,
    }


def _delivery(delivery: Delivery) -> dict[str, int]:
    return {
        "sent": delivery.sent,
        "delivered": delivery.delivered,
        "hard_bounced": delivery.hard_bounced,
        "soft_bounced": delivery.soft_bounced,
        "opened": delivery.opened,
        "clicked": delivery.clicked,
        "opted_out": delivery.opted_out,
        "complained": delivery.complained,
    }


def _goal(goal: GoalResult | None) -> dict[str, Any]:
    """Everything null where the campaign has no goal."""
    if goal is None:
        return dict.fromkeys(("orders", "revenue", "held_out", "windows", "open_windows", "comparison"))
    return {
        "orders": goal.credit.orders,
        "revenue": Decimal(goal.credit.cents) / 100,
        "held_out": goal.held_out,
        "windows": goal.windows,
        "open_windows": goal.open_windows,
        "comparison": None if goal.comparison is None else _comparison(goal.comparison),
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "mailed": _group(comparison.mailed),
        "held_out": _group(comparison.held_out),
        "conversion_difference": _difference(comparison.conversion, 1),
        "revenue_per_account_difference": _difference(comparison.revenue, 100),
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        "accounts": group.accounts,
        "accounts_ordering": group.ordering,
        "conversion": group.share_ordering,
        "orders": group.orders,
        "revenue": Decimal(group.cents) / 100,
        "revenue_per_account": group.sample.mean / 100,
    }


def _difference(difference: Difference, unit: int) -> dict[str, Any]:
    """``unit``: how many of what is measured make one of what is shown."""
    return {
        "value": difference.value / unit,
        "low": None if difference.low is None else difference.low / unit,
        "high": None if difference.high is None else difference.high / unit,
        "confidence": CONFIDENCE,
        "finding": difference.finding.value,
    }
