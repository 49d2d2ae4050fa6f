"""Batches: what nodes of several pictures have in common.

A batch of one goes with any other, as often as that has pictures; all others must be as many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from gpu_tasks.engine.errors import GenerationCancelled
from gpu_tasks.nodes.declaring import Input, Node, NodeContext, Output, Values
from gpu_tasks.nodes.problems import Code, Problem
from gpu_tasks.nodes.values import Outline, ValueType

if TYPE_CHECKING:
    from PIL.Image import Image

    Batch = tuple[Image, ...]

_Item = TypeVar("_Item")

PICTURE = Input("picture", "Picture", ValueType.PICTURE)
PICTURE_OUT = Output("picture", "Picture", ValueType.PICTURE)
MASK = Input("mask", "Mask", ValueType.MASK)
MASK_OUT = Output("mask", "Mask", ValueType.MASK)


def pair(first: Sequence[_Item], second: Sequence[_Item]) -> Iterator[tuple[_Item, _Item]]:
    """Yield what belongs together of two batches; one of a single thing is repeated."""
    count = max(len(first), len(second))
    yield from zip(
        *(items if len(items) == count else [items[0]] * count for items in (first, second)),
        strict=True,
    )


def one_by_one(items: Iterable[_Item], context: NodeContext) -> Iterator[_Item]:
    """Yield items as long as the run is to go on.

    Raises:
        GenerationCancelled: it is not.
    """
    for item in items:
        if context.is_cancelled():
            raise GenerationCancelled(images=(), seeds=(), compute_seconds=0.0)
        yield item


def count_problems(first: Outline, second: Outline, *, at: str) -> Iterator[Problem]:
    """Yield what keeps two batches from going together."""
    if first.count != second.count and 1 not in (first.count, second.count):
        counts = {"first": first.count, "second": second.count}
        yield Problem(Code.BAD_VALUE, input=at, reason="counts_differ", values=counts)


def size_problems(first: Outline, second: Outline, *, at: str) -> Iterator[Problem]:
    """Yield what is wrong with two batches whose pictures must have one size."""
    if first.size != second.size:
        sizes = {"first": size_text(first), "second": size_text(second)}
        yield Problem(Code.BAD_VALUE, input=at, reason="sizes_differ", values=sizes)


def size_text(outline: Outline) -> str:
    return f"{outline.width} × {outline.height}"


class EachNode(Node):
    """Be the base of nodes that change each picture (or mask) of a batch by itself.

    A subclass says by `change` how, and by `size` what becomes of a size if it changes.
    """

    inputs: ClassVar[tuple[Input, ...]] = (PICTURE,)
    outputs: ClassVar[tuple[Output, ...]] = (PICTURE_OUT,)

    def size(self, outline: Outline, values: Values) -> tuple[int, int]:
        """Return the width and height of what is made."""
        del values
        return outline.size

    def changer(self, values: Values) -> Callable[[Image], Image]:
        """Return what makes the new picture of an old one, without changing it."""
        raise NotImplementedError

    def outline(self, values: Values) -> dict[str, Outline]:
        before: Outline = values[self.inputs[0].name]
        return {self.outputs[0].name: Outline(before.count, *self.size(before, values))}

    def run(self, values: Values, context: NodeContext) -> dict[str, Any]:
        pictures = one_by_one(values[self.inputs[0].name], context)
        return {self.outputs[0].name: tuple(map(self.changer(values), pictures))}
