"""The daemon's log: one event a line, as text or JSON. Addresses and secrets never reach it, whatever is quoted."""

from __future__ import annotations

import json
import logging
import re
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator.scrub import without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

_ADDRESS = re.compile(r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+\.[^\s@<>\"'(),;:]+")
_PLAIN = set(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {"message", "asctime", "taskName"}


@contextmanager
def logs_on_stderr(form: str, *, verbose: bool) -> Iterator[None]:
    """Log to stderr for the time of the block. ``form``: "text" or "json"."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger("orchestrator")
    before = root.handlers[:], root.level, root.propagate
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    root.propagate = False
    try:
        yield
    finally:
        root.handlers[:], root.level, root.propagate = before


class JsonLines(logging.Formatter):
    """``{"at", "level", "event", …}``."""

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "at": _moment(record),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **_given(record),
        }
        if record.exc_info:
            event["trace"] = self.formatException(record.exc_info)
        return _harmless(json.dumps(event, ensure_ascii=False, default=str))


class TextLines(logging.Formatter):
    """``2026-01-31T08:00:00+00:00 info synced added=3``."""

    def format(self, record: logging.LogRecord) -> str:
        given = " ".join(f"{key}={value}" for key, value in _given(record).items() if value not in {"", None})
        text = f"{_moment(record)} {record.levelname.lower()} {record.getMessage()} {given}".rstrip()
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return _harmless(text)


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds")


def _given(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in record.__dict__.items() if key not in _PLAIN}


def _harmless(text: str) -> str:
    return _ADDRESS.sub("<address>", without_secrets(text))
