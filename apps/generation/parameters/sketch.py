"""A request to the engine as far as it can be told without a file: for checks and for prices."""

from collections.abc import Mapping
from pathlib import Path

from PIL import Image as PillowImage

from apps.generation.parameters.settings import GenerationParameters
from gpu_tasks.engine.guides import (
    AddOn,
    Control,
    ControlKind,
    HighRes,
    ImagePrompt,
    Lora,
    Mask,
    Outpaint,
    Region,
    TextualInversion,
    Upscale,
    Variation,
)
from gpu_tasks.engine.request import GenerationRequest, ModelSource

# Stands for every picture: nobody looks at its pixels here.
_BLANK = PillowImage.new("L", (1, 1))


def sketch_request(parameters: GenerationParameters, *, model_key: str) -> GenerationRequest:
    """Return what the engine will be asked, with blanks for pictures and no place for weights.

    Raises:
        InvalidRequest: what the engine takes from nobody, by field.
    """
    return build_request(parameters, model_key=model_key, pictures={}, weights={}, refiner=None)


def build_request(
    parameters: GenerationParameters,
    *,
    model_key: str,
    pictures: Mapping[str, PillowImage.Image],
    weights: Mapping[str, AddOn],
    refiner: ModelSource | None,
) -> GenerationRequest:
    """Return what the engine is asked, with the pictures by field and the weights by key.

    Raises:
        InvalidRequest: what the engine takes from nobody, by field.
    """

    def picture(field: str) -> PillowImage.Image:
        return pictures.get(field, _BLANK)

    def add_on(key: str) -> AddOn:
        return weights.get(key) or AddOn(key=key, path=Path())

    def upscaler(key: str | None) -> AddOn | None:
        return None if key is None else add_on(key)

    p = parameters
    return GenerationRequest(
        prompt=p.prompt,
        negative_prompt=p.negative_prompt,
        width=p.width,
        height=p.height,
        steps=p.steps,
        guidance_scale=p.guidance_scale,
        scheduler=p.scheduler,
        seed=p.seed,
        num_images=p.num_images,
        model_key=model_key,
        init_image=None if p.init_image is None else picture("init_image"),
        strength=p.strength,
        mask=None
        if p.mask is None
        else Mask(
            image=picture("mask.image"),
            feather=p.mask.feather,
            only_masked=p.mask.only_masked,
            padding=p.mask.padding,
        ),
        outpaint=None
        if p.outpaint is None
        else Outpaint(
            left=p.outpaint.left,
            top=p.outpaint.top,
            right=p.outpaint.right,
            bottom=p.outpaint.bottom,
            feather=p.outpaint.feather,
        ),
        upscale=None
        if p.upscale is None
        else Upscale(
            strength=p.upscale.strength,
            upscaler=upscaler(p.upscale.upscaler),
            tile=p.upscale.tile,
            overlap=p.upscale.overlap,
        ),
        high_res=None
        if p.high_res is None
        else HighRes(
            scale=p.high_res.scale,
            strength=p.high_res.strength,
            upscaler=upscaler(p.high_res.upscaler),
        ),
        variation=None
        if p.variation is None
        else Variation(seed=p.variation.seed, strength=p.variation.strength),
        loras=[Lora(source=add_on(lora.model), weight=lora.weight) for lora in p.loras],
        embeddings=[
            TextualInversion(source=add_on(each.model), token=each.token) for each in p.embeddings
        ],
        controls=[
            Control(
                source=add_on(control.model),
                image=picture(f"controls.{number}.image"),
                kind=ControlKind(control.kind),
                weight=control.weight,
                start=control.start,
                end=control.end,
            )
            for number, control in enumerate(p.controls)
        ],
        image_prompt=None
        if p.image_prompt is None
        else ImagePrompt(
            source=add_on(p.image_prompt.model),
            images=tuple(
                picture(f"image_prompt.images.{number}")
                for number in range(len(p.image_prompt.images))
            ),
            weight=p.image_prompt.weight,
        ),
        references=[picture(f"references.{number}") for number in range(len(p.references))],
        regions=[
            Region(prompt=region.prompt, mask=picture(f"regions.{number}.mask"))
            for number, region in enumerate(p.regions)
        ],
        clip_skip=p.clip_skip,
        vae=None if p.vae is None else add_on(p.vae),
        seamless=frozenset(p.seamless),
        refiner=None
        if p.refiner is None
        else (refiner or ModelSource(key=p.refiner.model, path=Path())),
        refiner_strength=0.2 if p.refiner is None else p.refiner.strength,
    )
