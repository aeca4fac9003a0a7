"""Every distinct mailing of a campaign as files: what a run would mail now or at its readers' next open hours.

How many Mailchimp campaigns a run really takes depends on the merge fields that the account has left, too; `plan`
asks it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from orchestrator.campaigns import judge
from orchestrator.campaigns.content import render
from orchestrator.campaigns.library import template_library
from orchestrator.campaigns.merge_fields import confirmed_values
from orchestrator.errors import UsageError
from orchestrator.previews import recipients as people
from orchestrator.segments.members import members_as_of
from orchestrator.store import candidates
from orchestrator.templates.mailings import compile_mailings
from orchestrator.vocabulary import Decision

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import CampaignDefinition
    from orchestrator.engine import Engine
    from orchestrator.templates.mail import RenderedEmail

MERGE_FIELDS = 30
"""of an audience on Mailchimp's smaller plans; an account with more may need fewer mailings"""
MOST_MAILINGS = 100
PAGE = 500
WOULD_GET_IT = (Decision.PLANNED, Decision.DEFERRED)


@dataclass(frozen=True, slots=True)
class Written:
    """One mailing in the folder."""

    number: int
    recipients: int
    contact_key: str
    """whose mail the files show"""
    template: str
    mail: RenderedEmail
    html: str
    """file name"""
    text: str


def write_every_mailing(engine: Engine, campaign: CampaignDefinition, folder: Path) -> list[Written]:
    """Write each mailing as its first recipient gets it, and an index. Raises TemplateError, TooManyMailings, and
    UsageError for a folder that cannot be written.
    """
    now, workspace = engine.clock.now(), engine.workspace
    library = template_library(workspace)
    with engine.database.read() as connection:
        contacts = _recipients(connection, engine, campaign)
    slots = [f"CO_{number}" for number in range(1, MERGE_FIELDS - len(workspace.settings.mailchimp.merge_fields) + 1)]
    synced = _synced(engine, contacts)
    rendered = render(engine.database, workspace, library, campaign, contacts, now=now)
    plan = compile_mailings(rendered, slots=slots, synced=synced, max_mailings=MOST_MAILINGS)
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for mailing in plan.mailings:
            first = min(int(contact) for contact in mailing.recipients)
            own = next(iter(render(engine.database, workspace, library, campaign, [first], now=now)))
            with engine.database.read() as connection:
                key = people.key_of(connection, first)
            stem = f"{campaign.name}-{mailing.number:02}"
            one = Written(
                number=mailing.number,
                recipients=len(mailing.recipients),
                contact_key=key,
                template=own.skeleton.template,
                mail=own.preview(),
                html=f"{stem}.html",
                text=f"{stem}.txt",
            )
            (folder / one.html).write_text(one.mail.html, encoding="utf-8")
            head = f"{one.mail.subject}\n{one.mail.preheader or ''}\n\n"
            (folder / one.text).write_text(f"{head}{one.mail.text}\n", encoding="utf-8")
            written.append(one)
        (folder / "index.html").write_text(_index(campaign, written), encoding="utf-8")
    except OSError as fault:
        raise UsageError(f"--out {folder} cannot be written: {fault.strerror}. Name another folder.") from None
    return written


def _synced(engine: Engine, contacts: list[int]) -> dict[str, dict[str, str]]:
    """Tag -> contact -> value of those merge fields that Mailchimp is known to hold."""
    tags = dict.fromkeys(engine.settings.mailchimp.merge_fields, "")
    found: dict[str, dict[str, str]] = {tag: {} for tag in tags}
    for start in range(0, len(contacts), PAGE):
        with engine.database.read() as connection:
            held = confirmed_values(connection, contacts[start : start + PAGE], tags)
        for contact, values in held.items():
            for tag, value in values.items():
                found[tag][str(contact)] = value
    return found


def _recipients(connection: Connection, engine: Engine, campaign: CampaignDefinition) -> list[int]:
    """Contacts that a run of now would mail, at once or later. Where that is nobody, and before the first recompute:
    all members with consent, so that there is something to look at.
    """
    now, workspace = engine.clock.now(), engine.workspace
    segment = people.recorded_segment(connection, campaign.segment)
    if segment is None:
        members = members_as_of(connection, workspace.settings, workspace.segments, campaign.segment, now=now)
        return people.ids_with_consent(connection, [member.contact_id for member in members])
    judge.decide(connection, workspace.settings, campaign, candidates.members(segment), now=now)
    would = judge.decided_as(connection, WOULD_GET_IT)
    return would or judge.decided_as(connection, [one for one in Decision if one is not Decision.NO_CONSENT])


def _index(campaign: CampaignDefinition, written: list[Written]) -> str:
    pages = Environment(
        loader=PackageLoader("orchestrator.previews", "pages"), autoescape=True, undefined=StrictUndefined
    )
    return pages.get_template("every.html").render(
        campaign=campaign, written=written, style=pages.get_template("style.css").render()
    )
