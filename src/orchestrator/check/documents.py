"""The files of a workspace once more, for the places of what is found wrong after they were read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from orchestrator.definitions.toml_source import Document, parse, read_bytes
from orchestrator.problems import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.definitions.positions import Path as KeyPath


class Documents:
    """Documents by file, each parsed at most once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, Document | None] = {}

    def get(self, file: str) -> Document | None:
        """The document; None where the file cannot be read, which is a problem of its own."""
        if file not in self._known:
            content = read_bytes(self._root / file, file)
            document = content if isinstance(content, Problem) else parse(content, file)
            self._known[file] = document if isinstance(document, Document) else None
        return self._known[file]

    def problem(
        self, file: str, path: KeyPath, message: str, hint: str, at: Literal["key", "value"] = "value"
    ) -> Problem:
        """A problem at the key or the value of ``path``."""
        document = self.get(file)
        if document is None:  # it changed since it was read
            return Problem(file, 1, 1, message, hint)
        place = document.place(*path)
        return document.problem(place.key if at == "key" else place.value, message, hint)
