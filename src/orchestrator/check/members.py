"""Real readers for a template: one of each language and of each industry that the campaign's segment holds.

What nobody has words for shows here: an industry without a story, a language without a subject, a cart without an
address. The members are those of the last recompute; which one stands for a group is always the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import text

from orchestrator.campaigns.content import contexts
from orchestrator.campaigns.library import fields_printed
from orchestrator.check.samples import Reader
from orchestrator.segments.query import WORD

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import CampaignDefinition, Workspace
    from orchestrator.store.database import Database
    from orchestrator.templates.render import TemplateLibrary

MOST_READERS = 30
"""of one campaign; the largest groups first"""


class Group(NamedTuple):
    """Members of one language and one industry."""

    contact: int
    key: str
    language: str | None
    industry: str | None
    members: int


class Members:
    """Asks the database for readers of campaigns."""

    def __init__(self, database: Database, now: datetime) -> None:
        self._database = database
        self._now = now

    def __call__(
        self, workspace: Workspace, library: TemplateLibrary, campaign: CampaignDefinition
    ) -> Iterable[Reader]:
        """Readers of a campaign, the largest groups first; nobody where its segment was never computed."""
        with self._database.read() as connection:
            chosen = {group.contact: group for group in representatives(_groups(connection, campaign.segment))}
            if not chosen:
                return
            printed = fields_printed(library, campaign)
            segment = workspace.segments.get(campaign.segment)
            people = sorted(chosen)
            settings = workspace.settings
            for contact, context in contexts(connection, settings, campaign, segment, printed, people, self._now):
                yield Reader(_who(chosen[contact], campaign.segment), context, chosen[contact].language)


def representatives(groups: Iterable[Group]) -> list[Group]:
    """The first group of each language and of each industry."""
    languages: set[str | None] = set()
    industries: set[str | None] = set()
    found: list[Group] = []
    for group in groups:
        if group.language not in languages or group.industry not in industries:
            found.append(group)
        languages.add(group.language)
        industries.add(group.industry)
    return found[:MOST_READERS]


def _groups(connection: Connection, segment: str) -> list[Group]:
    """Members who may be mailed, by language and industry, the most first."""
    known = connection.execute(
        text("SELECT bit FROM segment WHERE name = :name AND active"), {"name": segment}
    ).scalar_one_or_none()
    if known is None:
        return []
    rows = connection.execute(
        text(
            "SELECT MIN(c.id), MIN(c.key), c.language, a.industry, COUNT(*) FROM membership_mask m"
            " JOIN contact c ON c.id = m.contact LEFT JOIN account a ON a.id = c.account"
            f" WHERE m.word = :word AND ((m.mask >> {known % WORD}) & 1) = 1 AND c.consent = 'opted_in'"
            " GROUP BY c.language, a.industry ORDER BY COUNT(*) DESC, MIN(c.id)"
        ),
        {"word": known // WORD},
    )
    return [Group(*row) for row in rows]


def _who(group: Group, segment: str) -> str:
    language = f"language {group.language}" if group.language else "no language"
    industry = f"industry {group.industry!r}" if group.industry else "no industry"
    return f"{group.key} ({language}, {industry}: {group.members:,} members of {segment})"
