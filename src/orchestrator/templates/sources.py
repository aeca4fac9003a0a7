"""The text of templates and of everything that they include, extend or import."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from jinja2 import Environment, TemplateError as JinjaError, meta

if TYPE_CHECKING:
    from collections.abc import Iterable


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
            waiting += _named_by(environment, name, found[name])
        except JinjaError:
            continue
    return found


_NAMED: WeakKeyDictionary[Environment, dict[str, tuple[str, ...]]] = WeakKeyDictionary()
"""text -> the templates that it names: texts are asked for again and again, and parsing one takes milliseconds"""
_MOST_TEXTS = 1_000


def _named_by(environment: Environment, name: str, source: str) -> tuple[str, ...]:
    known = _NAMED.setdefault(environment, {})
    if source not in known:
        if len(known) >= _MOST_TEXTS:
            known.clear()
        tree = environment.parse(source, name)
        known[source] = tuple(other for other in meta.find_referenced_templates(tree) if other is not None)
    return known[source]
