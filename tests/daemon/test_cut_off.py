"""The database is away for a while: restarted, cut off, or held by another program. Nobody has to do anything."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text
from tests.daemon.conftest import LEASE_SECONDS, PEOPLE, Start, sent, status, until
from tests.daemon.proxy import Network

from orchestrator.store.holders import session_name
from orchestrator.store.opening import open_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import URL
    from tests.scenarios.world import World

on_postgresql = pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def network(postgres_server: URL) -> Iterator[Network]:
    made = Network(postgres_server)
    yield made
    made.end()


@on_postgresql
@pytest.mark.parametrize("how", ["closed", "silent"])
def test_a_leader_that_is_cut_off_is_replaced_and_stands_by_when_it_is_back(
    world: World, start: Start, network: Network, how: str
) -> None:
    direct = world.database_url
    world.database_url = network.url(direct)
    world.configure("")
    first = start("daemon")
    first.says("daemon started")
    until(lambda: sent(world), "the first cycle ends")
    world.database_url = direct
    world.configure("")
    second = start("daemon")
    second.says(f"(pid {first.pid}) leads since 2")
    if how == "closed":
        network.close_all()
    else:
        network.go_silent()
    second.says("daemon started")
    network.come_back()
    first.says(f"(pid {second.pid}) leads since 2")
    assert [one["pid"] for one in status(world)["daemon"]["standbys"]] == [first.pid]
    assert world.receivers() == [f"c{number}" for number in range(PEOPLE)]


@on_postgresql
def test_a_leader_whose_sessions_are_ended_goes_on(world: World, start: Start) -> None:
    """As after a restart of the database."""
    daemon = start("daemon")
    until(lambda: sent(world), "the first cycle ends")
    engine = create_engine(world.database_url)
    with engine.connect() as connection:
        ended = connection.execute(
            text(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() "
                "AND application_name LIKE 'campaigns %' AND application_name <> :ours"
            ),
            {"ours": session_name()},
        ).scalar_one()
        assert ended
        expiry = text("SELECT expires_at FROM lease WHERE name = 'daemon'")
        before = connection.execute(expiry).scalar_one()
        connection.rollback()
        connection.execution_options(isolation_level="AUTOCOMMIT")
        until(lambda: connection.execute(expiry).scalar_one() > before + LEASE_SECONDS, "the lease is renewed")
    engine.dispose()
    assert status(world)["daemon"]["leader"]["pid"] == daemon.pid
    daemon.signal(signal.SIGTERM)
    assert daemon.ends(20) == 0
    assert "another daemon has taken over" not in daemon.said


@on_sqlite
def test_a_file_that_somebody_holds_for_longer_than_a_lease_changes_nothing(
    world: World, start: Start, tmp_path: Path
) -> None:
    """The leader leads on; a command says for whom it waits, and then does its work; a plan waits for nobody."""
    leader = start("daemon")
    until(lambda: sent(world), "the first cycle ends")
    standby = start("daemon")
    standby.says("leads since 2")
    database = open_database(world.database_url, tmp_path, now=0)
    with database.write(fenced=False) as connection:
        expires = connection.execute(text("SELECT expires_at FROM lease WHERE name = 'daemon'")).scalar_one()
        command = start("segments")
        command.says("Waiting: the database is held by another program")
        plan = start("plan")
        assert plan.ends() in {0, 3}, plan.said
        clock = text("SELECT strftime('%s', 'now')")
        until(lambda: int(connection.execute(clock).scalar_one()) > expires, "the lease runs out")
    assert command.ends() == 0, command.said
    until(lambda: status(world)["daemon"]["leader"], "somebody leads")
    assert status(world)["daemon"]["leader"]["pid"] == leader.pid
    assert "locked" not in command.said + plan.said + leader.said + standby.said
    database.close()
