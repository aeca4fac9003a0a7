"""Compile templates so that they yield printed values apart from template text (see ``pieces``).

An expression that only reads what is the same for every recipient of a run (``RUN_NAMES``) is template text.
Names of the product cannot be assigned in a template: that is what makes the distinction reliable, also through
includes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator
from jinja2.idtracking import VAR_LOAD_RESOLVE

from orchestrator.templates.trees import below

if TYPE_CHECKING:
    from jinja2.compiler import Frame

RUN_NAMES = frozenset({"vars", "campaign", "segment", "now"})
CONTACT_NAMES = frozenset({"contact", "account", "cart", "orders"})
ROUNDS = "rounds of a loop"
"""the filter through which each loop takes its elements; no template can write its name"""
_RUN_EXPRESSIONS = RUN_NAMES | {"days", "hours"}


class PieceGenerator(CodeGenerator):
    """Jinja2 3.1's code generator; only what surrounds an output differs. Afterwards it knows what a template reads."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.undeclared: set[str] = set()
        """names that are looked for in the context, as by ``jinja2.meta.find_undeclared_variables``"""

    def enter_frame(self, frame: Frame) -> None:
        super().enter_frame(frame)
        asked = {name for action, name in frame.symbols.loads.values() if action == VAR_LOAD_RESOLVE and name}
        self.undeclared |= asked - self.environment.globals.keys()

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802  # Jinja2's name
        self._refuse_taken_names(node)
        for loop in node.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, ROUNDS, [], [], None, None, lineno=loop.iter.lineno)
        super().visit_Template(node, frame)
        self.writeline(
            "from orchestrator.templates.pieces import"
            " as_markup as Markup, PieceMacro as Macro, PieceReference as TemplateReference, TagText",
            extra=1,
        )
        self.writeline("from orchestrator.templates.work import markup_join, str_join")

    def visit_Const(self, node: nodes.Const, frame: Frame) -> None:  # noqa: N802  # Jinja2's name
        if isinstance(node.value, str) and "*|" in node.value:
            self.write(f"TagText({node.value!r})")
        else:
            super().visit_Const(node, frame)

    def visit_FilterBlock(self, node: nodes.FilterBlock, frame: Frame) -> None:  # noqa: N802  # Jinja2's name
        filtered = frame.inner()
        filtered.symbols.analyze_node(node)
        self.enter_frame(filtered)
        self.buffer(filtered)
        self.blockvisit(node.body, filtered)
        self.start_write(frame, node)
        self.write("(")
        self.visit_Filter(node.filter, filtered)
        self.write(f", {self._site(node, frame)})")
        self.end_write(frame)
        self.leave_frame(filtered)

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if _same_for_all(node):
            self.write("str(")
            super()._output_child_pre(node, frame, finalize)
        else:
            self.write("(")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if _same_for_all(node):
            super()._output_child_post(node, frame, finalize)
            self.write(")")
        else:
            self.write(f", {self._site(node, frame)})")

    def _site(self, node: nodes.Node, frame: Frame) -> str:
        escaped = "context.eval_ctx.autoescape" if frame.eval_ctx.volatile else repr(frame.eval_ctx.autoescape)
        return f"({self.name!r}, {node.lineno}, {escaped})"

    def _refuse_taken_names(self, tree: nodes.Template) -> None:
        taken = RUN_NAMES | CONTACT_NAMES
        for node in below(tree):
            for name in sorted(_given(node) & taken):
                self._refuse(name, node.lineno)

    def _refuse(self, name: str, line: int) -> None:
        self.fail(f'"{name}" is a name of the product and cannot be given another meaning; choose another', line)


def _given(node: nodes.Node) -> set[str]:
    """The names to which a node gives a meaning."""
    match node:
        case nodes.Name():
            return {node.name} if node.ctx != "load" else set()
        case nodes.Macro():
            return {node.name}
        case nodes.Import():
            return {node.target}
        case nodes.FromImport():
            return {entry[1] if isinstance(entry, tuple) else entry for entry in node.names}
        case _:
            return set()


def _same_for_all(node: nodes.Expr) -> bool:
    return all(one.name in _RUN_EXPRESSIONS for one in (node, *below(node)) if isinstance(one, nodes.Name))
