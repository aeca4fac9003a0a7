"""The text of templates and of everything that they include, extend or import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import TemplateError as JinjaError, meta

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jinja2 import Environment


def source_of(environment: Environment, name: str) -> str:
    """The text of one template, "" where there is none."""
    assert environment.loader is not None
    try:
        return environment.loader.get_source(environment, name)[0]
    except JinjaError:
        return ""


def all_sources(environment: Environment, roots: Iterable[str]) -> dict[str, str]:
    """Name to text of ``roots`` and all that they name; what does not exist or does not parse leads no further."""
    assert environment.loader is not None
    found: dict[str, str] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            found[name] = environment.loader.get_source(environment, name)[0]
            tree = environment.parse(found[name], name)
        except JinjaError:
            continue
        waiting += [other for other in meta.find_referenced_templates(tree) if other is not None]
    return found
