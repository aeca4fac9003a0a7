"""The account in one JSON file: load it, and keep it saved while the account changes.

A save replaces the file in one step, so a reader or a crash never meets half of one.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from orchestrator.sandbox.audience import Audience, Member, MergeField, Segment, Webhook
from orchestrator.sandbox.state import Account, Campaign, Delivery, Folder, Letter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = logging.getLogger("orchestrator.sandbox")

FORMAT = 1
_INDEXES: dict[type, set[str]] = {Account: {"moving", "news"}, Audience: {"subscribed"}, Member: {"tags"}}
"""made anew from the rest on loading"""


def load(path: Path) -> Account | None:
    """None where there is no such file."""
    if not path.exists():
        return None
    raw = json.loads(path.read_text("utf-8"))
    if raw.pop("format", None) != FORMAT:
        raise ValueError(f"{path} is not a sandbox state of format {FORMAT}. Move it away to start afresh.")
    account = Account(
        **raw
        | {
            "audiences": {key: _audience(value) for key, value in raw["audiences"].items()},
            "campaigns": {key: Campaign(**value) for key, value in raw["campaigns"].items()},
            "folders": {key: Folder(**value) for key, value in raw["folders"].items()},
            "letters": {key: Letter(**value) for key, value in raw["letters"].items()},
            "deliveries": [_delivery(value) for value in raw["deliveries"]],
        }
    )
    account.moving = {c.id for c in account.campaigns.values() if c.status in {"schedule", "sending"}}
    return account


def save(account: Account, path: Path) -> None:
    text = json.dumps({"format": FORMAT} | _plain(account), default=_plain, separators=(",", ":"))
    beside = path.with_name(path.name + ".part")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


class Saver(threading.Thread):
    """Saves soon after each ``touch``; many touches make one save. ``close`` saves what is left.

    Where the file cannot be written it says so once, and tries again until it can.
    """

    def __init__(self, account: Account, path: Path, lock: threading.RLock) -> None:
        super().__init__(name="sandbox-saver", daemon=True)
        self._account, self._path, self._lock = account, path, lock
        self._changed, self._closing = threading.Event(), threading.Event()
        self._told = ""

    def touch(self) -> None:
        self._changed.set()

    def close(self) -> None:
        self._closing.set()
        self._changed.set()
        self.join()

    def run(self) -> None:
        pause = 0.2
        while not self._closing.is_set():
            self._changed.wait()
            self._closing.wait(pause)
            self._changed.clear()
            began = time.monotonic()
            try:
                with self._lock:
                    save(self._account, self._path)
            except OSError as fault:
                self._tell(fault)
                self._changed.set()
            else:
                self._told = ""
            pause = max(0.2, 10 * (time.monotonic() - began))  # at most a tenth of the time goes into saving

    def _tell(self, fault: OSError) -> None:
        why = fault.strerror or str(fault)
        if why != self._told:
            self._told = why
            log.warning(
                "The sandbox cannot save its state to %s: %s. It goes on, and tries again; what is not saved is lost "
                "when it ends.",
                self._path,
                why,
            )


def _plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    left_out = _INDEXES.get(type(value), set())
    return {f.name: getattr(value, f.name) for f in fields(value) if f.name not in left_out}


def _by_number(raw: dict[str, Any], make: Callable[..., Any]) -> dict[int, Any]:
    return {int(key): make(**value) for key, value in raw.items()}


def _audience(raw: dict[str, Any]) -> Audience:
    audience = Audience(
        **raw
        | {
            "members": {key: Member(**value) for key, value in raw["members"].items()},
            "segments": _by_number(raw["segments"], Segment),
            "merge_fields": _by_number(raw["merge_fields"], MergeField),
            "webhooks": {key: Webhook(**value) for key, value in raw["webhooks"].items()},
            "forgotten": set(raw["forgotten"]),
        }
    )
    audience.subscribed = {m.id for m in audience.members.values() if m.status == "subscribed"}
    for segment in audience.segments.values():
        for member_id in segment.members:
            audience.members[member_id].tags.add(segment.id)
    return audience


def _delivery(raw: dict[str, Any]) -> Delivery:
    return Delivery(
        **raw
        | {
            "opens": tuple(raw["opens"]),
            "clicks": tuple((url, at) for url, at in raw["clicks"]),
        }
    )
