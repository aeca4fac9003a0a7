"""The controls under ``/sandbox``: JSON in and out, for tests and scripts that run in another process.

    GET    deliveries?q=&campaign=&count=&offset=&content=   {deliveries, total_items}
    GET    deliveries/{id}                                   a delivery
    POST   deliveries/{id}/open                              the delivery
    POST   deliveries/{id}/click        {url}                the delivery
    POST   deliveries/{id}/unsubscribe  {reason?}            the delivery
    POST   deliveries/{id}/bounce       {kind: hard | soft}  the delivery
    POST   deliveries/{id}/spam                              the delivery
    GET    lists/{id}/members                                {members}
    POST   lists/{id}/members           {email, status?, merge_fields?, tags?}    the member
    POST   lists/{id}/members/{address}/{action}  {reason?}  the member
    POST   lists/{id}/segments          {name, emails}       {id}
    GET    requests                                          {requests, most_in_flight}
    POST   faults                       {method, path, kind, times?, skip?}       {ok}
    DELETE faults                                            {ok}
    POST   refusals                     {email, reason}      {ok}

``action``: unsubscribe, rejoin, clean, archive.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from orchestrator.sandbox.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from orchestrator.sandbox.server import Sandbox

    Json = dict[str, Any]
    Control = Callable[[Request, Json], Json]


def control_routes(sandbox: Sandbox) -> list[Route]:
    controls = _Controls(sandbox)
    return [
        _route("GET", "/deliveries", controls.deliveries),
        _route("GET", "/deliveries/{number:int}", controls.delivery),
        _route("POST", "/deliveries/{number:int}/{action}", controls.act_on_delivery),
        _route("GET", "/lists/{list_id}/members", controls.members),
        _route("POST", "/lists/{list_id}/members", controls.add_member),
        _route("POST", "/lists/{list_id}/members/{email}/{action}", controls.act_on_member),
        _route("POST", "/lists/{list_id}/segments", controls.add_segment),
        _route("POST", "/refusals", controls.refuse),
        _route("GET", "/requests", controls.requests),
        _route("POST", "/faults", controls.fail),
        _route("DELETE", "/faults", controls.calm),
    ]


def _route(method: str, path: str, control: Control) -> Route:
    async def endpoint(request: Request) -> Response:
        raw = await request.body()
        try:
            body = json.loads(raw) if raw else {}
            answer = await run_in_threadpool(control, request, body)
        except LookupError as error:
            return JSONResponse({"error": str(error)}, 404)
        except (ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)
        except Problem as problem:
            return JSONResponse({"error": problem.detail}, 400)
        return JSONResponse(answer)

    return Route(path, endpoint, methods=[method])


class _Controls:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def deliveries(self, request: Request, _: Json) -> Json:
        query = request.query_params
        found = self._sandbox.deliveries(query.get("q", ""), query.get("campaign", ""))
        offset, count = int(query.get("offset", "0")), int(query.get("count", "100"))
        content = query.get("content", "1") != "0"
        shown = [mail.as_json(content=content) for mail in found[offset : offset + count]]
        return {"deliveries": shown, "total_items": len(found)}

    def delivery(self, request: Request, _: Json) -> Json:
        return self._sandbox.delivery(request.path_params["number"]).as_json()

    def act_on_delivery(self, request: Request, body: Json) -> Json:
        number = request.path_params["number"]
        match request.path_params["action"]:
            case "open":
                self._sandbox.open_mail(number)
            case "click":
                self._sandbox.click(number, str(body["url"]))
            case "unsubscribe":
                self._sandbox.unsubscribe_mail(number, str(body.get("reason", "")))
            case "bounce":
                self._sandbox.bounce(number, hard=body.get("kind", "hard") != "soft")
            case "spam":
                self._sandbox.mark_spam(number)
            case action:
                raise LookupError(f"There is no action {action!r}.")
        return self._sandbox.delivery(number).as_json()

    def members(self, request: Request, _: Json) -> Json:
        return {"members": self._sandbox.members(request.path_params["list_id"])}

    def add_member(self, request: Request, body: Json) -> Json:
        return self._sandbox.add_member(
            str(body["email"]),
            request.path_params["list_id"],
            status=str(body.get("status", "subscribed")),
            merge_fields=body.get("merge_fields"),
            tags=body.get("tags", ()),
        )

    def act_on_member(self, request: Request, body: Json) -> Json:
        email, audience = request.path_params["email"], request.path_params["list_id"]
        match request.path_params["action"]:
            case "unsubscribe":
                self._sandbox.unsubscribe(email, audience, str(body.get("reason", "")))
            case "rejoin":
                self._sandbox.rejoin(email, audience)
            case "clean":
                self._sandbox.clean(email, audience)
            case "archive":
                self._sandbox.archive(email, audience)
            case action:
                raise LookupError(f"There is no action {action!r}.")
        return self._sandbox.member(email, audience)

    def add_segment(self, request: Request, body: Json) -> Json:
        emails = body.get("emails", ())
        return {"id": self._sandbox.add_segment(str(body["name"]), emails, request.path_params["list_id"])}

    def refuse(self, _: Request, body: Json) -> Json:
        self._sandbox.refuse_address(str(body["email"]), str(body["reason"]))
        return {"ok": True}

    def requests(self, _: Request, __: Json) -> Json:
        names = ("method", "path", "query", "json", "status", "in_flight", "fault")
        shown = [{name: getattr(made, name) for name in names} for made in self._sandbox.requests]
        return {"requests": shown, "most_in_flight": self._sandbox.most_in_flight}

    def fail(self, _: Request, body: Json) -> Json:
        times, skip = int(body.get("times", 1)), int(body.get("skip", 0))
        self._sandbox.fail_next(str(body["method"]), str(body["path"]), str(body["kind"]), times, skip)
        return {"ok": True}

    def calm(self, _: Request, __: Json) -> Json:
        self._sandbox.calm()
        return {"ok": True}
