"""Nodes of batches: several pictures of one size that go through a graph together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gpu_tasks.nodes.batching import PICTURE, PICTURE_OUT, size_problems
from gpu_tasks.nodes.declaring import MAX_PICTURES, Category, Input, Node, NodeContext, Values
from gpu_tasks.nodes.problems import Code, Problem
from gpu_tasks.nodes.values import Outline, ValueType

_FOLLOWERS: Final = ("second", "third", "fourth")


class _BatchNode(Node):
    category = Category.BATCH
    outputs = (PICTURE_OUT,)


class CombineBatches(_BatchNode):
    type = "combine_batches"
    title = "Combine batches"
    description = "Makes one batch of pictures of one size."
    inputs = (
        Input("first", "First", ValueType.PICTURE),
        Input("second", "Second", ValueType.PICTURE),
        Input("third", "Third", ValueType.PICTURE, None),
        Input("fourth", "Fourth", ValueType.PICTURE, None),
    )

    def check(self, values: Values) -> Iterator[Problem]:
        for name in _FOLLOWERS:
            if values[name] is not None:
                yield from size_problems(values["first"], values[name], at=name)

    def outline(self, values: Values) -> dict[str, Outline]:
        first: Outline = values["first"]
        followers = (values[name] for name in _FOLLOWERS)
        count = first.count + sum(one.count for one in followers if one is not None)
        return {"picture": Outline(count, *first.size)}

    def run(self, values: Values, context: NodeContext) -> dict[str, Any]:
        del context
        batches = (values[name] or () for name in ("first", *_FOLLOWERS))
        return {"picture": tuple(picture for batch in batches for picture in batch)}


class PickFromBatch(_BatchNode):
    type = "pick_from_batch"
    title = "Pick from batch"
    description = "Takes some pictures out of a batch."
    inputs = (
        PICTURE,
        Input(
            "first",
            "From number",
            ValueType.INTEGER,
            1,
            "1 is the first.",
            least=1,
            most=MAX_PICTURES,
        ),
        Input("count", "How many", ValueType.INTEGER, 1, least=1, most=MAX_PICTURES),
    )

    def check(self, values: Values) -> Iterator[Problem]:
        there = values["picture"].count
        if values["first"] - 1 + values["count"] > there:
            yield Problem(
                Code.BAD_VALUE,
                input="first" if values["first"] > there else "count",
                reason="outside_batch",
                values={"count": there},
            )

    def outline(self, values: Values) -> dict[str, Outline]:
        return {"picture": Outline(values["count"], *values["picture"].size)}

    def run(self, values: Values, context: NodeContext) -> dict[str, Any]:
        del context
        start = values["first"] - 1
        return {"picture": values["picture"][start : start + values["count"]]}


class RepeatBatch(_BatchNode):
    type = "repeat_batch"
    title = "Repeat batch"
    description = "Puts the pictures of a batch one after another several times."
    inputs = (
        PICTURE,
        Input("times", "Times", ValueType.INTEGER, 2, least=1, most=MAX_PICTURES),
    )

    def outline(self, values: Values) -> dict[str, Outline]:
        before: Outline = values["picture"]
        return {"picture": Outline(before.count * values["times"], *before.size)}

    def run(self, values: Values, context: NodeContext) -> dict[str, Any]:
        del context
        return {"picture": values["picture"] * values["times"]}


class ContactSheet(_BatchNode):
    type = "contact_sheet"
    title = "Contact sheet"
    description = "Lays the pictures of a batch out on one, row by row."
    inputs = (
        PICTURE,
        Input("columns", "Columns", ValueType.INTEGER, 2, least=1, most=MAX_PICTURES),
        Input("gap", "Gap in pixels", ValueType.INTEGER, 8, least=0, most=256),
        Input("colour", "Colour", ValueType.COLOUR, "#ffffff"),
    )
    seconds_per_megapixel = 0.02

    def outline(self, values: Values) -> dict[str, Outline]:
        before: Outline = values["picture"]
        rows, gap = -(-before.count // values["columns"]), values["gap"]
        width, height = before.size
        size = (values["columns"] * (width + gap) + gap, rows * (height + gap) + gap)
        return {"picture": Outline(1, *size)}

    def run(self, values: Values, context: NodeContext) -> dict[str, Any]:
        from gpu_tasks.nodes.pixels.sheets import contact_sheet

        del context
        sheet = contact_sheet(
            values["picture"],
            columns=values["columns"],
            gap=values["gap"],
            colour=values["colour"],
        )
        return {"picture": (sheet,)}


NODES: Final = (CombineBatches(), PickFromBatch(), RepeatBatch(), ContactSheet())
