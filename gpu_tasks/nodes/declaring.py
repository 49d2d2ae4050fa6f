"""How a node is declared: its inputs with their limits, its outputs, its cost, what it does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from gpu_tasks.nodes.problems import Problem, WrongValue
from gpu_tasks.nodes.values import (
    LINK_TYPES,
    LITERAL_TYPES,
    OUTLINED_TYPES,
    Outline,
    ValueType,
)

if TYPE_CHECKING:
    from PIL.Image import Image

    from gpu_tasks.engine.guides import AddOn
    from gpu_tasks.engine.request import GenerationRequest, ModelSource, StepProgress

# Whole numbers beyond this are not the same in a browser.
MAX_WHOLE: Final = 2**53 - 1
MAX_NUMBER: Final = 1e15
MAX_SEED: Final = 2**32 - 1
MAX_TEXT: Final = 10_000
MAX_KEY: Final = 64
MAX_SIDE: Final = 4096
MAX_PICTURES: Final = 64

COLOUR_PATTERN: Final = "^#[0-9a-fA-F]{6}$"
UUID_PATTERN: Final = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_COLOUR: Final = re.compile(COLOUR_PATTERN[1:-1])
_UUID: Final = re.compile(UUID_PATTERN[1:-1])
# The default of an input that has none.
REQUIRED: Final = object()

Values = Mapping[str, Any]


class Category(StrEnum):
    """The groups of the palette, in its order."""

    PROMPT = "prompt"
    MODEL = "model"
    DIFFUSION = "diffusion"
    PICTURE = "picture"
    MASK = "mask"
    BATCH = "batch"
    NUMBER = "number"
    OUTPUT = "output"


CATEGORY_TITLES: Final[Mapping[Category, str]] = MappingProxyType(
    {
        Category.PROMPT: "Prompts",
        Category.MODEL: "Models",
        Category.DIFFUSION: "Diffusion",
        Category.PICTURE: "Pictures",
        Category.MASK: "Masks",
        Category.BATCH: "Batches",
        Category.NUMBER: "Numbers",
        Category.OUTPUT: "Results",
    }
)

_WIDGETS: Final[Mapping[ValueType, str]] = MappingProxyType(
    {
        ValueType.INTEGER: "number",
        ValueType.NUMBER: "number",
        ValueType.TEXT: "text",
        ValueType.FLAG: "switch",
        ValueType.CHOICE: "choice",
        ValueType.SEED: "seed",
        ValueType.COLOUR: "colour",
        ValueType.MODEL_KEY: "model",
        ValueType.PICTURE_NAME: "picture",
        ValueType.BOARD: "board",
    }
)
# The range of a number that is declared without one.
_RANGES: Final[Mapping[ValueType, tuple[int | float, int | float]]] = MappingProxyType(
    {
        ValueType.INTEGER: (-MAX_WHOLE, MAX_WHOLE),
        ValueType.NUMBER: (-MAX_NUMBER, MAX_NUMBER),
        ValueType.SEED: (0, MAX_SEED),
    }
)


@dataclass(frozen=True, slots=True)
class Input:
    """Declare an input; without a default it must be given or linked.

    Where the default is None, None is a value like any other: no picture, no board, a seed drawn
    at random. `least` and `most` are included. A whole number is a multiple of `step`; of other
    numbers it is only how far a widget goes at once. `kinds` are those of models. `widget` is
    chosen by the type unless it is given ("textarea", "slider").
    """

    name: str
    title: str
    type: ValueType
    default: Any = REQUIRED
    description: str = ""
    least: int | float | None = None
    most: int | float | None = None
    step: int | float | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    max_length: int = MAX_TEXT
    kinds: tuple[str, ...] = ()
    widget: str = ""

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    @property
    def is_optional(self) -> bool:
        """Whether None is a value of it."""
        return self.default is None

    @property
    def takes(self) -> str:
        """Return "value", "link" or "both"."""
        if self.type in LINK_TYPES:
            return "link"
        return "value" if self.type in LITERAL_TYPES else "both"

    @property
    def shown_as(self) -> str:
        """The widget; empty for what can only be linked."""
        return self.widget or _WIDGETS.get(self.type, "")

    @property
    def range(self) -> tuple[int | float, int | float] | None:
        """The least and the greatest number, None for what is no number."""
        if self.type not in _RANGES:
            return None
        least, most = _RANGES[self.type]
        return (
            least if self.least is None else self.least,
            most if self.most is None else self.most,
        )

    @property
    def multiple(self) -> int:
        """What a whole number is a multiple of."""
        return int(self.step) if self.type is ValueType.INTEGER and self.step else 1

    def read(self, value: object) -> Any:
        """Return what a plain value means for this input (20.0 is the whole number 20).

        Raises:
            WrongValue: it is none for this input.
        """
        if value is None and self.is_optional and self.takes != "link":
            return None
        try:
            return _READERS[self.type](self, value)
        except WrongValue as wrong:
            problem = wrong.problem
            raise WrongValue(problem.reason, at=self.name, **problem.values) from None


@dataclass(frozen=True, slots=True)
class Output:
    """Declare an output."""

    name: str
    title: str
    type: ValueType


@dataclass(frozen=True, slots=True)
class Cost:
    """What a node takes: seconds of the CPU, and the settings of the generation that it equals."""

    seconds: float = 0.0
    generation: Mapping[str, Any] | None = None


class NodeContext(Protocol):
    """What a node is given to work with, one for each node of a run."""

    node_id: str
    # The engine of the worker (`gpu_tasks.engine.engine.Engine`).
    engine: Any

    def load_picture(self, name: str) -> Image:
        """Return a picture (RGB) of the user's gallery."""

    def request(
        self, settings: Mapping[str, Any], pictures: Mapping[str, Image]
    ) -> tuple[GenerationRequest, ModelSource]:
        """Return what the engine is asked for settings as of `POST /api/v1/generations`.

        `pictures` are those that other nodes made, by the field that names `LINKED_PICTURE`.
        """

    def upscaler(self, key: str) -> AddOn:
        """Return where the weights of an upscaler lie."""

    def on_step(self, progress: StepProgress) -> None:
        """Tell about a step of the node that runs."""

    def is_cancelled(self) -> bool:
        """Tell whether the run is to stop."""

    def save(
        self,
        node_id: str,
        pictures: Sequence[Image],
        *,
        board: str | None = None,
        label: str = "",
        seeds: Sequence[int] = (),
    ) -> None:
        """Keep pictures as a result of the run; `seeds` are none or one for each."""


