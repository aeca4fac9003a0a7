"""Health and metrics, word for word."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest
from sqlalchemy import insert
from tests.web.conftest import NOW, call

from orchestrator import __version__
from orchestrator.errors import UsageError
from orchestrator.sources.journal import record_good
from orchestrator.store.jobs import job_began, job_ended
from orchestrator.store.tables import AudienceMember, Run, Segment, Send
from orchestrator.web.app import Secrets, Site, _plain

if TYPE_CHECKING:
    from pathlib import Path

    from tests.web.conftest import Serve, Visitor

    from orchestrator.store.database import Database

AT = int(NOW.timestamp())
DAY = 24 * 3600


def job(database: Database, name: str, at: int, *, good: bool = True, message: str = "") -> None:
    with database.write() as connection:
        job_began(connection, name, at)
        job_ended(connection, name, at, good=good, message=message)


def run(number: int, state: str, *, finished_at: int | None = None, reason: str = "") -> dict[str, object]:
    moments = dict.fromkeys(("scheduled_for", "created_at", "started_at", "decided_at"), AT + number)
    more: dict[str, object] = {"finished_at": finished_at, "state": state, "reason": reason, "definition": {}}
    return {"id": number, "name": f"news-{number}", "campaign": "news", "trigger": "manual", **moments, **more}


def send(run_id: int, contact: int, decision: str, at: int, sent_at: int | None = None) -> dict[str, object]:
    moments = {"decided_at": at, "sent_at": sent_at}
    return {"run": run_id, "contact": contact, "campaign": "news", "decision": decision, **moments}


@pytest.fixture
def busy(visitor: Visitor) -> Visitor:
    """An installation in the middle of its work."""
    for name in ("import", "recompute", "sync"):
        job(visitor.database, name, AT - 600)
    with visitor.database.write() as connection:
        record_good(connection, "csv", "contacts", at=AT - 600, rows=1, mark=None)
        waits = run(2, "waiting_approval", reason="6,000 recipients, more than 5,000; asked by eve@shop.example.")
        connection.execute(
            insert(Run), [run(1, "sent", finished_at=AT - DAY - 1), waits, run(3, "sent", finished_at=AT)]
        )
        sends = [
            send(1, 1, "sent", AT - 2 * DAY, AT - 2 * DAY),
            send(2, 1, "planned", AT),
            send(2, 2, "suppressed", AT),
            send(3, 1, "sent", AT - 2 * DAY, AT),
            send(3, 2, "suppressed", AT - 2 * DAY),
            send(3, 3, "suppressed", AT),
        ]
        connection.execute(insert(Send), [one | {"facts": {}, "slots": {}} for one in sends])
        connection.execute(
            insert(AudienceMember).values(email_key="x@y.example", status="", refusal="compliance", detail="")
        )
    visitor.post(call())
    visitor.post(call("profile"))
    visitor.post(call("profile"))
    return visitor


def test_metrics_are_what_prometheus_reads(busy: Visitor) -> None:
    answer = busy.get("/metrics")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert answer.text == (
        "# HELP campaigns_info The version that runs.\n# TYPE campaigns_info gauge\n"
        f'campaigns_info{{version="{__version__}"}} 1\n'
        """\
