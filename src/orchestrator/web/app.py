"""What is answered under which address. Everything but a webhook's call only reads."""

from __future__ import annotations

import asyncio
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from orchestrator.health import health
from orchestrator.mailchimp.webhooks import OtherAudience, Unreadable, is_secret, is_signed, read_delivery
from orchestrator.previews.site import PreviewSite
from orchestrator.store.webhooks import record_delivery
from orchestrator.web.metrics import CONTENT_TYPE, metrics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from orchestrator.engine import Engine
    from orchestrator.store.webhooks import Delivery
    from orchestrator.vocabulary import WebhookOutcome

log = logging.getLogger("orchestrator.web")

LARGEST_BODY = 64 * 1024
BODY_WITHIN = 5.0
"""seconds in which a body has to arrive"""
ANSWER_WITHIN = 0.8
"""seconds that a call waits for the database; the provider repeats a call that was not taken"""
MOST_WAITING = 200
"""calls that may wait for the database at once"""
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets themselves, as read when the server starts."""

    webhook: str | None = None
    """end of the webhook's address; None: there is no such address"""
    signing: str | None = None


class Site:
    """The pages over an engine that may be another one after files changed."""

    def __init__(self, engine: Callable[[], Engine], secrets: Secrets, *, previews: bool = False) -> None:
        """``previews``: show mails, too; only where nobody but this machine reaches the server."""
        self._engine = engine
        self._secrets = secrets
        # one writer: calls are recorded in the order of their arrival
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="webhooks")
        self._waiting: set[asyncio.Task[WebhookOutcome | None]] = set()
        self.app = Starlette(
            routes=[
                Route("/health", _safe(self._health), methods=["GET"]),
                Route("/metrics", _safe(self._metrics), methods=["GET"]),
                Route("/webhooks/{secret}", _safe(self._webhook), methods=["GET", "POST"]),
                *(PreviewSite(engine).routes if previews else ()),
            ]
        )

    def close(self) -> None:
        """Let the call at work end; those that wait were not answered with success and come again."""
        self._writer.shutdown(wait=True, cancel_futures=True)

    async def _health(self, _request: Request) -> Response:
        found = await run_in_threadpool(health, self._engine())
        body = {
            "now": found.now.isoformat(),
            "healthy": found.healthy,
            "state": "leader" if found.leader is not None and found.leader.is_this_process else "standby",
            "last_good": {job: at.isoformat() if at is not None else None for job, at in found.last_good.items()},
            "runs": [
                {"run": run.name, "campaign": run.campaign, "state": run.state, "reason": _plain(run.reason)}
                for run in found.open_runs
            ],
            "needs_person": [_plain(line) for line in found.needs_person],
            "problems": [_plain(line) for line in found.problems],
        }
        return JSONResponse(body, 200 if found.healthy else 503, {"X-Content-Type-Options": "nosniff"})

    async def _metrics(self, _request: Request) -> Response:
        return Response(await run_in_threadpool(metrics, self._engine()), media_type=CONTENT_TYPE)

    async def _webhook(self, request: Request) -> Response:
        if not is_secret(request.path_params["secret"], self._secrets.webhook):
            return PlainTextResponse("Not Found", 404)
        if request.method != "POST":
            # the provider looks whether somebody answers before it accepts the address
            return PlainTextResponse("Here is the webhook.")
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
            return _refused(415, "The body must be a form.")
        body = await _body(request)
        if body is None:
            return _refused(413, "The body is too large, or was too slow.")
        engine = self._engine()
        now = engine.clock.now()
        signature = request.headers.get("x-mailchimp-signature", "")
        if self._secrets.signing is not None and not is_signed(body, signature, self._secrets.signing, now):
            return _refused(403, "The signature is missing, wrong or too old.")
        try:
            delivery = read_delivery(body, engine.settings.mailchimp.audience)
        except (Unreadable, OtherAudience) as fault:
            return _refused(400, str(fault))
        return await self._taken(engine, delivery)

    async def _taken(self, engine: Engine, delivery: Delivery) -> Response:
        """Answered when it is recorded, or refused in time: while an import writes, the database may be slow."""
        if len(self._waiting) < MOST_WAITING:
            task = asyncio.create_task(self._recorded(engine, delivery))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)
            done, _ = await asyncio.wait({task}, timeout=ANSWER_WITHIN)
            if done and not task.cancelled() and task.result() is not None:
                return PlainTextResponse("Taken.")
        return PlainTextResponse("Busy; call again.", 503, {"Retry-After": "60"})

    async def _recorded(self, engine: Engine, delivery: Delivery) -> WebhookOutcome | None:
        """None: it failed, which is in the log."""
        now = engine.clock.now()
        loop = asyncio.get_running_loop()
        try:
            outcome = await loop.run_in_executor(self._writer, record_delivery, engine.database, delivery, now)
        except Exception:
            log.exception("webhook not recorded", extra={"kind": delivery.kind})
            return None
        log.info("webhook", extra={"kind": delivery.kind, "outcome": outcome.value})
        return outcome


def _safe(page: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """A page that never raises: the server would write the fault past our log, which leaves addresses out."""

    async def answer(request: Request) -> Response:
        try:
            return await page(request)
        except Exception:
            log.exception("page failed", extra={"page": request.url.path.split("/")[1]})
            return JSONResponse({"healthy": False, "problems": ["The page failed; the daemon's log says why."]}, 503)

    return answer


async def _body(request: Request) -> bytes | None:
    """The body, or None where it is larger than allowed or does not come."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN):
            async for part in request.stream():
                body += part
                if len(body) > LARGEST_BODY:
                    return None
    except TimeoutError:
        return None
    return bytes(body)


def _refused(status: int, why: str) -> Response:
    log.warning("webhook refused", extra={"status": status, "why": why})
    return PlainTextResponse(why, status)


def _plain(text: str) -> str:
    """Without addresses, and without addresses of databases that hold a password."""
    return re.sub(r"\S*@\S*", "<address>", text)
