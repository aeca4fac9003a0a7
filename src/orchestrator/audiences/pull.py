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


def pull(database: Database, gateway: EmailGateway, beside: Callable[[], None] | None = None) -> int:
    """Bring our copy of the members' statuses up to date. Returns how many members the provider reported.

    ``beside``: another question, which is asked while the first answers are waited for.
    """
    with database.read() as connection:
        marks = store.pull_marks(connection)

    def begun(*statuses: MemberStatus, others: Sequence[Callable[[], None]] = ()) -> list[_Listing]:
        """One call each answers most listings; the first answers are waited for together."""
        listings = [_Listing(gateway, status, marks.get(status.value)) for status in statuses]
        questions = [*(listing.begin for listing in listings), *others]
        with ThreadPoolExecutor(len(questions)) as pool:
            for asked in [pool.submit(question) for question in questions]:
                asked.result()
        return listings

    listings = begun(*AT_EASE, *STRICT, others=[beside] if beside else [])
    at_ease, strict = listings[: len(AT_EASE)], listings[len(AT_EASE) :]
    takes_long = any(listing.goes_on for listing in at_ease)
    seen = sum(_record(database, listing) for listing in at_ease)
    if takes_long:
        # who leaves meanwhile is found now
        strict = begun(*STRICT)
    seen += sum(_record(database, listing) for listing in strict)
    store.link_members(database)
    return seen


def _record(database: Database, listing: _Listing) -> int:
    newest, seen = listing.mark, 0
    for page in listing.pages():
        seen += len(page)
        changes = [to_epoch(member.last_changed) for member in page if member.last_changed]
        newest = max([*changes, *([] if newest is None else [newest])], default=None)
        store.record_pulled(database, listing.status, page, None)
    if newest != listing.mark:
        # only a listing that was read to its end moves the mark
        store.record_pulled(database, listing.status, (), newest)
    return seen


class _Listing:
    """The members of one status that changed since a mark, in pages."""

    def __init__(self, gateway: EmailGateway, status: MemberStatus, mark: int | None) -> None:
        self.status = status
        self.mark = mark
        self._members = iter(gateway.members(status, None if mark is None else from_epoch(mark)))
        self._first: list[Member] = []

    def begin(self) -> None:
        """Read the first page."""
        self._first = self._page()

    @property
    def goes_on(self) -> bool:
        """There is more than the first page."""
        return len(self._first) == store.PAGE

    def pages(self) -> Iterator[list[Member]]:
        page = self._first
        while page:
            yield page
            page = self._page()

    def _page(self) -> list[Member]:
        return list(islice(self._members, store.PAGE))