class Node:
    """Be the base of every node; a subclass declares it, and there is one instance of each.

    Three methods look at a graph before it runs. Their `values` have all inputs by name: plain
    values, `ModelFacts`, `PictureFacts`, `ModelValue` and `PromptValue` as they are, an `Outline`
    for pictures, masks and latents, `ControlValue`s with an outline for a picture, and None for
    what is optional and not given. They are fast, pure, and see only values within their limits.
    `run` gets the same with pictures and latents in place of outlines.

    Outputs of all types but pictures, masks, latents and controls are what `fold` returned, and a
    node that has no others does not run at all.
    """

    type: ClassVar[str]
    version: ClassVar[int] = 1
    title: ClassVar[str]
    description: ClassVar[str]
    category: ClassVar[Category]
    inputs: ClassVar[tuple[Input, ...]] = ()
    outputs: ClassVar[tuple[Output, ...]] = ()
    # Whether something is kept or shown by it: what leads to no such node is not run.
    is_output: ClassVar[bool] = False
    # Whether its input `picture` is stored.
    keeps: ClassVar[bool] = False
    # Of the processor; about twice what one core of 2026 takes. Loading and storing do not count.
    seconds_per_megapixel: ClassVar[float] = 0.0
    # What each picture takes however few pixels it has.
    seconds_per_picture: ClassVar[float] = 0.0
    # Where a field of a generation's settings has another name than the input it comes from.
    fields: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def check(self, values: Values) -> Iterable[Problem]:
        """Return what is wrong with values that are each right in themselves."""
        del values
        return ()

    def fold(self, values: Values) -> Mapping[str, Any] | None:
        """Return the outputs that can be told beforehand: all but pictures, masks and latents.

        Raises:
            WrongValue: there is no result.
        """
        del values
        return None

    def outline(self, values: Values) -> Mapping[str, Outline]:
        """Return the outline of each output that is a picture, a mask or latents.

        Raises:
            WrongValue: there is no result.
        """
        del values
        return {}

    def cost(self, values: Values) -> Cost:
        """Return what it takes; without a method of its own, by the pixels that come and go."""
        outlines = [*self.outline(values).values(), *_outlines_in(values)]
        size = max((one.megapixels for one in outlines), default=0.0)
        count = max((one.count for one in outlines), default=0)
        seconds = max(self.seconds_per_megapixel * size, self.seconds_per_picture * count)
        return Cost(seconds=seconds)

    def asked(self, values: Values) -> Mapping[str, Any] | None:
        """Return the settings of a generation that the model must be able to do, if of any."""
        return self.cost(values).generation

    def run(self, values: Values, context: NodeContext) -> Mapping[str, Any]:
        """Return the outputs that could not be told beforehand; inputs are never changed."""
        raise NotImplementedError

    @property
    def is_folded(self) -> bool:
        """Whether all that it does is done once it is checked."""
        made = (*OUTLINED_TYPES, ValueType.CONTROL)
        return not self.is_output and not any(output.type in made for output in self.outputs)

    def input(self, name: str) -> Input | None:
        return next((one for one in self.inputs if one.name == name), None)

    def output(self, name: str) -> Output | None:
        return next((one for one in self.outputs if one.name == name), None)


