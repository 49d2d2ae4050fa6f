"""Read the blocks of Terraform's files, with the place of each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TypeAlias

import hcl2
from lark import Token, Tree

Node: TypeAlias = Tree[Token]
RESOURCES = ("resource", "data", "ephemeral")


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Expression:
    """What stands to the right of an `=`."""

    node: Node
    place: Place

    @property
    def line(self) -> int:
        """Return the line it begins in."""
        return self.place.line


@dataclass(frozen=True)
class Block:
    """A block of any kind: its type, its labels and what is between its braces."""

    kind: str
    labels: tuple[str, ...]
    place: Place
    attributes: dict[str, Expression] = field(default_factory=dict)
    blocks: list["Block"] = field(default_factory=list)

    def children(self, kind: str) -> list["Block"]:
        """Return the nested blocks of a type."""
        return [block for block in self.blocks if block.kind == kind]

    def walk(self) -> Iterator["Block"]:
        """Yield this block and all within it."""
        yield self
        for block in self.blocks:
            yield from block.walk()

    def expressions(self) -> Iterator[Expression]:
        """Yield every expression in this block and in those within it."""
        for block in self.walk():
            yield from block.attributes.values()


class Module:
    """The files of one folder."""

    def __init__(self, folder: Path, blocks: Sequence[Block]) -> None:
        self.folder = folder
        self.blocks = list(blocks)

    def of_kind(self, kind: str) -> list[Block]:
        """Return the top-level blocks of a kind, say `resource`."""
        return [block for block in self.blocks if block.kind == kind]

    @cached_property
    def variables(self) -> dict[str, Block]:
        """Return the variables by name."""
        return {block.labels[0]: block for block in self.of_kind("variable")}

    @cached_property
    def outputs(self) -> dict[str, Block]:
        """Return the outputs by name."""
        return {block.labels[0]: block for block in self.of_kind("output")}

    @cached_property
    def calls(self) -> dict[str, Block]:
        """Return the calls of other modules by name."""
        return {block.labels[0]: block for block in self.of_kind("module")}

    @cached_property
    def locals(self) -> dict[str, Expression]:
        """Return the local values by name."""
        return {
            name: expression
            for block in self.of_kind("locals")
            for name, expression in block.attributes.items()
        }

    @cached_property
    def resources(self) -> dict[tuple[str, str, str], Block]:
        """Return resources by (`resource`, `data` or `ephemeral`, type, name)."""
        return {
            (block.kind, block.labels[0], block.labels[1]): block
            for block in self.blocks
            if block.kind in RESOURCES
        }

    def expressions(self) -> Iterator[Expression]:
        """Yield every expression of the module."""
        for block in self.blocks:
            yield from block.expressions()


def inner(node: Node) -> list[Node]:
    """Return the children of a node that are nodes and mean something."""
    return [
        child
        for child in node.children
        if isinstance(child, Tree) and child.data != "new_line_or_comment"
    ]


def word(node: Node) -> str:
    """Return the text of a node that is one token."""
    return str(node.children[0])


def parse_expression(text: str, place: Place) -> Expression:
    """Read an expression that stands in a template."""
    tree = hcl2.parses_to_tree(f"value = ({text}\n)")
    return Expression(inner(inner(tree)[0])[0].children[-1], place)  # type: ignore[arg-type]


def read_module(folder: Path) -> Module:
    """Read the files of a folder, in the order of their names.

    Raises:
        lark.exceptions.LarkError: a file is no HCL.
    """
    files = [(path, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.tf"))]
    return Module(folder, [block for path, text in files for block in _read_file(path, text)])


@cache
def _read_file(path: Path, text: str) -> tuple[Block, ...]:
    body = inner(hcl2.parses_to_tree(text))[0]
    return tuple(_block(node, path) for node in inner(body) if node.data == "block")


def _block(node: Node, path: Path) -> Block:
    *head, body = inner(node)
    words = [_label(child) for child in head]
    attributes, blocks = {}, []
    for child in inner(body):
        if child.data == "block":
            blocks.append(_block(child, path))
        else:
            name, *_, value = child.children
            attributes[_label(name)] = Expression(
                value,  # type: ignore[arg-type]
                Place(path, child.meta.line),
            )
    return Block(words[0], tuple(words[1:]), Place(path, node.meta.line), attributes, blocks)


def _label(node: "Node | Token") -> str:
    if isinstance(node, Token):
        return str(node)
    if node.data == "string":
        return "".join(word(part) for part in inner(node))
    return word(node)
