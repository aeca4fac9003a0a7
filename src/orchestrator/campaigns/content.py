"""Each recipient's own mail: the facts that its template prints, rendered; contacts in, Rendered out, in pages."""

from __future__ import annotations

from decimal import Decimal
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from orchestrator.campaigns.library import Named, fields_printed, rendered_for
from orchestrator.clock import to_epoch
from orchestrator.contacts.custom import learn_custom_fields
from orchestrator.segments.fields import resolve
from orchestrator.segments.members import aligned, profiles
from orchestrator.store import mail_facts as facts, mail_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import CampaignDefinition, SegmentDefinition, Settings, Workspace
    from orchestrator.store.database import Database
    from orchestrator.templates.mail import Rendered
    from orchestrator.templates.render import TemplateLibrary

PAGE = 500
_EMPTY_CART: Mapping[str, Any] = MappingProxyType({"lines": (), "total": Decimal(0), "url": None})


def render(
    database: Database,
    workspace: Workspace,
    library: TemplateLibrary,
    campaign: CampaignDefinition,
    contacts: Sequence[int],
    *,
    now: datetime,
) -> Iterator[Rendered]:
    """The mail of each contact (by id; ``Rendered.contact_key`` is the id as text), in the order of ids.

    All of them see one moment of the database, and the templates as they are now. Raises TemplateError.
    """
    segment = workspace.segments.get(campaign.segment)
    printed = fields_printed(library, campaign)
    with database.read() as connection, library.steady():
        people = sorted(contacts)
        for contact, context in contexts(connection, workspace.settings, campaign, segment, printed, people, now):
            yield rendered_for(library, campaign, context, context["contact"]["language"], str(contact))


def contexts(
    connection: Connection,
    settings: Settings,
    campaign: CampaignDefinition,
    segment: SegmentDefinition | None,
    printed: Mapping[str, frozenset[str]],
    contacts: Sequence[int],
    now: datetime,
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each contact's id, and what a template may print of it."""
    contact_columns, account_columns = set(mail_names.contact_columns()), set(mail_names.account_columns())
    written = {f"account_{name}" for name in printed["account"]} | printed["contact"]
    custom = learn_custom_fields(connection, {name for name in written if "x_" in name})
    contact_fields = {name for name in printed["contact"] - contact_columns if resolve(name, custom) is not None}
    # country falls back to the account's in the catalogue: print what segments see
    contact_fields |= printed["contact"] & {"country"}
    account_fields = {
        f"account_{name}"
        for name in printed["account"] - account_columns
        if resolve(f"account_{name}", custom) is not None
    } | {name for name in printed["account"] - account_columns if resolve(name) is not None}
    shared = {
        "segment": Named(campaign.segment, segment.description if segment else ""),
        "campaign": Named(campaign.name, campaign.description),
        "vars": campaign.vars,
        "now": now,
    }
    names = sorted(contact_fields | account_fields)
    # one stream for all pages: scores rank everybody, once
    values = profiles(connection, settings, names, now=now, contacts=contacts) if names else iter(())
    profile_of = aligned(contacts, values)
    for start in range(0, len(contacts), PAGE):
        page = contacts[start : start + PAGE]
        people = facts.contact_rows(connection, page)
        companies = facts.account_rows(connection, [row["account"] for row in people.values() if row["account"]])
        carts = facts.carts(connection, page, to_epoch(now))
        orders = facts.orders(connection, page, to_epoch(now))
        for contact, found in islice(profile_of, len(page)):
            profile = found or {}
            person = people[contact]
            account = dict(companies.get(person.pop("account"), dict.fromkeys(account_columns)))
            account |= {name.removeprefix("account_"): profile.get(name) for name in account_fields}
            person |= {name: profile.get(name) for name in contact_fields}
            own = {
                "contact": person,
                "account": account,
                "cart": carts.get(contact, _EMPTY_CART),
                "orders": orders.get(contact, []),
            }
            yield contact, shared | own
