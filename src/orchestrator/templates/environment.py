"""The Jinja2 environment of one language: sandboxed, strict about undefined names, confined to one folder."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Set as AbstractSet
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import FileSystemLoader, StrictUndefined, TemplateNotFound, TemplateSyntaxError, meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from orchestrator.templates import trees, work
from orchestrator.templates.codegen import CONTACT_NAMES, ROUNDS, RUN_NAMES, PieceGenerator
from orchestrator.templates.faults import UnknownName
from orchestrator.templates.links import utm_filter
from orchestrator.templates.pieces import PieceContext, concat
from orchestrator.templates.printed import finalized
from orchestrator.templates.remedies import UnreadableTemplate

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

    from jinja2 import Environment, Template
    from jinja2.runtime import Undefined

    from orchestrator.templates.formats import Formats

MARKUP_SUFFIXES = (".mjml", ".html")
_MOST_TEXTS = 500
_OF_A_LANGUAGE = ("money", "number", "date", "datetime")


class StrictName(StrictUndefined):
    """An undefined name: every use but ``is defined`` and ``default`` is an error that names the nearest one."""

    __slots__ = ()

    def _fail_with_undefined_error(self, *_: Any, **__: Any) -> Any:
        if self._undefined_exception is SecurityError or self._undefined_hint:
            raise self._undefined_exception(self._undefined_message)
        name = self._undefined_name
        if not isinstance(name, str):
            raise UnknownName(f"there is no element {name!r}")
        if self._undefined_obj is None:
            raise UnknownName(self._undefined_message, name=name, of_nothing=True)
        known = RUN_NAMES | CONTACT_NAMES if self._undefined_obj is missing else names_of(self._undefined_obj)
        raise UnknownName(self._undefined_message, name=name, nearest=nearest(name, known))

    # Jinja2 binds these to its own method when the class is made; a subclass has to bind its own again
    __iter__ = __str__ = __len__ = __eq__ = __ne__ = __bool__ = __hash__ = _fail_with_undefined_error
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _fail_with_undefined_error
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = _fail_with_undefined_error
    __mod__ = __rmod__ = __pos__ = __neg__ = __call__ = __getitem__ = _fail_with_undefined_error
    __lt__ = __le__ = __gt__ = __ge__ = __int__ = __float__ = _fail_with_undefined_error
    __complex__ = __pow__ = __rpow__ = __contains__ = _fail_with_undefined_error


class TemplateEnvironment(ImmutableSandboxedEnvironment):
    """One per language; the language is in the filters."""

    code_generator_class = PieceGenerator
    context_class = PieceContext
    concat = staticmethod(concat)
    intercepted_binops = frozenset({"*", "**", "+", "%"})

    def __init__(
        self, folder: Path, formats: Formats, undefined: type[Undefined] = StrictName, texts: Texts | None = None
    ) -> None:
        self.texts = texts or Texts(folder)
        super().__init__(
            loader=self.texts.loader,
            undefined=undefined,
            autoescape=_is_markup,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=finalized,
            auto_reload=True,
        )
        written = (formats.money, formats.number, formats.date, formats.datetime)
        self.filters |= dict(zip(_OF_A_LANGUAGE, written, strict=True))
        self.filters |= {"utm": utm_filter, ROUNDS: work.rounds}
        self.filters |= {name: work.bounded_filter(name, self.filters[name]) for name in work.BOUNDED_FILTERS}
        self.globals |= {"days": _days, "hours": _hours}
        self._language = str(formats.locale)
        # a mail must be the same each time it is rendered
        del self.filters["random"], self.globals["lipsum"]

    def parse(self, source: str, name: str | None = None, filename: str | None = None) -> nodes.Template:
        """The tree of a template, to be read only; the same text is parsed once."""
        known = self.texts.trees
        tree = known.get((source, name))
        if tree is None:
            if len(known) > _MOST_TEXTS:
                known.clear()
            tree = known[source, name] = super().parse(source, name, filename)
        return tree

    def compile(
        self,
        source: str | nodes.Template,
        name: str | None = None,
        filename: str | None = None,
        raw: bool = False,
        defer_init: bool = False,
    ) -> Any:
        """The code of a template. All languages share it, unless it holds what only one of them writes like that."""
        if not isinstance(source, str) or raw or defer_init:
            return super().compile(source, name, filename, raw, defer_init)  # type: ignore[call-overload]  # Jinja2 has overloads
        known = self.texts.code
        for language in ("", self._language):
            if (code := known.get((source, name, filename, language))) is not None:
                return code
        tree = self.parse(source, name, filename)
        written = StringIO()
        generator = PieceGenerator(self, name, filename, written, optimized=self.optimized)
        try:
            # constants are folded in place
            generator.visit(trees.copied(tree))
            code = self._compile(written.getvalue(), filename or "<template>")
        except TemplateSyntaxError:
            self.handle_exception(source=source)
        if len(known) > _MOST_TEXTS:
            known.clear()
            self.texts.undeclared.clear()
        known[source, name, filename, self._language if self._folds_formats(source, name) else ""] = code
        self.texts.undeclared[source, name] = frozenset(generator.undeclared)
        return code

    def undeclared(self, source: str, name: str) -> AbstractSet[str]:
        """The names that a text reads and does not make. Raises TemplateSyntaxError."""
        known = self.texts.undeclared.get((source, name))
        if known is None:
            known = meta.find_undeclared_variables(trees.copied(self.parse(source, name)))
        return known

    def _folds_formats(self, source: str, name: str | None) -> bool:
        """Whether Jinja2 wrote money or a date while it compiled, such as ``{{ 12.5 | money }}``."""
        context = nodes.EvalContext(self, name)
        for written in trees.listed(self.parse(source, name)).of(nodes.Filter):
            if written.name in _OF_A_LANGUAGE and written.node is not None:
                try:
                    written.node.as_const(context)
                except Exception:  # noqa: BLE001, S112  # what cannot be computed is not computed by Jinja2 either
                    continue
                return True
        return False

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A mapping's own keys come before Python's methods: ``cart.items`` may be a column."""
        if type(obj) is dict or isinstance(obj, Mapping):  # the first is what contexts hold, and quick to see
            try:
                return obj[attribute]
            except KeyError:
                pass
        return super().getattr(obj, attribute)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Operators without a way to fill the memory."""
        work.check_operation(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def call(self, context: Any, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Calls of macros and methods, counted and bounded."""
        work.step()
        work.check_call(called, (*args, *kwargs.values()))
        return super().call(context, called, *args, **kwargs)

    def get_template(self, name: Any, parent: str | None = None, globals: Any = None) -> Template:  # noqa: A002
        """A template; asked for while a mail is rendered, it is a step of it."""
        work.step()
        return super().get_template(name, parent, globals)


