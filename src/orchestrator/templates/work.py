"""How much one mail may ask of the machine: loops, calls, includes and characters are counted, never timed.

A template that multiplies (loops in loops, macros that call themselves twice, texts joined with themselves) would
otherwise fill the memory or never end. The same template and contact use the same amount each time. What one
operation makes is looked at before it is made, because afterwards is too late.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any

from jinja2 import runtime
from jinja2.exceptions import SecurityError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MOST_STEPS = 200_000
"""rounds of loops, calls and includes of one mail; a cart of a thousand lines needs a tenth of it"""
MOST_CHARACTERS = 4_000_000
"""of one mail; Gmail shows the first hundred thousand"""
LONGEST_TEXT = 1_000_000
LONGEST_LIST = 100_000
_LONGEST_NUMBER = 100_000
"""bits"""
_WIDTH = re.compile(r"\d{6,}")


class TooMuchWork(SecurityError):
    """One mail asks for more than any mail needs. ``hint`` says what to change."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class Work:
    """What the mail that is being rendered used so far."""

    __slots__ = ("_steps", "characters")

    def __init__(self) -> None:
        self._steps = 0
        self.characters = 0

    def step(self) -> None:
        """One round of a loop, one call, one include."""
        self._steps += 1
        if self._steps > MOST_STEPS:
            message = f"the template does not come to an end: more than {MOST_STEPS:,} rounds and calls for one mail"
            raise TooMuchWork(message, "Look for a loop in a loop, or for a macro or an include that repeats itself.")

    def write(self, characters: int) -> None:
        """Text that a template, a macro or a block printed."""
        self.characters += characters
        if self.characters > MOST_CHARACTERS:
            raise self.too_long()

    def too_long(self) -> TooMuchWork:
        message = f"the mail grows past {MOST_CHARACTERS:,} characters"
        return TooMuchWork(message, "Look for a loop that prints too much; show the first few with [:20].")


_ACTIVE: ContextVar[Work | None] = ContextVar("work", default=None)


@contextmanager
def counted_work() -> Iterator[Work]:
    """Count what is rendered inside as one mail."""
    token = _ACTIVE.set(work := Work())
    try:
        yield work
    finally:
        _ACTIVE.reset(token)


def step() -> None:
    """Count one step of the mail that is being rendered, if one is."""
    work = _ACTIVE.get()
    if work is not None:
        work.step()


def write(text: str) -> None:
    """Count text of the mail that is being rendered, if one is."""
    work = _ACTIVE.get()
    if work is not None:
        work.write(len(text))


def rounds(elements: Iterable[Any]) -> Iterator[Any]:
    """The elements of a loop, counted."""
    work = _ACTIVE.get()
    if work is None:
        yield from elements
        return
    for element in elements:
        work.step()
        yield element


def end(chunks: Iterator[Any], work: Work, site: object) -> None:
    """Stop a template that prints too much: at the value printed last (``site``), or at the line reached."""
    error = work.too_long()
    if site is not None:
        error.printed_at = site  # type: ignore[attr-defined]  # read by faults.located
        raise error
    chunks.throw(error)  # type: ignore[attr-defined]  # compiled templates are generators


def markup_join(parts: Iterable[Any]) -> str:
    """``a ~ b`` in a template that is markup."""
    return runtime.markup_join(_bounded(parts))


def str_join(parts: Iterable[Any]) -> str:
    """``a ~ b``."""
    return runtime.str_join(_bounded(parts))


def check_operation(operator: str, left: Any, right: Any) -> None:
    """Refuse ``+ * ** %`` whose result would be out of all proportion."""
    numbers = isinstance(left, int) and isinstance(right, int)
    if operator == "**" and isinstance(right, int | float):
        bits = left.bit_length() if isinstance(left, int) else 1
        _refuse(abs(right) * max(bits, 1) > _LONGEST_NUMBER, "the power is too large")
    elif operator == "*" and numbers:
        _refuse(left.bit_length() + right.bit_length() > _LONGEST_NUMBER, "the number is too large")
    elif operator == "*":
        for repeated, times in ((left, right), (right, left)):
            if isinstance(repeated, str | list | tuple) and isinstance(times, int):
                _refuse(len(repeated) * times > LONGEST_LIST, "the repetition is too long")
    elif operator == "+":
        if isinstance(left, str) and isinstance(right, str):
            _refuse(len(left) + len(right) > LONGEST_TEXT, "the text is too long")
        elif isinstance(left, list | tuple) and isinstance(right, list | tuple):
            _refuse(len(left) + len(right) > LONGEST_LIST, "the list is too long")
    elif operator == "%" and isinstance(left, str):
        check_text(left, (*right, 1) if isinstance(right, tuple) else (right,))


def check_call(called: Any, given: Iterable[Any]) -> None:
    """Refuse methods of texts (``ljust``, ``replace``, ``format`` …) whose result would be out of all proportion."""
    # the sandbox wraps str.format; what it wraps is kept
    owner = getattr(getattr(called, "__wrapped__", called), "__self__", None)
    if isinstance(owner, str):
        check_text(owner, given)


def check_text(text: str, given: Iterable[Any]) -> None:
    """Refuse what would make a text of ``text`` and the other values with more than LONGEST_TEXT characters."""
    largest = max((_extent(value) for value in given), default=1)
    _refuse((len(text) + 1) * largest > LONGEST_TEXT or bool(_WIDTH.search(text)), "the text is too long")


def bounded_filter(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter of Jinja2 that looks at what it is given before it makes a text or a list of it."""
    first = 1 if hasattr(function, "jinja_pass_arg") else 0

    @wraps(function)
    def bounded(*given: Any, **named: Any) -> Any:
        values = [*given[first:], *named.values()]
        if name == "join":
            parts = list(values[0]) if values else []
            separator = _extent(values[1]) if len(values) > 1 else 0
            # an attribute's values are looked at when they are joined; here the number counts
            size = sum(_extent(part) if isinstance(part, str) else 1 for part in parts) + len(parts) * separator
            _refuse(size > LONGEST_TEXT, "the text is too long")
            given = (*given[:first], parts, *given[first + 1 :])
        elif values and isinstance(values[0], str):
            check_text(values[0], values[1:])
        else:
            _refuse(any(_extent(value) > LONGEST_LIST for value in values[1:]), "the list is too long")
        return function(*given, **named)

    return bounded


BOUNDED_FILTERS = (
    "batch", "center", "format", "indent", "join", "replace", "round", "slice", "tojson", "truncate", "wordwrap",
)  # fmt: skip


def _bounded(parts: Iterable[Any]) -> list[Any]:
    found = list(parts)
    _refuse(sum(len(part) for part in found if isinstance(part, str)) > LONGEST_TEXT, "the text is too long")
    return found


def _extent(value: Any) -> int:
    """The length that a value may give to a text: a width, or its own."""
    if isinstance(value, int):
        return abs(value)
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return max((_extent(one) for one in value.values()), default=0)
    if isinstance(value, list | tuple):
        return sum(_extent(one) if isinstance(one, str) else 1 for one in value)
    return 1


def _refuse(condition: bool, message: str) -> None:
    if condition:
        raise TooMuchWork(message, "No mail needs it; look at the numbers in this line.")
