"""Nodes of latents: the steps of a generation one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from gpu_tasks.engine.family_facts import FAMILY_FACTS, Capability
from gpu_tasks.engine.latents import LATENT_SPACES, Latents, Start
from gpu_tasks.nodes.batching import PICTURE, PICTURE_OUT, count_problems, size_problems
from gpu_tasks.nodes.declaring import Category, Cost, Input, Node, NodeContext, Output, Values
from gpu_tasks.nodes.diffusion import Generate
from gpu_tasks.nodes.problems import Code, Problem
from gpu_tasks.nodes.sampling import (
    MODEL,
    SEED_OUT,
    SETTING_FIELDS,
    add_pictures,
    fit_side,
    model_problems,
    model_settings,
    side,
)
from gpu_tasks.nodes.values import LINKED_PICTURE, ModelValue, Outline, ValueType

if TYPE_CHECKING:
    from gpu_tasks.engine.guides import AddOn
    from gpu_tasks.engine.request import ModelSource

LATENTS: Final = Input("latents", "Latents", ValueType.LATENTS)
LATENTS_OUT: Final = Output("latents", "Latents", ValueType.LATENTS)


class Denoise(Generate):
    type = "denoise"
    title = "Denoise"
    description = "Makes latents, from nothing, from a picture or from other latents."
    inputs: ClassVar[tuple[Input, ...]] = (
        *Generate.inputs,
        replace(LATENTS, title="Start latents", default=None),
    )
    outputs = (LATENTS_OUT, SEED_OUT)

    def check(self, values: Values) -> Iterator[Problem]:
        yield from super().check(values)
        start = values["latents"]
        if start is None:
            return
        if values["picture"] is not None:
            yield Problem(Code.BAD_VALUE, input="latents", reason="two_starts")
        if start.count not in (1, values["num_images"]):
            counts = {"first": start.count, "second": values["num_images"]}
            yield Problem(Code.BAD_VALUE, input="num_images", reason="counts_differ", values=counts)
        yield from _space_problems(start, values["model"])
        facts = FAMILY_FACTS.get(values["model"].base)
        if facts is not None and Capability.IMG2IMG in facts.lacks:
            yield Problem(Code.BAD_VALUE, input="latents", reason="starts_from_nothing")

    def size(self, values: Values) -> tuple[int, int]:
        start = values["latents"]
        return super().size(values) if start is None else (start.width, start.height)

    def outline(self, values: Values) -> dict[str, Outline]:
        outline = Outline(values["num_images"], *self.size(values), base=values["model"].base)
        return {"latents": outline}

    def cost(self, values: Values) -> Cost:
        settings = self.settings(values)
        if values["latents"] is not None:
            settings |= {"init_image": LINKED_PICTURE, "strength": values["strength"]}
        return Cost(generation=settings)

    def run(self, values: Values, context: NodeContext) -> dict[str, Any]:
        pictures = add_pictures(self.shown(values), values)
        request, source = context.request(self.settings(values), pictures)
        latents: Latents | None = values["latents"]
        result = context.engine.denoise(
            request,
            source=source,
            start=None if latents is None else Start(latents=latents, strength=values["strength"]),
            on_step=context.on_step,
            is_cancelled=context.is_cancelled,
        )
        return {"latents": result.latents}


class _VaeNode(Node):
    category = Category.DIFFUSION
    # A guess for a card, on the safe side: the measured seconds are charged.
    seconds_per_megapixel = 1.0
    fields = SETTING_FIELDS

    def asked(self, values: Values) -> dict[str, Any]:
        return {**_plainest(values["model"]), "prompt": "x"}

    def check(self, values: Values) -> Iterator[Problem]:
        model: ModelValue = values["model"]
        yield from model_problems(model)
        facts = FAMILY_FACTS.get(model.base)
        if facts is not None and Capability.TXT2IMG in facts.lacks:
            # There is no plainest request, by which its files would be found.
            yield Problem(Code.BAD_VALUE, input="model", reason="wrong_kind")

    @staticmethod
    def _model(values: Values, context: NodeContext) -> tuple[ModelSource, AddOn | None]:
        request, source = context.request({**_plainest(values["model"]), "prompt": ""}, {})
        return source, request.vae


class Decode(_VaeNode):
    type = "decode"
    title = "Decode"
    description = "Makes pictures of latents."
    inputs = (LATENTS, MODEL)
    outputs = (PICTURE_OUT,)

    def check(self, values: Values) -> Iterator[Problem]:
        yield from super().check(values)
        yield from _space_problems(values["latents"], values["model"])

    def outline(self, values: Values) -> dict[str, Outline]:
        latents: Outline = values["latents"]
        return {"picture": Outline(latents.count, *latents.size)}

    def run(self, values: Values, context: NodeContext) -> dict[str, Any]:
        source, vae = self._model(values, context)
        result = context.engine.decode(
            values["latents"], source=source, vae=vae, is_cancelled=context.is_cancelled
        )
        return {"picture": result.images}


class Encode(_VaeNode):
    type = "encode"
    title = "Encode"
    description = "Makes latents of pictures."
    inputs = (PICTURE, MODEL)
    outputs = (LATENTS_OUT,)

    def outline(self, values: Values) -> dict[str, Outline]:
        before: Outline = values["picture"]
        size = fit_side(before.width, values), fit_side(before.height, values)
        return {"latents": Outline(before.count, *size, base=values["model"].base)}

    def run(self, values: Values, context: NodeContext) -> dict[str, Any]:
        from PIL import Image, ImageOps

        width, height = values["picture"][0].size
        size = fit_side(width, values), fit_side(height, values)
        source, vae = self._model(values, context)
        result = context.engine.encode(
            [ImageOps.fit(one, size, Image.Resampling.LANCZOS) for one in values["picture"]],
            source=source,
            vae=vae,
            seamless=frozenset(values["model"].seamless),
            is_cancelled=context.is_cancelled,
        )
        return {"latents": result.latents}


class UpscaleLatents(Node):
    type = "upscale_latents"
    title = "Scale latents"
    description = "Brings latents to the size of other pictures; denoise them again afterwards."
    category = Category.DIFFUSION
    inputs = (
        LATENTS,
        side("width", "Width", 1024),
        side("height", "Height", 1024),
        Input(
            "scaling",
            "Method",
            ValueType.CHOICE,
            "bilinear",
            choices={
                "nearest": "Nearest pixel",
                "bilinear": "Bilinear",
                "bicubic": "Bicubic",
                "area": "Mean",
            },
        ),
    )
    outputs = (LATENTS_OUT,)
    seconds_per_megapixel = 0.05

    def check(self, values: Values) -> Iterator[Problem]:
        multiple = FAMILY_FACTS[values["latents"].base].size_multiple
        for name in ("width", "height"):
            if values[name] % multiple:
                yield Problem(
                    Code.BAD_VALUE, input=name, reason="not_multiple", values={"step": multiple}
                )

    def outline(self, values: Values) -> dict[str, Outline]:
        before: Outline = values["latents"]
        size = (values["width"], values["height"])
        return {"latents": Outline(before.count, *size, base=before.base)}

    def run(self, values: Values, context: NodeContext) -> dict[str, Any]:
        scaled = context.engine.upscale_latents(
            values["latents"],
            width=values["width"],
            height=values["height"],
            scaling=values["scaling"],
        )
        return {"latents": scaled}


class BlendLatents(Node):
    type = "blend_latents"
    title = "Blend latents"
    description = "Makes latents between two others."
    category = Category.DIFFUSION
    inputs = (
        LATENTS,
        Input("other", "Other latents", ValueType.LATENTS),
        Input(
            "part",
            "How far",
            ValueType.NUMBER,
            0.5,
            "0 is the first, 1 the other.",
            least=0.0,
            most=1.0,
            step=0.05,
            widget="slider",
        ),
    )
    outputs = (LATENTS_OUT,)
    seconds_per_megapixel = 0.05

    def check(self, values: Values) -> Iterator[Problem]:
        one, other = values["latents"], values["other"]
        yield from count_problems(one, other, at="other")
        yield from size_problems(one, other, at="other")
        if LATENT_SPACES[one.base] != LATENT_SPACES[other.base]:
            yield Problem(Code.BAD_VALUE, input="other", reason="other_latents")

    def outline(self, values: Values) -> dict[str, Outline]:
        one: Outline = values["latents"]
        other: Outline = values["other"]
        return {"latents": Outline(max(one.count, other.count), *one.size, base=one.base)}

    def run(self, values: Values, context: NodeContext) -> dict[str, Any]:
        blended = context.engine.blend_latents(
            values["latents"], values["other"], part=values["part"]
        )
        return {"latents": blended}


def _plainest(model: ModelValue) -> dict[str, Any]:
    """Return the settings of a model and its VAE alone."""
    return model_settings(replace(model, loras=(), clip_skip=0, seamless=()))


def _space_problems(latents: Outline, model: ModelValue) -> Iterator[Problem]:
    if LATENT_SPACES.get(model.base) != LATENT_SPACES[latents.base]:
        yield Problem(Code.BAD_VALUE, input="latents", reason="other_latents")


NODES: Final = (Denoise(), Decode(), Encode(), UpscaleLatents(), BlendLatents())
