"""The templates folder: which templates there are, and which file of one serves a reader's language."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from orchestrator.templates.environment import MARKUP_SUFFIXES, nearest
from orchestrator.templates.faults import at_line
from orchestrator.templates.formats import locale_of

if TYPE_CHECKING:
    from pathlib import Path


class Variant(NamedTuple):
    """Which file of a template serves a contact."""

    file: str
    language: str
    """of the words"""
    formats: str
    """language of money, numbers and dates: the contact's where the words are in it, so a mail never mixes"""


class TemplateFolder:
    """Files of one folder, listed again when it changes."""

    def __init__(self, path: Path, locale: str) -> None:
        self.path = path
        self._locale = locale
        self._listing: tuple[int, dict[str, str]] = (-1, {})
        self._variants: dict[tuple[str, str | None], Variant] = {}

    def names(self) -> list[str]:
        """Keys of the templates: files of the folder itself without language and suffix, sorted."""
        files = [name for name in self._names_by_lower_case().values() if name.endswith(MARKUP_SUFFIXES)]
        return sorted({name.partition(".")[0] for name in files if not name.startswith(("_", "."))})

    def resolve(self, template: str, language: str | None) -> Variant:
        """The file for a contact's language: its own, its base (``sv`` for ``sv-SE``), then the workspace's."""
        files = self._names_by_lower_case()
        known = self._variants.get((template, language))
        if known is not None:
            return known
        own = self._locale.replace("_", "-")
        wanted = (language or "").replace("_", "-")
        formats = wanted if wanted and locale_of(wanted) else own
        for variant in (wanted, wanted.partition("-")[0], own, own.partition("-")[0], ""):
            for suffix in MARKUP_SUFFIXES:
                stem = f"{template}.{variant}" if variant else template
                if found := files.get((stem + suffix).lower()):
                    same = _base(wanted) == _base(variant or own)
                    resolved = Variant(found, variant or own, formats if same else own)
                    self._variants[(template, language)] = resolved
                    return resolved
        close = nearest(template, self.names())
        hint = f"Did you mean {close}?" if close else f"Make {self.path.name}/{template}.mjml."
        missing = f'the template "{template}" does not exist'
        raise at_line(f"{template}.mjml", 0, missing, hint, lambda _: "", self.path.name)

    def variants(self, template: str) -> list[str]:
        """Files of a template: every language, and plain texts; sorted."""
        suffixes = (*MARKUP_SUFFIXES, ".txt")
        return sorted(
            name
            for name in self._names_by_lower_case().values()
            if name.startswith(f"{template}.") and name.endswith(suffixes) and name.count(".") <= 2
        )

    def languages(self, template: str) -> list[str]:
        """Languages for which a template has a file of its own, sorted."""
        names = [name for name in self.variants(template) if name.endswith(MARKUP_SUFFIXES)]
        return sorted({self.language_of(name) for name in names} - {""})

    @staticmethod
    def language_of(file: str) -> str:
        """The language in a file's name; "" where it has none."""
        return ".".join(file.split(".")[1:-1])

    def _names_by_lower_case(self) -> dict[str, str]:
        """Names of the folder's files by lower-case name, read again when the folder changed."""
        try:
            changed = self.path.stat().st_mtime_ns
        except OSError:
            return {}
        if self._listing[0] != changed:
            self._variants = {}
            self._listing = (changed, {path.name.lower(): path.name for path in sorted(self.path.iterdir())})
        return self._listing[1]

    def text_of(self, file: str) -> str | None:
        """The plain-text template that belongs to a file."""
        stem = file.rpartition(".")[0]
        return self._names_by_lower_case().get(f"{stem}.txt".lower())


def languages_tried(language: str | None, locale: str) -> tuple[str, ...]:
    """Lower-case languages in the order in which words for a reader are looked for; ``locale`` is the workspace's."""
    wanted, own = ((tag or "").replace("_", "-").lower() for tag in (language, locale))
    return tuple(dict.fromkeys(one for one in (wanted, wanted.partition("-")[0], own, own.partition("-")[0]) if one))


def _base(language: str) -> str:
    return language.replace("_", "-").partition("-")[0].lower()
