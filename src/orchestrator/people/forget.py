"""The whole act of forgetting: our traces at Mailchimp, then every row of ours in one transaction, then the file.

Mailchimp comes first, because without the address nothing can be found there any more; each of its calls may be made
twice, so a crash anywhere means only that the act is begun again. Mailchimp failing does not stop the erasure: what a
person has to do there in any case, deleting the member for good, takes our tags and values along.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlmodel import col

from orchestrator.campaigns.merge_fields import SLOT_PREFIX
from orchestrator.errors import GatewayError, NotAtProvider, UsageError, WaitingForPerson
from orchestrator.gateway import MemberWrite
from orchestrator.people.erase import erase, mails_on_their_way
from orchestrator.store import tags as tag_store
from orchestrator.store.tables import AudienceMember, Send
from orchestrator.store.tags import WORD_BITS
from orchestrator.vocabulary import MemberStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from orchestrator.engine import Engine
    from orchestrator.people.erase import Erasure
    from orchestrator.people.search import Person


@dataclass(slots=True)
class AtMailchimp:
    """What we did to our traces there. ``problem``: why some of it was not done; "" where all was."""

    tags: list[str] = field(default_factory=list)
    """segments whose tag was taken off the member"""
    slots: list[str] = field(default_factory=list)
    """merge fields of ours that were emptied"""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Forgot:
    """What was done, and what is left to do."""

    erasure: Erasure
    mailchimp: AtMailchimp


def stop_mails_on_their_way(connection: Connection, person: Person) -> None:
    """Raises WaitingForPerson, naming the runs, where a mail to the person is being made or delivered."""
    runs = mails_on_their_way(connection, person)
    if runs:
        raise WaitingForPerson(
            f"Nothing was erased: a mail to this person is on its way in {', '.join(runs)}, and Mailchimp's receipt "
            "for it names the address. The next cycle settles it (campaigns daemon --once); or stop the mail: "
            f"campaigns cancel {runs[0]}. Then try again."
        )


def forget(engine: Engine, person: Person, *, now: datetime, check: Callable[[], None]) -> Forgot:
    """Call with the lease of the cycle; ``check`` is asked before each write. Raises WaitingForPerson."""
    with engine.database.read() as connection:
        stop_mails_on_their_way(connection, person)
        traces = _traces(connection, person)
    mailchimp = _clear(engine, traces, check) if traces is not None else AtMailchimp()
    check()
    with engine.database.write() as connection:
        erasure = erase(connection, person, now=now)
    return Forgot(erasure, mailchimp)


@dataclass(frozen=True, slots=True)
class _Traces:
    """What is ours on a subscribed member."""

    address: str
    tags: tuple[str, ...]
    """names of segments"""
    slots: tuple[str, ...]


def _traces(connection: Connection, person: Person) -> _Traces | None:
    member = select(col(AudienceMember.email_key)).where(
        col(AudienceMember.contact) == person.contact, col(AudienceMember.status) == MemberStatus.SUBSCRIBED.value
    )
    address = connection.scalar(member.order_by(col(AudienceMember.email_key)))
    if address is None:
        return None
    masks = tag_store.masks(connection, [person.contact], "tag_mask").get(person.contact, {})
    tags = [
        name
        for name, (_, bit) in tag_store.segment_bits(connection).items()
        if masks.get(bit // WORD_BITS, 0) >> bit % WORD_BITS & 1
    ]
    written = connection.scalars(select(col(Send.slots)).where(col(Send.contact) == person.contact))
    # fields that are kept up to date for every member are older than the mail, and perhaps than us
    slots = sorted({tag for values in written for tag in values if tag.startswith(SLOT_PREFIX)})
    return _Traces(address, tuple(sorted(tags)), tuple(slots)) if tags or slots else None


def _clear(engine: Engine, traces: _Traces, check: Callable[[], None]) -> AtMailchimp:
    done = AtMailchimp()
    try:
        gateway = engine.gateway
        if traces.tags:
            there = {segment.name.lower(): segment.id for segment in gateway.segments()}
            for name in traces.tags:
                if name.lower() in there:
                    check()
                    with suppress(NotAtProvider):
                        gateway.change_segment(there[name.lower()], (), [traces.address])
                done.tags.append(name)
        if traces.slots:
            check()
            answer = gateway.update_members([MemberWrite(traces.address, dict.fromkeys(traces.slots, ""))])
            if traces.address in answer.done:
                done.slots.extend(traces.slots)
    except (GatewayError, UsageError) as fault:
        # that the call stays owed, as the next sentences say, is not so here
        done.problem = str(fault).partition(". ")[0].rstrip(".") + "."
    return done
