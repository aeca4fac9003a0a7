"""Who may speak to a sandbox on this machine: programs of this machine, and its own pages in a browser.

The inbox may hold the mails of real customers. A page of the internet, opened in the same browser, can give its own
name the address 127.0.0.1 and then read answers as its own; its name still stands in ``Host``. It can also send forms
without reading the answer; then the browser says so in ``Sec-Fetch-Site``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
OURS = frozenset({"same-origin", "none"})
READS = frozenset({"GET", "HEAD"})


class Guard:
    """The ASGI application in front of the others; ``local``: the sandbox listens on this machine alone."""

    def __init__(self, application: Callable[..., Awaitable[None]], *, local: bool) -> None:
        self._application = application
        self._local = local

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (self._application if refusal is None else refusal)(scope, receive, send)

    def _refusal(self, scope: Any) -> PlainTextResponse | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        if self._local and name.lower() not in LOCAL_NAMES:
            return PlainTextResponse("This sandbox is for this machine: open it under http://127.0.0.1.", 421)
        if scope["method"] not in READS and headers.get("sec-fetch-site", "none") not in OURS:
            return PlainTextResponse("Only the sandbox's own pages may send this.", 403)
        return None
