"""The nodes of a parsed template: a tree in, all that is below it out, listed once; or a copy, for who changes it.

Jinja2's own ``find_all`` walks a tree anew for each question, through one generator for each level. That took more time
than parsing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

from jinja2 import nodes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Kind = TypeVar("Kind", bound=nodes.Node)


class Listed:
    """All nodes below one, in the order of ``find_all``."""

    __slots__ = ("_by_kind", "every")

    def __init__(self, tree: nodes.Node) -> None:
        self.every: list[nodes.Node] = below(tree)
        self._by_kind: dict[type[nodes.Node], list[nodes.Node]] = {}
        for node in self.every:
            self._by_kind.setdefault(type(node), []).append(node)

    def of(self, kind: type[Kind]) -> Sequence[Kind]:
        """Those of exactly this kind."""
        return self._by_kind.get(kind, ())  # type: ignore[return-value]  # by type


_LISTED: WeakKeyDictionary[nodes.Template, Listed] = WeakKeyDictionary()


def listed(tree: nodes.Template) -> Listed:
    """What is in a template's tree, which nobody changes (``TemplateEnvironment.parse``)."""
    known = _LISTED.get(tree)
    if known is None:
        known = _LISTED[tree] = Listed(tree)
    return known


def children(node: nodes.Node) -> Iterable[nodes.Node]:
    """What stands directly in a node."""
    found: list[nodes.Node] = []
    for name in node.fields:
        item = getattr(node, name, None)
        if isinstance(item, nodes.Node):
            found.append(item)
        elif isinstance(item, list):
            found += [one for one in item if isinstance(one, nodes.Node)]
    return found


def below(node: nodes.Node) -> list[nodes.Node]:
    """All that stands in a node, in the order of ``find_all``."""
    found: list[nodes.Node] = []
    _collect(node, found)
    return found


def _collect(node: nodes.Node, found: list[nodes.Node]) -> None:
    for child in children(node):
        found.append(child)
        _collect(child, found)


def copied(node: Kind) -> Kind:
    """A node of its own, with all that is below it: the compiler folds constants in place."""
    copy = object.__new__(type(node))
    own = copy.__dict__
    own.update(node.__dict__)
    for name in node.fields:
        item = own.get(name)
        if isinstance(item, nodes.Node):
            own[name] = copied(item)
        elif isinstance(item, list):
            own[name] = [copied(one) if isinstance(one, nodes.Node) else one for one in item]
    return copy
