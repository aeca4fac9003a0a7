"""Secrets stay out of the workspace: a file names where one is, this reads it. Messages never contain a value."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from orchestrator.definitions.rules import REFERENCE
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def is_reference(text: str) -> bool:
    """Whether the text is ``env:NAME`` or ``file:PATH``."""
    return re.fullmatch(REFERENCE, text) is not None


def load_secret(reference: str, root: Path) -> str:
    """The value of ``env:NAME``, or of ``file:PATH`` (relative to the workspace), without blanks around it.

    Raises UsageError, which names the variable or the file.
    """
    kind, _, place = reference.partition(":")
    match kind:
        case "env":
            value = os.environ.get(place, "").strip()
            if not value:
                raise UsageError(f"The environment variable {place} is not set. Set it: export {place}=…")
        case "file":
            value = _content(root, place)
        case _:
            raise UsageError("A secret is given as env:NAME or file:PATH, never as itself.")
    if not value.isprintable():
        raise UsageError(f"The value of {reference} has line breaks or control characters in it; it must be one line.")
    return value


def _content(root: Path, place: str) -> str:
    path = (root / place).expanduser() if not place.startswith("~") else type(root)(place).expanduser()
    try:
        value = path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError, RuntimeError) as error:
        reason = (getattr(error, "strerror", None) or "not readable as text").lower()
        raise UsageError(f"The secret's file {place} cannot be read: {reason}.") from None
    if not value:
        raise UsageError(f"The secret's file {place} is empty.")
    return value
