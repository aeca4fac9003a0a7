"""`campaigns report`: what came of the mails, and whether it was the mails."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_csv, answers_json, pass_shared, shared_options
from orchestrator.cli.spreadsheet import print_csv

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

    from orchestrator.engine import Engine
    from orchestrator.reports.comparison import Comparison
    from orchestrator.reports.performance import CampaignReport, Delivery, GoalResult

DELIVERY = ("sent", "delivered", "bounced", "opened", "clicked", "opted out", "complaints")
GOAL = ("held out", "orders", "revenue")


@click.command("report")
@click.argument("campaign", required=False)
@answers_json
@answers_csv
@shared_options
@pass_shared
def command(shared: Shared, campaign: str | None) -> int:
    """Sent, opened, clicked, opted out; orders and revenue within the goal, against the holdout.

    Of all campaigns, or of CAMPAIGN and each of its runs. Opens and clicks are as of the last time that they were read
    back from Mailchimp.
    """
    from orchestrator.clock import to_epoch
    from orchestrator.reports.document import campaign_document
    from orchestrator.reports.performance import campaign_report
    from orchestrator.store.reports import sent_later

    engine = shared.engine()
    now, currency = engine.clock.now(), engine.settings.currency
    with engine.database.read() as connection:
        definitions = engine.workspace.campaigns
        reports = [
            campaign_report(connection, name, definitions.get(name), now=now)
            for name in _names(engine, connection, campaign)
        ]
        later = sent_later(connection, to_epoch(now))
    if later:
        moment = now.astimezone(engine.settings.timezone)
        output.note(f"As of {moment:%Y-%m-%d %H:%M}. What was sent later is not counted: {later:,} mails.")
    if shared.json:
        rows = [campaign_document(report, currency, with_runs=campaign is not None) for report in reports]
        output.document({"now": output.moment(now), "campaigns": rows})
    elif shared.csv:
        _write_csv(reports, currency, with_runs=campaign is not None)
    elif campaign is not None:
        _show_one(reports[0], currency)
    else:
        _show_all(reports, currency)
    return 0


def _names(engine: Engine, connection: Connection, campaign: str | None) -> list[str]:
    """Campaigns of the workspace, and those that ran and whose file is gone."""
    from orchestrator.cli.names import campaign_named
    from orchestrator.store.reports import campaigns_with_runs

    ran = campaigns_with_runs(connection)
    if campaign is None:
        return sorted({*engine.workspace.campaigns, *ran})
    return [campaign if campaign in ran else campaign_named(engine, campaign).name]


def _write_csv(reports: Sequence[CampaignReport], currency: str, *, with_runs: bool) -> None:
    """One row for each campaign, or for one campaign and each of its runs."""
    figures = ("sent", "delivered", "hard_bounced", "soft_bounced", "opened", "clicked", "opted_out", "complained")
    rows: list[tuple[str, str, Delivery, GoalResult | None]] = []
    for report in reports:
        rows.append((report.campaign, "", report.delivery, report.goal))
        if with_runs:
            rows += [(report.campaign, run.run, run.delivery, run.goal) for run in report.runs]
    print_csv(
        ("campaign", "run", *figures, "held_out", "orders", f"revenue_{currency}"),
        [
            (
                campaign,
                run,
                *(getattr(delivery, name) for name in figures),
                *((goal.held_out, goal.credit.orders, Decimal(goal.credit.cents).scaleb(-2)) if goal else ("", "", "")),
            )
            for campaign, run, delivery, goal in rows
        ],
    )


def _show_all(reports: Sequence[CampaignReport], currency: str) -> None:
    _figures("campaign", currency, [(report.campaign, report.delivery, report.goal) for report in reports])
    for report in reports:
        if report.runs:
            output.line()
            _say(report, currency)


def _show_one(report: CampaignReport, currency: str) -> None:
    rows = [("all", report.delivery, report.goal)] if len(report.runs) != 1 else []
    rows += [(run.run, run.delivery, run.goal) for run in report.runs]
    _figures("run", currency, rows)
    if report.goal is not None and report.goal.comparison is not None:
        output.line()
        _compared(report.goal.comparison, currency)
    output.line()
    _say(report, currency)


def _figures(heading: str, currency: str, rows: Sequence[tuple[str, Delivery, GoalResult | None]]) -> None:
    headings = (heading, *DELIVERY, *GOAL[:-1], f"{GOAL[-1]} ({currency})")
    shown = [(name, *_delivery(delivery), *_goal(goal)) for name, delivery, goal in rows]
    output.table(headings, shown, right=range(1, len(headings)))


def _delivery(delivery: Delivery) -> tuple[object, ...]:
    bounced = delivery.hard_bounced + delivery.soft_bounced
    return (
        delivery.sent,
        delivery.delivered,
        f"{bounced:,} ({delivery.hard_bounced:,} hard)" if bounced else 0,
        _share(delivery.opened, delivery.delivered),
        _share(delivery.clicked, delivery.delivered),
        delivery.opted_out,
        delivery.complained,
    )


def _goal(goal: GoalResult | None) -> tuple[object, ...]:
    from orchestrator.reports.sentences import money

    return ("", "", "") if goal is None else (goal.held_out, goal.credit.orders, money(goal.credit.cents))


def _compared(comparison: Comparison, currency: str) -> None:
    from orchestrator.reports.sentences import money

    headings = ("", "accounts", "ordered", "share", f"revenue ({currency})", "per account")
    rows = [
        (
            name,
            group.accounts,
            group.ordering,
            f"{group.share_ordering:.1%}",
            money(group.cents),
            money(group.sample.mean),
        )
        for name, group in (("mailed", comparison.mailed), ("held out", comparison.held_out))
    ]
    output.table(headings, rows, right=range(1, len(headings)))


def _say(report: CampaignReport, currency: str) -> None:
    from orchestrator.definitions.durations import written_duration
    from orchestrator.reports.sentences import sentences

    goal = report.goal_within
    within = f", orders within {written_duration(goal)} after the mail" if goal is not None else ""
    output.line(f"{report.campaign}{within}:")
    for sentence in sentences(report, currency):
        output.line(f"  {sentence}")


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({part / whole:.0%})" if whole else f"{part:,}"
