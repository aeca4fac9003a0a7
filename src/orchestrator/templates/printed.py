"""What a printed value is as text. Functions are none: a forgotten ``()`` must not become a mail."""

from __future__ import annotations

from inspect import isroutine
from typing import Any

from jinja2.runtime import Macro


class FunctionPrinted(TypeError):
    """``{{ contact.first_name.title }}`` instead of ``….title()``. ``hint`` says so."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is a function, so printing it shows no value")
        self.hint = f"Call it: {{{{ … {name}() }}}}. If a field of that name is meant, there is none."


def text_of(value: Any) -> str:
    """``str(value)``. Raises FunctionPrinted."""
    if isroutine(value) or isinstance(value, type | Macro):
        raise FunctionPrinted(str(getattr(value, "__name__", None) or getattr(value, "name", None) or "this"))
    return str(value)


def finalized(value: Any) -> Any:
    """What is printed of a value that is the same for every recipient: nothing for None."""
    if value is None:
        return ""
    return value if isinstance(value, str) or hasattr(value, "__html__") else text_of(value)
