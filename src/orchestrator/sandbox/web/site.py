"""The inbox at ``/``, the recipient's pages behind a mail's links, the controls under ``/sandbox``.

Pages are written on the server and work without JavaScript. Looking at a mail's body counts as an open, as a mail
program's images would; links are made countable only for display, never in the stored delivery.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from orchestrator.sandbox.pictures import with_stand_ins
from orchestrator.sandbox.web.controls import control_routes

if TYPE_CHECKING:
    from starlette.requests import Request

    from orchestrator.sandbox.mailbox import SentMail
    from orchestrator.sandbox.server import Sandbox

PAGE = 50
VIEWS = {"desktop": 800, "phone": 375, "text": 0, "headers": 0, "source": 0}
BODY_POLICY = (
    "default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline' https:; font-src https: data:; "
    "sandbox allow-popups allow-popups-to-escape-sandbox; frame-ancestors 'self'"
)
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
CAREFUL = {"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
_LINK = re.compile(r"""(<a\b[^>]*?\shref\s*=\s*)(?:"(https?://[^"]*)"|'(https?://[^']*)')""", re.IGNORECASE)
_DARK = re.compile(r"@media\s*\(\s*prefers-color-scheme\s*:\s*dark\s*\)", re.IGNORECASE)
_INVERTED = (
    "<style>html{filter:invert(1) hue-rotate(180deg);background:#fff}img{filter:invert(1) hue-rotate(180deg)}</style>"
)


class Site:
    """The ASGI application for everything but ``/3.0``."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._templates = Environment(
            loader=PackageLoader("orchestrator.sandbox.web", "pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        style = self._templates.get_template("style.css").render()
        self._app = Starlette(
            routes=[
                Route("/", self._inbox),
                Route("/style.css", lambda _: Response(style, media_type="text/css")),
                Route("/mail/{number:int}", self._mail),
                Route("/mail/{number:int}/body", self._body),
                Route("/click/{number:int}", self._click),
                Route("/unsubscribe/{number:int}", self._leaving),
                Route("/unsubscribe/{number:int}", self._leave, methods=["POST"]),
                Route("/profile/{number:int}", self._profile),
                Route("/archive/{campaign_id}", self._archive),
                Mount("/sandbox", routes=control_routes(sandbox)),
            ],
            exception_handlers={LookupError: self._missing, 404: self._missing},
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)

    def _page(self, name: str, status: int = 200, **values: object) -> HTMLResponse:
        text = self._templates.get_template(name).render(api=f"{self._sandbox.inbox_url}/3.0", **values)
        return HTMLResponse(text, status, headers={"Content-Security-Policy": PAGE_POLICY, **CAREFUL})

    def _missing(self, _: Request, __: Exception) -> Response:
        return self._page("missing.html", 404)

    def _inbox(self, request: Request) -> Response:
        words, campaign = request.query_params.get("q", ""), request.query_params.get("campaign", "")
        found = self._sandbox.deliveries(words, campaign)
        found.reverse()
        last = max(0, (len(found) - 1) // PAGE)
        number = min(_number(request, "page"), last)
        around = urlencode({key: value for key, value in (("q", words), ("campaign", campaign)) if value})
        return self._page(
            "inbox.html",
            mails=found[number * PAGE : (number + 1) * PAGE],
            total=len(found),
            page=number,
            last=last,
            words=words,
            campaign=campaign,
            around=f"&{around}" if around else "",
        )

    def _mail(self, request: Request) -> Response:
        mail = self._sandbox.delivery(request.path_params["number"])
        words, campaign = request.query_params.get("q", ""), request.query_params.get("campaign", "")
        numbers = [found.id for found in self._sandbox.deliveries(words, campaign)]
        older = max((n for n in numbers if n < mail.id), default=0)
        newer = min((n for n in numbers if n > mail.id), default=0)
        view = request.query_params.get("view", "desktop")
        view = view if view in VIEWS else "desktop"
        if not mail.html and view in {"desktop", "phone", "source"}:
            view = "text"
        if view == "text":
            self._sandbox.open_mail(mail.id)
        around = urlencode({key: value for key, value in (("q", words), ("campaign", campaign)) if value})
        return self._page(
            "mail.html",
            mail=mail,
            view=view,
            width=VIEWS[view],
            dark=request.query_params.get("dark") == "1",
            older=older,
            newer=newer,
            around=f"&{around}" if around else "",
        )

    def _body(self, request: Request) -> Response:
        """What the frame shows: the mail's HTML with countable links, and with its dark colors where asked for."""
        mail = self._sandbox.delivery(request.path_params["number"])
        self._sandbox.open_mail(mail.id)
        content = shown_html(mail, self._sandbox.inbox_url, dark=request.query_params.get("dark") == "1")
        return HTMLResponse(content, headers={"Content-Security-Policy": BODY_POLICY, **CAREFUL})

    def _click(self, request: Request) -> Response:
        mail = self._sandbox.delivery(request.path_params["number"])
        url = request.query_params.get("url", "")
        if not url.startswith(("http://", "https://")):
            raise LookupError("no such link")
        self._sandbox.click(mail.id, url)
        return self._page("link.html", mail=mail, url=url)

    def _leaving(self, request: Request) -> Response:
        mail = self._sandbox.delivery(request.path_params["number"])
        return self._page("unsubscribe.html", mail=mail, done=bool(mail.unsubscribed_at))

    async def _leave(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        number = request.path_params["number"]
        self._sandbox.unsubscribe_mail(number, form.get("reason", [""])[0])
        return RedirectResponse(f"/unsubscribe/{number}", status_code=303)

    def _profile(self, request: Request) -> Response:
        mail = self._sandbox.delivery(request.path_params["number"])
        return self._page("profile.html", mail=mail, values=mail.delivery.merge_fields)

    def _archive(self, request: Request) -> Response:
        found = self._sandbox.deliveries(campaign_id=request.path_params["campaign_id"])
        if not found:
            raise LookupError("no such campaign")
        return RedirectResponse(f"/mail/{found[0].id}", status_code=303)


def shown_html(mail: SentMail, base_url: str, *, dark: bool = False) -> str:
    """The mail as a mail program shows it. Links of the sandbox itself (unsubscribe, profile) lead there directly."""

    def countable(found: re.Match[str]) -> str:
        url = html.unescape(found[2] or found[3])
        if url.startswith(base_url):
            return found[0]
        return f'{found[1]}"/click/{mail.id}?url={quote(url, safe="")}"'

    content = with_stand_ins(_LINK.sub(countable, mail.html))
    extra = '<base target="_blank">'
    if dark:  # a mail without dark colors of its own is inverted, as several mail programs do
        own = _DARK.search(content)
        content = _DARK.sub("@media all", content)
        extra += "" if own else _INVERTED
    head = re.search(r"<head\b[^>]*>", content, re.IGNORECASE)
    place = head.end() if head else 0
    return content[:place] + extra + content[place:]


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "0")
    return int(text) if text.isdigit() else 0
