"""The pages: every campaign, one mail at a time, the mail itself for the frames.

Written on the server; a small script only reloads the page when a file changed and steps with the arrow keys. Mails
are shown in frames that run no script and have no origin, so that nothing in a template reaches the page.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from orchestrator.errors import OrchestratorError
from orchestrator.previews.shown import has_dark_colors, in_colors
from orchestrator.previews.subject import Previews

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from orchestrator.engine import Engine

log = logging.getLogger("orchestrator.previews")

MAIL_POLICY = (
    "default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline' https:; font-src https: data:; "
    "sandbox allow-popups allow-popups-to-escape-sandbox; frame-ancestors 'self'"
)
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})


class PreviewSite:
    """Routes for a server that only this machine reaches: the pages show customers."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._previews = Previews(engine)
        pages = Environment(
            loader=PackageLoader("orchestrator.previews", "pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        pages.filters["quoted"] = lambda word: quote(word, safe="")
        self._pages = pages
        self.routes = [
            Route("/previews", self._local(self._index), methods=["GET"]),
            Route("/preview-files/style.css", self._static("style.css", "text/css"), methods=["GET"]),
            Route("/preview-files/live.js", self._static("live.js", "text/javascript"), methods=["GET"]),
            Route("/preview-files/state", self._local(self._state), methods=["GET"]),
            Route("/previews/{campaign}", self._local(self._mail_page), methods=["GET"]),
            Route("/previews/{campaign}/mail", self._local(self._mail), methods=["GET"]),
        ]

    def _index(self, _request: Request) -> Response:
        campaigns = sorted(self._previews.workspace().campaigns.values(), key=lambda campaign: campaign.name)
        return self._page("index.html", campaigns=campaigns)

    def _mail_page(self, request: Request) -> Response:
        name, asked = request.path_params["campaign"], request.query_params
        words = asked.get("q", "").strip()
        contact = asked.get("contact", "").strip() or None
        dark = asked.get("dark") == "1"
        found = self._previews.search(words) if words else []
        if len(found) == 1:
            contact = found[0].key
        campaigns = sorted(self._previews.workspace().campaigns)
        values: dict[str, Any] = {
            "campaign": self._previews.campaign(name),
            "campaigns": campaigns,
            "dark": dark,
            "words": words,
        }
        if words and len(found) != 1:
            return self._page("found.html", found=found, **values)
        shown = self._previews.show(name, contact)
        if shown is None:
            return self._page("nobody.html", **values)
        return self._page("mail.html", shown=shown, own_dark=has_dark_colors(shown.mail.html), **values)

    def _mail(self, request: Request) -> Response:
        asked = request.query_params
        mail = self._previews.mail(request.path_params["campaign"], asked.get("contact", ""))
        html = in_colors(mail.html, dark=asked.get("dark") == "1")
        return HTMLResponse(html, headers={"Content-Security-Policy": MAIL_POLICY, "Cache-Control": "no-store"})

    def _state(self, _request: Request) -> Response:
        return PlainTextResponse(self._previews.state_of_files(), headers={"Cache-Control": "no-store"})

    def _static(self, name: str, media_type: str) -> Callable[[Request], Response]:
        content = self._pages.get_template(name).render()
        return lambda _request: Response(content, media_type=media_type)

    def _page(self, name: str, status: int = 200, **values: object) -> HTMLResponse:
        text = self._pages.get_template(name).render(state=self._previews.state_of_files(), **values)
        headers = {
            "Content-Security-Policy": PAGE_POLICY,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        return HTMLResponse(text, status, headers=headers)

    def _local(self, page: Callable[[Request], Response]) -> Callable[[Request], object]:
        """A page that answers this machine's browser alone, and shows what is wrong instead of failing."""

        def made(request: Request) -> Response:
            try:
                return page(request)
            except LookupError:
                return self._page("fault.html", 404, what="There is no such campaign.", faults="")
            except OrchestratorError as fault:
                return self._page("fault.html", 422, what="This mail cannot be made yet.", faults=str(fault))

        async def answer(request: Request) -> Response:
            # another site's page in the same browser can give its name this machine's address, but not this Host
            if request.headers.get("host", "").rpartition(":")[0] not in LOCAL_NAMES:
                return PlainTextResponse("Open this page under http://127.0.0.1.", 421)
            try:
                return await run_in_threadpool(made, request)
            except Exception:
                log.exception("preview failed")
                return PlainTextResponse("The page failed; the log says why.", 500)

        return answer
