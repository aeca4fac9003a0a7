"""The daemon's life: one per database, jobs on their schedules in business time, a clean stop on SIGTERM."""

from __future__ import annotations

import logging
import signal
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from orchestrator.check import inspect
from orchestrator.contacts.custom import learn_custom_fields
from orchestrator.daemon.jobs import Jobs
from orchestrator.definitions.schedules import next_after
from orchestrator.definitions.values import Cron, Every, Schedule
from orchestrator.definitions.workspace import WorkspaceReader
from orchestrator.store.leases import lease
from orchestrator.web.server import WebServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from orchestrator.definitions.values import Settings, Workspace
    from orchestrator.engine import Engine
    from orchestrator.problems import Problem

log = logging.getLogger("orchestrator.daemon")

LOOK_EVERY = timedelta(minutes=1)
"""how often is looked whether a campaign is due"""
LATE_SECONDS = 24 * 3600
"""a tick that comes late still counts: what it does is asked of the database, not of the clock"""


def run_daemon(engine: Engine) -> None:
    """Until SIGTERM or SIGINT. Raises Busy where another daemon serves this database."""
    stop = threading.Event()
    reader = WorkspaceReader(engine.workspace.root, lambda workspace: _problems(engine, workspace))
    with lease(engine.database, "daemon", "campaigns daemon"):
        # one worker: no job overlaps itself or another
        scheduler = BackgroundScheduler(
            timezone=engine.settings.timezone,
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": LATE_SECONDS},
        )
        jobs = Jobs(engine, reader, stop.is_set, lambda settings: _follow(scheduler, web, settings, jobs))
        web = WebServer(lambda: jobs.engine)
        scheduler.add_job(jobs.whole, id="start")
        _schedule(scheduler, engine.settings, jobs)
        before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            web.start(engine.settings.web, engine.workspace.root)
            scheduler.start()
            log.info("daemon started", extra={"workspace": str(engine.workspace.root)})
            while not stop.wait(1):
                pass
            log.info("daemon stopping: the job at work ends first")
            scheduler.shutdown(wait=True)
            log.info("daemon stopped")
        finally:
            web.stop()
            for number, handler in before.items():
                signal.signal(number, handler)


def _problems(engine: Engine, workspace: Workspace) -> list[Problem]:
    """What is wrong with sound files once data and templates are looked at, such as an unknown field."""
    with engine.database.read() as connection:
        custom = learn_custom_fields(connection)
    return list(inspect(workspace, custom))


def _follow(scheduler: BackgroundScheduler, web: WebServer, settings: Settings, jobs: Jobs) -> None:
    """Settings changed while the daemon runs."""
    _schedule(scheduler, settings, jobs)
    web.follow(settings.web, jobs.engine.workspace.root)


def _schedule(scheduler: BackgroundScheduler, settings: Settings, jobs: Jobs) -> None:
    """Put every recurring job on its schedule, in place of an earlier one."""
    schedule, zone = settings.schedule, settings.timezone
    _set(scheduler, jobs.import_, "import", schedule.import_ if settings.sources else None, zone)
    _set(scheduler, jobs.cycle, "recompute", schedule.recompute, zone)
    _set(scheduler, jobs.reports, "reports", schedule.reports, zone)
    _set(scheduler, jobs.campaigns, "campaigns", Every(LOOK_EVERY), zone)


def _set(
    scheduler: BackgroundScheduler, job: Callable[[], None], name: str, schedule: Schedule, zone: ZoneInfo
) -> None:
    match schedule:
        case None:
            if scheduler.get_job(name) is not None:
                scheduler.remove_job(name)
            return
        case Every(interval):
            trigger: Any = IntervalTrigger(seconds=int(interval.total_seconds()), timezone=zone)
        case Cron():
            trigger = _BusinessCron(schedule, zone)
    scheduler.add_job(job, trigger, id=name, replace_existing=True)


class _BusinessCron(CronTrigger):  # type: ignore[misc] # APScheduler ships no types
    """A cron line as people know it: APScheduler counts weekdays from Monday and has no rule for daylight saving."""

    def __init__(self, schedule: Cron, zone: ZoneInfo) -> None:
        super().__init__(timezone=zone)
        self._schedule = schedule
        self._zone = zone

    def get_next_fire_time(self, previous_fire_time: Any, now: Any) -> Any:
        due = next_after(self._schedule, previous_fire_time or now, self._zone)
        return due.astimezone(self._zone) if due is not None else None
