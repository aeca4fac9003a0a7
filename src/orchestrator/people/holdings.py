"""What of a person stands in which table. Every table is in one of the two lists; a test sees to it.

``where`` finds a person's rows, with the parameters ``contact`` (the id; 0 for a member of the audience who is no
contact) and ``addresses``.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, text
from sqlmodel import SQLModel

from orchestrator.store import tables  # noqa: F401 -- defines them

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Table, TextClause

    from orchestrator.people.search import Person


@dataclass(frozen=True, slots=True)
class Holding:
    """A table with rows about people."""

    table: str
    where: str
    about: str
    noun: str = ""
    """its rows in a count, where the table's name does not say"""

    @property
    def target(self) -> Table:
        return SQLModel.metadata.tables[self.table]

    @property
    def condition(self) -> TextClause:
        found = text(self.where)
        return found.bindparams(bindparam("addresses", expanding=True)) if ":addresses" in self.where else found


_CONTACT = "contact = :contact"
_ORDERS = "order_id IN (SELECT id FROM orders WHERE contact = :contact)"
_CARTS = "cart IN (SELECT id FROM cart WHERE contact = :contact)"
_MAILS = "id IN (SELECT mailing FROM send WHERE contact = :contact)"
_MEMBER = "contact = :contact OR email_key IN :addresses"
HOLDINGS: tuple[Holding, ...] = (
    Holding("contact", "id = :contact", "what the ERP says of the person, custom columns included"),
    Holding("orders", _CONTACT, "orders that the person placed"),
    Holding("order_line", _ORDERS, "what was ordered", "order lines"),
    Holding("cart", _CONTACT, "carts", "carts"),
    Holding("cart_line", _CARTS, "what lies in them", "cart lines"),
    Holding("event", _CONTACT, "logins, page views, forms and other things that the person did", "events"),
    Holding("touched", _CONTACT, "the person's facts changed since the last recompute", "changes not yet looked at"),
    Holding("rfm_figure", _CONTACT, "last order, number of orders and revenue, which RFM ranks", "figures of RFM"),
    Holding("membership_mask", _CONTACT, "segments that the person is in", "memberships"),
    Holding("membership_change", _CONTACT, "when the person entered and left segments", "changes of membership"),
    Holding("audience_member", _MEMBER, "the member in Mailchimp's audience", "members of the audience"),
    Holding("opt_out", _CONTACT, "that the person left at Mailchimp, and when", "opt-outs"),
    Holding("tag_mask", _CONTACT, "tags that the member carries in Mailchimp", "tags"),
    Holding("send", _CONTACT, "runs of campaigns: the decision about the person, why, what was written", "decisions"),
    Holding("mailing", _MAILS, "the mails of these runs", "mails"),
    Holding("mail_event", _CONTACT, "opens, clicks, bounces and opt-outs", "opens and clicks"),
)

NOBODY: Mapping[str, str] = MappingProxyType(
    {
        "account": "companies",
        "product": "articles",
        "source_table": "how far the sources were read",
        "rejected_row": "places and reasons of rows that could not be read; erased whole, for they do not say whose",
        "segment": "segments and their sizes",
        "recompute_state": "when segments were last computed, with which conditions",
        "audience_tag": "segments at Mailchimp",
        "pull_mark": "how far the audience was read",
        "campaign_seen": "campaigns",
        "run": "runs and their states",
        "slot_lease": "merge fields in use",
        "lease": "which process is at work",
        "job_run": "when jobs ran",
        "audit_entry": "acts of those who run the orchestrator",
        "schema_version": "the schema",
        "webhook_delivery": "digests of calls, without addresses; gone after 30 days",
        "forgotten": "numbers and moments",
        "forgotten_key": "hashes",
        "hash_key": "their key",
    }
)
"""tables in which nobody stands, and what does"""


def in_words(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts by table, for people."""
    nouns = {holding.table: holding.noun or holding.table for holding in HOLDINGS} | {"rejected_row": "rows set aside"}
    return {nouns[table]: count for table, count in counts.items()}


def parameters(holding: Holding, person: Person) -> dict[str, object]:
    """What ``condition`` asks for."""
    values: dict[str, object] = {"contact": person.contact}
    return values | ({"addresses": list(person.addresses)} if ":addresses" in holding.where else {})
