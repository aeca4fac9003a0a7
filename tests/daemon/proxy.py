"""A network between a process and PostgreSQL that can fail: closed, or silent."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import URL


class Network:
    """Passes bytes on to the server while it is ``up``."""

    def __init__(self, server: URL) -> None:
        self._server = server
        self._up = threading.Event()
        self._up.set()
        self._refusing = False
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, direct: str) -> str:
        """The address of the same database by way of this network."""
        name = direct.partition("?")[0].rpartition("/")[2]
        return f"postgresql+psycopg://{self._server.username}@127.0.0.1:{self.port}/{name}"

    def go_silent(self) -> None:
        """Nothing arrives any more, and nobody is told."""
        self._up.clear()

    def close_all(self) -> None:
        """Every connection is cut, and new ones are."""
        self._refusing = True
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def come_back(self) -> None:
        self._refusing = False
        self._up.set()

    def end(self) -> None:
        self.come_back()
        self.close_all()
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                if self._refusing:
                    near.close()
                    continue
                far = self._connect()
                self._open += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _connect(self) -> socket.socket:
        folder = str(self._server.query.get("host", self._server.host or ""))
        if folder.startswith("/"):
            far = socket.socket(socket.AF_UNIX)
            far.connect(f"{folder}/.s.PGSQL.{self._server.port or 5432}")
            return far
        return socket.create_connection((folder or "127.0.0.1", self._server.port or 5432))

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError), source, target:
            while data := source.recv(65536):
                self._up.wait()
                target.sendall(data)
