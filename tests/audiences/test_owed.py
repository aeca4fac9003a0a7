"""Who is owed a write to the audience: compared with the facts that the last answer was about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from orchestrator.audiences import owed as module
from orchestrator.audiences.owed import Owed, owed_members
from orchestrator.definitions.values import MailchimpSettings, Settings
from orchestrator.gateway import Member
from orchestrator.store import audience as store
from orchestrator.vocabulary import MemberStatus

if TYPE_CHECKING:
    from orchestrator.store.database import Database

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
MAILCHIMP = MailchimpSettings("env:NONE", "audience", "Shop", "hello@shop.example")
SETTINGS = Settings(MAILCHIMP, ZoneInfo("Europe/Stockholm"))
SCORED = replace(
    SETTINGS,
    mailchimp=replace(MAILCHIMP, merge_fields={"FNAME": "first_name", "TIER": "rfm_tier", "LEAD": "lead_score"}),
)


@pytest.fixture(autouse=True)
def shop(database: Database) -> None:
    """Seven contacts with consent, one without; each has ordered."""
    with database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO contact (id, key, email, email_key, first_name, language, consent, lead_score, extra) "
                "VALUES (:id, :key, :email, :email, 'Åsa', 'sv-SE', :consent, 0.1, '{}')"
            ),
            [
                {"id": n, "key": f"C{n}", "email": f"c{n}@x.example", "consent": "opted_in" if n < 8 else "unknown"}
                for n in range(1, 9)
            ],
        )
        connection.execute(
            text(
                "INSERT INTO orders (key, contact, placed_at, status, channel, total_cents, extra) "
                "VALUES (:key, :contact, 1790000000, 'completed', 'web', :cents, '{}')"
            ),
            [{"key": f"O{n}", "contact": n, "cents": n * 1000} for n in range(1, 9)],
        )


def owed(database: Database, settings: Settings = SETTINGS) -> list[Owed]:
    return list(owed_members(database, settings, {"loyal": 0, "far": 70}, now=NOW))


def confirm(database: Database, rows: list[Owed]) -> None:
    store.record_members(database, [(row.email_key, row.contact, row.payload, row.made_from, None) for row in rows])


def refuse(database: Database, row: Owed) -> None:
    refusal = {"refusal": "other", "detail": "no", "status": "", "at": 0}
    known = {"email_key": row.email_key, "contact": row.contact, "payload": row.payload, "made_from": row.made_from}
    store.record_refusals(database, [known | refusal])


def change(database: Database, what: str) -> None:
    with database.write() as connection:
        connection.execute(text(f"UPDATE {what}"))


@pytest.mark.parametrize("settings", [SETTINGS, SCORED], ids=["names", "scores"])
def test_everybody_is_owed_once(database: Database, settings: Settings) -> None:
    first = owed(database, settings)
    assert [row.contact for row in first] == [1, 2, 3, 4, 5, 6, 7]
    assert all(row.is_new for row in first)
    confirm(database, first)
    assert owed(database, settings) == []


def test_who_changes_is_owed_with_the_new_values(database: Database) -> None:
    confirm(database, owed(database, SCORED))
    change(database, "contact SET lead_score = 0.1000000000000001 WHERE id = 3")
    (row,) = owed(database, SCORED)
    assert (row.contact, row.is_new) == (3, False)
    assert "0.1000000000000001" in row.payload


def test_facts_that_make_the_same_payload_are_recorded_and_owe_nothing(database: Database) -> None:
    confirm(database, owed(database))
    change(database, "contact SET first_name = 'Åsa ' WHERE id = 2")
    before = facts(database)
    assert owed(database) == []
    after = facts(database)
    assert {address for address in after if after[address] != before[address]} == {"c2@x.example"}


def test_a_database_of_before_learns_its_facts_without_a_write_to_the_provider(database: Database) -> None:
    confirm(database, owed(database))
    learned = facts(database)
    change(database, "audience_member SET made_from = NULL")
    assert owed(database) == []
    assert facts(database) == learned


def test_another_merge_field_and_another_meaning_of_one_owe_everybody(database: Database) -> None:
    confirm(database, owed(database))
    assert len(owed(database, SCORED)) == 7
    renamed = replace(SETTINGS, mailchimp=replace(MAILCHIMP, merge_fields={"NAME": "first_name", "LNAME": "last_name"}))
    assert len(owed(database, renamed)) == 7


def test_a_refused_member_is_tried_again_when_it_changes_or_the_provider_has_news_of_it(database: Database) -> None:
    first = owed(database)
    confirm(database, first[1:])
    refuse(database, first[0])
    assert owed(database) == []
    store.record_pulled(database, MemberStatus.SUBSCRIBED, [Member("c1@x.example", MemberStatus.SUBSCRIBED, NOW)], 0)
    (row,) = owed(database)
    assert (row.contact, row.is_new) == (1, False)
    refuse(database, row)
    assert owed(database) == []
    change(database, "contact SET first_name = 'Bo' WHERE id = 1")
    assert [row.contact for row in owed(database)] == [1]


def test_what_was_found_unchanged_before_the_news_of_a_member_is_not_recorded_after_them(database: Database) -> None:
    first = owed(database)
    confirm(database, first[1:])
    refuse(database, first[0])
    store.record_pulled(database, MemberStatus.SUBSCRIBED, [Member("c1@x.example", MemberStatus.SUBSCRIBED, NOW)], 0)
    found = {"email_key": first[0].email_key, "payload": first[0].payload, "made_from": first[0].made_from}
    store.record_unchanged(database, [found])
    assert [row.contact for row in owed(database)] == [1]


def test_news_of_what_we_wrote_ourselves_make_nobody_looked_at_again(database: Database) -> None:
    first = owed(database)
    confirm(database, first)
    learned = facts(database)
    echo = [Member(row.email, MemberStatus.SUBSCRIBED, NOW) for row in first]
    store.record_pulled(database, MemberStatus.SUBSCRIBED, echo, 0)
    assert facts(database) == learned
    assert owed(database) == []


def test_who_is_written_for_the_first_time_is_owed_its_tags_in_every_word(database: Database) -> None:
    with database.write() as connection:
        rows = [(1, 0, 1), (1, 1, 1 << 8), (2, 1, 1 << 8 | 2)]  # bits 0 and 70; bit 63 is no tag
        connection.execute(
            text("INSERT INTO membership_mask (contact, word, mask) VALUES (:contact, :word, :mask)"),
            [{"contact": contact, "word": word, "mask": mask} for contact, word, mask in rows],
        )
    assert [row.tags for row in owed(database)][:3] == [("loyal", "far"), ("far",), ()]


def test_many_are_read_in_several_looks(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SNAPSHOT", 2)
    assert [row.contact for row in owed(database, SCORED)] == [1, 2, 3, 4, 5, 6, 7]


def test_the_log_of_an_sqlite_file_begins_anew_between_two_looks(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SNAPSHOT", 1)
    largest, rows, megabyte = 0, 0, 1_000_000
    for row in owed_members(database, SETTINGS, {}, now=NOW):
        confirm(database, [row._replace(payload="x" * 3 * megabyte)])
        log = Path(f"{database.engine.url.database}-wal")
        largest = max(largest, log.stat().st_size if log.exists() else 0)
        rows += 1
    assert rows == 7
    assert largest < 10 * megabyte


def facts(database: Database) -> dict[str, str | None]:
    with database.read() as connection:
        return {row[0]: row[1] for row in connection.execute(text("SELECT email_key, made_from FROM audience_member"))}
