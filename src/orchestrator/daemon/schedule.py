"""Which job runs when: the schedules of config.toml as APScheduler's triggers, in business time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from orchestrator.definitions.schedules import next_after
from orchestrator.definitions.values import Cron, Every, Schedule

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from orchestrator.daemon.jobs import Jobs
    from orchestrator.definitions.values import Settings

LOOK_EVERY = timedelta(minutes=1)
"""how often is looked whether a campaign is due"""
LATE_SECONDS = 24 * 3600
"""a tick that comes late still counts: what it does is asked of the database, not of the clock"""


def make_scheduler(zone: ZoneInfo) -> BackgroundScheduler:
    """One worker: no job overlaps itself or another."""
    return BackgroundScheduler(
        timezone=zone,
        executors={"default": ThreadPoolExecutor(1)},
        job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": LATE_SECONDS},
    )


def put_on_schedule(scheduler: BackgroundScheduler, settings: Settings, jobs: Jobs) -> None:
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
