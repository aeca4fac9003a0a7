"""Make the audience equal to what it should be: read its news, move, unsubscribe, add, update, tag.

Each step writes the difference to what the provider confirmed last, at most 500 rows a call, several calls at once;
each answer is recorded before the next is asked for in its place. A call whose outcome is unknown is not repeated: the
news are read again and the difference is taken anew.

Tags are asked for as soon as nothing but answers is missing of the members (``pending.py``).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

from orchestrator.audiences.ahead import Ahead
from orchestrator.audiences.at_once import at_once
from orchestrator.audiences.owed import Owed, owed_members
from orchestrator.audiences.pending import LAST, Pending
from orchestrator.audiences.pull import pull
from orchestrator.audiences.tags import Change, TagSync
from orchestrator.audiences.tags_shown import TagsShown
from orchestrator.clock import real_seconds
from orchestrator.errors import NotAtProvider, OutcomeUnknown, RejectedByProvider
from orchestrator.gateway import BATCH, MemberRefusal
from orchestrator.store import audience as store, moves, tags as tag_store, webhooks
from orchestrator.vocabulary import Consent, MemberStatus, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from orchestrator.audiences.tags import TagReport
    from orchestrator.definitions.values import SegmentDefinition, Settings
    from orchestrator.gateway import EmailGateway, Member, MembersAnswer, SegmentAnswer
    from orchestrator.store.database import Database
    from orchestrator.store.moves import Move

PASSES = 3
"""how often the difference is taken anew after calls whose outcome stayed unknown"""

MOVABLE = {MemberStatus.SUBSCRIBED, MemberStatus.UNSUBSCRIBED}
"""a member of another status stays at its old address"""
UNDECIDED = {MemberStatus.PENDING, MemberStatus.TRANSACTIONAL, MemberStatus.UNKNOWN}
"""no consent yet, and none against it: a new address must not become a way around that"""

NEITHER = "Mailchimp neither added nor refused it"

REFUSED_FOR_GOOD = {
    Refusal.COMPLIANCE: MemberStatus.UNSUBSCRIBED,
    Refusal.FORGOTTEN: MemberStatus.ARCHIVED,
}
"""refusals that prove a status"""


@dataclass(slots=True)
class SyncReport:
    """What a sync did. ``tagged`` and ``untagged`` by segment."""

    added: int = 0
    updated: int = 0
    unsubscribed: int = 0
    moved: int = 0
    tagged: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    untagged: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    rejected: list[tuple[str, str]] = field(default_factory=list)
    """(contact key, reason in words) of rows that the provider refused now"""
    unknown: int = 0
    """calls whose outcome stayed unknown"""
    api_calls: int = 0


class Sync:
    """One sync of one audience."""

    def __init__(
        self,
        database: Database,
        gateway: EmailGateway,
        settings: Settings,
        segments: Mapping[str, SegmentDefinition],
        *,
        now: datetime,
        kept: Collection[str] = (),
        check: Callable[[], None] = lambda: None,
        progress: Callable[[str, int], None] = lambda _step, _rows: None,
    ) -> None:
        """``kept``: segments whose file has an error, whose tags stay as they are. ``check`` is asked before each
        write and raises when this process may no longer act.
        """
        self._database = database
        self._gateway = gateway
        self._settings = settings
        self._now = now
        self._check = check
        self._progress = progress
        self._report = SyncReport()
        with database.read() as connection:
            bits = tag_store.segment_bits(connection)
        self._synced = {name: bits[name][1] for name, segment in segments.items() if segment.sync and name in bits}
        """segment name -> bit of those carried as tags"""
        self._tags_shown = TagsShown(self._synced)
        self._refused: RejectedByProvider | None = None
        self._kept = [bits[name][1] for name in kept if name in bits]
        self._pending = Pending()

    def run(self) -> SyncReport:
        """The whole sync; what could not be done is in the report, and owed. Raises RejectedByProvider in the end where
        the provider would not make a tag.
        """
        before = self._gateway.calls
        for _ in range(PASSES):
            self._report.unknown = 0
            tags = self._tag_sync()
            moving = Ahead(partial(moves.moves, self._database))
            leaving = Ahead(partial(store.opted_out_members, self._database))
            owed = Ahead(self._batches, 2 * self._settings.mailchimp.connections)
            ahead = (moving, leaving, owed)
            for step in (partial(self._pull, tags, ahead), partial(self._move, moving), partial(self._leave, leaving)):
                if step():
                    for looked_at in (*ahead, tags):
                        looked_at.forget()
            self._write(owed, tags)
            if not self._report.unknown:
                break
        self._report.api_calls = self._gateway.calls - before
        if self._refused:
            raise self._refused
        return self._report

    def _pull(self, tags: TagSync, ahead: Sequence[Ahead[Any]]) -> bool:
        """Whether there were news. Mostly there are none, and what is owed without them is looked at meanwhile.

        Webhooks are carried out meanwhile, too, and then the reading finds nothing new. Imports and recomputes wait.
        """
        looked_for = tags.looked_for
        asking = [tags.list_there] if looked_for else []
        before = self._webhooks()

        def begin() -> None:
            for looked_at in ahead:
                looked_at.begin()

        news = pull(self._database, self._gateway, [*asking, begin, tags.look_ahead])
        tags.found(looked_for)
        return news or self._webhooks() != before

    def _webhooks(self) -> tuple[int, int]:
        with self._database.read() as connection:
            return webhooks.recorded(connection)

    # -- address changes and opt-outs of the ERP

    def _move(self, moving: Ahead[Move]) -> bool:
        """Each move frees an address, perhaps that which another one waits for: those to free addresses go first.
        Whether there were any.
        """
        tried: set[int] = set()
        while True:
            # a member without consent yet is moved when it has it; until then the new address is not subscribed
            owed = [
                move
                for move in moving
                if move.contact not in tried and (move.new_status or move.old_status not in UNDECIDED)
            ]
            moving.forget()
            free = [move for move in owed if not move.new_status]
            if not owed:
                break
            for move in free or owed:
                tried.add(move.contact)
                self._check()
                self._try_move(move)
        if tried:
            store.link_members(self._database)
        return bool(tried)

    def _try_move(self, move: Move) -> None:
        try:
            self._move_one(move)
        except NotAtProvider:
            moves.record_vanished(self._database, move, real_seconds())
        except RejectedByProvider as refused:
            # the new address is a member already, or is none at all: two people from now on
            moves.record_parting(self._database, move, real_seconds())
            self._report.rejected.append((move.key, str(refused)))
        except OutcomeUnknown:
            self._report.unknown += 1

    def _move_one(self, move: Move) -> None:
        if move.was_left:
            moves.record_parting(self._database, move, real_seconds())
        elif not move.new_status and move.old_status in MOVABLE:
            moves.intend_move(self._database, move)
            self._gateway.change_address(move.old_email_key, move.email)
            self._moved(move)
        elif move.old_status == store.GONE or (
            move.old_status in MOVABLE and self._gateway.member(move.old_email_key) is None
        ):
            if move.moving_to != move.email_key:
                raise NotAtProvider(f"The member of contact {move.key} is gone.")
            # it was moved, and the answer was lost
            self._moved(move)
        else:
            if move.consent == Consent.OPTED_OUT and move.old_status == MemberStatus.SUBSCRIBED:
                self._unsubscribe_left_behind(move)
            moves.record_parting(self._database, move, real_seconds())

    def _moved(self, move: Move) -> None:
        moves.record_move(self._database, move, real_seconds())
        self._report.moved += 1

    def _unsubscribe_left_behind(self, move: Move) -> None:
        """The person's opt-out is one for the address that stays behind, too, unless it is another contact's now."""
        if not move.is_taken_over:
            self._unsubscribe_these([(move.key, move.old_email_key)])

    def _leave(self, leaving: Ahead[tuple[int, str, str]]) -> bool:
        """Unsubscribe whom the ERP reports as opted out. Whether there was anybody."""
        owed = [(key, email) for _, key, email in leaving]
        for start in range(0, len(owed), BATCH):
            self._check()
            try:
                self._unsubscribe_these(owed[start : start + BATCH])
            except OutcomeUnknown:
                self._report.unknown += 1
        return bool(owed)

    def _unsubscribe_these(self, owed: list[tuple[str, str]]) -> None:
        """(contact key, address) of subscribed members whom the ERP reports as opted out."""
        answer = self._gateway.unsubscribe_members([email for _, email in owed])
        for key, email in owed:
            if email.lower() in answer.done:
                store.record_unsubscribed(self._database, email.lower(), real_seconds())
                self._report.unsubscribed += 1
            else:
                self._read_back(key, email)

    # -- members

    def _batches(self) -> Generator[list[Owed], None, None]:
        return _batches(owed_members(self._database, self._settings, self._synced, now=self._now))

    def _write(self, owed: Ahead[list[Owed]], tags: TagSync) -> None:
        """One look at who differs; additions, updates and tags are different calls."""
        self._pending = Pending()
        work: Iterator[list[Owed] | Change] = chain(self._pending.sent(owed), self._pending.beside(tags))
        for piece, answer in at_once(self._settings.mailchimp.connections, work, partial(self._ask, tags)):
            if isinstance(piece, Change):
                tags.settle(piece, cast("SegmentAnswer | None", answer))
            else:
                self._settle_batch(piece, cast("MembersAnswer | None", answer))
        if tags.passed_over or self._pending.looked_until < LAST:
            tags.run(self._pending.looked_until)
        self._take_over(tags.report)

    def _ask(self, tags: TagSync, piece: list[Owed] | Change) -> MembersAnswer | SegmentAnswer:
        if isinstance(piece, Change):
            return tags.ask(piece)
        self._check()
        call = self._gateway.add_members if piece[0].is_new else self._gateway.update_members
        return call([row.contents.write(row.email, row.tags) for row in piece])

    def _settle_batch(self, rows: list[Owed], answer: MembersAnswer | None) -> None:
        if answer is None:
            self._report.unknown += 1
        else:
            self._settle_members(rows, answer)
            self._progress("add" if rows[0].is_new else "update", len(rows))
        self._pending.answered()

    def _settle_members(self, rows: list[Owed], answer: MembersAnswer) -> None:
        by_address = {row.email_key: row for row in rows}
        done = [row for row in by_address.values() if row.email_key in answer.done]
        if rows[0].is_new:
            self._report.added += len(done)
        else:
            self._report.updated += len(done)
        store.record_members(
            self._database,
            [
                (one.email_key, one.contact, one.payload, one.made_from, answer.changed.get(one.email_key))
                for one in done
            ],
            self._shown_tags(done, answer),
        )
        refused = [(by_address[one.email.lower()], one) for one in answer.refused if one.email.lower() in by_address]
        for row, refusal in refused:
            self._settle_refusal(row, refusal)
        for address in answer.unanswered:
            self._settle_unanswered(by_address[address])
        if not rows[0].is_new:
            self._pending.look_again(row.contact for row in rows if row.tags and row.email_key not in answer.done)

    def _shown_tags(self, done: list[Owed], answer: MembersAnswer) -> list[tuple[int, int, int]]:
        """The tags that members carry for certain, as ``record_members`` takes them."""
        shown = self._tags_shown.by(answer, done, self._pending.retagged)
        for name, members in shown.arrived.items():
            self._report.tagged[name] += members
        self._pending.look_again(shown.doubtful)
        return shown.carried

    def _settle_refusal(self, row: Owed, refused: MemberRefusal) -> None:
        if refused.refusal == Refusal.EXISTS:
            # somebody added it since the news were read: adopt it as it is
            self._read_back(row.key, row.email)
            return
        status = REFUSED_FOR_GOOD.get(refused.refusal)
        store.record_refusals(
            self._database,
            [
                {
                    "email_key": row.email_key,
                    "contact": row.contact,
                    "payload": row.payload,
                    "made_from": row.made_from,
                    "refusal": refused.refusal.value,
                    "detail": refused.detail,
                    "status": status.value if status else "",
                    "at": real_seconds(),
                }
            ],
        )
        self._report.rejected.append((row.key, f"{refused.refusal.value}: {refused.detail}"))

    def _settle_unanswered(self, row: Owed) -> None:
        """No word on this row. Who is no member now was refused: to ask the same again changes nothing."""
        if self._read_back(row.key, row.email) is None:
            self._report.rejected.pop()
            self._settle_refusal(row, MemberRefusal(row.email, Refusal.OTHER, NEITHER))

    def _read_back(self, key: str, email: str) -> Member | None:
        """One member whose state an answer left open."""
        member = self._gateway.member(email)
        store.record_status(
            self._database,
            email.lower(),
            member.status if member else None,
            member.last_changed if member else None,
        )
        store.link_members(self._database)
        if member is None:
            self._report.rejected.append((key, NEITHER))
        elif member.status == MemberStatus.SUBSCRIBED:
            self._report.unknown += 1  # one more pass updates it
        return member

    # -- tags

    def _tag_sync(self) -> TagSync:
        return TagSync(
            self._database,
            self._gateway,
            synced=self._synced,
            kept=self._kept,
            connections=self._settings.mailchimp.connections,
            check=self._check,
            progress=self._progress,
        )

    def _take_over(self, found: TagReport) -> None:
        for name, count in found.tagged.items():
            self._report.tagged[name] += count
        for name, count in found.untagged.items():
            self._report.untagged[name] += count
        self._report.unknown += found.unknown
        self._refused = found.refused


def _batches(rows: Iterable[Owed]) -> Generator[list[Owed], None, None]:
    """Additions and updates apart."""
    gathered: dict[bool, list[Owed]] = {True: [], False: []}
    for row in rows:
        batch = gathered[row.is_new]
        batch.append(row)
        if len(batch) == BATCH:
            gathered[row.is_new] = []
            yield batch
    yield from (batch for batch in gathered.values() if batch)