def _outlines_in(values: Values) -> list[Outline]:
    return [value for value in values.values() if isinstance(value, Outline)]


def _read_whole(declared: Input, value: object) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise WrongValue("not_whole")
    _check_range(declared, value)
    if value % declared.multiple:
        raise WrongValue("not_multiple", step=declared.multiple)
    return value


def _read_number(declared: Input, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise WrongValue("not_number")
    # Neither NaN nor an infinity is within any range.
    _check_range(declared, value)
    return float(value)


def _check_range(declared: Input, value: int | float) -> None:
    least, most = declared.range or (value, value)
    if not least <= value <= most:
        raise WrongValue(
            "out_of_range",
            least=f"{least:g}" if isinstance(least, float) else least,
            most=f"{most:g}" if isinstance(most, float) else most,
        )


def _read_text(declared: Input, value: object) -> str:
    if not isinstance(value, str):
        raise WrongValue("not_text")
    if len(value) > declared.max_length:
        raise WrongValue("too_long", most=declared.max_length)
    if not is_unicode(value):
        raise WrongValue("not_unicode")
    return value


def is_unicode(text: str) -> bool:
    """Tell whether a text can be stored: JSON can carry half of a pair of surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _read_flag(declared: Input, value: object) -> bool:
    del declared
    if not isinstance(value, bool):
        raise WrongValue("not_flag")
    return value


def _read_choice(declared: Input, value: object) -> str:
    if not isinstance(value, str) or value not in declared.choices:
        raise WrongValue("not_choice")
    return value


def _read_colour(declared: Input, value: object) -> str:
    del declared
    if not isinstance(value, str) or not _COLOUR.fullmatch(value):
        raise WrongValue("not_colour")
    return value.lower()


def _read_key(declared: Input, value: object) -> str:
    del declared
    if not isinstance(value, str) or not 0 < len(value) <= MAX_KEY or not is_unicode(value):
        raise WrongValue("not_id")
    return value


def _read_uuid(declared: Input, value: object) -> str:
    del declared
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise WrongValue("not_id")
    return value


def _read_nothing(declared: Input, value: object) -> Any:
    del declared, value
    raise WrongValue("link_only")


_READERS: Final[Mapping[ValueType, Callable[[Input, object], Any]]] = MappingProxyType(
    {
        ValueType.INTEGER: _read_whole,
        ValueType.SEED: _read_whole,
        ValueType.NUMBER: _read_number,
        ValueType.TEXT: _read_text,
        ValueType.FLAG: _read_flag,
        ValueType.CHOICE: _read_choice,
        ValueType.COLOUR: _read_colour,
        ValueType.MODEL_KEY: _read_key,
        ValueType.PICTURE_NAME: _read_uuid,
        ValueType.BOARD: _read_uuid,
        **dict.fromkeys(LINK_TYPES, _read_nothing),
    }
)
