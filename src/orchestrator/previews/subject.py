"""What a preview page is about: a campaign of the files as they are now, one contact, and the mail they make."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.campaigns.content import render
from orchestrator.campaigns.judge import verdict_on
from orchestrator.campaigns.library import template_library, template_settings
from orchestrator.campaigns.quality import findings
from orchestrator.definitions.workspace import read_workspace
from orchestrator.errors import DefinitionError, UsageError
from orchestrator.previews import recipients as people
from orchestrator.segments.members import members_as_of
from orchestrator.templates.quality import Gate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from orchestrator.campaigns.judge import Verdict
    from orchestrator.definitions.values import CampaignDefinition, Workspace
    from orchestrator.engine import Engine
    from orchestrator.previews.recipients import Place, Recipient
    from orchestrator.problems import Problem
    from orchestrator.templates.mail import Rendered, RenderedEmail
    from orchestrator.templates.render import TemplateLibrary, TemplateSettings

FOLDERS = ("campaigns", "segments", "templates")


@dataclass(frozen=True, slots=True)
class Shown:
    """One mail and what a marketer asks about it."""

    mail: RenderedEmail
    recipient: Recipient
    verdict: Verdict | None
    """what a run that began now would decide; None before the first recompute"""
    place: Place
    findings: tuple[Problem, ...]
    template: str
    """file name, language variant included"""

    @property
    def size(self) -> int:
        """Bytes of the HTML."""
        return len(self.mail.html.encode())


class Previews:
    """Previews over an engine that may be another one after files changed. Files are read anew at every question."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine
        self._libraries: dict[TemplateSettings, TemplateLibrary] = {}
        self._computed: dict[tuple[str, str], list[str]] = {}
        """recipients of segments that were never recomputed, by segment and state of the files"""

    def workspace(self) -> Workspace:
        """The files as they are. Raises DefinitionError where config.toml is unusable."""
        workspace, problems = read_workspace(self._engine().workspace.root)
        if workspace is None:
            raise DefinitionError(problems)
        return workspace

    def campaign(self, name: str) -> CampaignDefinition:
        """A campaign. Raises DefinitionError with what is wrong in its file, LookupError where there is none."""
        workspace, problems = read_workspace(self._engine().workspace.root)
        if workspace is None:
            raise DefinitionError(problems)
        found = workspace.campaigns.get(name)
        if found is None:
            own = [problem for problem in problems if problem.file == f"campaigns/{name}.toml"]
            if own:
                raise DefinitionError(own)
            raise LookupError(name)
        return found

    def show(self, name: str, contact: str | None) -> Shown | None:
        """The mail of ``contact`` (id or address), else of the first recipient; None where there is nobody.

        Raises what keeps the mail from being made: DefinitionError, TemplateError, UsageError for an unknown contact.
        """
        engine, workspace, campaign = self._engine(), self.workspace(), self.campaign(name)
        now = engine.clock.now()
        with engine.database.read() as connection:
            recipient = self._recipient(connection, workspace, campaign, contact)
            if recipient is None:
                return None
            place = self._place(connection, workspace, campaign, recipient)
            verdict = None
            if people.recorded_segment(connection, campaign.segment) is not None:
                verdict = verdict_on(connection, workspace.settings, campaign, recipient.id, now=now)
        rendered = self._rendered(workspace, campaign, recipient)
        gate = Gate()
        gate.look(rendered)
        found = tuple(findings(engine.database, campaign, gate))
        return Shown(rendered.preview(), recipient, verdict, place, found, rendered.skeleton.template)

    def mail(self, name: str, contact: str) -> RenderedEmail:
        """The mail alone. Raises as ``show`` does."""
        workspace, campaign = self.workspace(), self.campaign(name)
        with self._engine().database.read() as connection:
            recipient = _named(connection, contact)
        return self._rendered(workspace, campaign, recipient).preview()

    def search(self, words: str) -> list[Recipient]:
        with self._engine().database.read() as connection:
            return people.search(connection, words)

    def state_of_files(self) -> str:
        """Changes whenever a file of the workspace does."""
        return state_of_files(self._engine().workspace.root)

    def _rendered(self, workspace: Workspace, campaign: CampaignDefinition, recipient: Recipient) -> Rendered:
        engine, key = self._engine(), template_settings(workspace.settings)
        library = self._libraries.get(key)
        if library is None:
            self._libraries.clear()
            library = self._libraries.setdefault(key, template_library(workspace))
        made = render(engine.database, workspace, library, campaign, [recipient.id], now=engine.clock.now())
        return next(iter(made))

    def _recipient(
        self, connection: Connection, workspace: Workspace, campaign: CampaignDefinition, contact: str | None
    ) -> Recipient | None:
        if contact is not None:
            return _named(connection, contact)
        segment = people.recorded_segment(connection, campaign.segment)
        if segment is not None:
            first = people.place_in(connection, segment, None).after
        else:
            first = next(iter(self._keys(connection, workspace, campaign)), None)
        return None if first is None else _named(connection, first)

    def _place(
        self, connection: Connection, workspace: Workspace, campaign: CampaignDefinition, recipient: Recipient
    ) -> Place:
        segment = people.recorded_segment(connection, campaign.segment)
        if segment is not None:
            return people.place_in(connection, segment, recipient.id)
        return people.place_among(self._keys(connection, workspace, campaign), recipient.key)

    def _keys(self, connection: Connection, workspace: Workspace, campaign: CampaignDefinition) -> list[str]:
        state = (campaign.segment, state_of_files(workspace.root))
        if state not in self._computed:
            now = self._engine().clock.now()
            members = members_as_of(connection, workspace.settings, workspace.segments, campaign.segment, now=now)
            self._computed = {state: people.with_consent(connection, [member.contact_id for member in members])}
        return self._computed[state]


def state_of_files(root: Path) -> str:
    """A digest of names, sizes and times of the workspace's files."""
    digest = hashlib.sha256()
    for path in [root / "config.toml", *(path for name in FOLDERS for path in sorted((root / name).rglob("*")))]:
        try:
            found = path.stat()
        except OSError:
            continue  # an editor replaces a file by another one; the next look finds it
        digest.update(f"{path}\0{found.st_mtime_ns}\0{found.st_size}\n".encode(errors="replace"))
    return digest.hexdigest()


def _named(connection: Connection, contact: str) -> Recipient:
    found = people.by_name(connection, contact)
    if found is None:
        raise UsageError(f'There is no contact with the id or address "{contact}". Is it imported?')
    return found