class ConfinedLoader(FileSystemLoader):
    """Reads templates below one folder, also where symbolic links lead out of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, encoding="utf-8")
        self._folder = folder
        self._kept: dict[str, tuple[str, str, Callable[[], bool]]] | None = None
        self._listing: list[str] | None = None

    def keep(self, *, kept: bool) -> None:
        """From now on each file is read once, and those that there are listed once; or each time anew."""
        self._kept, self._listing = {} if kept else None, None

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        if self._kept is None:
            return self._read(environment, template)
        if template not in self._kept:
            self._kept[template] = self._read(environment, template)
        return self._kept[template]

    def list_templates(self) -> list[str]:
        if self._kept is None:
            return super().list_templates()
        if self._listing is None:
            self._listing = super().list_templates()
        return self._listing

    def _read(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        try:
            source, path, uptodate = super().get_source(environment, template)
        except UnicodeDecodeError:
            raise UnreadableTemplate(template, f'the template file "{template}" is not UTF-8 text') from None
        except TemplateNotFound:
            if ".." not in template.split("/") and (self._folder / template).is_dir():
                raise UnreadableTemplate(template, f'"{template}" is a folder, not a template file') from None
            raise
        if not Path(path).resolve().is_relative_to(self._folder.resolve()):
            raise TemplateNotFound(template)
        return source, path, uptodate


class Texts:
    """The texts of a folder of templates: read, parsed and compiled once for the environments of all languages."""

    def __init__(self, folder: Path) -> None:
        self.loader = ConfinedLoader(folder)
        self.trees: dict[tuple[str, str | None], nodes.Template] = {}
        """by text and name"""
        self.code: dict[tuple[str, str | None, str | None, str], CodeType] = {}
        """by text, name, file, and the language where it makes a difference, else "" """
        self.undeclared: dict[tuple[str, str | None], AbstractSet[str]] = {}
        """names that a text reads and does not make, by text and name; known once it is compiled"""


def names_of(obj: Any) -> Iterable[str]:
    """The names that ``obj.NAME`` finds."""
    if isinstance(obj, Mapping):
        return [str(key) for key in obj]
    return [name for name in dir(obj) if not name.startswith("_")]


def nearest(name: str, known: Iterable[str]) -> str:
    """The closest of ``known``, or ""."""
    return next(iter(difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)), "")


def _is_markup(name: str | None) -> bool:
    return name is not None and name.endswith(MARKUP_SUFFIXES)


def _days(number: float) -> timedelta:
    return timedelta(days=number)


def _hours(number: float) -> timedelta:
    return timedelta(hours=number)
