"""The text of templates and of everything that they include, extend or import."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from jinja2 import Environment, TemplateError as JinjaError, meta, nodes

from orchestrator.templates.trees import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


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
            named = _named_by(environment, name, found[name])
        except JinjaError:
            continue
        waiting += named.names
        for first, last in named.chosen:
            there = environment.loader.list_templates()
            waiting += [one for one in there if one.startswith(first) and one.endswith(last)]
    return found


def included(include: nodes.Include) -> list[nodes.Expr]:
    """The files that an include names, in the order in which they are tried."""
    template = include.template
    return template.items if isinstance(template, nodes.List | nodes.Tuple) else [template]


def is_chosen(node: nodes.Expr) -> bool:
    """Whether the name of an included file depends on the reader: ``"blocks/intro." ~ account.industry ~ ".mjml"``."""
    return isinstance(node, nodes.Concat | nodes.Add)


class _Named(NamedTuple):
    """What a text includes, extends or imports."""

    names: tuple[str, ...]
    chosen: tuple[tuple[str, str], ...]
    """beginning and end of names that depend on the reader"""


_NAMED: WeakKeyDictionary[Environment, dict[str, _Named]] = WeakKeyDictionary()
"""text -> the templates that it names: texts are asked for again and again, and parsing one takes milliseconds"""
_MOST_TEXTS = 1_000


def _named_by(environment: Environment, name: str, source: str) -> _Named:
    known = _NAMED.setdefault(environment, {})
    if source not in known:
        if len(known) >= _MOST_TEXTS:
            known.clear()
        tree = environment.parse(source, name)
        names = tuple(other for other in meta.find_referenced_templates(tree) if other is not None)
        known[source] = _Named(names, tuple(_chosen(tree)))
    return known[source]


def _chosen(tree: nodes.Template) -> Iterator[tuple[str, str]]:
    for include in listed(tree).of(nodes.Include):
        for node in filter(is_chosen, included(include)):
            parts = node.nodes if isinstance(node, nodes.Concat) else [*_added(node)]
            first, last = (str(part.value) if isinstance(part, nodes.Const) else "" for part in (parts[0], parts[-1]))
            if first:
                yield first, last


def _added(node: nodes.Expr) -> Iterator[nodes.Expr]:
    if isinstance(node, nodes.Add):
        yield from _added(node.left)
        yield from _added(node.right)
    else:
        yield node
