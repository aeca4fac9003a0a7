"""One leads, the others stand by: real processes that are killed, stopped and cut off."""

from __future__ import annotations

import signal
import socket
from typing import TYPE_CHECKING, Any

import pytest
import requests
from sqlalchemy import create_engine, text
from tests.daemon.conftest import PEOPLE, AtCall, Process, Start, sent, status, until

if TYPE_CHECKING:
    from tests.scenarios.world import World

EVERYBODY = [f"c{number}" for number in range(PEOPLE)]


def leader_of(world: World) -> int | None:
    leader = status(world)["daemon"]["leader"]
    return leader["pid"] if leader else None


def meanwhile(world: World, method: str, ending: str, process: Process, number: int) -> AtCall:
    """``process`` gets the signal ``number`` while the provider answers this call of it."""
    faults: Any = AtCall(method, ending, lambda: process.signal(number))
    world.sandbox.faults = faults
    found: AtCall = faults
    return found


def records(world: World) -> list[Any]:
    """What became of runs, mailings and contacts; what the reports read later is left out."""
    engine = create_engine(world.database_url)
    queries = (
        "SELECT id, state, finished_at FROM run",
        "SELECT id, state, state_at, remote_campaign, send_asked_at FROM mailing",
        "SELECT run, contact, decision, sent_at FROM send",
    )
    with engine.connect() as connection:
        found = [tuple(row) for query in queries for row in connection.execute(text(query))]
    engine.dispose()
    return sorted(found, key=str)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def health(port: int) -> Any:
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=10).json()
    except requests.RequestException:
        return {}


def test_a_second_daemon_stands_by_and_takes_over_from_a_killed_one(world: World, start: Start) -> None:
    ports = free_port(), free_port()
    world.configure(f"[web]\nport = {ports[0]}")
    first = start("daemon")
    first.says("daemon started")
    until(lambda: sent(world), "the first cycle ends")
    world.configure(f"[web]\nport = {ports[1]}")
    second = start("daemon")
    second.says(f"(pid {first.pid}) leads since 2")
    until(lambda: status(world)["daemon"]["standbys"], "the standby is seen")
    found = status(world)["daemon"]
    assert (found["leader"]["pid"], [one["pid"] for one in found["standbys"]]) == (first.pid, [second.pid])
    assert health(ports[0])["state"] == "leader"
    assert until(lambda: health(ports[1]), "the standby serves")["state"] == "standby"
    first.signal(signal.SIGKILL)
    first.ends()
    second.says("daemon started")
    assert leader_of(world) == second.pid
    assert health(ports[1])["state"] == "leader"
    second.signal(signal.SIGTERM)
    assert second.ends(15) == 0
    assert status(world)["daemon"] == {"leader": None, "standbys": []}
    assert world.receivers() == EVERYBODY


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_leader_killed_in_the_middle_of_a_send_is_succeeded_without_a_repetition(world: World, start: Start) -> None:
    first = start("daemon")
    killed = meanwhile(world, "POST", "/actions/send", first, signal.SIGKILL)
    second = start("daemon")
    until(lambda: killed.reached, "the send is asked for")
    second.says("daemon started")
    until(lambda: sent(world), "the standby finishes the run")
    assert world.receivers() == EVERYBODY


@pytest.mark.parametrize(
    ("database_url", "method", "ending"),
    [
        # not on SQLite: who is stopped within a write there holds the file until it is killed
        pytest.param("postgresql", "POST", "/campaigns", marks=pytest.mark.postgres),
        pytest.param("postgresql", "POST", "/actions/send", marks=pytest.mark.postgres),
    ],
    ids=["in the middle", "while it sends"],
    indirect=["database_url"],
)
def test_a_leader_that_wakes_after_it_was_replaced_does_nothing_more(
    world: World, start: Start, method: str, ending: str
) -> None:
    """It was stopped on its way to the send, or while it asked for it; its successor finished the run meanwhile."""
    first = start("daemon")
    stopped = meanwhile(world, method, ending, first, signal.SIGSTOP)
    until(lambda: stopped.reached, "the leader is stopped")
    second = start("daemon")
    second.says("daemon started")
    until(lambda: sent(world), "the successor finishes the run")
    writes, before = len(world.sandbox.writes()), records(world)
    first.signal(signal.SIGCONT)
    first.says(f"(pid {second.pid}) leads since 2")
    assert len(world.sandbox.writes()) == writes
    assert records(world) == before
    assert world.receivers() == EVERYBODY
    # and it is of use still
    second.signal(signal.SIGTERM)
    assert second.ends(15) == 0
    first.says("daemon started", times=2)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_cycle_by_hand_is_refused_while_a_daemon_leads(world: World, start: Start) -> None:
    daemon = start("daemon")
    daemon.says("daemon started")
    once = start("daemon", "--once")
    assert once.ends() == 1
    assert f"campaigns daemon (process {daemon.pid} on " in once.said
    assert "campaigns sync" in once.said


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_daemon_that_waits_for_mailchimp_stops_within_seconds(world: World, start: Start) -> None:
    """The call may take minutes. It is left, and what it did is found by the next start."""
    world.sandbox.fail_next("POST", "/campaigns/*/actions/send", "slow-after:600")
    daemon = start("daemon")
    until(lambda: any(one.path.endswith("/actions/send") for one in world.sandbox.writes()), "the send is asked for")
    daemon.signal(signal.SIGTERM)
    assert daemon.ends(30) == 0
    start("daemon")
    until(lambda: sent(world), "the next start finishes the run")
    assert world.receivers() == EVERYBODY
