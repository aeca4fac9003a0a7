"""Recompute: baselines, differences, history, guards, and what never happens twice."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from tests.segments.shop import DAY, NOW, Shop, at, segment, segments, settings, unguarded

from orchestrator.definitions.values import GuardSettings, SegmentGuards
from orchestrator.errors import UsageError
from orchestrator.segments.evaluate import members_at, read_members, recompute

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from orchestrator.definitions.values import SegmentDefinition
    from orchestrator.segments.evaluate import Recompute
    from orchestrator.store.database import Database

HOUR = timedelta(hours=1)


def crowd(database: Database, scores: list[int]) -> None:
    """Contacts 1 … n with these lead scores."""
    shop = Shop()
    for score in scores:
        shop.contact(lead_score=score)
    shop.write(database)


def rescore(database: Database, scores: Mapping[int, int]) -> None:
    with database.write() as connection:
        for contact, score in scores.items():
            connection.execute(
                text("UPDATE contact SET lead_score = :score WHERE id = :id"), {"score": score, "id": contact}
            )


def run(database: Database, wanted: Mapping[str, SegmentDefinition], now: datetime, **other: object) -> Recompute:
    return recompute(database, unguarded(), wanted, now=now, **other)  # type: ignore[arg-type] # force, unreadable


def result(outcome: Recompute) -> dict[str, tuple[int, int, int]]:
    return {one.name: (one.size, one.entered, one.left) for one in outcome.segments}


def members(database: Database, name: str) -> dict[str, datetime]:
    with database.read() as connection:
        return {member.contact_id: member.since for member in read_members(connection, name)}


def log(database: Database) -> list[tuple[int, str, bool]]:
    """Contact, segment and direction of every note, in order."""
    with database.read() as connection:
        rows = connection.execute(
            text(
                "SELECT x.contact, s.name, x.entered FROM membership_change x JOIN segment s ON s.id = x.segment"
                " ORDER BY x.at, x.contact, s.name"
            )
        )
        return [(contact, name, bool(entered)) for contact, name, entered in rows]


def test_the_first_computation_is_a_baseline_and_nobody_has_entered(database: Database) -> None:
    crowd(database, [1, 9, 9])
    hot = segments(hot="lead_score > 5")
    outcome = run(database, hot, NOW)
    assert outcome.recorded
    assert result(outcome) == {"hot": (2, 0, 0)}
    assert log(database) == []
    assert members(database, "hot") == {"C2": NOW, "C3": NOW}


def test_entering_and_leaving_are_logged_with_their_moment(database: Database) -> None:
    crowd(database, [1, 9, 9])
    hot = segments(hot="lead_score > 5")
    run(database, hot, NOW)
    rescore(database, {1: 8, 2: 2})
    assert result(run(database, hot, NOW + HOUR)) == {"hot": (2, 1, 1)}
    assert log(database) == [(1, "hot", True), (2, "hot", False)]
    assert members(database, "hot") == {"C1": NOW + HOUR, "C3": NOW}
    rescore(database, {1: 1})
    run(database, hot, NOW + 2 * HOUR)
    rescore(database, {1: 9})
    run(database, hot, NOW + 3 * HOUR)
    assert members(database, "hot")["C1"] == NOW + 3 * HOUR


def test_a_recompute_without_changes_writes_no_membership(database: Database) -> None:
    crowd(database, [1, 9])
    hot = segments(hot="lead_score > 5")
    run(database, hot, NOW)
    with database.read() as connection:
        before = connection.execute(text("SELECT * FROM membership_mask ORDER BY contact")).all()
    assert result(run(database, hot, NOW + HOUR)) == {"hot": (1, 0, 0)}
    with database.read() as connection:
        assert connection.execute(text("SELECT * FROM membership_mask ORDER BY contact")).all() == before
    assert log(database) == []


def test_an_edited_condition_moves_members_and_says_so(database: Database) -> None:
    crowd(database, [4, 6, 8])
    run(database, segments(hot="lead_score > 5"), NOW)
    assert result(run(database, segments(hot="lead_score > 3 and lead_score < 8"), NOW + HOUR)) == {"hot": (2, 1, 1)}
    assert log(database) == [(1, "hot", True), (3, "hot", False)]


def test_a_contact_that_is_gone_or_not_yet_there_leaves(database: Database) -> None:
    crowd(database, [9, 9, 9])
    hot = segments(hot="lead_score > 5")
    run(database, hot, NOW)
    with database.write() as connection:
        connection.execute(text("DELETE FROM contact WHERE id = 1"))
        connection.execute(text("UPDATE contact SET created_at = :later WHERE id = 2"), {"later": at(NOW) + 9 * DAY})
    assert result(run(database, hot, NOW + HOUR)) == {"hot": (1, 0, 2)}
    assert set(members(database, "hot")) == {"C3"}


def test_members_of_a_file_that_is_gone_leave_and_a_file_that_comes_back_starts_anew(database: Database) -> None:
    crowd(database, [9, 9, 1])
    both = segments(hot="lead_score > 5", all="true")
    run(database, both, NOW)
    assert result(run(database, segments(all="true"), NOW + HOUR)) == {"all": (3, 0, 0)}
    assert log(database) == [(1, "hot", False), (2, "hot", False)]
    with pytest.raises(UsageError, match="never computed"):
        members(database, "hot")
    with database.read() as connection:
        bit = connection.scalar(text("SELECT bit FROM segment WHERE name = 'hot' AND NOT active AND size = 0"))
    # back: those found then were there, they have not entered
    assert result(run(database, both, NOW + 2 * HOUR)) == {"hot": (2, 0, 0), "all": (3, 0, 0)}
    assert len(log(database)) == 2
    assert members(database, "hot") == {"C1": NOW + 2 * HOUR, "C2": NOW + 2 * HOUR}
    with database.read() as connection:
        assert connection.scalar(text("SELECT bit FROM segment WHERE name = 'hot'")) == bit


def test_a_file_with_a_problem_keeps_its_members(database: Database) -> None:
    crowd(database, [9, 9, 1])
    run(database, segments(hot="lead_score > 5", rest="not in_segment('hot')", all="true"), NOW)
    rescore(database, {1: 1})
    broken = segments(hot="lead_scor > 5", rest="not in_segment('hot')", all="lead_score = 1")
    outcome = run(database, broken, NOW + HOUR)
    assert result(outcome) == {"hot": (2, 0, 0), "rest": (1, 0, 0), "all": (2, 0, 1)}
    held = {one.name: one.held for one in outcome.segments}
    assert held["hot"] == "its condition has a problem; `campaigns check` says where"
    assert held["rest"] is not None
    assert held["all"] is None
    outcome = run(database, segments(all="true"), NOW + 2 * HOUR, unreadable={"hot", "rest"})
    assert result(outcome) == {"all": (3, 1, 0), "hot": (2, 0, 0), "rest": (1, 0, 0)}
    # mended: back in step
    mended = segments(hot="lead_score > 5", rest="not in_segment('hot')", all="true")
    outcome = run(database, mended, NOW + 3 * HOUR)
    assert result(outcome) == {"hot": (1, 0, 1), "rest": (2, 1, 0), "all": (3, 0, 0)}
    assert all(one.held is None for one in outcome.segments)


def test_an_earlier_moment_is_answered_without_being_recorded(database: Database) -> None:
    crowd(database, [9, 9])
    with database.write() as connection:
        connection.execute(text("UPDATE contact SET created_at = :at WHERE id = 2"), {"at": at(NOW) - DAY})
    hot = segments(hot="lead_score > 5")
    run(database, hot, NOW)
    outcome = run(database, hot, NOW - timedelta(days=2))
    assert not outcome.recorded
    assert result(outcome) == {"hot": (1, 0, 0)}
    assert len(members(database, "hot")) == 2
    found = members_at(database, unguarded(), hot, "hot", now=NOW - timedelta(days=2))
    assert [(member.contact_id, member.since) for member in found] == [("C1", NOW - timedelta(days=2))]


def test_members_at_a_moment_are_those_of_the_definition_with_what_is_recorded(database: Database) -> None:
    crowd(database, [9, 1, 9])
    hot = segments(hot="lead_score > 5")
    assert [m.contact_id for m in members_at(database, unguarded(), hot, "hot", now=NOW)] == ["C1", "C3"]
    run(database, hot, NOW)
    rescore(database, {2: 9, 3: 1})
    run(database, hot, NOW + HOUR)
    rescore(database, {3: 9})
    found = members_at(database, unguarded(), hot, "hot", now=NOW + 2 * HOUR)
    assert {m.contact_id: m.since for m in found} == {"C1": NOW, "C2": NOW + HOUR, "C3": NOW + 2 * HOUR}


def test_what_is_taken_back_at_the_same_moment_never_happened(database: Database) -> None:
    crowd(database, [1, 9, 1])
    hot = segments(hot="lead_score > 5")
    run(database, hot, NOW - HOUR)
    rescore(database, {1: 9, 3: 9})
    run(database, hot, NOW)
    rescore(database, {1: 1, 2: 1})
    assert result(run(database, hot, NOW)) == {"hot": (1, 0, 2)}
    assert log(database) == [(2, "hot", False), (3, "hot", True)]
    assert members(database, "hot") == {"C3": NOW}


GUARDS = GuardSettings(max_leave_share=0.3, max_grow_factor=3.0, min_size=10)


def guarded(
    database: Database, wanted: Mapping[str, SegmentDefinition], now: datetime, *, force: bool = False
) -> Recompute:
    return recompute(database, settings(guards=GUARDS), wanted, now=now, force=force)


def test_a_segment_that_loses_too_many_is_held_and_the_others_go_on(database: Database) -> None:
    crowd(database, [9] * 20 + [1] * 10)
    both = segments(hot="lead_score > 5", cold="lead_score <= 5")
    guarded(database, both, NOW)
    rescore(database, dict.fromkeys(range(1, 8), 1))
    outcome = guarded(database, both, NOW + HOUR)
    assert result(outcome) == {"hot": (20, 0, 0), "cold": (17, 7, 0)}
    assert outcome.segments[0].held == "it would lose 7 of 20 members (35 %; the limit is 30 %)"
    assert len(members(database, "hot")) == 20
    assert {name for _, name, _ in log(database)} == {"cold"}
    forced = guarded(database, both, NOW + 2 * HOUR, force=True)
    assert result(forced) == {"hot": (13, 0, 7), "cold": (17, 0, 0)}
    assert all(one.held is None for one in forced.segments)
    with database.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM segment WHERE held IS NOT NULL")) == 0


def test_exactly_the_limit_is_let_through(database: Database) -> None:
    crowd(database, [9] * 20)
    hot = segments(hot="lead_score > 5")
    guarded(database, hot, NOW)
    rescore(database, dict.fromkeys(range(1, 7), 1))
    assert result(guarded(database, hot, NOW + HOUR)) == {"hot": (14, 0, 6)}


def test_a_segment_that_grows_too_much_is_held(database: Database) -> None:
    crowd(database, [9] * 10 + [1] * 40)
    hot = segments(hot="lead_score > 5")
    guarded(database, hot, NOW)
    rescore(database, dict.fromkeys(range(11, 32), 9))
    outcome = guarded(database, hot, NOW + HOUR)
    assert outcome.segments[0].held == "it would grow from 10 to 31 members (3.1 times; the limit is 3 times)"
    rescore(database, {31: 1})
    assert result(guarded(database, hot, NOW + HOUR)) == {"hot": (30, 20, 0)}


def test_small_segments_are_not_guarded_and_a_segment_may_have_limits_of_its_own(database: Database) -> None:
    crowd(database, [9] * 10)
    wanted = {
        "own": segment("own", "lead_score > 5", guards=SegmentGuards(max_leave_share=0.95)),
        "small": segment("small", "lead_score > 5", guards=SegmentGuards(min_size=11)),
        "strict": segment("strict", "lead_score > 5", guards=SegmentGuards(max_leave_share=0.05)),
    }
    guarded(database, wanted, NOW)
    rescore(database, dict.fromkeys(range(1, 10), 1))
    outcome = guarded(database, wanted, NOW + HOUR)
    assert result(outcome) == {"own": (1, 0, 9), "small": (1, 0, 9), "strict": (10, 0, 0)}


def test_segments_that_refer_to_a_held_one_are_held_too(database: Database) -> None:
    crowd(database, [9] * 20 + [1] * 20)
    wanted = segments(hot="lead_score > 5", rest="not in_segment('hot')", far="in_segment('rest')", free="true")
    guarded(database, wanted, NOW)
    rescore(database, dict.fromkeys(range(1, 11), 1))
    more = {**wanted, **segments(new="in_segment('hot')")}
    outcome = guarded(database, more, NOW + HOUR)
    assert result(outcome) == {
        "hot": (20, 0, 0), "rest": (20, 0, 0), "far": (20, 0, 0), "free": (40, 0, 0), "new": (0, 0, 0)
    }  # fmt: skip
    held = {one.name: one.held for one in outcome.segments}
    assert held["rest"] == "it refers to in_segment('hot'), which is held"
    assert held["far"] is not None
    assert held["free"] is None
    # a new one waits: had it begun with what is held, the rest would later seem to enter
    outcome = guarded(database, more, NOW + 2 * HOUR, force=True)
    assert result(outcome)["new"] == (10, 0, 0)
    assert "new" not in {name for _, name, _ in log(database)}


@pytest.mark.parametrize("seed", range(3))
def test_masks_of_several_words_follow_their_definitions_through_random_changes(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    scores = [chance.randrange(100) for _ in range(30)]
    crowd(database, scores)
    sizes: dict[str, int] = {}
    present: dict[str, int] = {}
    for step in range(5):
        wanted = {f"s{number:03}": chance.randrange(100) for number in range(130) if chance.random() < 0.95}
        changed = {contact: chance.randrange(100) for contact in range(1, 31) if chance.random() < 0.3}
        rescore(database, changed)
        for contact, score in changed.items():
            scores[contact - 1] = score
        definitions = segments(**{name: f"lead_score > {limit}" for name, limit in wanted.items()})
        outcome = run(database, definitions, NOW + step * HOUR)
        for one in outcome.segments:
            expected = {f"C{n}" for n, score in enumerate(scores, start=1) if score > wanted[one.name]}
            assert set(members(database, one.name)) == expected
            assert one.size == len(expected)
            if one.name in present:
                assert one.size == sizes[one.name] + one.entered - one.left
            else:
                assert (one.entered, one.left) == (0, 0)
        sizes = {one.name: one.size for one in outcome.segments}
        present = wanted
    with database.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM membership_mask WHERE mask = 0")) == 0
        assert connection.scalar(text("SELECT max(word) FROM membership_mask")) == 2


def test_a_failure_leaves_everything_as_it_was(sqlite_database: Database) -> None:
    crowd(sqlite_database, [1, 9])
    hot = segments(hot="lead_score > 5")
    run(sqlite_database, hot, NOW)
    rescore(sqlite_database, {1: 9})
    with sqlite_database.write() as connection:
        connection.execute(
            text("CREATE TRIGGER no BEFORE INSERT ON membership_mask BEGIN SELECT RAISE(ABORT, 'no'); END")
        )
    with pytest.raises(Exception, match="no"):
        run(sqlite_database, hot, NOW + HOUR)
    assert log(sqlite_database) == []
    assert members(sqlite_database, "hot") == {"C2": NOW}
    with sqlite_database.write() as connection:
        connection.execute(text("DROP TRIGGER no"))
    assert result(run(sqlite_database, hot, NOW + HOUR)) == {"hot": (2, 1, 0)}
