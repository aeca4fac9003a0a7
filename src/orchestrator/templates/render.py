"""Template + contact -> one mail, as a skeleton shared with other recipients and the values of this one.

What ``Rendered.preview`` shows and what ``mailings`` sends are filled from the same compiled document.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from babel import Locale
from jinja2 import Template

from orchestrator.templates.checks import check_template
from orchestrator.templates.document import CompileFailed, Document, compile_document
from orchestrator.templates.environment import MARKUP_SUFFIXES, TemplateEnvironment, Texts
from orchestrator.templates.faults import TemplateError, at_line, located
from orchestrator.templates.formats import Formats, locale_of
from orchestrator.templates.links import ACTIVE, Utm
from orchestrator.templates.mail import Rendered, RenderedEmail, Skeleton
from orchestrator.templates.names import NameReader
from orchestrator.templates.outline import Outline, OutlineReader
from orchestrator.templates.pieces import PieceContext
from orchestrator.templates.sources import all_sources, source_of
from orchestrator.templates.variants import TemplateFolder, Variant
from orchestrator.templates.work import Work, counted_work

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set as AbstractSet
    from pathlib import Path

    from orchestrator.problems import Problem

__all__ = ["Rendered", "RenderedEmail", "Skeleton", "TemplateLibrary", "TemplateSettings"]

_MOST_SKELETONS = 4096
_COMPILED_AT_HAND = 256


@dataclass(frozen=True, slots=True)
class TemplateSettings:
    """What the workspace says about all its templates."""

    locale: str = "en"
    """fallback language of templates and formats"""
    currency: str = "EUR"
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    """business time"""
    own_domains: tuple[str, ...] = ()
    """links to these and below get UTM parameters"""
    merge_tags: frozenset[str] = frozenset()
    """merge fields of the workspace's own, which may stand in a mail as ``*|TAG|*``"""
    clients: tuple[str, ...] = ()
    """mail clients by whose abilities templates are judged"""


class _Sources(NamedTuple):
    """What the mails of one language are made of: the compiled subject, preheader, template and plain text."""

    variant: Variant
    environment: TemplateEnvironment
    parts: list[Template | None]


