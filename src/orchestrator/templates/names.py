"""The names that a template uses and that do not exist, found without rendering it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from jinja2 import TemplateSyntaxError, meta, nodes

from orchestrator.templates.codegen import CONTACT_NAMES, RUN_NAMES
from orchestrator.templates.environment import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Set as AbstractSet

    from jinja2 import Environment

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


def unknown_uses(
    environment: Environment, sources: Mapping[str, str], known: Mapping[str, AbstractSet[str]]
) -> list[UnknownUse]:
    """Uses of unknown names in ``sources`` (name to text, see ``sources.all_sources``).

    ``known``: for each root its names, ``{"contact": {"first_name", …}, "cart": {"lines", …}, "cart.lines": {"name",
    …}, "orders": {"total", …}}``; lists have the names of their elements. A root that is absent is not looked into.
    """
    trees: dict[str, nodes.Template] = {}
    for name, source in sources.items():
        try:
            trees[name] = environment.parse(source, name)
        except TemplateSyntaxError:
            continue
    made = {name for tree in trees.values() for name in _made_names(tree)}
    found: list[UnknownUse] = []
    for file, tree in trees.items():
        found += _unknown_roots(environment, file, tree, made | known.keys())
        found += _unknown_attributes(file, tree, known)
    return sorted(set(found))


def _made_names(tree: nodes.Template) -> set[str]:
    """What a template assigns, imports, defines or takes as a parameter."""
    made = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
    made |= {macro.name for macro in tree.find_all(nodes.Macro)}
    made |= {imported.target for imported in tree.find_all(nodes.Import)}
    for source in tree.find_all(nodes.FromImport):
        made |= {entry[1] if isinstance(entry, tuple) else entry for entry in source.names}
    return made


def _unknown_roots(
    environment: Environment, file: str, tree: nodes.Template, made: AbstractSet[str]
) -> list[UnknownUse]:
    there = RUN_NAMES | CONTACT_NAMES | _OWN_NAMES | made | environment.globals.keys()
    try:
        unknown = meta.find_undeclared_variables(tree) - there
    except TemplateSyntaxError:  # an unknown filter; it is reported as such
        return []
    optional = _optional(tree)
    return [
        UnknownUse(file, name.lineno, name.name, nearest(name.name, RUN_NAMES | CONTACT_NAMES | made))
        for name in tree.find_all(nodes.Name)
        if name.ctx == "load" and name.name in unknown and id(name) not in optional
    ]


def _unknown_attributes(file: str, tree: nodes.Template, known: Mapping[str, AbstractSet[str]]) -> list[UnknownUse]:
    aliases = _aliases(tree, known)
    optional = _optional(tree)
    found = []
    uses: list[nodes.Getattr | nodes.Getitem] = [*tree.find_all(nodes.Getattr), *tree.find_all(nodes.Getitem)]
    for node in uses:
        name = _attribute(node)
        path = _path(node.node, aliases)
        names = known.get(path or "")
        if name is None or names is None or name in names or name in _METHODS or id(node) in optional:
            continue
        owner = _written(node.node) or str(path)
        close = nearest(name, names)
        found.append(UnknownUse(file, node.lineno, f"{owner}.{name}", f"{owner}.{close}" if close else ""))
    return found


def _aliases(tree: nodes.Template, known: Mapping[str, AbstractSet[str]]) -> dict[str, str]:
    """Loop variables and assigned names that stand for something known: ``line`` for ``cart.lines``."""
    aliases: dict[str, str] = {}
    ambiguous = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "param"}
    pairs = [(loop.target, loop.iter) for loop in tree.find_all(nodes.For)]
    pairs += [(assigned.target, assigned.node) for assigned in tree.find_all(nodes.Assign)]
    for target, value in pairs:
        if not isinstance(target, nodes.Name):
            continue
        path = _path(value, aliases)
        if path is None or path not in known or aliases.get(target.name, path) != path:
            ambiguous.add(target.name)
        else:
            aliases[target.name] = path
    return {name: path for name, path in aliases.items() if name not in ambiguous}


def _optional(tree: nodes.Template) -> set[int]:
    """Nodes that may be undefined: tested by ``is defined`` or given a ``default``."""
    asked = [test.node for test in tree.find_all(nodes.Test) if test.name in {"defined", "undefined"}]
    asked += [one.node for one in tree.find_all(nodes.Filter) if one.name in {"default", "d"} and one.node]
    return {id(node) for node in asked}


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
