"""Who holds a lease: named for people, and known well enough to tell whether it still lives.

The number of a process means something only on one running kernel and in one namespace of processes: two containers,
or two machines of one host name, both have a process 1. So a holder names that place, too, and the moment at which
its process began, because numbers are given again.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds, or held, a lease."""

    doing: str
    host: str
    process: int
    since: int
    """by the database's clock"""
    place: str
    """digest of what makes numbers of processes comparable"""
    began: str
    """when the process began, in the kernel's words; empty where they cannot be read"""

    def __str__(self) -> str:
        return f"{self.doing} (process {self.process} on {self.host}, since {self.since_local})"

    @property
    def since_local(self) -> str:
        """``since`` in this machine's time zone."""
        return f"{datetime.fromtimestamp(self.since, UTC).astimezone():%Y-%m-%d %H:%M:%S %Z}"

    @property
    def is_here(self) -> bool:
        """It is a process of this very place, whose life we can see."""
        return self.place == _place()

    @property
    def is_this_process(self) -> bool:
        return self.is_here and self.process == os.getpid() and self.began == _began(os.getpid())

    @property
    def is_gone(self) -> bool:
        """True only where it is certain."""
        if not self.is_here:
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        began = _began(self.process)
        return bool(self.began and began and began != self.began) or _is_zombie(self.process)

    @property
    def sessions(self) -> str:
        """The name that its sessions at PostgreSQL carry."""
        return session_name(self.place, self.process)

    def to_text(self) -> str:
        return json.dumps(asdict(self))


def this_process(doing: str, since: int) -> Holder:
    """Ourselves."""
    return Holder(doing, socket.gethostname(), os.getpid(), since, _place(), _began(os.getpid()))


def read_holder(stored: str) -> Holder:
    """What ``to_text`` wrote; anything else is somebody of whom only the words are known."""
    try:
        return Holder(**json.loads(stored))
    except (ValueError, TypeError):
        return Holder(stored, "another machine", 0, 0, "", "")


def session_name(place: str = "", process: int = 0) -> str:
    """The name of this process's sessions at PostgreSQL, or of those of another one."""
    return f"campaigns {place or _place()} {process or os.getpid()}"


@cache
def _place() -> str:
    try:
        kernel = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        # not Linux: there are no namespaces of processes, and the network card tells machines apart
        kernel, namespace = f"{uuid.getnode():x}", socket.gethostname()
    return hashlib.sha256(f"{kernel} {namespace}".encode()).hexdigest()[:16]


def _began(process: int) -> str:
    fields = _stat(process)
    return fields[19] if len(fields) > 19 else ""


def _is_zombie(process: int) -> bool:
    """Ended, and its parent has not looked yet."""
    return _stat(process)[:1] == ["Z"]


def _stat(process: int) -> list[str]:
    """Fields of the kernel's line about a process, from its state on."""
    try:
        line = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    # the name before it is in parentheses and may hold anything
    return line.rpartition(")")[2].split()