class TemplateLibrary:
    """All templates of a workspace's folder. Changed files are seen at the next rendering."""

    def __init__(self, folder: Path, settings: TemplateSettings) -> None:
        self.folder = folder
        self.files = TemplateFolder(folder, settings.locale)
        self.settings = settings
        self._texts = Texts(folder)
        self._environments: dict[str, TemplateEnvironment] = {}
        self._readers: dict[int, tuple[Template, OutlineReader]] = {}
        self._lines: dict[tuple[str, str, str], Template] = {}
        self._skeletons: dict[tuple[Any, ...], Skeleton] = {}
        self._steady: dict[tuple[str, str | None, tuple[str, str], str, str | None], _Sources] | None = None
        self._utm = lru_cache(64)(lambda items: Utm.of(dict(items), settings.own_domains))
        self._compile = lru_cache(_COMPILED_AT_HAND)(_compiled)

    def names(self) -> list[str]:
        """Keys of the templates, sorted."""
        return self.files.names()

    def render(
        self,
        template: str,
        *,
        subject: str,
        preheader: str | None,
        context: Mapping[str, Any],
        language: str | None,
        utm: Mapping[str, str] | None = None,
        key: str,
        names: tuple[str, str] = ("subject", "preheader"),
    ) -> Rendered:
        """One contact's mail. ``context``: contact, account, cart, orders, segment, campaign, vars, now.

        ``language`` is the contact's; ``utm`` the campaign's [utm] table; ``key`` the contact's id; ``names`` are those
        of the campaign's keys that subject and preheader come from. Raises TemplateError with file and line.
        """
        variant, environment, parts = self._sources(template, language, names, subject, preheader)
        parameters = self._utm(tuple(utm.items()) if utm else ())
        token = ACTIVE.set(parameters)
        try:
            outlines: list[Outline | None] = []
            values: list[str] = []
            meanings = {**environment.globals, **context}
            with counted_work() as work:
                for part in parts:
                    outline = None
                    if part is not None:
                        outline, printed = self._read(part, meanings, work)
                        values += printed
                    outlines.append(outline)
        except Exception as error:
            raise self.fault(error, dict(zip(names, (subject, preheader or ""), strict=True))) from error
        finally:
            ACTIVE.reset(token)
        skeleton = self._skeleton(variant, tuple(outlines), parameters, names)
        document = skeleton.document()
        for gap in document.whole_links:
            values[gap] = parameters.tagged(values[gap])
        for gap in document.link_ends:
            values[gap] = parameters.added(values[gap])
        return Rendered(key, skeleton, tuple(values))

    def fingerprint(self, template: str) -> str:
        """SHA-256 over every language variant and text of a template, and all that they include."""
        digest = hashlib.sha256()
        environment = self.environment(self.settings.locale)
        roots = self.files.variants(template)
        for name, source in sorted(all_sources(environment, roots).items()):
            digest.update(f"{name}\0{len(source)}\0{source}".encode(errors="replace"))
        return digest.hexdigest()

    def check(self, template: str, lines: Mapping[str, str], known: Mapping[str, AbstractSet[str]]) -> list[Problem]:
        """Every problem of a template and of a campaign's lines (see ``checks.check_template``)."""
        return check_template(self, template, lines, known)

    @cached_property
    def names_read(self) -> NameReader:
        """What the templates say of names."""
        return NameReader(self.environment(self.settings.locale))

    def environment(self, language: str) -> TemplateEnvironment:
        """The Jinja2 environment whose filters write ``language``."""
        known = self._environments.get(language)
        if known is None:
            locale = locale_of(language) or locale_of(self.settings.locale) or Locale("en")
            formats = Formats(locale, self.settings.currency, self.settings.timezone)
            environment = TemplateEnvironment(self.folder, formats, texts=self._texts)
            known = self._environments.setdefault(language, environment)
            known.auto_reload = self._steady is None
        return known

    def compiled(self, skeleton: Skeleton) -> Document:
        """The document of a skeleton. Raises TemplateError."""
        try:
            return self._compile(skeleton)
        except CompileFailed as failed:
            file = skeleton.template
            source = self.source_of(file)
            line = next((n for n, text in enumerate(source.splitlines(), 1) if failed.near and failed.near in text), 0)
            hint = f"Near: {failed.near}" if failed.near else "Look for a tag that is not closed."
            raise at_line(file, line, str(failed), hint, self.source_of, self.folder.name) from failed

    def source_of(self, file: str) -> str:
        """The text of a template file, "" where there is none."""
        return source_of(self.environment(self.settings.locale), file)

    def fault(self, error: Exception, lines: Mapping[str, str]) -> TemplateError:
        """``error`` with its place; ``lines`` are the texts of subject and preheader."""
        return located(error, lambda file: lines.get(file) or self.source_of(file), self.folder.name)

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Inside, changes of files are not looked for: all mails of a run are made of the same templates."""
        self._steady = {}
        self._texts.loader.keep(kept=True)
        try:
            for environment in self._environments.values():
                # what changed before counts
                if environment.cache and not all(known.is_up_to_date for known in environment.cache.values()):
                    environment.cache.clear()
                environment.auto_reload = False
            yield
        finally:
            self._steady = None
            self._texts.loader.keep(kept=False)
            for environment in self._environments.values():
                environment.auto_reload = True

    def _sources(
        self, template: str, language: str | None, names: tuple[str, str], subject: str, preheader: str | None
    ) -> _Sources:
        asked = (template, language, names, subject, preheader)
        known = self._steady.get(asked) if self._steady is not None else None
        if known is None:
            variant = self.files.resolve(template, language)
            try:
                parts = self._parts(variant, names, subject, preheader)
            except Exception as error:
                raise self.fault(error, dict(zip(names, (subject, preheader or ""), strict=True))) from error
            known = _Sources(variant, self.environment(variant.formats), parts)
            if self._steady is not None:
                self._steady[asked] = known
        return known

    def _parts(
        self, variant: Variant, names: tuple[str, str], subject: str, preheader: str | None
    ) -> list[Template | None]:
        """The compiled subject, preheader, template and plain text."""
        environment = self.environment(variant.formats)
        text = self.files.text_of(variant.file)
        return [
            self._line(names[0], subject, variant.formats),
            None if preheader is None else self._line(names[1], preheader, variant.formats),
            environment.get_template(variant.file),
            None if text is None else environment.get_template(text),
        ]

    def _line(self, name: str, source: str, formats: str) -> Template:
        """A subject or preheader as a template."""
        template = self._lines.get((name, source, formats))
        if template is None:
            if len(self._lines) > _MOST_SKELETONS:
                self._lines.clear()
            environment = self.environment(formats)
            code = environment.compile(source, name, name)
            template = Template.from_code(environment, code, environment.make_globals(None))
            self._lines[(name, source, formats)] = template
        return template

    def _read(self, template: Template, names: dict[str, Any], work: Work) -> tuple[Outline, list[str]]:
        known = self._readers.get(id(template))
        if known is None or known[0] is not template:
            if len(self._readers) > _MOST_SKELETONS:
                self._readers.clear()
            known = (template, OutlineReader(markup=(template.name or "").endswith(MARKUP_SUFFIXES)))
            self._readers[id(template)] = known
        environment = template.environment
        # what Template.new_context does, without copying names and globals for each of the mail's parts
        context = PieceContext(environment, names, template.name, template.blocks, globals=environment.globals)
        return known[1].read(template.root_render_func(context), work)

    def _skeleton(
        self, variant: Variant, outlines: tuple[Outline | None, ...], utm: Utm, names: tuple[str, str]
    ) -> Skeleton:
        near = (variant.file, variant.language, *outlines, utm, names)
        known = self._skeletons.get(near)
        if known is None:
            if len(self._skeletons) > _MOST_SKELETONS:
                self._skeletons.clear()
            kind = variant.file.rpartition(".")[2]
            texts = tuple(None if outline is None else outline.texts for outline in outlines)
            key = hashlib.sha256(repr((kind, variant.language, texts, utm)).encode(errors="replace")).hexdigest()
            subject, preheader, source, text = outlines
            assert subject is not None
            assert source is not None
            known = Skeleton(
                key, kind, variant.file, variant.language, subject, preheader, source, text, utm, self, names
            )
            self._skeletons[near] = known
        return known


def _compiled(skeleton: Skeleton) -> Document:
    return compile_document(
        skeleton.kind,
        skeleton.language,
        skeleton.subject,
        skeleton.preheader,
        skeleton.source,
        skeleton.text,
        skeleton.utm,
    )