# HELP campaigns_healthy 1 when nothing failed and the data is fresh.
# TYPE campaigns_healthy gauge
campaigns_healthy 1
# HELP campaigns_problems What is wrong; `campaigns status` says what.
# TYPE campaigns_problems gauge
campaigns_problems 0
# HELP campaigns_waiting_for_person What waits for a decision of a person.
# TYPE campaigns_waiting_for_person gauge
campaigns_waiting_for_person 1
# HELP campaigns_last_good_timestamp_seconds When the job last ended well.
# TYPE campaigns_last_good_timestamp_seconds gauge
campaigns_last_good_timestamp_seconds{job="import"} 1772441400
campaigns_last_good_timestamp_seconds{job="recompute"} 1772441400
campaigns_last_good_timestamp_seconds{job="sync"} 1772441400
# HELP campaigns_open_runs Runs that are not finished.
# TYPE campaigns_open_runs gauge
campaigns_open_runs{state="planned"} 0
campaigns_open_runs{state="waiting_approval"} 1
campaigns_open_runs{state="preparing"} 0
campaigns_open_runs{state="sending"} 0
# HELP campaigns_segments_held Segments that a guard holds back.
# TYPE campaigns_segments_held gauge
campaigns_segments_held 0
# HELP campaigns_members_refused Members that the provider refuses.
# TYPE campaigns_members_refused gauge
campaigns_members_refused 1
# HELP campaigns_sends_last_day Decisions about contacts in the last 24 hours.
# TYPE campaigns_sends_last_day gauge
campaigns_sends_last_day{decision="no_consent"} 0
campaigns_sends_last_day{decision="suppressed"} 2
campaigns_sends_last_day{decision="undeliverable"} 0
campaigns_sends_last_day{decision="excluded"} 0
campaigns_sends_last_day{decision="held_out"} 0
campaigns_sends_last_day{decision="left_segment"} 0
campaigns_sends_last_day{decision="recently_mailed"} 0
campaigns_sends_last_day{decision="capped"} 0
campaigns_sends_last_day{decision="rejected"} 0
campaigns_sends_last_day{decision="deferred"} 0
campaigns_sends_last_day{decision="planned"} 1
campaigns_sends_last_day{decision="sent"} 1
campaigns_sends_last_day{decision="cancelled"} 0
# HELP campaigns_webhooks_last_day Calls of webhooks in the last 24 hours.
# TYPE campaigns_webhooks_last_day gauge
campaigns_webhooks_last_day{outcome="applied"} 1
campaigns_webhooks_last_day{outcome="older"} 0
campaigns_webhooks_last_day{outcome="noted"} 1
campaigns_webhooks_last_day{outcome="unknown"} 0
"""
    )


def test_health_says_well_and_what_waits_without_addresses(busy: Visitor) -> None:
    answer = busy.get("/health")
    assert answer.status_code == 200
    reason = "6,000 recipients, more than 5,000; asked by <address>"
    assert answer.json() == {
        "now": "2026-03-02T09:00:00+00:00",
        "healthy": True,
        "state": "standby",
        "last_good": dict.fromkeys(("import", "recompute", "sync"), "2026-03-02T08:50:00+00:00"),
        "runs": [{"run": "news-2", "campaign": "news", "state": "waiting_approval", "reason": reason}],
        "needs_person": [f"run news-2: {reason} campaigns approve news-2"],
        "problems": [],
    }


def test_health_fails_where_a_job_failed_and_when_nothing_was_imported(visitor: Visitor) -> None:
    job(visitor.database, "sync", AT, good=False, message="bob@shop.example was refused")
    answer = visitor.get("/health")
    assert answer.status_code == 503
    assert answer.json()["healthy"] is False
    assert answer.json()["problems"][0] == "The latest sync failed: <address> was refused"
    assert answer.json()["problems"][1].startswith("Nothing is sent: no import has succeeded yet.")
    assert "campaigns_healthy 0\n" in visitor.get("/metrics").text


def test_a_held_segment_is_counted(visitor: Visitor) -> None:
    with visitor.database.write() as connection:
        moments = {"baseline_at": AT, "computed_at": AT}
        connection.execute(
            insert(Segment), [{"name": "idle", "bit": 0, "fingerprint": "", "held": "shrinks", **moments}]
        )
    assert "campaigns_segments_held 1\n" in visitor.get("/metrics").text


def test_passwords_in_addresses_of_databases_are_left_out() -> None:
    assert _plain("cannot reach postgresql://erp:pass@host/erp now") == "cannot reach <address> now"


# -- the server


def test_the_server_listens_to_this_machine_alone_unless_told(visitor: Visitor) -> None:
    assert visitor.server.address.startswith("http://127.0.0.1:")


def test_a_secret_that_could_be_guessed_or_breaks_the_address_is_refused(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    for weak in ("short", "a/path/in/the/secret/of/it"):
        monkeypatch.setenv("TEST_WEAK", weak)
        with pytest.raises(UsageError, match="openssl rand -hex 32") as refused:
            serve(webhook_secret="env:TEST_WEAK")
        assert weak not in str(refused.value)


def test_a_secret_that_is_missing_is_named(serve: Serve) -> None:
    with pytest.raises(UsageError, match="TEST_NOT_THERE"):
        serve(signing_secret="env:TEST_NOT_THERE")


def test_a_port_that_is_taken_is_named(serve: Serve, visitor: Visitor) -> None:
    port = int(visitor.server.address.rpartition(":")[2])
    with pytest.raises(UsageError, match=f"port {port}"):
        serve(port=port)


def test_newer_settings_are_followed_and_wrong_ones_turn_it_off(
    visitor: Visitor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    web = visitor.server
    old = web._settings
    assert old is not None
    web.follow(old, tmp_path)
    first = web.address
    (tmp_path / "secret").write_text("another-long-random-segment\n")
    web.follow(type(old)(port=0, webhook_secret="file:secret"), tmp_path)
    assert web.address != first
    assert visitor.get("/webhooks/another-long-random-segment").status_code == 200
    with caplog.at_level(logging.ERROR):
        web.follow(type(old)(port=0, webhook_secret="env:TEST_NOT_THERE"), tmp_path)
    assert web.address == ""
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR] == ["no web server"]
    web.follow(type(old)(), tmp_path)
    assert web.address == ""


def test_previews_are_served_to_this_machine(visitor: Visitor) -> None:
    answer = visitor.get("/previews")
    # this installation has no files: the page says which one it misses
    assert answer.status_code == 422
    assert "config.toml" in answer.text


def test_previews_are_not_served_to_other_machines(visitor: Visitor) -> None:
    secrets = Secrets(None, None)
    assert "/previews" in {getattr(route, "path", "") for route in Site(Mock(), secrets, previews=True).app.routes}
    assert "/previews" not in {getattr(route, "path", "") for route in Site(Mock(), secrets).app.routes}
    assert visitor.server.address.startswith("http://127.0.0.1:")
