"""The templates, subjects and preheaders of campaigns: every name that they use must exist."""

from __future__ import annotations

from collections.abc import Iterator, Set as AbstractSet
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.campaigns.library import campaign_lines, template_library
from orchestrator.check.fields import CUSTOM
from orchestrator.check.rendering import Trial, render_members, render_samples, without_repetition
from orchestrator.definitions.files import template_names
from orchestrator.problems import Level
from orchestrator.segments.fields import CATALOGUE, resolve
from orchestrator.store.mail_names import account_columns, contact_columns
from orchestrator.templates.faults import is_line
from orchestrator.templates.remedies import SYNTAX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.check.documents import Documents
    from orchestrator.contacts.measures import CustomColumn
    from orchestrator.definitions.values import CampaignDefinition, Workspace
    from orchestrator.problems import Problem
    from orchestrator.templates.render import TemplateLibrary

_CART = frozenset({"lines", "total", "url"})
_CART_LINE = frozenset(
    {"product_id", "name", "category", "brand", "url", "image_url", "quantity", "unit_price", "total"}
)
_ORDER = frozenset({"order_id", "placed_at", "status", "channel", "currency", "total", "discount", "coupon"})
_DEFINITION = frozenset({"name", "description"})


def template_problems(
    workspace: Workspace,
    custom: Mapping[str, CustomColumn] | None,
    documents: Documents,
    *,
    trial: Trial | None,
) -> list[Problem]:
    """Problems of every template in use, in all its languages, and of the campaigns' own lines.

    ``trial``: templates are rendered, too, as it says.
    """
    library = template_library(workspace)
    with library.steady():
        return _problems(workspace, library, custom, documents, trial)


def _problems(
    workspace: Workspace,
    library: TemplateLibrary,
    custom: Mapping[str, CustomColumn] | None,
    documents: Documents,
    trial: Trial | None,
) -> list[Problem]:
    problems: list[Problem] = []
    links: dict[str, Problem] = {}
    there = template_names(workspace.root)
    contact, account = _Names("", contact_columns(), custom), _Names("account_", account_columns(), custom)
    for campaign in workspace.campaigns.values():
        if campaign.template not in there:
            continue
        known: dict[str, AbstractSet[str]] = {
            "contact": contact,
            "account": account,
            "cart": _CART,
            "cart.lines": _CART_LINE,
            "orders": _ORDER,
            "segment": _DEFINITION,
            "campaign": _DEFINITION,
            "vars": campaign.vars.keys(),
        }
        found = library.check(campaign.template, campaign_lines(campaign), known)
        if trial is not None:
            rendering = render_samples(workspace, library, campaign, custom)
            found += without_repetition(rendering.problems, found)
            if trial.real_readers is not None:
                members = render_members(library, campaign, trial.real_readers(workspace, library, campaign))
                certain = [problem for problem in found if problem.level is Level.ERROR]
                found += without_repetition(members, certain)
            for address, problem in rendering.links.items() if trial.ask is not None else ():
                links.setdefault(address, _placed(problem, campaign, documents))
        problems += [_placed(problem, campaign, documents) for problem in found]
    if trial is not None and trial.ask is not None:
        problems += _links_that_fail(links, trial.ask)
    return problems


def _links_that_fail(links: Mapping[str, Problem], ask: Callable[[str], int]) -> Iterator[Problem]:
    from orchestrator.check.links import faulty_links  # noqa: PLC0415 -- only where the network is asked

    for address, (level, message, hint) in faulty_links(links, ask).items():
        yield replace(links[address], level=level, message=message, hint=hint)


@dataclass(frozen=True, slots=True)
class _Names(AbstractSet[str]):
    """The names of ``contact`` or ``account``: columns, and every field of the catalogue, any PERIOD included."""

    prefix: str
    columns: tuple[str, ...]
    custom: Mapping[str, CustomColumn] | None

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str) or name in self.columns:
            return isinstance(name, str)
        if self.custom is None and CUSTOM.fullmatch(name):
            return True
        return any(resolve(field, self.custom) is not None for field in (name, f"{self.prefix}{name}"))

    def __iter__(self) -> Iterator[str]:
        fields = (field.name.replace("PERIOD", period) for field in CATALOGUE for period in ("total", "last_90_days"))
        return iter(dict.fromkeys([*self.columns, *(name.removeprefix(self.prefix) for name in fields)]))

    def __len__(self) -> int:
        return len(list(iter(self)))


def _placed(problem: Problem, campaign: CampaignDefinition, documents: Documents) -> Problem:
    """The problem with a next step, and in the campaign's file where its subject or preheader is meant."""
    hint = problem.hint
    if "vars." in problem.message:
        hint = f"{hint} [vars] of {campaign.file} has the values.".strip()
    problem = replace(problem, hint=hint or SYNTAX)
    if not is_line(problem.file):
        return problem
    word = problem.excerpt[problem.column - 1 :][: problem.width] if problem.column else ""
    document = documents.get(campaign.file)
    if document is None:  # it changed since it was read
        return replace(problem, file=campaign.file, line=campaign.lines.get(problem.file, 1), column=0)
    place = document.place(*problem.file.split("."))
    start = place.literal.find(word) if word else 0
    width = len(word) if word and start >= 0 else place.value.width
    column = place.value.column + max(0, start)
    return replace(problem, file=campaign.file, line=place.value.line, column=column, width=width)
