"""The sandbox as one object: start it, point a Mailchimp client at ``base_url``, read the mail at ``inbox_url``.

with Sandbox(audience="9e67587f52") as sandbox:
    …                      # use sandbox.base_url with any key such as "anything-us1"
    sandbox.deliveries()   # every mail, with merge tags carried out
"""

from __future__ import annotations

import signal
import socket
import threading
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from orchestrator.sandbox.api.gate import Gate
from orchestrator.sandbox.faults import Faults
from orchestrator.sandbox.journal import READS, Journal, Request, Slots
from orchestrator.sandbox.office import Office, system_clock
from orchestrator.sandbox.rules import Rules
from orchestrator.sandbox.web.guard import Guard
from orchestrator.sandbox.web.site import Site

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

KEEP_REQUESTS = 100_000


class Sandbox(Office):
    """A local Mailchimp. What people and recipients do is inherited from ``Office``.

    port                  0 takes a free one
    state_file            where the account survives restarts; None keeps it in memory
    chaos, seed           see ``faults``
    audience              id of an audience that exists; any other id is then unknown (404), unless
    create_audiences      is True: an audience comes into being when it is first asked for
    clock                 the time; called for every request
    plan                  monthly, pay_as_you_go or forever_free (no scheduling)
    verified_domains      None: every sender domain counts as verified
    sending_seconds       how long a campaign stays ``sending``; 0: until the next look
    escape_merge_values   escape merge values in HTML
    latency               seconds added to every call
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        state_file: Path | str | None = None,
        chaos: str | None = None,
        seed: int = 0,
        audience: str | None = None,
        create_audiences: bool | None = None,
        clock: Callable[[], Any] | None = None,
        plan: str = "monthly",
        verified_domains: Sequence[str] | None = None,
        sending_seconds: float = 0,
        escape_merge_values: bool = False,
        latency: float = 0,
        keep_requests: int = KEEP_REQUESTS,
    ) -> None:
        rules = Rules(
            audience=audience,
            create_audiences=audience is None if create_audiences is None else create_audiences,
            plan=plan,
            verified_domains=None if verified_domains is None else tuple(verified_domains),
            sending_seconds=sending_seconds,
            escape_merge_values=escape_merge_values,
            latency=latency,
        )
        super().__init__(rules, clock or system_clock, Path(state_file) if state_file else None)
        self.faults, self.journal, self.slots = Faults(chaos or "", seed), Journal(keep_requests), Slots()
        self.host, self._port = host, port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    # -- running
    def start(self) -> Self:
        listening = _listen(self.host, self._port)
        self._port = listening.getsockname()[1]
        self.inbox_url = f"http://{self.host}:{self._port}"
        self.open_office()
        config = uvicorn.Config(
            Guard(_Front(Gate(self), Site(self)), local=ip_address(self.host).is_loopback),
            http=_TellingProtocol,
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listening],), name="sandbox", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join()
            self.close_office()
        self._server = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        return self._port

    @property
    def base_url(self) -> str:
        """For Mailchimp clients: ends in ``/3.0``."""
        return f"{self.inbox_url}/3.0"

    # -- looking at the calls
    @property
    def requests(self) -> list[Request]:
        """Calls under ``/3.0``, oldest first."""
        return list(self.journal.requests)

    def writes(self) -> list[Request]:
        """Calls that could have changed something."""
        return [request for request in self.requests if request.method not in READS]

    @property
    def most_in_flight(self) -> int:
        """The largest number of calls at once so far, refused ones included."""
        return self.journal.most_in_flight

    def forget_requests(self) -> None:
        self.journal.requests.clear()
        self.journal.most_in_flight = 0

    # -- faults
    def fail_next(self, method: str, path: str, kind: str, times: int = 1, skip: int = 0) -> None:
        """The next ``times`` calls of that kind go wrong, after ``skip`` of them went well; kinds in ``faults``."""
        self.faults.fail_next(method, path, kind, times, skip)

    def calm(self) -> None:
        """No more faults, neither ordered nor by chance."""
        self.faults.clear()


def serve_forever(sandbox: Sandbox, on_ready: Callable[[Sandbox], None] | None = None) -> None:
    """In the foreground, until SIGINT or SIGTERM; the state is saved at the end. Raises OSError for a taken port."""
    stopped = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with sandbox:
            if on_ready:
                on_ready(sandbox)
            while not stopped.wait(1):  # a wait without end would keep signals waiting on some platforms
                pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(host: str, port: int) -> socket.socket:
    """Named as TCP, so that asyncio turns off Nagle's algorithm, which would hold each answer back by 40 ms."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening


class _Front:
    """``/3.0`` is the API, everything else the web pages."""

    def __init__(self, gate: Gate, site: Site) -> None:
        self._gate, self._site = gate, site

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        await (self._gate if path == "/3.0" or path.startswith("/3.0/") else self._site)(scope, receive, send)


class _TellingProtocol(H11Protocol):
    """Hands the connection to the application, which may have to cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)
