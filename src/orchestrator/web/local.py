"""Preview pages from the command line: a server for this machine alone, until Ctrl-C."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette

from orchestrator.previews.site import PreviewSite
from orchestrator.web.server import listen

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.engine import Engine

LOOPBACK = "127.0.0.1"


def serve_previews(engine: Engine, port: int, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; ``on_ready`` is given the address. Raises UsageError for a port that is taken."""
    listening = listen(LOOPBACK, port)
    app = Starlette(routes=PreviewSite(lambda: engine).routes)
    server = uvicorn.Server(
        uvicorn.Config(app, ws="none", lifespan="off", log_config=None, log_level="critical", access_log=False)
    )
    thread = threading.Thread(target=server.run, args=([listening],), name="previews", daemon=True)
    stopped = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        thread.start()
        on_ready(f"http://{LOOPBACK}:{listening.getsockname()[1]}")
        while not stopped.wait(1):  # a wait without end would keep signals waiting on some platforms
            pass
    finally:
        server.should_exit = True
        thread.join(5)
        listening.close()
        for number, handler in before.items():
            signal.signal(number, handler)
