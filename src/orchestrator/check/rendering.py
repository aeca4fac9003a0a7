"""Every template rendered for made-up and for real readers: what fails, and what the quality gate says of the mails."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.campaigns.library import campaign_lines, fields_printed, rendered_for
from orchestrator.check.samples import readers
from orchestrator.problems import Level
from orchestrator.templates.expressions import values_asked
from orchestrator.templates.faults import TemplateError
from orchestrator.templates.quality import Gate
from orchestrator.templates.sources import all_sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orchestrator.check.samples import Reader
    from orchestrator.contacts.measures import CustomColumn
    from orchestrator.definitions.values import CampaignDefinition, Workspace
    from orchestrator.problems import Problem
    from orchestrator.templates.render import TemplateLibrary


@dataclass(frozen=True, slots=True)
class Rendering:
    """What came of rendering a campaign's mails."""

    problems: tuple[Problem, ...]
    links: frozenset[str]
    """every address in them that holds nothing of a made-up reader"""


def render_samples(
    workspace: Workspace,
    library: TemplateLibrary,
    campaign: CampaignDefinition,
    custom: Mapping[str, CustomColumn] | None,
) -> Rendering:
    """Render a campaign for every made-up reader. Problems of subject and preheader name these as their file."""
    environment = library.environment(library.settings.locale)
    roots = library.files.variants(campaign.template)
    sources = all_sources(environment, roots) | campaign_lines(campaign)
    segment = workspace.segments.get(campaign.segment)
    made = readers(
        campaign,
        segment.description if segment else "",
        fields_printed(library, campaign),
        values_asked(environment, sources),
        [
            library.settings.locale,
            *library.files.languages(campaign.template),
            *campaign.subject_by_language,
            *campaign.preheader_by_language,
        ],
        custom,
    )
    return render_readers(library, campaign, made)


def render_readers(library: TemplateLibrary, campaign: CampaignDefinition, people: Iterable[Reader]) -> Rendering:
    """Render a campaign for readers. What was said of one is not said of the next."""
    problems: dict[tuple[str, int, str], Problem] = {}
    links: set[str] = set()
    for reader in people:
        gate = Gate()
        try:
            gate.look(rendered_for(library, campaign, reader.context, reader.language, ""))
            found = gate.problems(said_of=reader.who)
        except TemplateError as fault:
            found = [_said_of(problem, reader.who) for problem in fault.problems]
        links |= gate.fixed_links
        for problem in found:
            level = problem.level if reader.is_certain else Level.WARNING
            plain = problem.message.removesuffix(f" for {reader.who}")
            problems.setdefault((problem.file, problem.line, plain), replace(problem, level=level))
    return Rendering(tuple(sorted(problems.values())), frozenset(links))


def _said_of(problem: Problem, who: str) -> Problem:
    return replace(problem, message=f"{problem.message} for {who}") if who else problem


def without_repetition(problems: Iterable[Problem], known: Iterable[Problem]) -> Iterator[Problem]:
    """Problems at lines of which nothing is known yet."""
    places = {(problem.file, problem.line) for problem in known}
    messages = {(problem.file, problem.message) for problem in known}
    for problem in problems:
        if (problem.file, problem.line) not in places and (problem.file, problem.message) not in messages:
            yield problem
