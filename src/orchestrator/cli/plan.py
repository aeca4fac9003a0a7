"""`campaigns plan`: what the next cycle would change, and whom it would mail."""

from __future__ import annotations

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_json, pass_shared, shared_options


@click.command("plan")
@answers_json
@shared_options
@pass_shared
def command(shared: Shared) -> int:
    """Rehearse the next cycle on the data that was imported: nothing is written, here or at Mailchimp."""
    from orchestrator.plan import Plan, make_plan

    engine = shared.engine()
    with output.progress("Plan", quiet=shared.json):
        plan: Plan = make_plan(engine)
    if shared.json:
        output.document(
            {
                "now": output.moment(plan.now),
                "audience": {
                    "add": plan.add,
                    "update": plan.update,
                    "unsubscribe": plan.unsubscribe,
                    "move": plan.move,
                },
                "tags": [{"segment": tag.segment, "add": tag.add, "remove": tag.remove} for tag in plan.tags],
                "runs": [
                    {
                        "campaign": run.campaign,
                        "scheduled_for": output.moment(run.scheduled_for),
                        "state": run.state,
                        "recipients": run.recipients,
                        "decisions": run.decisions,
                        "mailings": run.mailings,
                        "reason": run.reason,
                    }
                    for run in plan.runs
                ],
                "held": plan.held,
                "refused": plan.refused,
                "warnings": [output.problem_document(problem) for problem in plan.warnings],
                "api_calls": plan.api_calls,
            }
        )
        return plan.exit_code
    output.line(
        f"Audience: {plan.add:,} to add, {plan.update:,} to update, {plan.move:,} to move to a new address, "
        f"{plan.unsubscribe:,} to unsubscribe."
    )
    if plan.tags:
        output.table(("tag", "add", "remove"), [(tag.segment, tag.add, tag.remove) for tag in plan.tags], right=(1, 2))
    if plan.runs:
        rows = [(run.campaign, run.recipients, run.mailings, output.counts(run.decisions)) for run in plan.runs]
        output.line()
        output.table(("campaign", "recipients", "mailings", "decisions"), rows, right=(1, 2))
        for run in plan.runs:
            if run.reason:
                output.warning(f"{run.campaign}: {run.reason}")
    else:
        output.line("No campaign is due.")
    for name, reason in plan.held.items():
        output.warning(f"{name} would be held back: {reason}.")
    for reason in plan.refused:
        output.warning(reason)
    output.warn_of_mails(plan.warnings)
    output.line(f"{plan.api_calls:,} calls to Mailchimp. Nothing was changed.")
    return plan.exit_code
