"""Reading the audience's news: in one wait where there are few, and who leaves while many are read is found."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from sqlalchemy import text

from orchestrator.audiences.pull import AT_EASE, STRICT, pull
from orchestrator.gateway import EmailGateway, Member
from orchestrator.store import audience as store
from orchestrator.vocabulary import MemberStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.store.database import Database

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 10, tzinfo=UTC)


class Audience:
    """Members by status. ``ada`` leaves when the last of the subscribed ones is read."""

    def __init__(self, subscribed: int) -> None:
        self.subscribed = subscribed
        self.asked: list[MemberStatus] = []
        self.left: list[Member] = []
        self.together = threading.Barrier(len(AT_EASE) + len(STRICT), timeout=20)

    def members(self, status: MemberStatus, changed_since: datetime | None = None) -> Iterator[Member]:
        self.asked.append(status)
        if len(self.asked) <= len(AT_EASE) + len(STRICT):
            self.together.wait()
        if status is MemberStatus.SUBSCRIBED:
            yield Member("ada@x.example", status, AT)
            for number in range(1, self.subscribed):
                yield Member(f"c{number}@x.example", status, AT)
            self.left.append(Member("ada@x.example", MemberStatus.UNSUBSCRIBED, LATER))
        elif status is MemberStatus.UNSUBSCRIBED:
            yield from self.left


def pulled(database: Database, audience: Audience) -> dict[str, str]:
    pull(database, cast("EmailGateway", audience))
    with database.read() as connection:
        rows = connection.execute(text("SELECT email_key, status FROM audience_member"))
        return {row[0]: row[1] for row in rows}


def test_all_statuses_are_asked_for_at_once(database: Database) -> None:
    audience = Audience(3)
    assert len(pulled(database, audience)) == 3
    assert sorted(audience.asked) == sorted((*AT_EASE, *STRICT))


def test_who_leaves_while_many_are_read_is_found(database: Database) -> None:
    audience = Audience(store.PAGE + 1)
    assert pulled(database, audience)["ada@x.example"] == "unsubscribed"
    assert audience.asked[-len(STRICT) :].count(MemberStatus.UNSUBSCRIBED) == 1
