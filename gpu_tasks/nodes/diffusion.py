"""Nodes that make pictures and latents with a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from gpu_tasks.engine.guides import (
    MAX_FEATHER,
    MAX_MARGIN,
    MAX_PADDING,
    MAX_REFERENCES,
    MAX_SCALE,
)
from gpu_tasks.nodes.batching import MASK, PICTURE, PICTURE_OUT, size_problems
from gpu_tasks.nodes.declaring import Category, Cost, Input, Node, NodeContext, Output, Values
from gpu_tasks.nodes.problems import Code, Problem
from gpu_tasks.nodes.sampling import (
    CONTROL,
    MODEL,
    PROMPT,
    SAMPLING,
    SEED_OUT,
    SETTING_FIELDS,
    SIZE,
    STRENGTH,
    add_pictures,
    base_settings,
    chosen_size,
    fit_side,
    model_problems,
    one_picture_problems,
    side,
    whole,
)
from gpu_tasks.nodes.values import LINKED_PICTURE, Outline, ValueType

if TYPE_CHECKING:
    from PIL.Image import Image

    Pictures = dict[str, Image]

Size = tuple[int, int]
_FEATHER: Final = whole("feather", "Soft edge in pixels", 8, most=MAX_FEATHER)


class DiffusionNode(Node):
    """Be the base of nodes that are a generation as the API takes it.

    A subclass says by `size` how large the pictures are, by `parts` what it has beside prompt,
    size and sampling, and by `shown` what pictures these name.
    """

    category = Category.DIFFUSION
    outputs: ClassVar[tuple[Output, ...]] = (PICTURE_OUT, SEED_OUT)
    fields = SETTING_FIELDS

    def size(self, values: Values) -> Size:
        """Return the width and height that the generation is asked for."""
        return chosen_size(values)

    def parts(self, values: Values) -> dict[str, Any]:
        del values
        return {}

    def shown(self, values: Values) -> Pictures:
        del values
        return {}

    def settings(self, values: Values) -> dict[str, Any]:
        """Return the settings of the generation, with `LINKED_PICTURE` for each picture."""
        width, height = self.size(values)
        return base_settings(values) | {"width": width, "height": height} | self.parts(values)

    def check(self, values: Values) -> Iterator[Problem]:
        yield from model_problems(values["model"])

    def fold(self, values: Values) -> dict[str, Any]:
        return {"seed": values["seed"]}

    def outline(self, values: Values) -> dict[str, Outline]:
        return {"picture": Outline(values.get("num_images", 1), *self.size(values))}

    def cost(self, values: Values) -> Cost:
        return Cost(generation=self.settings(values))

    def run(self, values: Values, context: NodeContext) -> dict[str, Any]:
        pictures = add_pictures(self.shown(values), values)
        request, source = context.request(self.settings(values), pictures)
        result = context.engine.generate(
            request, source=source, on_step=context.on_step, is_cancelled=context.is_cancelled
        )
        return {"picture": result.images}


class Generate(DiffusionNode):
    type = "generate"
    title = "Generate"
    description = "Makes pictures in one go, from nothing or from a picture."
    inputs: ClassVar[tuple[Input, ...]] = (
        MODEL,
        PROMPT,
        *SIZE,
        *SAMPLING,
        Input("picture", "Start picture", ValueType.PICTURE, None),
        STRENGTH,
        CONTROL,
    )

    def check(self, values: Values) -> Iterator[Problem]:
        yield from super().check(values)
        yield from one_picture_problems(values, "picture")

    def parts(self, values: Values) -> dict[str, Any]:
        if values["picture"] is None:
            return {}
        return {"init_image": LINKED_PICTURE, "strength": values["strength"]}

    def shown(self, values: Values) -> Pictures:
        return {} if values["picture"] is None else {"init_image": values["picture"][0]}


class Vary(DiffusionNode):
    type = "vary"
    title = "Variation"
    description = "Makes pictures between those of two seeds."
    inputs = (
        MODEL,
        PROMPT,
        *SIZE,
        *SAMPLING,
        Input("other_seed", "Other seed", ValueType.SEED, None),
        Input(
            "part",
            "How far",
            ValueType.NUMBER,
            0.2,
            "0 is the picture of the seed, 1 that of the other.",
            least=0.0,
            most=1.0,
            step=0.05,
            widget="slider",
        ),
        CONTROL,
    )
    fields: ClassVar[Mapping[str, str]] = {**SETTING_FIELDS, "variation": "part"}

    def parts(self, values: Values) -> dict[str, Any]:
        return {"variation": {"seed": values["other_seed"], "strength": values["part"]}}


class GenerateByExample(DiffusionNode):
    type = "generate_by_example"
    title = "Generate by example"
    description = "Makes pictures like the examples, which an IP-Adapter reads beside the prompt."
    inputs = (
        MODEL,
        PROMPT,
        *SIZE,
        *SAMPLING,
        Input("picture", "Examples", ValueType.PICTURE),
        Input("key", "IP-Adapter", ValueType.MODEL_KEY, kinds=("ip_adapter",)),
        Input(
            "weight",
            "Weight",
            ValueType.NUMBER,
            1.0,
            least=0.0,
            most=2.0,
            step=0.05,
            widget="slider",
        ),
        CONTROL,
    )
    fields: ClassVar[Mapping[str, str]] = {**SETTING_FIELDS, "image_prompt": "key"}

    def check(self, values: Values) -> Iterator[Problem]:
        yield from super().check(values)
        yield from _too_many_problems(values["picture"])

    def parts(self, values: Values) -> dict[str, Any]:
        return {
            "image_prompt": {
                "model": values["key"].key,
                "images": [LINKED_PICTURE] * _count(values["picture"]),
                "weight": values["weight"],
            }
        }

    def shown(self, values: Values) -> Pictures:
        return {f"image_prompt.images.{i}": one for i, one in enumerate(values["picture"])}


class Edit(DiffusionNode):
    type = "edit"
    title = "Edit by words"
    description = "Changes pictures as the prompt says, with a model that looks at references."
    inputs = (
        MODEL,
        PROMPT,
        *SIZE,
        *SAMPLING,
        Input("picture", "References", ValueType.PICTURE),
    )
    fields: ClassVar[Mapping[str, str]] = {**SETTING_FIELDS, "references": "picture"}

    def check(self, values: Values) -> Iterator[Problem]:
        yield from super().check(values)
        yield from _too_many_problems(values["picture"])

    def parts(self, values: Values) -> dict[str, Any]:
        return {"references": [LINKED_PICTURE] * _count(values["picture"])}

    def shown(self, values: Values) -> Pictures:
        return {f"references.{i}": one for i, one in enumerate(values["picture"])}


class _FromOnePicture(DiffusionNode):
    """Works on a single picture."""

    def check(self, values: Values) -> Iterator[Problem]:
        yield from super().check(values)
        yield from one_picture_problems(values, "picture")

    def shown(self, values: Values) -> Pictures:
        return {"init_image": values["picture"][0]}


class Inpaint(_FromOnePicture):
    type = "inpaint"
    title = "Inpaint"
    description = "Makes a part of a picture anew: where the mask is white."
    inputs = (
        MODEL,
        PROMPT,
        PICTURE,
        MASK,
        *SAMPLING,
        STRENGTH,
        _FEATHER,
        Input(
            "only_masked",
            "Only the masked part",
            ValueType.FLAG,
            default=False,
            description="Makes the part by itself and puts it back into the whole.",
        ),
        side("part_size", "Size of the part by itself", 512),
        whole("padding", "Pixels around the part", 32, most=MAX_PADDING),
        CONTROL,
    )

    def check(self, values: Values) -> Iterator[Problem]:
        yield from super().check(values)
        yield from one_picture_problems(values, "mask")
        yield from size_problems(values["picture"], values["mask"], at="mask")

    def size(self, values: Values) -> Size:
        if values["only_masked"]:
            return values["part_size"], values["part_size"]
        width, height = _size_of(values["picture"])
        return fit_side(width, values), fit_side(height, values)

    def outline(self, values: Values) -> dict[str, Outline]:
        size = _size_of(values["picture"]) if values["only_masked"] else self.size(values)
        return {"picture": Outline(values["num_images"], *size)}

    def parts(self, values: Values) -> dict[str, Any]:
        return {
            "init_image": LINKED_PICTURE,
            "strength": values["strength"],
            "mask": {
                "image": LINKED_PICTURE,
                "feather": values["feather"],
                "only_masked": values["only_masked"],
                "padding": values["padding"],
            },
        }

    def shown(self, values: Values) -> Pictures:
        return {**super().shown(values), "mask.image": values["mask"][0]}


class Outpaint(_FromOnePicture):
    type = "outpaint"
    title = "Outpaint"
    description = "Makes a picture larger by what could lie beyond its edges."
    inputs = (
        MODEL,
        PROMPT,
        PICTURE,
        whole("left", "To the left", 0, most=MAX_MARGIN),
        whole("top", "Above", 0, most=MAX_MARGIN),
        whole("right", "To the right", 0, most=MAX_MARGIN),
        whole("bottom", "Below", 0, most=MAX_MARGIN),
        *SAMPLING,
        _FEATHER,
    )
    fields: ClassVar[Mapping[str, str]] = {**SETTING_FIELDS, "outpaint": "left"}

    def size(self, values: Values) -> Size:
        width, height = _size_of(values["picture"])
        return (
            fit_side(width + values["left"] + values["right"], values),
            fit_side(height + values["top"] + values["bottom"], values),
        )

    def parts(self, values: Values) -> dict[str, Any]:
        names = ("left", "top", "right", "bottom", "feather")
        return {
            "init_image": LINKED_PICTURE,
            "strength": 1.0,
            "outpaint": {name: values[name] for name in names},
        }


class UpscaleRefine(_FromOnePicture):
    type = "upscale_refine"
    title = "Upscale and refine"
    description = "Enlarges a picture and has a model add detail, tile by tile."
    inputs = (
        MODEL,
        PROMPT,
        PICTURE,
        Input(
            "scale", "How much larger", ValueType.NUMBER, 2.0, least=1.0, most=MAX_SCALE, step=0.5
        ),
        Input("upscaler", "Upscaler", ValueType.MODEL_KEY, None, kinds=("upscaler",)),
        Input(
            "strength",
            "How much may change",
            ValueType.NUMBER,
            0.25,
            least=0.0,
            most=1.0,
            step=0.05,
            widget="slider",
        ),
        Input("tile", "Tile in pixels", ValueType.INTEGER, 512, least=64, most=2048, step=8),
        Input("overlap", "Overlap in pixels", ValueType.INTEGER, 64, least=0, most=1024, step=8),
        *SAMPLING[:-1],
    )
    fields: ClassVar[Mapping[str, str]] = {**SETTING_FIELDS, "upscale": "scale"}

    def size(self, values: Values) -> Size:
        width, height = _size_of(values["picture"])
        return (
            fit_side(int(width * values["scale"]), values),
            fit_side(int(height * values["scale"]), values),
        )

    def parts(self, values: Values) -> dict[str, Any]:
        upscaler = values["upscaler"]
        return {
            "init_image": LINKED_PICTURE,
            "upscale": {
                "strength": values["strength"],
                "upscaler": None if upscaler is None else upscaler.key,
                "tile": values["tile"],
                "overlap": values["overlap"],
            },
        }


def _size_of(given: Any) -> Size:
    """Return the size of the pictures that come: an outline, or the batch itself."""
    return given.size if isinstance(given, Outline) else given[0].size


def _count(given: Any) -> int:
    return given.count if isinstance(given, Outline) else len(given)


def _too_many_problems(outline: Outline) -> Iterator[Problem]:
    if outline.count > MAX_REFERENCES:
        yield Problem(
            Code.BAD_VALUE, input="picture", reason="too_many", values={"most": MAX_REFERENCES}
        )


NODES: Final = (
    Generate(),
    Vary(),
    GenerateByExample(),
    Edit(),
    Inpaint(),
    Outpaint(),
    UpscaleRefine(),
)
