"""Why a run needs more mailings than are allowed: what in the template causes it, and what to change."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from orchestrator.templates.faults import Site, TooManyMailings, at_line
from orchestrator.templates.packing import MOST_DISTINCT

if TYPE_CHECKING:
    from orchestrator.templates.layout import Layout
    from orchestrator.templates.mail import Skeleton


def too_many_skeletons(skeletons: list[Skeleton], limit: int) -> TooManyMailings:
    texts: dict[Site, set[str]] = defaultdict(set)
    for skeleton in skeletons:
        for outline in skeleton.outlines:
            for site, text in outline.fixed:
                texts[site].add(text)
    varying = {site: found for site, found in texts.items() if len(found) > 1}
    message = f"the mails have {len(skeletons):,} different contents and the limit is {limit:,} mailings"
    if varying:
        site = max(varying, key=lambda one: (len(varying[one]), one))
        message += f"; what is printed here differs {len(varying[site]):,} times and cannot stand in a merge field"
        hint = "Print it as text or in a link, not in a size, a color, a style or as markup."
        return fault_at(skeletons[0], site, message, hint)
    message += "; they differ in the text that conditions and loops choose"
    hint = "Let fewer conditions or shorter loops decide what stands in the mail."
    return fault_at(skeletons[0], _first_difference(skeletons), message, hint)


def too_many_slots(layout: Layout, distinct: list[int], budget: int, limit: int) -> TooManyMailings:
    """``distinct``: how many values each variable has."""
    group, variables = layout.group, layout.variables
    worst = max(range(len(variables)), key=lambda number: (variables[number].slots, distinct[number]))
    site = group.sites[min(variables[worst].chain.columns)]
    message = (
        f"the mails need more than {limit:,} mailings, which is the limit: values that differ between recipients need"
        f" {layout.slots:,} slots and {budget:,} are free; this one has {distinct[worst]:,} different values"
    )
    if distinct[worst] >= MOST_DISTINCT:
        message += " at least"
    hint = (
        "Print fewer values that differ (for example `cart.lines[:4]`), or shorter ones, or side by side with "
        "nothing but text between them, or free more merge fields."
    )
    return fault_at(group.skeleton, site, message, hint)


def _first_difference(skeletons: list[Skeleton]) -> Site:
    """Where the first text stands in which two skeletons differ, as far as the template's file shows it."""
    first = skeletons[0]
    lines = first.library.source_of(first.template).splitlines()
    for other in skeletons[1:]:
        for own, theirs in zip(first.source.texts, other.source.texts, strict=False):
            if own == theirs:
                continue
            at = next((i for i, (a, b) in enumerate(zip(own, theirs, strict=False)) if a != b), 0)
            shown = {text[text.rfind("\n", 0, at) + 1 :].partition("\n")[0].strip() for text in (own, theirs)} - {""}
            for number, line in enumerate(lines, 1):
                if any(text in line for text in shown):
                    return Site(first.template, number, True)
    return Site(first.template, 0, True)


def fault_at(skeleton: Skeleton, site: Site, message: str, hint: str) -> TooManyMailings:
    library = skeleton.library
    fault = at_line(site.file, site.line, message, hint, library.source_of, library.folder.name)
    return TooManyMailings(fault.problems)
