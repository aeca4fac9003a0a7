"""A workspace's templates, and what they ask of a contact. No database: `campaigns check` does without one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.templates.render import TemplateLibrary, TemplateSettings
from orchestrator.templates.sources import all_sources
from orchestrator.templates.variants import languages_tried

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.definitions.values import CampaignDefinition, Settings, Workspace
    from orchestrator.templates.mail import Rendered

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
        clients=settings.mail_clients,
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
    texts = [*all_sources(environment, roots).values(), *campaign_lines(campaign).values()]
    used: dict[str, set[str]] = {"contact": set(), "account": set()}
    for source in texts:
        for match in _ATTRIBUTE.finditer(source):
            used[match[1]].add(match[2] or match[3])
    return {root: frozenset(names) for root, names in used.items()}


def campaign_lines(campaign: CampaignDefinition) -> dict[str, str]:
    """Every subject and preheader of a campaign, by the name of its key (``subject_by_language.sv``)."""
    lines = {"subject": campaign.subject} | ({"preheader": campaign.preheader} if campaign.preheader else {})
    lines |= {f"subject_by_language.{language}": text for language, text in campaign.subject_by_language.items()}
    return lines | {f"preheader_by_language.{name}": text for name, text in campaign.preheader_by_language.items()}


def lines_for(campaign: CampaignDefinition, language: str | None, locale: str) -> dict[str, str]:
    """The subject and the preheader of a reader, by the name of their keys: its language's, then as for templates."""
    found: dict[str, str] = {}
    tables = {"subject": campaign.subject_by_language, "preheader": campaign.preheader_by_language}
    for name, table in tables.items():
        keys = {key.replace("_", "-").lower(): key for key in table}
        key = next((keys[one] for one in languages_tried(language, locale) if one in keys), None)
        own = campaign.subject if name == "subject" else campaign.preheader
        found |= {f"{name}_by_language.{key}": table[key]} if key is not None else {name: own}
    return found


def rendered_for(
    library: TemplateLibrary,
    campaign: CampaignDefinition,
    context: Mapping[str, Any],
    language: str | None,
    key: str,
) -> Rendered:
    """A campaign's mail for one reader. Raises TemplateError."""
    (subject_name, subject), (preheader_name, preheader) = lines_for(
        campaign, language, library.settings.locale
    ).items()
    return library.render(
        campaign.template,
        subject=subject,
        preheader=preheader or None,
        context=context,
        language=language,
        utm=campaign.utm or None,
        key=key,
        names=(subject_name, preheader_name),
    )
