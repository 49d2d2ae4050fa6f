"""Nodes that keep or show what a run made."""

from __future__ import annotations

from typing import Any, Final

from gpu_tasks.nodes.batching import PICTURE, PICTURE_OUT
from gpu_tasks.nodes.declaring import MAX_SEED, Category, Input, Node, NodeContext, Values
from gpu_tasks.nodes.values import Outline, ValueType

_SEED: Final = Input(
    "seed",
    "Seed",
    ValueType.INTEGER,
    None,
    "Is noted with the first picture, the next ones with those that follow.",
    least=0,
    most=MAX_SEED,
)


class _OutputNode(Node):
    category = Category.OUTPUT
    is_output = True


def _save(values: Values, context: NodeContext, *, board: str | None) -> None:
    first, count = values["seed"], len(values["picture"])
    seeds = [] if first is None else [(first + index) % (MAX_SEED + 1) for index in range(count)]
    context.save(
        context.node_id, values["picture"], board=board, label=values["label"], seeds=seeds
    )


_LABEL: Final = Input("label", "Name", ValueType.TEXT, "", max_length=200)


class Save(_OutputNode):
    type = "save"
    title = "Save to gallery"
    description = "Keeps pictures in your gallery."
    keeps = True
    inputs = (PICTURE, _LABEL, _SEED)

    def run(self, values: Values, context: NodeContext) -> dict[str, Any]:
        _save(values, context, board=None)
        return {}


class SaveToBoard(_OutputNode):
    type = "save_to_board"
    title = "Save to board"
    description = "Keeps pictures in your gallery and puts them on a board."
    keeps = True
    inputs = (PICTURE, Input("board", "Board", ValueType.BOARD), _LABEL, _SEED)

    def run(self, values: Values, context: NodeContext) -> dict[str, Any]:
        _save(values, context, board=values["board"])
        return {}


class Preview(_OutputNode):
    type = "preview"
    title = "Preview"
    description = "Shows pictures while the workflow runs, and keeps none."
    inputs = (PICTURE,)
    outputs = (PICTURE_OUT,)

    def outline(self, values: Values) -> dict[str, Outline]:
        return {"picture": values["picture"]}

    def run(self, values: Values, context: NodeContext) -> dict[str, Any]:
        del context
        return {"picture": values["picture"]}


NODES: Final = (Save(), SaveToBoard(), Preview())
