"""Memberships become tags: for each segment the difference to what the provider confirmed, added and removed.

A tag is a static segment of the segment's name. One that is there already, from an interrupted call or by a person, is
taken over; carriers who are strangers to us keep it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from orchestrator.audiences.ahead import Ahead
from orchestrator.audiences.at_once import at_once
from orchestrator.errors import NotAtProvider, OutcomeUnknown, RejectedByProvider
from orchestrator.gateway import BATCH, SegmentAnswer
from orchestrator.store import audience, tags as store
from orchestrator.store.tags import WORD_BITS

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Generator, Iterable, Iterator

    from orchestrator.gateway import EmailGateway
    from orchestrator.store.database import Database
    from orchestrator.store.tags import TagDifference

GONE = SegmentAnswer(frozenset(), frozenset(), {})
"""somebody deleted the tag at the provider"""


@dataclass(slots=True)
class TagReport:
    """Members tagged and untagged, by segment."""

    tagged: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    untagged: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    unknown: int = 0
    """what another pass has to look at"""
    refused: RejectedByProvider | None = None
    """the first tag that the provider would not make"""


@dataclass(frozen=True, slots=True)
class Change:
    """Up to 500 additions and 500 removals of one tag: address -> contact."""

    name: str
    segment: int
    bit: int
    """over all words"""
    add: dict[str, int] = field(default_factory=dict)
    remove: dict[str, int] = field(default_factory=dict)

    @property
    def contacts(self) -> list[int]:
        """Whom it concerns."""
        return [*self.add.values(), *self.remove.values()]

    @property
    def is_full(self) -> bool:
        return max(len(self.add), len(self.remove)) == BATCH


class TagSync:
    """One pass over the tags of an audience."""

    def __init__(
        self,
        database: Database,
        gateway: EmailGateway,
        *,
        synced: dict[str, int],
        kept: list[int],
        connections: int,
        check: Callable[[], None],
        progress: Callable[[str, int], None],
    ) -> None:
        """``synced``: segment -> bit of those carried as tags; ``kept``: bits of which nothing is changed."""
        self._database = database
        self._gateway = gateway
        self._synced = synced
        self._kept = kept
        self._connections = connections
        self._check = check
        self._progress = progress
        self.report = TagReport()
        with database.read() as connection:
            self._names = {bit: (name, identity) for name, (identity, bit) in store.segment_bits(connection).items()}
            self._remote = store.remote_tags(connection)
        self._there: dict[str, int] | None = None
        """tags at the provider by name, once they were listed"""
        self.passed_over = False
        """there were differences of tags whose ids are not known: ``run`` makes these"""
        words = {bit // WORD_BITS for bit in self._names}
        self._ahead = {word: Ahead(partial(self._pages, word), 1) for word in sorted(words)}

    @property
    def looked_for(self) -> list[str]:
        """Segments whose tags somebody carries and whose ids at the provider are not known: tags that went with new
        members.
        """
        return [
            name
            for name, bit in self._synced.items()
            if self._names[bit][1] not in self._remote and store.is_carried(self._database, bit)
        ]

    def list_there(self) -> None:
        """Ask for the tags at the provider. Nothing else is touched, so that other threads may go on."""
        self._there = {segment.name.lower(): segment.id for segment in self._gateway.segments()}

    def found(self, names: Iterable[str]) -> None:
        """Note the ids of these segments' tags, as far as they were listed."""
        for name in names:
            _, segment = self._names[self._synced[name]]
            if self._there and name.lower() in self._there:
                self._note(segment, self._there[name.lower()])

    def look_ahead(self) -> None:
        """Read the first differences, for ``changes``; in any thread, as long as nothing else is asked of this."""
        for ahead in self._ahead.values():
            ahead.begin()

    def forget(self) -> None:
        """What was read ahead is not true any more."""
        for ahead in self._ahead.values():
            ahead.forget()

    def run(self, after: int = 0) -> None:
        """Write the differences that are left, of the contacts behind ``after``, or of all where tags were passed over
        because their ids were not known. Tags may have come to be since they were listed.
        """
        self._there = None
        changes = self._changes(lambda word: self._pages(word, 0 if self.passed_over else after), making=True)
        for change, answer in at_once(self._connections, changes, self.ask):
            self.settle(change, answer)

    def changes(self, given: Container[int] = (), *, making: bool = True) -> Iterator[Change]:
        """What is to be asked for. Contacts who are ``given`` what they lack otherwise only lose what they have too
        much. ``making``: tags whose ids are not known are looked for and made; else nothing is asked of them.
        """
        return self._changes(self._ahead.__getitem__, given, making=making)

    def _changes(
        self, pages: Callable[[int], Iterable[list[TagDifference]]], given: Container[int] = (), *, making: bool
    ) -> Iterator[Change]:
        for word in self._ahead:
            owed: dict[int, Change] = {}
            for contact, address, bit, missing in _differences(word, pages(word), given):
                change = owed.get(bit)
                if change is None:
                    change = owed[bit] = Change(*self._names[bit], bit)
                (change.add if missing else change.remove)[address] = contact
                if change.is_full and self._ensure(owed.pop(bit), making=making):
                    yield change
            yield from (change for change in owed.values() if self._ensure(change, making=making))

    def _pages(self, word: int, after: int = 0) -> Generator[list[TagDifference], None, None]:
        synced, kept = store.mask_of(word, self._synced.values()), store.mask_of(word, self._kept)
        return store.tag_differences(self._database, word, synced, kept, after)

    def ask(self, change: Change) -> SegmentAnswer:
        """Make one change; in any thread."""
        self._check()
        try:
            return self._gateway.change_segment(self._remote[change.segment], list(change.add), list(change.remove))
        except NotAtProvider:
            return GONE

    def settle(self, change: Change, answer: SegmentAnswer | None) -> None:
        """Record what came of a change; None: that is unknown."""
        if answer is None:
            self.report.unknown += 1
        elif answer is GONE:
            self._remote.pop(change.segment, None)
            store.forget_remote_tag(self._database, change.segment, change.bit)
            self.report.unknown += 1  # one more pass makes it again
        else:
            self._record_answer(change, answer)

    def _record_answer(self, change: Change, answer: SegmentAnswer) -> None:
        added = [contact for address, contact in change.add.items() if address in answer.added]
        removed = [contact for address, contact in change.remove.items() if address in answer.removed]
        self._record(change.bit, added, removed)
        audience.record_changes(self._database, answer.changed)
        if added:
            self.report.tagged[change.name] += len(added)
        if removed:
            self.report.untagged[change.name] += len(removed)
        for address in (change.add.keys() - answer.added) | (change.remove.keys() - answer.removed):
            self._read_status(address)
        self._progress("tag", len(added) + len(removed))

    def _read_status(self, address: str) -> None:
        """A tag was not taken: most often the member opted out a moment ago."""
        member = self._gateway.member(address)
        audience.record_status(
            self._database, address, member.status if member else None, member.last_changed if member else None
        )

    def _ensure(self, change: Change, *, making: bool) -> bool:
        """The tag's static segment exists, made now if need be. False: there is nothing to change in it now."""
        if change.segment in self._remote:
            return True
        if not making:
            self.passed_over = True
            return False
        if self._there is None:
            self.list_there()
        found = (self._there or {}).get(change.name.lower())
        if found is None and not change.add:
            self._record(change.bit, [], list(change.remove.values()))
            return False
        if found is None:
            self._check()
            try:
                found = self._gateway.create_segment(change.name).id
            except OutcomeUnknown:
                self.report.unknown += 1
                return False
            except RejectedByProvider as refused:  # no reason to leave out the others
                self.report.refused = self.report.refused or refused
                return False
        elif not store.is_carried(self._database, change.bit):
            self._adopt(found, change.bit)
        self._note(change.segment, found)
        return True

    def _note(self, segment: int, tag: int) -> None:
        self._remote[segment] = tag
        store.record_remote_tag(self._database, segment, tag)

    def _adopt(self, tag: int, bit: int) -> None:
        """A tag that we never gave to anybody is there: learn which of our contacts carry it."""
        carriers = iter(self._gateway.segment_members(tag))
        while chunk := list(islice(carriers, BATCH)):
            contacts = audience.contacts_of(self._database, chunk)
            self._record(bit, contacts, [])
            if contacts:
                self.report.unknown += 1  # one more pass takes it from those who are no members

    def _record(self, bit: int, added: list[int], removed: list[int]) -> None:
        store.record_tags(self._database, bit // WORD_BITS, bit % WORD_BITS, added=added, removed=removed)


def _differences(
    word: int, pages: Iterable[list[TagDifference]], given: Container[int]
) -> Iterator[tuple[int, str, int, bool]]:
    """(contact, address, bit, missing or surplus)."""
    for page in pages:
        for row in page:
            missing = 0 if row.contact in given else row.missing
            for bit in store.bits_of(missing | row.surplus):
                yield row.contact, row.email.lower(), word * WORD_BITS + bit, bool(row.missing >> bit & 1)
