"""List what the expressions of a module refer to."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lark import Token

from config.infrastructure.evaluation import closing_brace, traversal
from config.infrastructure.syntax import (
    Block,
    Expression,
    Node,
    Place,
    inner,
    parse_expression,
    word,
)

# Their words are no expressions: types, names of providers, names of arguments.
_NO_EXPRESSIONS = frozenset({"type", "provider", "providers", "ignore_changes", "iterator"})
_CHAINS = frozenset(
    {"get_attr_expr_term", "index_expr_term", "attr_splat_expr_term", "full_splat_expr_term"}
)


@dataclass(frozen=True, slots=True)
class Reference:
    """`aws_vpc.this.id` as (`aws_vpc`, `this`, `id`), without what is in brackets."""

    names: tuple[str, ...]
    place: Place

    def __str__(self) -> str:
        return ".".join(self.names)


def references_of(block: Block) -> Iterator[Reference]:
    """Yield what a top-level block refers to; names that it binds itself are left out."""
    if block.kind == "terraform":
        return
    bound = {"path", "terraform"}
    bound |= {"each"} if "for_each" in block.attributes else set()
    bound |= {"count"} if "count" in block.attributes else set()
    yield from _in_block(block, frozenset(bound))


def _in_block(block: Block, bound: frozenset[str]) -> Iterator[Reference]:
    for name, expression in block.attributes.items():
        if name not in _NO_EXPRESSIONS:
            yield from in_expression(expression, bound)
    inside = bound
    if block.kind == "dynamic":
        iterator = block.attributes.get("iterator")
        inside |= {word(inner(iterator.node)[0]) if iterator else block.labels[0]}
    if block.kind in {"provisioner", "connection", "postcondition"}:
        inside |= {"self"}
    for child in block.blocks:
        yield from _in_block(child, inside)


def in_expression(
    expression: Expression, bound: frozenset[str] = frozenset()
) -> Iterator[Reference]:
    """Yield what an expression refers to but for `bound` names."""
    yield from _walk(expression.node, expression.place, bound)


def _walk(node: Node, place: Place, bound: frozenset[str]) -> Iterator[Reference]:
    if node.data in {"for_tuple_expr", "for_object_expr"}:
        yield from _in_loop(node, place, bound)
    elif node.data in {"heredoc_template", "heredoc_template_trim"}:
        yield from _in_template(word(node), place, bound)
    elif node.data in _CHAINS:
        yield from _chain(node, place, bound)
    elif node.data == "identifier":
        if word(node) not in bound:
            yield Reference((word(node),), place)
    elif node.data == "object_elem":
        key, value = inner(node)
        if not _is_bare(key):
            yield from _walk(key, place, bound)
        yield from _walk(value, place, bound)
    else:
        # Of a call, the name of the function.
        children = inner(node)[1:] if node.data == "function_call" else inner(node)
        for child in children:
            yield from _walk(child, place, bound)


def _is_bare(key: Node) -> bool:
    (child,) = inner(key)
    return child.data == "keyword" or (
        child.data == "expr_term"
        and len(child.children) == 1
        and inner(child)[0].data == "identifier"
    )


def _in_loop(node: Node, place: Place, bound: frozenset[str]) -> Iterator[Reference]:
    intro, *rest = inner(node)
    *names, source = inner(intro)
    yield from _walk(source, place, bound)
    for child in rest:
        yield from _walk(child, place, bound | {word(name) for name in names})


def _in_template(text: str, place: Place, bound: frozenset[str]) -> Iterator[Reference]:
    for match in re.finditer(r"(?<!\$)\$\{", text):
        inside = text[match.end() : closing_brace(text, match.end())]
        yield from in_expression(parse_expression(inside.strip("~"), place), bound)


def _chain(node: Node, place: Place, bound: frozenset[str]) -> Iterator[Reference]:
    root, steps = traversal(node)
    names = []
    for kind, value in steps:
        if kind == "attribute":
            names.append(str(value))
        elif kind == "splat":
            names += [str(name) for inside, name in value if inside == "attribute"]
        elif not isinstance(value, str | Token):
            yield from _walk(value, place, bound)
    if root.data != "identifier":
        yield from _walk(root, place, bound)
    elif word(root) not in bound:
        yield Reference((word(root), *names), place)
