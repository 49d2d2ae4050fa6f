"""What can be wrong with a workflow, each with its node; the words are chosen by code or reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

# A document with more wrong than this is told no more: nobody reads on, and answers stay small.
MAX_PROBLEMS: Final = 100


class Code(StrEnum):
    """Stable codes for programs."""

    NOT_A_DOCUMENT = "not_a_document"
    TOO_MANY_NODES = "too_many_nodes"
    TOO_MANY_EDGES = "too_many_edges"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_VERSION = "unknown_version"
    BAD_ID = "bad_id"
    DUPLICATE_ID = "duplicate_id"
    BAD_POSITION = "bad_position"
    UNKNOWN_INPUT = "unknown_input"
    UNKNOWN_OUTPUT = "unknown_output"
    UNKNOWN_NODE = "unknown_node"
    BAD_VALUE = "bad_value"
    MISSING_INPUT = "missing_input"
    TYPE_MISMATCH = "type_mismatch"
    LINKED_TWICE = "linked_twice"
    CYCLE = "cycle"
    NO_OUTPUT = "no_output"
    TOO_LARGE = "too_large"
    NOT_FOUND = "not_found"
    BAD_FORM = "bad_form"


# By code, and by reason where a code has several; `%(name)s` are filled in from `Problem.values`.
PROBLEM_TEXTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "not_a_document": "This is no workflow of Easel.",
        "unknown_key": "There is something here that no workflow has.",
        "bad_edge": "A link has a wrong form.",
        "not_unicode": "This text holds a character that is not valid.",
        "too_many_nodes": "A workflow can have %(most)s nodes at most.",
        "too_many_edges": "A workflow can have %(most)s links at most.",
        "unknown_type": "There is no such node.",
        "unknown_version": "There is no such version of this node.",
        "bad_id": "The id of a node is made of small letters, digits and underscores.",
        "duplicate_id": "Two nodes have this id.",
        "bad_position": "The position of a node is made of two numbers.",
        "unknown_input": "This node has no such input.",
        "unknown_output": "This node has no such output.",
        "unknown_node": "This link leads to a node that is not there.",
        "bad_value": "This value is not possible here.",
        "not_whole": "Give a whole number.",
        "not_number": "Give a number.",
        "not_text": "Give a text.",
        "not_flag": "Choose on or off.",
        "not_choice": "Choose one of the values on offer.",
        "not_colour": "Give a colour like #2f80ed.",
        "not_id": "Choose one that is there.",
        "out_of_range": "Give a value between %(least)s and %(most)s.",
        "not_multiple": "Give a multiple of %(step)s.",
        "too_long": "Give at most %(most)s characters.",
        "link_only": "This cannot be typed in; link another node to it.",
        "division_by_zero": "This divides by zero.",
        "overflow": "The result is too large a number.",
        "not_real": "The result is no real number.",
        "bad_template": "Write {a}, {b}, {c} or {d} for the texts, and {{ or }} for a brace.",
        "no_lines": "Give at least one line to choose from.",
        "wrong_kind": "This model is of another kind.",
        "made_elsewhere": "Another service makes this model's pictures; workflows cannot use it.",
        "sizes_differ": "The sizes differ: %(first)s and %(second)s.",
        "counts_differ": "The numbers of pictures differ: %(first)s and %(second)s.",
        "one_picture": "This takes a single picture; pick one from the batch.",
        "outside_picture": "This lies outside of the picture, which is %(size)s.",
        "outside_batch": "There are only %(count)s pictures in the batch.",
        "start_after_end": "The start must lie before the end.",
        "low_above_high": "The lower bound must not be above the upper one.",
        "bad_numbers": "This preprocessor takes these numbers: %(names)s.",
        "lora_twice": "This LoRA is in the model already.",
        "too_many": "There can be %(most)s at most.",
        "two_starts": "Start from a picture or from latents, not from both.",
        "other_latents": "These latents are of another kind of model; decode them first.",
        "starts_from_nothing": "This model cannot start from latents; decode them first.",
        "generation": "%(message)s",
        "missing_input": "This needs a value or a link.",
        "type_mismatch": "This takes %(wanted)s, and the link brings %(given)s.",
        "linked_twice": "This has two links, or a link and a value; one is enough.",
        "takes_no_link": "This takes no link; choose a value.",
        "cycle": "These nodes wait for each other in a circle.",
        "no_output": "Nothing is kept: add a node that saves or shows pictures.",
        "too_large": "This becomes too large.",
        "too_many_pictures": "These are %(count)s pictures; there can be %(most)s at once.",
        "too_many_kept": "With these it keeps %(count)s pictures; a run can keep %(most)s at most.",
        "too_wide": "This is %(size)s; a side can have %(most)s pixels at most.",
        "too_many_pixels": "All pictures of a run have too many pixels together.",
        "document_too_large": "A workflow can have %(most)s KiB at most.",
        "not_found": "This is not there, or is not yours.",
        "bad_form": "The form names something that cannot be filled in.",
    }
)


@dataclass(frozen=True, slots=True)
class Problem:
    """Say what is wrong at a node (None: the document as a whole), and at which input.

    A node whose id cannot be read is named by its place: "#0" is the first. What a node says of
    itself has no `node` yet; the check puts it in.
    """

    code: Code
    node: str | None = None
    input: str | None = None
    reason: str = ""
    values: Mapping[str, str | int | float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The English sentence before `values` are filled in: what a translation is found by."""
        return PROBLEM_TEXTS[self.reason or self.code]

    @property
    def message(self) -> str:
        """The English sentence."""
        return self.text % self.values


class WrongValue(Exception):
    """Be raised by a node that cannot work with what it is given."""

    def __init__(self, reason: str, *, at: str | None = None, **values: str | int | float) -> None:
        self.problem = Problem(Code.BAD_VALUE, None, at, reason, values)
        super().__init__(self.problem.message)


class InvalidGraph(Exception):
    """Say all that is wrong with a workflow, as far as `MAX_PROBLEMS`."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems[:MAX_PROBLEMS])
        super().__init__("; ".join(f"{one.node}: {one.message}" for one in self.problems))
