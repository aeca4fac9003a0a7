"""Read the audience's news first: nobody is added or mailed on an old belief about their consent.

Statuses other than subscribed are the provider's word against mailing somebody; they are read at every sync and
before every send. All reading is incremental by the provider's own clock (``last_changed``), so that neither our
clock nor ``--now`` decides what is missed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

from orchestrator.clock import from_epoch, to_epoch
from orchestrator.store import audience as store
from orchestrator.vocabulary import MemberStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from orchestrator.gateway import EmailGateway, Member
    from orchestrator.store.database import Database

AT_EASE = (MemberStatus.SUBSCRIBED, MemberStatus.PENDING, MemberStatus.TRANSACTIONAL)
STRICT = (MemberStatus.ARCHIVED, MemberStatus.CLEANED, MemberStatus.UNSUBSCRIBED)
"""reasons not to mail: recorded last, and never read long before the others"""
FIRST = 1_000
"""members that come with one call"""


def pull(database: Database, gateway: EmailGateway, beside: Sequence[Callable[[], None]] = ()) -> bool:
    """Bring our copy of the members' statuses up to date. False: nothing of it was news.

    ``beside``: what else is done, each in a thread of its own, while the first answers are waited for.
    """
    with database.read() as connection:
        marks = store.pull_marks(connection)
    known = _Known(database, marks.get(MemberStatus.SUBSCRIBED.value))

    def begun(*statuses: MemberStatus, others: Sequence[Callable[[], None]] = ()) -> list[_Listing]:
        """One call each answers most listings; the first answers are waited for together."""
        listings = [
            _Listing(gateway, status, marks.get(status.value), known if status is MemberStatus.SUBSCRIBED else None)
            for status in statuses
        ]
        questions = [*(listing.begin for listing in listings), *others]
        with ThreadPoolExecutor(len(questions)) as pool:
            for asked in [pool.submit(question) for question in questions]:
                asked.result()
        return listings

    listings = begun(*AT_EASE, *STRICT, others=beside)
    at_ease, strict = listings[: len(AT_EASE)], listings[len(AT_EASE) :]
    news = 0
    if any(listing.goes_on for listing in at_ease):
        for listing in listings:  # who is something else now is not counted among the subscribed
            if listing.known is None:
                news += store.record_pulled(database, listing.status, listing.first, None)
    news += sum(_record(database, listing) for listing in at_ease)
    if any(listing.took_long for listing in at_ease):
        # who leaves meanwhile is found now
        strict = begun(*STRICT)
    news += sum(_record(database, listing) for listing in strict)
    linked = store.link_members(database)
    return bool(news or linked)


def _record(database: Database, listing: _Listing) -> int:
    """Of how many members it is news."""
    newest, news = listing.mark, 0
    for page in listing.pages():
        changes = [to_epoch(member.last_changed) for member in page if member.last_changed]
        newest = max([*changes, *([] if newest is None else [newest])], default=None)
        news += store.record_pulled(database, listing.status, page, None)
    if listing.known and listing.known.newest is not None:
        newest = max(listing.known.newest, newest or 0)
    if newest != listing.mark:
        # only a listing that was read to its end moves the mark
        store.record_pulled(database, listing.status, (), newest)
    return news


class _Known:
    """The subscribed members that changed since a moment, as far as we know: our own writes come back as news.

    Where the provider has as many, it has no others, and need not list them. Whoever came to it is one more; whoever
    left is listed among those who left. What is overlooked is that one came and another was erased in the same time:
    neither has a say in who is mailed, and who is owed a write is asked for again.
    """

    def __init__(self, database: Database, mark: int | None) -> None:
        self._database = database
        self.since = mark
        self.newest: int | None = None
        """the newest change, once it was found that the provider has no others"""
        self._comparable = mark is None
        if mark is not None:
            with database.read() as connection:
                quiet = store.quiet_moment(connection, mark)
            if quiet is not None:
                self.since, self._comparable = quiet, True

    def are_all(self, total: int) -> bool:
        """The provider has so many."""
        if not self._comparable:
            return False
        with self._database.read() as connection:
            known, newest = store.subscribed_since(connection, self.since)
        if known == total:
            self.newest = newest
        return known == total


class _Listing:
    """The members of one status that changed since a mark, in pages."""

    def __init__(self, gateway: EmailGateway, status: MemberStatus, mark: int | None, known: _Known | None) -> None:
        self.status = status
        self.mark = mark
        self.known = known
        self.first: list[Member] = []
        self.took_long = False
        """there was more than the first page, and it was read"""
        since = known.since if known else mark
        moment = None if since is None else from_epoch(since)
        self._members = iter(
            gateway.members(status, moment, enough=known.are_all) if known else gateway.members(status, moment)
        )

    def begin(self) -> None:
        """Read the first page."""
        self.first = list(islice(self._members, FIRST))

    @property
    def goes_on(self) -> bool:
        """There may be more than the first page."""
        return len(self.first) == FIRST

    def pages(self) -> Iterator[list[Member]]:
        if self.first:
            yield self.first
        while page := list(islice(self._members, store.PAGE)):
            self.took_long = True
            yield page
