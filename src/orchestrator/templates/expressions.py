"""What can be told of a template's expressions without a reader: faults of constants, and values it asks about."""

from __future__ import annotations

import inspect
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from jinja2 import Template, TemplateSyntaxError, nodes

from orchestrator.templates.remedies import remedy
from orchestrator.templates.sources import included, is_chosen
from orchestrator.templates.trees import children, copied, listed
from orchestrator.templates.work import counted_work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from jinja2 import Environment

_MOST_VALUES = 8
_ROOTS = {"contact", "account"}
_EXPRESSIONS = (nodes.BinExpr, nodes.UnaryExpr, nodes.Compare, nodes.Filter, nodes.Test, nodes.Concat, nodes.Getattr)


class ExpressionFault(NamedTuple):
    """An expression that fails whoever reads the mail."""

    file: str
    line: int
    message: str
    hint: str


def constant_faults(environment: Environment, sources: Mapping[str, str]) -> list[ExpressionFault]:
    """Expressions without names that fail (``1/0``), and filters given what they do not take, also in dead branches."""
    found: set[ExpressionFault] = set()
    for file, tree in _trees(environment, sources):
        if tree not in _FAULTS:  # a layout is part of every template
            _FAULTS[tree] = tuple(_faults_of(environment, file, tree))
        found.update(_FAULTS[tree])
    return sorted(found)


_FAULTS: WeakKeyDictionary[nodes.Template, tuple[ExpressionFault, ...]] = WeakKeyDictionary()


def _faults_of(environment: Environment, file: str, tree: nodes.Template) -> Iterator[ExpressionFault]:
    for node in _outermost_constants(tree)[0]:
        error = _evaluation_error(environment, node)
        if error is not None:
            yield ExpressionFault(file, node.lineno, *remedy(error))
    for written in listed(tree).of(nodes.Filter):
        refused = _argument_error(environment.filters.get(written.name), written)
        if refused is not None:
            yield ExpressionFault(file, written.lineno, *remedy(TypeError(f"{written.name}() {refused}")))


def choices_without_default(environment: Environment, sources: Mapping[str, str]) -> list[ExpressionFault]:
    """Includes whose file depends on the reader, with nothing for a reader who has none."""
    found: list[ExpressionFault] = []
    for file, tree in _trees(environment, sources):
        for include in listed(tree).of(nodes.Include):
            named = included(include)
            if named and is_chosen(named[-1]) and not include.ignore_missing:
                message = "the included file depends on the reader, and there is none for all others"
                hint = 'Name one behind it: {% include ["blocks/x." ~ account.industry ~ ".mjml", "blocks/x.mjml"] %}.'
                found.append(ExpressionFault(file, include.lineno, message, hint))
    return found


class Asked(NamedTuple):
    """What templates ask of ``contact.NAME`` and ``account.NAME``."""

    values: Mapping[str, list[Any]]
    """values that it is compared with, or by which something is looked up"""
    looked_up: frozenset[str]
    """names by whose value something is looked up, as in ``stories[account.industry]``: others may not be there"""


def values_asked(environment: Environment, sources: Mapping[str, str]) -> Asked:
    """What the templates ask of their readers."""
    asked: dict[str, dict[Any, None]] = defaultdict(dict)
    looked_up: set[str] = set()
    trees = [tree for _, tree in _trees(environment, sources)]
    tables = _tables(trees)
    for tree in trees:
        for item in listed(tree).of(nodes.Getitem):
            for path in _paths(item.arg):
                looked_up.add(path)
                asked[path].update(dict.fromkeys(_keys(item.node, tables)))
        for node in listed(tree).of(nodes.Compare):
            sides = [(node.expr, "in"), *((operand.expr, operand.op) for operand in node.ops)]
            constants = [value for side, operator in sides for value in _constants(side, operator)]
            constants += [key for side, _ in sides for key in _keys(side, tables)]
            for path in (path for side, _ in sides for path in _paths(side)):
                asked[path].update(dict.fromkeys(constants))
    values = {path: list(found)[:_MOST_VALUES] for path, found in sorted(asked.items()) if found}
    return Asked(values, frozenset(looked_up))


