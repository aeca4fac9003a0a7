"""A workspace's templates, and what they ask of a contact. No database: `campaigns check` does without one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.templates.render import TemplateLibrary, TemplateSettings
from orchestrator.templates.sources import all_sources

if TYPE_CHECKING:
    from orchestrator.definitions.values import CampaignDefinition, Settings, Workspace

_ATTRIBUTE = re.compile(r"\b(contact|account)\s*(?:\.\s*([a-z_][a-z0-9_]*)|\[\s*['\"]([a-z_][a-z0-9_]*)['\"]\s*\])")


@dataclass(frozen=True, slots=True)
class Named:
    """``campaign`` and ``segment`` in a template: prints as its name."""

    name: str
    description: str

    def __str__(self) -> str:
        return self.name


def template_library(workspace: Workspace) -> TemplateLibrary:
    """The workspace's templates."""
    return TemplateLibrary(workspace.root / "templates", template_settings(workspace.settings))


def template_settings(settings: Settings) -> TemplateSettings:
    """What the settings say about templates; own domains default to the sender's."""
    domain = settings.mailchimp.reply_to.rpartition("@")[2].lower()
    return TemplateSettings(
        locale=settings.locale,
        currency=settings.currency,
        timezone=settings.timezone,
        own_domains=settings.link_domains or (domain,),
        merge_tags=frozenset(settings.mailchimp.merge_fields),
    )


def fields_printed(library: TemplateLibrary, campaign: CampaignDefinition) -> dict[str, frozenset[str]]:
    """``contact`` and ``account`` -> the attributes that template, subject and preheader mention.

    A field of the catalogue is computed only where a template uses it: the profile costs what is asked of it.
    """
    environment = library.environment(library.settings.locale)
    roots = [
        file.name
        for file in sorted(library.folder.glob(f"{campaign.template}.*"))
        if file.name.startswith(f"{campaign.template}.")
    ]
    texts = [*all_sources(environment, roots).values(), campaign.subject, campaign.preheader]
    used: dict[str, set[str]] = {"contact": set(), "account": set()}
    for source in texts:
        for match in _ATTRIBUTE.finditer(source):
            used[match[1]].add(match[2] or match[3])
    return {root: frozenset(names) for root, names in used.items()}
