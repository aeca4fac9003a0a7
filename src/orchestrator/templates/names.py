"""The names that a template uses and that do not exist, found without rendering it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import TemplateSyntaxError, nodes

from orchestrator.templates.codegen import CONTACT_NAMES, RUN_NAMES
from orchestrator.templates.environment import nearest
from orchestrator.templates.trees import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Set as AbstractSet

    from orchestrator.templates.environment import TemplateEnvironment

# filters that hand on a list, or its elements, with the same names
_SAME_ELEMENTS = {"batch", "default", "d", "first", "last", "list", "reject", "rejectattr", "reverse", "select"}
_SAME_ELEMENTS |= {"selectattr", "slice", "sort", "unique", "max", "min"}
_METHODS = {"items", "keys", "values", "get"}
_OWN_NAMES = {"loop", "self", "super", "caller", "varargs", "kwargs"}


class UnknownUse(NamedTuple):
    """One use of a name that does not exist."""

    file: str
    line: int
    word: str
    """as written, such as ``contact.frist_name``"""
    suggestion: str
    """the nearest that exists, as it would be written, or "" """


@dataclass(frozen=True, slots=True)
class _Text:
    """What one text says of names, whatever is known: read once, asked by every campaign that uses it."""

    made: frozenset[str]
    """what it assigns, imports, defines or takes as a parameter"""
    undeclared: AbstractSet[str]
    """what it reads and does not make"""
    names: tuple[nodes.Name, ...]
    """every place where a name is read"""
    attributes: tuple[nodes.Getattr | nodes.Getitem, ...]
    parameters: frozenset[str]
    targets: tuple[tuple[nodes.Node, nodes.Node], ...]
    """what loops and assignments name, and what for"""
    optional: frozenset[int]
    """nodes that may be undefined: tested by ``is defined`` or given a ``default``"""


class NameReader:
    """Finds names that do not exist. One reader per environment; each text is read once."""

    def __init__(self, environment: TemplateEnvironment) -> None:
        self._environment = environment
        self._texts: dict[tuple[str, str], _Text | None] = {}

    def unknown_uses(self, sources: Mapping[str, str], known: Mapping[str, AbstractSet[str]]) -> list[UnknownUse]:
        """Uses of unknown names in ``sources`` (name to text, see ``sources.all_sources``).

        ``known``: for each root its names, ``{"contact": {"first_name", …}, "cart": {"lines", …}, "cart.lines":
        {"name", …}, "orders": {"total", …}}``; lists have the names of their elements. A root that is absent is not
        looked into.
        """
        texts = {file: text for file, source in sources.items() if (text := self._text(file, source)) is not None}
        made = known.keys() | frozenset().union(*(text.made for text in texts.values()))
        found: list[UnknownUse] = []
        for file, text in texts.items():
            found += self._unknown_roots(file, text, made)
            found += _unknown_attributes(file, text, known)
        return sorted(set(found))

    def _text(self, file: str, source: str) -> _Text | None:
        """None: it does not parse, which is a problem of its own."""
        if (file, source) not in self._texts:
            try:
                self._texts[(file, source)] = _text(self._environment, file, source)
            except TemplateSyntaxError:
                self._texts[(file, source)] = None
        return self._texts[(file, source)]

    def _unknown_roots(self, file: str, text: _Text, made: AbstractSet[str]) -> list[UnknownUse]:
        unknown = text.undeclared - (RUN_NAMES | CONTACT_NAMES | _OWN_NAMES | made | self._environment.globals.keys())
        return [
            UnknownUse(file, name.lineno, name.name, nearest(name.name, RUN_NAMES | CONTACT_NAMES | made))
            for name in text.names
            if name.name in unknown and id(name) not in text.optional
        ]


def _text(environment: TemplateEnvironment, file: str, source: str) -> _Text:
    """Raises TemplateSyntaxError."""
    every = listed(environment.parse(source, file))
    names = every.of(nodes.Name)
    made = {name.name for name in names if name.ctx != "load"}
    made |= {macro.name for macro in every.of(nodes.Macro)}
    made |= {imported.target for imported in every.of(nodes.Import)}
    for imports in every.of(nodes.FromImport):
        made |= {entry[1] if isinstance(entry, tuple) else entry for entry in imports.names}
    asked = [test.node for test in every.of(nodes.Test) if test.name in {"defined", "undefined"}]
    asked += [one.node for one in every.of(nodes.Filter) if one.name in {"default", "d"} and one.node]
    targets = [(loop.target, loop.iter) for loop in every.of(nodes.For)]
    targets += [(assigned.target, assigned.node) for assigned in every.of(nodes.Assign)]
    try:
        undeclared = environment.undeclared(source, file)
    except TemplateSyntaxError:  # an unknown filter; it is reported as such
        undeclared = set[str]()
    return _Text(
        made=frozenset(made),
        undeclared=undeclared,
        names=tuple(name for name in names if name.ctx == "load"),
        attributes=(*every.of(nodes.Getattr), *every.of(nodes.Getitem)),
        parameters=frozenset(name.name for name in names if name.ctx == "param"),
        targets=tuple(targets),
        optional=frozenset(id(node) for node in asked),
    )


def _unknown_attributes(file: str, text: _Text, known: Mapping[str, AbstractSet[str]]) -> list[UnknownUse]:
    aliases = _aliases(text, known)
    found = []
    for node in text.attributes:
        name = _attribute(node)
        path = _path(node.node, aliases)
        names = known.get(path or "")
        if name is None or names is None or name in names or name in _METHODS or id(node) in text.optional:
            continue
        owner = _written(node.node) or str(path)
        close = nearest(name, names)
        found.append(UnknownUse(file, node.lineno, f"{owner}.{name}", f"{owner}.{close}" if close else ""))
    return found


def _aliases(text: _Text, known: Mapping[str, AbstractSet[str]]) -> dict[str, str]:
    """Loop variables and assigned names that stand for something known: ``line`` for ``cart.lines``."""
    aliases: dict[str, str] = {}
    ambiguous = set(text.parameters)
    for target, value in text.targets:
        if not isinstance(target, nodes.Name):
            continue
        path = _path(value, aliases)
        if path is None or path not in known or aliases.get(target.name, path) != path:
            ambiguous.add(target.name)
        else:
            aliases[target.name] = path
    return {name: path for name, path in aliases.items() if name not in ambiguous}


def _path(node: nodes.Node | None, aliases: Mapping[str, str]) -> str | None:
    match node:
        case nodes.Name():
            return aliases.get(node.name, node.name)
        case nodes.Getattr() | nodes.Getitem():
            path, name = _path(node.node, aliases), _attribute(node)
            return path if path is None or name is None else f"{path}.{name}"
        case nodes.Filter() if node.name in _SAME_ELEMENTS:
            return _path(node.node, aliases)
        case _:
            return None


def _attribute(node: nodes.Getattr | nodes.Getitem) -> str | None:
    """The name after the dot or in brackets; None for an index or a slice."""
    if isinstance(node, nodes.Getattr):
        return node.attr
    return node.arg.value if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str) else None


def _written(node: nodes.Node) -> str:
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        owner = _written(node.node)
        return f"{owner}.{node.attr}" if owner else ""
    return ""
