"""The HTTP in front of the routes: key, connection limit, faults, JSON, problem answers, request ids.

A pure ASGI application, because it must be able to answer without a Content-Type and to close the connection.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool

from orchestrator.sandbox import problems
from orchestrator.sandbox.api import (
    account,
    batch_members,
    campaign_actions,
    campaigns,
    clicks,
    content,
    members,
    merge_fields,
    reports,
    segments,
    webhooks,
)
from orchestrator.sandbox.api.call import Answer, Call, Route
from orchestrator.sandbox.api.fields import select
from orchestrator.sandbox.journal import Request
from orchestrator.sandbox.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from orchestrator.sandbox.faults import Fault
    from orchestrator.sandbox.server import Sandbox

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

ROUTES: tuple[Route, ...] = (
    *account.ROUTES,
    *batch_members.ROUTES,
    *members.ROUTES,
    *merge_fields.ROUTES,
    *segments.ROUTES,
    *campaigns.ROUTES,
    *content.ROUTES,
    *campaign_actions.ROUTES,
    *reports.ROUTES,
    *clicks.ROUTES,
    *webhooks.ROUTES,
)
PROBLEM = "application/problem+json; charset=utf-8"
JSON = "application/json; charset=utf-8"
_KEY = re.compile(r".+-[a-z]{2,}\d+")
_CDN = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr>sandbox</body></html>"
_CDN_TITLES = {502: "502 Bad Gateway", 503: "503 Service Unavailable", 504: "504 Gateway Timeout"}


@dataclass(frozen=True, slots=True)
class Reply:
    """Bytes to answer with. An empty ``kind`` leaves the Content-Type out."""

    status: int
    kind: str = ""
    content: bytes = b""


class Gate:
    """The ASGI application under ``/3.0``."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._refused = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        path = scope["path"].removeprefix(scope.get("root_path", "")).removeprefix("/3.0") or "/"
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        raw = await _read(receive)
        key = _api_key(headers.get("authorization", ""))
        taken = self._sandbox.slots.take(key or "")
        request = Request(scope["method"], path, query, raw, taken)
        instance = _request_id(self._sandbox.journal.add(request))
        try:
            reply = await self._answer(request, key, headers, instance)
        finally:
            self._sandbox.slots.free(key or "")
        if reply is None:
            await _cut(scope, receive)
        else:
            request.status = reply.status
            await _send(send, reply, instance)

    async def _answer(self, request: Request, key: str | None, headers: dict[str, str], instance: str) -> Reply | None:
        """None: cut the connection."""
        if key is None:
            return _problem(_unauthorized(headers), instance)
        if request.in_flight > self._sandbox.rules.connections:
            return self._throttled(instance)
        if trigger := problems.TRIGGERS.get(headers.get("x-trigger-error", "")):
            return _problem(Problem(*trigger, "This error was asked for with X-Trigger-Error."), instance)
        override = headers.get("x-http-method-override")
        if override and request.method != "POST":
            detail = "X-HTTP-Method-Override works on POST only."
            return _problem(Problem(422, "Invalid Method Override", detail), instance)
        method = override.upper() if override else request.method
        fault = self._sandbox.faults.draw(method, request.path)
        request.fault = fault.kind if fault else ""
        if fault and fault.kind != "slow" and fault.before:
            return _failure(fault, instance)
        await asyncio.sleep(self._sandbox.rules.latency + (fault.seconds if fault and fault.kind == "slow" else 0))
        reply = await run_in_threadpool(self._work, method, request, instance)
        if fault and fault.kind == "slow-after":
            await asyncio.sleep(fault.seconds)
        return _failure(fault, instance) if fault and not fault.kind.startswith("slow") else reply

    def _throttled(self, instance: str) -> Reply:
        """Every second refusal has neither body nor Content-Type, as documented."""
        self._refused += 1
        return Reply(429) if self._refused % 2 == 0 else _problem(problems.too_many_requests(), instance)

    def _work(self, method: str, request: Request, instance: str) -> Reply:
        try:
            route, params = _find(method, request.path)
            body = _body(request.raw)
            with self._sandbox.opened(writes=method != "GET") as (state, now):
                call = Call(state, self._sandbox.rules, now, params, request.query, body)
                answer = route.handler(call)
            return _reply(answer, route, request.query)
        except Problem as problem:
            return _problem(problem, instance)


def _find(method: str, path: str) -> tuple[Route, dict[str, str]]:
    others = False
    for route in ROUTES:
        params = route.match(path.rstrip("/") or "/")
        if params is not None and route.method == method:
            return route, params
        others = others or params is not None
    if others:
        raise Problem(405, "Method Not Allowed", "The requested method and resource are not compatible.")
    raise problems.not_found()


def _body(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw.strip() else None
    except ValueError:
        raise Problem(400, "JSON Parse Error", "We encountered an unspecified JSON parsing error.") from None


def _api_key(authorization: str) -> str | None:
    """The key of a Basic or Bearer header; None where it is missing or not a key."""
    scheme, _, credentials = authorization.partition(" ")
    match scheme.lower():
        case "basic":
            try:
                key = base64.b64decode(credentials).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return None
            return key if _KEY.fullmatch(key) else None
        case "bearer":
            return credentials.strip() or None
        case _:
            return None


def _unauthorized(headers: dict[str, str]) -> Problem:
    if "authorization" not in headers:
        return Problem(401, "API Key Missing", "Your request did not include an API key.")
    detail = "Your API key may be invalid, or you've attempted to access the wrong datacenter."
    return Problem(401, "API Key Invalid", detail)


def _reply(answer: Answer, route: Route, query: dict[str, str]) -> Reply:
    if answer.html:
        return Reply(answer.status, "text/html", answer.html.encode())
    if answer.body is None:
        return Reply(answer.status)
    body = select(answer.body, route, query) if route.method == "GET" else answer.body
    return Reply(answer.status, JSON, json.dumps(body, ensure_ascii=False).encode())


def _problem(problem: Problem, instance: str) -> Reply:
    return Reply(problem.status, PROBLEM, json.dumps(problem.document(instance), ensure_ascii=False).encode())


def _failure(fault: Fault, instance: str) -> Reply | None:
    kind = fault.kind.removesuffix("-after")
    match kind:
        case "cut" | "cut-before":
            return None
        case "bodiless-429" | "bodiless-403":
            return Reply(int(kind.removeprefix("bodiless-")))
        case "429":
            return _problem(problems.too_many_requests(), instance)
        case "500":
            return _problem(Problem(500, "Internal Server Error", "An unexpected error occurred."), instance)
        case _:
            return Reply(int(kind), "text/html", _CDN.format(_CDN_TITLES[int(kind)]).encode())


def _request_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


async def _read(receive: Receive) -> bytes:
    pieces = []
    while True:
        message = await receive()
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(pieces)


async def _cut(scope: Message, receive: Receive) -> None:
    """Close the connection without a word, and wait until that is known."""
    scope["state"]["transport"].abort()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, reply: Reply, instance: str) -> None:
    headers = [(b"x-request-id", instance.encode())]
    if reply.kind:
        headers.append((b"content-type", reply.kind.encode()))
    if reply.kind == PROBLEM:
        headers.append(
            (b"link", b'<https://us1.api.mailchimp.com/schema/3.0/ProblemDetailDocument.json>; rel="describedBy"')
        )
    if reply.status != 204:
        headers.append((b"content-length", str(len(reply.content)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.content})
