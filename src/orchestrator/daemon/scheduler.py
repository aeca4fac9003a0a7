"""The daemon's life: one leads for each database, the others stand by; a clean stop on SIGTERM.

Whoever holds the lease ``daemon`` leads: its jobs run on their schedules. The others look every second, and the first
that finds the lease free, run out or its holder dead goes on where that one stopped. A leader that finds that it was
replaced ends its job and stands by. A database that is away for a while changes nothing of that: it is asked again.
"""

from __future__ import annotations

import logging
import secrets
import signal
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from orchestrator.check import inspect
from orchestrator.contacts.custom import learn_custom_fields
from orchestrator.daemon.jobs import Jobs
from orchestrator.daemon.schedule import make_scheduler, put_on_schedule
from orchestrator.daemon.stopping import Halt, HaltingClock
from orchestrator.definitions.workspace import WorkspaceReader
from orchestrator.errors import Busy, UsageError
from orchestrator.store.faults import in_words
from orchestrator.store.leases import DAEMON, LOCK_PATIENCE, STANDBY, HeldLease, claim
from orchestrator.web.server import WebServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apscheduler.schedulers.background import BackgroundScheduler

    from orchestrator.definitions.values import Settings, Workspace
    from orchestrator.engine import Engine
    from orchestrator.problems import Problem
    from orchestrator.store.holders import Holder

log = logging.getLogger("orchestrator.daemon")

DOING = "campaigns daemon"
LOOK_SECONDS = 1.0
"""between two looks at who leads, and whether to stop"""
PORT_SECONDS = 10.0
"""between two tries to listen on a port that was taken"""
GRACE_SECONDS = 5.0
"""for the job at work to come to its next step; it may be waiting for an answer of Mailchimp, which may take minutes"""


def run_daemon(engine: Engine) -> bool:
    """Until SIGTERM or SIGINT. Raises UsageError where the web server cannot listen.

    False: a job did not end in time. It is in the middle of a call, which the next start finds and goes on from; the
    process has to be left without waiting for it.
    """
    daemon = Daemon(engine)
    with daemon.signals():
        return daemon.run()


class Daemon:
    """One process that leads or stands by."""

    def __init__(self, engine: Engine) -> None:
        self._stop = threading.Event()
        self._hurry = False
        self._halt = Halt()
        self._database = engine.database
        self._database.on_wait = log.info
        reader = WorkspaceReader(engine.workspace.root, lambda workspace: _problems(engine, workspace))
        self._jobs = Jobs(engine.with_clock(HaltingClock(engine.clock, self._halt)), reader, self._halt, self._follow)
        self._web = WebServer(lambda: self._jobs.engine)
        self._scheduler: BackgroundScheduler | None = None
        self._listen_at = 0.0
        self._told_of_port = False
        self._told: object = None

    def run(self) -> bool:
        """Stand by, lead, and so on, until it is stopped."""
        first = True
        try:
            while not self._stop.is_set():
                held = self._stand_by()
                if held is None:
                    break
                with held:
                    if first and not self._web.address and not self._told_of_port:
                        self._web.start(self._jobs.engine.settings.web, self._jobs.engine.workspace.root)
                    first = False
                    if not self._lead(held):
                        return False
            log.info("daemon stopped")
            return True
        finally:
            self._web.stop()

    @contextmanager
    def signals(self) -> Iterator[None]:
        """SIGTERM and Ctrl-C stop it; a second one does not wait for the job at work."""

        def heard(*_: object) -> None:
            self._hurry = self._stop.is_set()
            self._stop.set()

        before = {number: signal.signal(number, heard) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    # -- standing by

    def _stand_by(self) -> HeldLease | None:
        """The lease as soon as it is free; None: stopped before."""
        with ExitStack() as presence:
            known = False
            while not self._stop.is_set():
                try:
                    got = claim(self._database, DAEMON, DOING, patience=LOCK_PATIENCE)
                    if isinstance(got, HeldLease):
                        return got
                    self._say_who_leads(got)
                    if not known:
                        known = self._be_seen(presence)
                    self._listen()
                except (DBAPIError, Busy) as fault:
                    self._say_database_is_away(fault)
                self._stop.wait(LOOK_SECONDS)
        return None

    def _be_seen(self, presence: ExitStack) -> bool:
        """A lease that nobody else wants: `campaigns status` reads it."""
        seen = claim(self._database, f"{STANDBY} {secrets.token_hex(8)}", DOING, patience=LOCK_PATIENCE)
        if isinstance(seen, HeldLease):
            presence.callback(seen.release)
        return isinstance(seen, HeldLease)

    def _say_who_leads(self, leader: Holder) -> None:
        if self._told != leader:
            self._told = leader
            log.info(
                "standing by: daemon on %s (pid %s) leads since %s", leader.host, leader.process, leader.since_local
            )

    def _say_database_is_away(self, fault: DBAPIError | Busy) -> None:
        if self._told != "database":
            self._told = "database"
            why = in_words(fault) if isinstance(fault, DBAPIError) else str(fault)
            log.error("the database does not answer; asked again every second", extra={"why": why})

    def _listen(self) -> None:
        """Serve where the port is free; a leader on this machine may have it."""
        now = time.monotonic()
        if self._web.address or now < self._listen_at:
            return
        self._listen_at = now + PORT_SECONDS
        try:
            self._web.start(self._jobs.engine.settings.web, self._jobs.engine.workspace.root)
        except UsageError as fault:
            if not self._told_of_port:
                log.info("no web server for now", extra={"why": str(fault)})
            self._told_of_port = True

    # -- leading

    def _lead(self, held: HeldLease) -> bool:
        """Until it is stopped or replaced. False: a job is still at work and does not end."""
        self._told = None
        self._halt.clear()
        engine = self._jobs.engine
        self._scheduler = make_scheduler(engine.settings.timezone)
        self._scheduler.add_job(self._jobs.whole, id="start")
        put_on_schedule(self._scheduler, engine.settings, self._jobs)
        self._scheduler.start()
        log.info("daemon started", extra={"workspace": str(engine.workspace.root)})
        while not held.lost.is_set() and not self._stop.wait(LOOK_SECONDS):
            self._listen()
        if self._stop.is_set():
            log.info("daemon stopping: the job at work comes to its next step first")
            self._halt.set("The daemon is stopping; the rest is done after its next start.")
        else:
            log.warning("another daemon has taken over, because this one was stopped or cut off: it stands by now")
            self._halt.set("Another daemon leads now; the rest is done there.")
        # a thread that hangs in a call must not keep the process; `wait_idle` waits for it as long as there is time
        self._scheduler.shutdown(wait=False)
        return self._wait_for_job()

    def _wait_for_job(self) -> bool:
        left = GRACE_SECONDS
        while not self._jobs.wait_idle(LOOK_SECONDS / 4):
            if self._stop.is_set():
                left -= LOOK_SECONDS / 4
            if left <= 0 or self._hurry:
                log.warning("the job at work did not end in time; the next start goes on from there")
                return False
        return True

    def _follow(self, settings: Settings) -> None:
        """Settings changed while the daemon runs."""
        if self._scheduler is not None:
            put_on_schedule(self._scheduler, settings, self._jobs)
        self._web.follow(settings.web, self._jobs.engine.workspace.root)


def _problems(engine: Engine, workspace: Workspace) -> list[Problem]:
    """What is wrong with sound files once data and templates are looked at, such as an unknown field."""
    with engine.database.read() as connection:
        custom = learn_custom_fields(connection)
    return list(inspect(workspace, custom))
