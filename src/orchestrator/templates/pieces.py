"""Text that remembers which parts of it were printed.

Compiled templates yield exact ``str`` for template text and ``(value, site)`` for each ``{{ … }}``. Where Jinja2
collects output in a buffer (macros, ``{% call %}``, ``{% set %}…{% endset %}``, ``super()``), the buffer becomes
a string that still knows its segments, so that ``{{ button(url, label) }}`` shows the values inside it.
Every other string operation works on the plain text and forgets the segments: the result is one value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeAlias

from jinja2.runtime import BlockReference, Context, Macro, TemplateReference
from markupsafe import Markup, escape

from orchestrator.templates.printed import text_of
from orchestrator.templates.safe_values import without_tags
from orchestrator.templates.work import write

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jinja2.runtime import Undefined

Segment: TypeAlias = "str | tuple[Any, tuple[str, int, bool]]"


class TextPieces(str):
    """Plain text with its segments."""

    __slots__ = ("segments",)
    segments: tuple[Segment, ...]

    def __new__(cls, text: str, segments: tuple[Segment, ...]) -> Self:
        pieces = super().__new__(cls, text)
        pieces.segments = segments
        return pieces


class MarkupPieces(Markup):
    """HTML with its segments. What Markup's own operations make of it is a plain Markup without segments."""

    __slots__ = ("segments",)
    segments: tuple[Segment, ...]

    def __new__(cls, text: Any = "", segments: tuple[Segment, ...] | None = None) -> Self:
        if segments is None:
            return Markup(str(text))  # type: ignore[return-value]  # noqa: S704  # Markup's operations call their class
        pieces = super().__new__(cls, str(text))
        pieces.segments = segments
        return pieces

    def strip(self, chars: str | None = None, /) -> Self:
        """Without outer white space; ``{{ caller() | trim }}`` keeps its segments."""
        plain = super().strip(chars)
        if chars is not None or not plain:
            return plain
        segments = list(self.segments)
        while isinstance(segments[0], str) and not segments[0].strip():
            segments.pop(0)
        while isinstance(segments[-1], str) and not segments[-1].strip():
            segments.pop()
        if isinstance(segments[0], str):
            segments[0] = segments[0].lstrip()
        if isinstance(segments[-1], str):
            segments[-1] = segments[-1].rstrip()
        return type(self)(plain, tuple(segments))


class TagText(str):
    """A text literal of the template's author that holds a Mailchimp tag, such as ``button("*|UNSUB|*")``."""

    __slots__ = ()


def concat(chunks: Iterable[Any]) -> str:
    """Jinja2's concatenation of a buffer: the text, with its segments."""
    segments: list[Segment] = []
    texts: list[str] = []
    for chunk in chunks:
        if type(chunk) is str:
            segments.append(chunk)
            texts.append(chunk)
        elif type(chunk) is tuple:
            value, site = chunk
            if isinstance(value, TextPieces | MarkupPieces):
                segments.extend(value.segments)
                texts.append(value)
            else:
                fixed = fixed_text(value)
                segments.append((fixed, site))
                shown = fixed if type(fixed) is TagText else without_tags(fixed)
                texts.append(str(escape(shown)) if site[2] else str(shown))
        else:
            segments.extend(getattr(chunk, "segments", (chunk,)))
            texts.append(chunk)
    text = "".join(texts)
    write(text)
    return TextPieces(text, tuple(segments))


def fixed_text(value: Any) -> str:
    """A printed value as text now; markup stays markup. None prints nothing."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if hasattr(value, "__html__"):
        return Markup(value)  # noqa: S704  # the value says itself that it is markup
    return text_of(value)


def as_markup(text: Any) -> Markup:
    """What ``Markup(…)`` is in compiled templates."""
    if isinstance(text, MarkupPieces):
        return text
    if isinstance(text, TextPieces):
        return MarkupPieces(str(text), text.segments)
    return Markup(text)  # noqa: S704  # compiled templates mark their own output only


class PieceMacro(Macro):
    """A macro whose result keeps its segments."""

    def _invoke(self, arguments: list[Any], autoescape: bool) -> str:
        result: str = self._func(*arguments)
        return as_markup(result) if autoescape else result


class PieceBlock(BlockReference):
    """``super()`` and ``self.block()`` with segments."""

    @property
    def super(self) -> BlockReference | Undefined:
        if self._depth + 1 >= len(self._stack):
            return self._context.environment.undefined(f"there is no parent block called {self.name!r}.", name="super")
        return PieceBlock(self.name, self._context, self._stack, self._depth + 1)

    def __call__(self) -> str:
        text = concat(self._stack[self._depth](self._context))
        return as_markup(text) if self._context.eval_ctx.autoescape else text


class PieceReference(TemplateReference):
    """``self`` in templates."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._context = context

    def __getitem__(self, name: str) -> PieceBlock:
        return PieceBlock(name, self._context, self._context.blocks[name], 0)


class PieceContext(Context):
    """Jinja2's context, whose ``super()`` keeps segments."""

    def super(self, name: str, current: Any) -> BlockReference | Undefined:
        stack = self.blocks.get(name, [])
        if current not in stack or stack.index(current) + 1 >= len(stack):
            return self.environment.undefined(f"there is no parent block called {name!r}.", name="super")
        return PieceBlock(name, self, stack, stack.index(current) + 1)
