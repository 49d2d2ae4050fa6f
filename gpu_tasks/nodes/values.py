"""What flows between nodes: the types, and a class for each value that is no plain one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.Image import Image

# Stands in the settings of a generation for a picture that another node makes.
LINKED_PICTURE: Final = "00000000-0000-0000-0000-000000000000"


class ValueType(StrEnum):
    """The type of an input or output; the order is that of the palette."""

    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    FLAG = "flag"
    CHOICE = "choice"
    SEED = "seed"
    COLOUR = "colour"
    MODEL_KEY = "model_key"
    PICTURE_NAME = "picture_name"
    BOARD = "board"
    MODEL = "model"
    PROMPT = "prompt"
    CONTROL = "control"
    PICTURE = "picture"
    MASK = "mask"
    LATENTS = "latents"


TYPE_TITLES: Final[Mapping[ValueType, str]] = MappingProxyType(
    {
        ValueType.INTEGER: "Whole number",
        ValueType.NUMBER: "Number",
        ValueType.TEXT: "Text",
        ValueType.FLAG: "Switch",
        ValueType.CHOICE: "Choice",
        ValueType.SEED: "Seed",
        ValueType.COLOUR: "Colour",
        ValueType.MODEL_KEY: "Model by name",
        ValueType.PICTURE_NAME: "Picture of the gallery",
        ValueType.BOARD: "Board",
        ValueType.MODEL: "Model",
        ValueType.PROMPT: "Prompt",
        ValueType.CONTROL: "Control",
        ValueType.PICTURE: "Picture",
        ValueType.MASK: "Mask",
        ValueType.LATENTS: "Latents",
    }
)

# An input that takes one of these can only be told its value, never be linked.
LITERAL_TYPES: Final = frozenset(
    {ValueType.CHOICE, ValueType.MODEL_KEY, ValueType.PICTURE_NAME, ValueType.BOARD}
)
# An input that takes one of these can only be linked.
LINK_TYPES: Final = frozenset(
    {
        ValueType.MODEL,
        ValueType.PROMPT,
        ValueType.CONTROL,
        ValueType.PICTURE,
        ValueType.MASK,
        ValueType.LATENTS,
    }
)
# What is known only once a worker has made it; all else is known when a graph is checked.
MADE_TYPES: Final = frozenset(
    {ValueType.CONTROL, ValueType.PICTURE, ValueType.MASK, ValueType.LATENTS}
)
# Of these an outline is known beforehand.
OUTLINED_TYPES: Final = frozenset({ValueType.PICTURE, ValueType.MASK, ValueType.LATENTS})

_ALSO_ACCEPTS: Final[Mapping[ValueType, tuple[ValueType, ...]]] = MappingProxyType(
    {
        ValueType.NUMBER: (ValueType.INTEGER,),
        ValueType.INTEGER: (ValueType.SEED,),
        ValueType.SEED: (ValueType.INTEGER,),
    }
)


def accepted_types(wanted: ValueType) -> tuple[ValueType, ...]:
    """Return the types of outputs that may be linked to an input of the type `wanted`."""
    return (wanted, *_ALSO_ACCEPTS.get(wanted, ()))


@dataclass(frozen=True, slots=True)
class Outline:
    """What is known of pictures, a mask or latents before they are made; sides in pixels.

    Latents have the sides of the pictures that they are decoded to, and the `base` of the model
    that made them.
    """

    count: int
    width: int
    height: int
    base: str = ""

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def pixels(self) -> int:
        return self.count * self.width * self.height

    @property
    def megapixels(self) -> float:
        return self.pixels / 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What an input that names a model resolves to; `kind` as in the catalog ("main", "lora" …).

    `width` and `height` are what a main model makes where no size is chosen, in pixels; 0 where
    that is known of its family alone.
    """

    key: str
    kind: str
    base: str
    name: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFacts:
    """What an input that names a picture of the gallery resolves to."""

    name: str
    outline: Outline


@dataclass(frozen=True, slots=True)
class LoraValue:
    """A LoRA by its key, and how much of it (-4 to 4)."""

    key: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelValue:
    """A model with all that changes it; `seamless` is a part of ("x", "y").

    `width` and `height` are as in `ModelFacts`.
    """

    key: str
    base: str
    width: int = 0
    height: int = 0
    loras: tuple[LoraValue, ...] = ()
    vae: str | None = None
    clip_skip: int = 0
    seamless: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PromptValue:
    """What a picture is to show and what it is not."""

    text: str
    negative: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlValue:
    """A picture that guides a generation; while a graph is checked, the outline of one.

    The fields but `picture` are those of a generation's `controls`. The picture is as it came:
    whoever asks the engine has it preprocessed for the size that is made.
    """

    model: str
    kind: str
    picture: Image | Outline
    preprocessor: str = "none"
    parameters: Mapping[str, float] = field(default_factory=dict)
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0