def _trees(environment: Environment, sources: Mapping[str, str]) -> Iterator[tuple[str, nodes.Template]]:
    for file, source in sources.items():
        try:
            yield file, environment.parse(source, file)
        except (TemplateSyntaxError, RecursionError):
            continue


def _outermost_constants(node: nodes.Node) -> tuple[list[nodes.Expr], bool]:
    """The largest expressions below a node that read no name and call nothing; and whether anything below it does."""
    found: list[nodes.Expr] = []
    reads = False
    for child in children(node):
        inner, reads_below = _outermost_constants(child)
        # {% filter %} blocks have nothing before the bar
        is_whole = getattr(child, "node", child) is not None
        if is_whole and isinstance(child, _EXPRESSIONS) and not reads_below:
            found.append(child)
        else:
            found += inner
        reads = reads or reads_below or isinstance(child, nodes.Name | nodes.Call)
    return found, reads


def _evaluation_error(environment: Environment, node: nodes.Expr) -> Exception | None:
    tree = nodes.Template([nodes.Output([copied(node)], lineno=node.lineno)], lineno=1)
    tree.set_environment(environment)
    try:
        template = Template.from_code(environment, environment.compile(tree), {})
        with counted_work():
            for chunk in template.root_render_func(template.new_context()):
                printed: Any = chunk  # compiled templates yield pairs of value and place
                str(printed[0] if isinstance(printed, tuple) else printed)
    except TemplateSyntaxError:  # an unknown filter; it is reported as such
        return None
    except Exception as error:  # noqa: BLE001  # whatever an expression raises is its fault
        return error
    return None


def _argument_error(function: Callable[..., Any] | None, node: nodes.Filter) -> str | None:
    if function is None or node.dyn_args is not None or node.dyn_kwargs is not None:
        return None
    first = 1 if hasattr(function, "jinja_pass_arg") else 0
    try:
        inspect.signature(function).bind(
            *[None] * (first + 1 + len(node.args)), **{str(one.key): None for one in node.kwargs}
        )
    except TypeError as error:
        text = str(error)
        return text if text.startswith(("got ", "missing ")) else f"got {text}"
    except ValueError:  # no signature
        return None
    return None


def _tables(trees: Iterable[nodes.Template]) -> dict[str, list[str]]:
    """The keys of ``{% set NAME = {…} %}``; where several files set it, those that all of them have come first."""
    found: dict[str, list[list[str]]] = defaultdict(list)
    for tree in trees:
        for assigned in listed(tree).of(nodes.Assign):
            if isinstance(assigned.target, nodes.Name) and isinstance(assigned.node, nodes.Dict):
                found[assigned.target.name].append(_texts(pair.key for pair in assigned.node.items))
    return {name: _commonest_first(tables) for name, tables in found.items()}


def _commonest_first(tables: list[list[str]]) -> list[str]:
    counts = Counter(key for keys in tables for key in set(keys))
    return sorted(counts, key=lambda key: (-counts[key], key))


def _keys(node: nodes.Node, tables: Mapping[str, list[str]]) -> list[str]:
    if isinstance(node, nodes.Dict):
        return _texts(pair.key for pair in node.items)
    return tables.get(node.name, []) if isinstance(node, nodes.Name) else []


def _paths(node: nodes.Node) -> list[str]:
    """``account.industry`` where it is the whole of an expression, or filtered, or has a substitute."""
    found = node if isinstance(node, nodes.Getattr) else node.find(nodes.Getattr)
    if found is not None and isinstance(found.node, nodes.Name) and found.node.name in _ROOTS:
        return [f"{found.node.name}.{found.attr}"]
    return []


def _constants(node: nodes.Node, operator: str) -> list[Any]:
    """What a side of a comparison may be equal to; beside a boundary the values on both sides of it."""
    if isinstance(node, nodes.Const):
        if isinstance(node.value, bool) or node.value is None:
            return []
        if isinstance(node.value, int | float) and operator in {"lt", "lteq", "gt", "gteq"}:
            return [node.value - 1, node.value, node.value + 1]
        return [node.value]
    if isinstance(node, nodes.List | nodes.Tuple):
        return [item.value for item in node.items if isinstance(item, nodes.Const)]
    return []


def _texts(keys: Iterable[nodes.Node]) -> list[str]:
    return [key.value for key in keys if isinstance(key, nodes.Const) and isinstance(key.value, str)]
