"""The quality gate of a run: its rendered mails in; errors stop it before anything is made at the provider.

The findings are those of ``templates/quality.py``, told about contacts by the key that people know, and about subject
and preheader by the line of the campaign's file.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, text

from orchestrator.problems import Level
from orchestrator.templates.faults import TemplateError, is_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.definitions.values import CampaignDefinition
    from orchestrator.problems import Problem
    from orchestrator.store.database import Database
    from orchestrator.templates.quality import Gate


class UnfitToSend(TemplateError):
    """Mails of a run are broken: none of it is sent. It waits, and goes on when the files are mended."""

    def __str__(self) -> str:
        number = len(self.problems)
        found = "1 problem" if number == 1 else f"{number} problems"
        return (
            f"Not sent: {found} in its mails.\n{super().__str__()}\n"
            "    The run waits: mend the files, and the next cycle, or `campaigns send`, goes on with it."
        )


def stop_if_unfit(
    database: Database,
    campaign: CampaignDefinition,
    gate: Gate,
    warn: Callable[[Sequence[Problem]], None],
) -> None:
    """Raises UnfitToSend with every error of the mails that ``gate`` saw; ``warn`` is told the rest."""
    problems = findings(database, campaign, gate)
    errors = [problem for problem in problems if problem.level is Level.ERROR]
    if errors:
        raise UnfitToSend(errors)
    warn(problems)


def findings(database: Database, campaign: CampaignDefinition, gate: Gate) -> list[Problem]:
    """What the gate found in mails whose keys are contact ids, with places in the workspace's files."""
    examples = [int(example) for _, _, example in gate.findings() if example]
    names: dict[str, str] = {}
    if examples:
        with database.read() as connection:
            wanted = text("SELECT id, key FROM contact WHERE id IN :ids").bindparams(bindparam("ids", expanding=True))
            rows = connection.execute(wanted, {"ids": examples})
            names = {str(contact): key for contact, key in rows}
    return sorted(in_campaign(problem, campaign) for problem in gate.problems(names))


def in_campaign(problem: Problem, campaign: CampaignDefinition) -> Problem:
    """A problem of a subject or a preheader at the line of the campaign's file; any other as it is."""
    if not is_line(problem.file):
        return problem
    line = campaign.lines.get(problem.file, 1)
    return replace(problem, file=campaign.file, line=line, column=0, excerpt="", width=1)
