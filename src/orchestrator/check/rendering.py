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
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from orchestrator.check.samples import Reader
    from orchestrator.contacts.measures import CustomColumn
    from orchestrator.definitions.values import CampaignDefinition, Workspace
    from orchestrator.problems import Problem
    from orchestrator.templates.render import TemplateLibrary


@dataclass(frozen=True, slots=True)
class Trial:
    """With whom templates are tried, beside made-up readers, and whether their links are."""

    real_readers: Callable[[Workspace, TemplateLibrary, CampaignDefinition], Iterable[Reader]] | None = None
    """some members of the campaign's segment"""
    ask: Callable[[str], int] | None = None
    """the HTTP status of an address; raises OSError where there is none"""


@dataclass(frozen=True, slots=True)
class Rendering:
    """What came of rendering a campaign's mails."""

    problems: tuple[Problem, ...]
    links: Mapping[str, Problem]
    """every address that holds nothing of a reader, and its place"""


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
    links: dict[str, Problem] = {}
    looked_at = Gate().looked_at
    for reader in people:
        gate = Gate(looked_at=looked_at)
        try:
            gate.look(rendered_for(library, campaign, reader.context, reader.language, ""))
            found = gate.problems(said_of=reader.who)
        except TemplateError as fault:
            found = [_said_of(problem, reader.who) for problem in fault.problems]
        links |= gate.placed_links(links)
        for problem in found:
            level = problem.level if reader.is_certain else Level.WARNING
            plain = problem.message.removesuffix(f" for {reader.who}")
            problems.setdefault((problem.file, problem.line, plain), replace(problem, level=level))
    return Rendering(tuple(sorted(problems.values())), links)


def render_members(library: TemplateLibrary, campaign: CampaignDefinition, people: Iterable[Reader]) -> list[Problem]:
    """What fails, or is wrong with the mails, for real readers."""
    gate = Gate()
    names: dict[str, str] = {}
    problems: dict[tuple[str, int, str], Problem] = {}
    for number, reader in enumerate(people):
        names[str(number)] = reader.who
        try:
            gate.look(rendered_for(library, campaign, reader.context, reader.language, str(number)))
        except TemplateError as fault:
            for problem in fault.problems:
                problems.setdefault((problem.file, problem.line, problem.message), _said_of(problem, reader.who))
    return sorted((*problems.values(), *gate.problems(names)))


def _said_of(problem: Problem, who: str) -> Problem:
    return replace(problem, message=f"{problem.message} for {who}") if who else problem


def without_repetition(problems: Iterable[Problem], known: Iterable[Problem]) -> Iterator[Problem]:
    """Problems at lines of which nothing is known yet."""
    places = {(problem.file, problem.line) for problem in known}
    messages = {(problem.file, problem.message) for problem in known}
    for problem in problems:
        if (problem.file, problem.line) not in places and (problem.file, problem.message) not in messages:
            yield problem
