"""Reading the audience's news: in one wait where there are few, and who leaves while many are read is found."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest
from sqlalchemy import text

from orchestrator.audiences.pull import AT_EASE, FIRST, STRICT, pull
from orchestrator.clock import from_epoch, to_epoch
from orchestrator.gateway import EmailGateway, Member
from orchestrator.store import audience as store
from orchestrator.vocabulary import MemberStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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

    def members(self, status: MemberStatus, _since: datetime | None = None, **_: Any) -> Iterator[Member]:
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
    audience = Audience(FIRST + 1)
    assert pulled(database, audience)["ada@x.example"] == "unsubscribed"
    assert audience.asked[-len(STRICT) :].count(MemberStatus.UNSUBSCRIBED) == 1


def changed(database: Database, moments: Iterable[int]) -> None:
    """Subscribed members that we know to have changed then."""
    with database.write() as connection:
        for number, moment in enumerate(moments):
            connection.execute(
                text("INSERT INTO audience_member (email_key, status, changed_at, detail) VALUES (:e, :s, :at, '')"),
                {"e": f"c{number}@x.example", "s": MemberStatus.SUBSCRIBED.value, "at": moment},
            )


@pytest.mark.parametrize(
    ("moments", "quiet"), [((), 100), ((100, 98), 100), ((100, 99, 98, 96), 98), ((99, 98, 97), None)]
)
def test_changes_are_asked_for_from_a_moment_before_which_we_know_of_none(
    database: Database, moments: tuple[int, ...], quiet: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "QUIET_WITHIN", 3)
    changed(database, moments)
    with database.read() as connection:
        assert store.quiet_moment(connection, 100) == quiet


def test_what_is_known_moves_the_mark_without_being_read(database: Database) -> None:
    moments = range(1_000, 1_000 + FIRST + 5)
    changed(database, moments)
    listed = 0

    class Knows(Audience):
        """Lists the oldest first, and is told that the others are known."""

        def members(self, status: MemberStatus, _since: datetime | None = None, **asked: Any) -> Iterator[Member]:
            nonlocal listed
            if status is MemberStatus.SUBSCRIBED:
                for number, moment in enumerate(moments):
                    if number == FIRST and asked["enough"](len(moments)):
                        return
                    listed += 1
                    yield Member(f"c{number}@x.example", status, from_epoch(moment))

    assert not pull(database, cast("EmailGateway", Knows(0)))
    assert listed == FIRST
    with database.read() as connection:
        assert store.pull_marks(connection) == {"subscribed": moments[-1]}


@pytest.mark.parametrize(
    ("before", "refusal", "news"),
    [("subscribed", None, False), ("subscribed", "other", True), ("unsubscribed", None, True), ("", None, True)],
    ids=["known", "its values were refused", "it left and is back", "a stranger"],
)
def test_it_is_news_where_a_member_is_not_what_we_know(
    database: Database, before: str, refusal: str | None, *, news: bool
) -> None:
    if before:
        with database.write() as connection:
            connection.execute(
                text("INSERT INTO audience_member (email_key, status, refusal, detail) VALUES (:e, :s, :r, '')"),
                {"e": "ada@x.example", "s": before, "r": refusal},
            )
    assert pull(database, cast("EmailGateway", Audience(1))) is news


def test_it_is_news_where_a_member_turns_out_to_be_a_contact(database: Database) -> None:
    assert pull(database, cast("EmailGateway", Audience(1)))
    assert not pull(database, cast("EmailGateway", Audience(1)))
    with database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO contact (key, email, email_key, consent, extra)"
                " VALUES ('1', 'Ada@x.example', 'ada@x.example', 'unknown', '{}')"
            )
        )
    assert pull(database, cast("EmailGateway", Audience(1)))


@pytest.mark.parametrize("moments", [(AT, LATER), (LATER, AT)])
def test_the_latest_change_counts_of_a_member_that_comes_twice(
    database: Database, moments: tuple[datetime, ...]
) -> None:
    members = [Member("Ada@x.example", MemberStatus.SUBSCRIBED, moment) for moment in moments]
    store.record_pulled(database, MemberStatus.SUBSCRIBED, members, None)
    store.record_changes(database, {"ada@x.example": to_epoch(AT)})
    with database.read() as connection:
        assert connection.scalar(text("SELECT changed_at FROM audience_member")) == to_epoch(LATER)
