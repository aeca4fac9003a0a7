"""Deliveries as a reader sees them: found by words, written out on demand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from orchestrator.sandbox.letter import Mail, subject, write

if TYPE_CHECKING:
    from orchestrator.sandbox.audience import Json
    from orchestrator.sandbox.state import Account, Delivery, Letter


@dataclass(frozen=True)
class SentMail:
    """One delivery. What needs the merge tags carried out is written when it is first asked for.

    ``id``, ``campaign_id``, ``campaign_title``, ``audience_id``, ``member_id``, ``email``, ``sent_at``, ``test``;
    ``status`` (sent, hard, soft), ``opens`` (times), ``clicks`` ((address, time)), ``unsubscribed_at``, ``spam_at``;
    ``subject``, ``preview_text``, ``from_name``, ``reply_to``, ``to``, ``html``, ``text``.
    """

    delivery: Delivery
    letter: Letter
    base_url: str
    escape: bool = False

    @property
    def id(self) -> int:
        return self.delivery.id

    @property
    def campaign_id(self) -> str:
        return self.delivery.campaign_id

    @property
    def campaign_title(self) -> str:
        return self.letter.title

    @property
    def audience_id(self) -> str:
        return self.delivery.audience_id

    @property
    def member_id(self) -> str:
        return self.delivery.member_id

    @property
    def email(self) -> str:
        return self.delivery.email

    @property
    def sent_at(self) -> str:
        return self.delivery.sent_at

    @property
    def test(self) -> bool:
        return self.delivery.test

    @property
    def status(self) -> str:
        return self.delivery.status

    @property
    def opens(self) -> tuple[str, ...]:
        return self.delivery.opens

    @property
    def clicks(self) -> tuple[tuple[str, str], ...]:
        return self.delivery.clicks

    @property
    def unsubscribed_at(self) -> str:
        return self.delivery.unsubscribed_at

    @property
    def spam_at(self) -> str:
        return self.delivery.spam_at

    @cached_property
    def mail(self) -> Mail:
        return write(self.delivery, self.letter, self.base_url, escape=self.escape)

    @cached_property
    def subject(self) -> str:
        return subject(self.delivery, self.letter, self.base_url)

    @property
    def preview_text(self) -> str:
        return self.mail.preview_text

    @property
    def from_name(self) -> str:
        return self.mail.from_name

    @property
    def reply_to(self) -> str:
        return self.mail.reply_to

    @property
    def to(self) -> str:
        return self.mail.to

    @property
    def html(self) -> str:
        return self.mail.html

    @property
    def text(self) -> str:
        return self.mail.text

    def headers(self) -> dict[str, str]:
        """As a mail program would list them."""
        return {
            "From": f"{self.from_name} <{self.reply_to}>",
            "Reply-To": self.reply_to,
            "To": self.email if self.to == self.email else f"{self.to} <{self.email}>",
            "Subject": self.subject,
            "Date": self.sent_at,
            "List-Unsubscribe": f"<{self.base_url}/unsubscribe/{self.id}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "X-Campaign": self.campaign_id,
        }

    def as_json(self, *, content: bool = True) -> Json:
        """``content`` False leaves out ``html`` and ``text``."""
        names: tuple[str, ...] = (
            "id",
            "campaign_id",
            "campaign_title",
            "audience_id",
            "member_id",
            "email",
            "sent_at",
            "test",
        )
        names += ("status", "opens", "unsubscribed_at", "spam_at", "subject", "preview_text", "from_name")
        names += ("reply_to", "to", *(("html", "text") if content else ()))
        shown = {name: getattr(self, name) for name in names}
        return shown | {"clicks": [{"url": url, "at": at} for url, at in self.clicks]}


def search(account: Account, base_url: str, *, escape: bool, words: str = "", campaign_id: str = "") -> list[SentMail]:
    """Oldest first. Every word must be found in the address, the subject or the campaign's title or id."""
    wanted = words.lower().split()
    found = []
    for delivery in account.deliveries:
        if campaign_id and delivery.campaign_id != campaign_id:
            continue
        mail = SentMail(delivery, account.letters[delivery.letter], base_url, escape)
        if wanted:
            near = f"{mail.email}\n{mail.campaign_title}\n{mail.campaign_id}".lower()
            rest = [word for word in wanted if word not in near]
            if rest and not all(word in mail.subject.lower() for word in rest):
                continue
        found.append(mail)
    return found
