"""The web server's life: a thread beside the daemon's jobs, on the address that [web] names."""

from __future__ import annotations

import logging
import re
import socket
import threading
from ipaddress import ip_address
from typing import TYPE_CHECKING

import uvicorn

from orchestrator.definitions.workspace import load_secret
from orchestrator.errors import UsageError
from orchestrator.web.app import Secrets, Site

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.definitions.values import WebSettings
    from orchestrator.engine import Engine

log = logging.getLogger("orchestrator.web")

MOST_AT_ONCE = 100
"""connections; more are turned away"""
_GOOD_SECRET = re.compile(r"[A-Za-z0-9_-]{16,200}")


class WebServer:
    """Not there, or serving; ``start`` and ``stop`` may be called again and again."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        """``engine``: the one in use at the moment of a request."""
        self._engine = engine
        self._settings: WebSettings | None = None
        self._site: Site | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._listening: socket.socket | None = None
        self.address = ""
        """``http://HOST:PORT`` while it serves, else empty"""

    def start(self, settings: WebSettings, root: Path) -> None:
        """Serve, unless ``settings`` name no port. Raises UsageError for a secret that is missing or weak and for an
        address that is taken. ``root``: of the workspace, from which a secret's file counts.
        """
        self._settings = settings
        if settings.port is None:
            return
        secrets = _secrets(settings, root)
        self._listening = listening = listen(settings.host, settings.port)
        host, port = listening.getsockname()[:2]
        self._site = Site(self._engine, secrets, previews=ip_address(host).is_loopback)
        config = uvicorn.Config(
            self._site.app,
            ws="none",
            lifespan="off",
            # no lines of its own: addresses of webhooks end in the secret, and faults may quote customers
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MOST_AT_ONCE,
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listening],), name="web", daemon=True)
        self._thread.start()
        self.address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        if not ip_address(host).is_loopback:
            log.warning("the web server can be reached from other machines", extra={"address": host})
        log.info("web server started", extra={"address": self.address, "webhooks": secrets.webhook is not None})

    def follow(self, settings: WebSettings, root: Path) -> None:
        """Serve by newer settings. Where that is impossible there is no server, and the log says why."""
        if settings == self._settings:
            return
        self.stop()
        try:
            self.start(settings, root)
        except UsageError as fault:
            log.error("no web server", extra={"why": str(fault)})  # noqa: TRY400 -- a known fault: no trace

    def stop(self) -> None:
        """Answer what is asked already, then close."""
        if self._server is not None and self._thread is not None and self._site is not None:
            self._server.should_exit = True
            self._thread.join()
            self._site.close()
            log.info("web server stopped")
        if self._listening is not None:
            # a server that is stopped before it runs leaves it open
            self._listening.close()
        self._server = self._thread = self._site = self._listening = None
        self.address = ""


def _secrets(settings: WebSettings, root: Path) -> Secrets:
    webhook = load_secret(settings.webhook_secret, root) if settings.webhook_secret else None
    if webhook is not None and not _GOOD_SECRET.fullmatch(webhook):
        raise UsageError(
            f"The secret at {settings.webhook_secret} ([web] webhook_secret) must be 16 to 200 letters, digits, "
            "- or _, because it ends the webhook's address. Make one: openssl rand -hex 32"
        )
    return Secrets(webhook, load_secret(settings.signing_secret, root) if settings.signing_secret else None)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises UsageError where it cannot be had."""
    family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
    # named as TCP, so that asyncio turns off Nagle's algorithm, which would hold each answer back by 40 ms
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except OSError as fault:
        listening.close()
        raise UsageError(
            f"The web server cannot listen on {host} port {port}: {fault.strerror}. "
            "Change [web] host or port in config.toml, or end the program that has the port."
        ) from None
    return listening
