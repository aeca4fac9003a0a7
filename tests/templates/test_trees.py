"""The nodes of a template, listed once, and copied for who changes them."""

from __future__ import annotations

from jinja2 import Environment, nodes

from orchestrator.templates.trees import below, copied, listed

SOURCE = "{% for a in b | sort %}{{ a.c + 1 }}{% if a is defined %}{{ f(a, k=2) }}{% endif %}{% endfor %}"


def test_all_nodes_are_listed_in_the_order_of_jinja() -> None:
    tree = Environment().parse(SOURCE)
    assert [id(node) for node in below(tree)] == [id(node) for node in tree.find_all(nodes.Node)]
    assert [id(node) for node in listed(tree).of(nodes.Name)] == [id(node) for node in tree.find_all(nodes.Name)]
    assert list(listed(tree).of(nodes.Include)) == []


def test_a_copy_is_equal_and_shares_no_node() -> None:
    tree = Environment().parse(SOURCE)
    copy = copied(tree)
    assert copy == tree
    assert [node.lineno for node in below(copy)] == [node.lineno for node in below(tree)]
    assert not {id(node) for node in (copy, *below(copy))} & {id(node) for node in (tree, *below(tree))}
