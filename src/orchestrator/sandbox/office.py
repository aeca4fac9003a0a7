"""The account with a door: one caller at a time, time carried on first, changes saved and told to webhooks after.

Also what people do outside the API, as methods; the HTTP controls under ``/sandbox`` call the same methods.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator.sandbox import outside
from orchestrator.sandbox.api import members
from orchestrator.sandbox.api.call import new_audience
from orchestrator.sandbox.audience import Audience, Json, Member, stamp
from orchestrator.sandbox.mailbox import SentMail, search
from orchestrator.sandbox.sending import advance
from orchestrator.sandbox.state import Account, Delivery
from orchestrator.sandbox.storage import Saver, load
from orchestrator.sandbox.webhook_post import Postman

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.sandbox.rules import Rules

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    return datetime.now(UTC)


class Office:
    """Methods that name a person take an address; ``audience`` may be left out where there is one audience.

    Raises ``LookupError`` for a mail, member or audience that does not exist.
    """

    def __init__(self, rules: Rules, clock: Clock, path: Path | None) -> None:
        self.rules, self.clock, self.inbox_url = rules, clock, ""
        self._path, self._lock = path, threading.RLock()
        self._saver: Saver | None = None
        self._postman: Postman | None = None
        self.account = (load(path) if path else None) or Account(stamp(clock()))
        if rules.audience and rules.audience not in self.account.audiences:
            new_audience(self.account, rules.audience, stamp(clock()))

    def open_office(self) -> None:
        """Start saving and posting in the background."""
        if self._path:
            self._saver = Saver(self.account, self._path, self._lock)
            self._saver.start()
        self._postman = Postman()
        self._postman.start()

    def close_office(self) -> None:
        if self._postman:
            self._postman.close()
        if self._saver:
            self._saver.close()
        self._saver = self._postman = None

    @contextmanager
    def opened(self, *, writes: bool) -> Iterator[tuple[Account, datetime]]:
        """The account as of now, for one caller. ``writes``: it is saved afterwards."""
        with self._lock:
            now = self.clock()
            changed = advance(self.account, self.rules, now)
            try:
                yield self.account, now
            finally:
                if self._saver and (writes or changed):
                    self._saver.touch()
                if self._postman:
                    self._postman.hand_over(self.account)

    def flush_webhooks(self) -> None:
        """Wait until every webhook call that is due was made."""
        if self._postman:
            self._postman.flush()

    # -- reading
    def deliveries(self, words: str = "", campaign_id: str = "") -> list[SentMail]:
        """Every mail delivered so far, test mails included, oldest first. ``words``: as in the inbox's search."""
        with self.opened(writes=False) as (account, _):
            escape = self.rules.escape_merge_values
            return search(account, self.inbox_url, escape=escape, words=words, campaign_id=campaign_id)

    def delivery(self, number: int) -> SentMail:
        with self.opened(writes=False) as (account, _):
            mail = _mail(account, number)
            letter = account.letters[mail.letter]
            return SentMail(mail, letter, self.inbox_url, self.rules.escape_merge_values)

    def members(self, audience: str | None = None) -> list[Json]:
        """Every member as the API answers it, archived ones included."""
        with self.opened(writes=False) as (account, _):
            found = _audience(account, audience)
            return [members.render(found, member) for member in found.members.values()]

    def member(self, email: str, audience: str | None = None) -> Json:
        """A member as the API answers it."""
        with self.opened(writes=False) as (account, _):
            found = _audience(account, audience)
            return members.render(found, _member(found, email))

    def tagged(self, name: str, audience: str | None = None) -> set[str]:
        """Addresses that have the tag, whatever their status."""
        with self.opened(writes=False) as (account, _):
            found = _audience(account, audience)
            segment = found.static_segment(name)
            return {found.members[key].email for key in segment.members} if segment else set()

    # -- what recipients do
    def open_mail(self, number: int) -> None:
        with self.opened(writes=True) as (account, now):
            outside.open_mail(_mail(account, number), now)

    def click(self, number: int, url: str) -> None:
        with self.opened(writes=True) as (account, now):
            outside.click(_mail(account, number), url, now)

    def unsubscribe_mail(self, number: int, reason: str = "") -> None:
        """By the link in that mail."""
        with self.opened(writes=True) as (account, now):
            outside.unsubscribe(account, _mail(account, number), now, reason)

    def bounce(self, number: int, *, hard: bool = True) -> None:
        """A hard bounce cleans the member."""
        with self.opened(writes=True) as (account, now):
            outside.bounce(account, _mail(account, number), now, hard=hard)

    def mark_spam(self, number: int) -> None:
        with self.opened(writes=True) as (account, now):
            outside.complain(account, _mail(account, number), now)

    # -- what people do, by forms and in the web app
    def unsubscribe(self, email: str, audience: str | None = None, reason: str = "") -> None:
        """The person leaves, without a mail: a compliance state."""
        with self.opened(writes=True) as (account, now):
            found = _audience(account, audience)
            outside.leave(account, found, _member(found, email), now, reason)

    def rejoin(self, email: str, audience: str | None = None) -> None:
        """The person subscribes again by a form."""
        with self.opened(writes=True) as (account, now):
            found = _audience(account, audience)
            outside.rejoin(account, found, _member(found, email), now)

    def clean(self, email: str, audience: str | None = None) -> None:
        with self.opened(writes=True) as (account, now):
            found = _audience(account, audience)
            outside.clean(account, found, _member(found, email), now)

    def archive(self, email: str, audience: str | None = None) -> None:
        with self.opened(writes=True) as (account, now):
            found = _audience(account, audience)
            outside.archive(account, found, _member(found, email), now)

    def add_member(
        self,
        email: str,
        audience: str | None = None,
        *,
        status: str = "subscribed",
        merge_fields: Json | None = None,
        tags: Iterable[str] = (),
    ) -> Json:
        """Somebody adds a contact by hand."""
        with self.opened(writes=True) as (account, now):
            found = _audience(account, audience)
            member = outside.add_member(account, found, email, now, status=status, merge_fields=merge_fields, tags=tags)
            return members.render(found, member)

    def add_segment(self, name: str, emails: Iterable[str] = (), audience: str | None = None) -> int:
        """Somebody makes a tag by hand, or gives it to more people; its id."""
        with self.opened(writes=True) as (account, now):
            return outside.add_segment(account, _audience(account, audience), name, emails, now).id

    def refuse_address(self, email: str, reason: str) -> None:
        """Adding that address is refused from now on, for one of ``addresses.REFUSALS``; "" ends it."""
        with self.opened(writes=True) as (account, _):
            outside.refuse_address(account, email, reason)


def _audience(account: Account, audience_id: str | None) -> Audience:
    if audience_id is None and len(account.audiences) == 1:
        return next(iter(account.audiences.values()))
    found = account.audiences.get(audience_id or "")
    if found is None:
        raise LookupError(f"There is no audience {audience_id!r} among {len(account.audiences)}.")
    return found


def _member(audience: Audience, email: str) -> Member:
    found = audience.member(email)
    if found is None:
        raise LookupError("The audience has no member of that address.")
    return found


def _mail(account: Account, number: int) -> Delivery:
    found = account.delivery(number)
    if found is None:
        raise LookupError(f"There is no mail {number}.")
    return found
