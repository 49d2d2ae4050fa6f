"""What lies between the calls of a pipeline: start pictures before them, putting back after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from PIL import Image, ImageOps

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.families import ModelFamily
from gpu_tasks.engine.guides import Control
from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.pictures.canvas import Box, flatten
from gpu_tasks.engine.pictures.masks import (
    Crop,
    crop_to_mask,
    fit_mask,
    harden_mask,
    paste_back,
)
from gpu_tasks.engine.pictures.outpainting import extend_canvas
from gpu_tasks.engine.pictures.tiles import blend_tiles, plan_tiles
from gpu_tasks.engine.plans import CallPlan, plan_calls
from gpu_tasks.engine.request import GenerationRequest
from gpu_tasks.engine.tasks_of_calls import Task

Size = tuple[int, int]
Enlarge = Callable[[Image.Image, Size], Image.Image]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallInput:
    """What one call starts from: for each row a picture and a mask, or none at all."""

    plan: CallPlan
    images: Sequence[Image.Image] = ()
    masks: Sequence[Image.Image] = ()
    controls: Sequence[Control] = ()


Make = Callable[[CallInput], list[Image.Image]]


@dataclass(slots=True, kw_only=True)
class Course:
    """The way of requests of one shape through their calls, a row for each picture.

    Only plain requests come together; all others have a course of their own. `enlarge` makes a
    picture larger, with the upscaler of the request if it names one.
    """

    requests: Sequence[GenerationRequest]
    family: ModelFamily
    enlarge: Enlarge
    calls: list[CallPlan] = field(init=False)
    _tiles: list[Box] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        upscale = self.request.upscale
        multiple = self.family.facts.size_multiple
        if upscale is not None:
            tile = upscale.tile // multiple * multiple
            self._tiles = plan_tiles(
                self.request.width,
                self.request.height,
                tile=tile,
                overlap=upscale.overlap // multiple * multiple,
                multiple=multiple,
            )
        self.calls = plan_calls(self.request, size_multiple=multiple, tiles=self._tiles)

    @property
    def request(self) -> GenerationRequest:
        return self.requests[0]

    @property
    def size(self) -> Size:
        return self.request.width, self.request.height

    @property
    def steps(self) -> int:
        """Denoising steps of all calls."""
        return sum(call.denoising_steps for call in self.calls)

    def run(self, make: Make) -> list[Image.Image]:
        """Have every call made; return a picture for each row that is left at the end."""
        if self.request.upscale is not None:
            return self._upscale(make, self.calls)
        if self.request.mask is not None or self.request.outpaint is not None:
            return self._fill(make, self.calls)
        pictures = self._start_pictures()
        for call in self.calls:
            pictures = make(self._whole_input(call, pictures))
        return self._sized(pictures, self.size)

    def run_to_latents(
        self, make: Make, denoise: Callable[[CallInput], torch.Tensor]
    ) -> torch.Tensor:
        """Have every call made but the last, and that one denoised; return what it ends with.

        Only for requests whose pictures are whole when the last call has made them.
        """
        pictures = self._start_pictures()
        for call in self.calls[:-1]:
            pictures = make(self._whole_input(call, pictures))
        return denoise(self._whole_input(self.calls[-1], pictures))

    def _start_pictures(self) -> list[Image.Image]:
        return [
            fit(one.init_image, self.size) for one in self.requests if one.init_image is not None
        ]

    def _whole_input(self, call: CallPlan, pictures: Sequence[Image.Image]) -> CallInput:
        images = self._sized(pictures, (call.width, call.height))
        return CallInput(plan=call, images=images, controls=self._controls(call))

    def _sized(self, pictures: Sequence[Image.Image], size: Size) -> list[Image.Image]:
        return [p if p.size == size else self.enlarge(p, size) for p in pictures]

    def _upscale(self, make: Make, calls: Sequence[CallPlan]) -> list[Image.Image]:
        ground = self.enlarge(upright(self.request.init_image), self.size)
        rows = len(self.requests)
        if not calls:
            return [ground] * rows
        tiles_of_rows: list[list[Image.Image]] = [[] for _ in range(rows)]
        for call, box in zip(calls, self._tiles, strict=True):
            tile = ground.crop(box.corners)
            made = make(CallInput(plan=call, images=[tile] * rows))
            for tiles, picture in zip(tiles_of_rows, made, strict=True):
                tiles.append(picture)
        return [blend_tiles(tiles, self._tiles, self.size) for tiles in tiles_of_rows]

    def _fill(self, make: Make, calls: Sequence[CallPlan]) -> list[Image.Image]:
        ground, mask, crop = self._masked_ground()
        rows = len(self.requests)
        working, working_mask = (ground, mask) if crop is None else (crop.picture, crop.mask)
        pictures = [working] * rows
        for call in calls:
            fitted = replace(call, width=working.width, height=working.height)
            pictures = make(
                CallInput(
                    plan=fitted,
                    images=pictures,
                    masks=[harden_mask(working_mask)] * rows,
                    controls=[
                        control if crop is None else _cut(control, crop, ground.size)
                        for control in self._controls(call)
                    ],
                )
            )
        if crop is not None:
            return [crop.paste_back(picture, ground) for picture in pictures]
        return [paste_back(picture, ground, mask) for picture in pictures]

    def _masked_ground(self) -> tuple[Image.Image, Image.Image, Crop | None]:
        """Return the picture, its mask, and the part to work on if that is not the whole."""
        request = self.request
        if request.outpaint is not None:
            left, top, right, bottom = request.outpaint.margins
            inner = (request.width - left - right, request.height - top - bottom)
            canvas = extend_canvas(
                fit(request.init_image, inner),
                left=left,
                top=top,
                right=right,
                bottom=bottom,
                size_multiple=1,
                feather=request.outpaint.feather,
                seed=request.seed,
            )
            return canvas.picture, canvas.mask, None
        if request.mask is None:
            raise InvalidRequest({"mask": "is missing"})
        whole = request.mask.only_masked
        ground = upright(request.init_image) if whole else fit(request.init_image, self.size)
        mask = fit_mask(request.mask.image, ground.size, feather=request.mask.feather)
        if not request.mask.only_masked:
            return ground, mask, None
        crop = crop_to_mask(
            ground,
            mask,
            padding=request.mask.padding,
            size=self.size,
            multiple=self.family.facts.size_multiple,
        )
        return ground, mask, crop

    def _controls(self, call: CallPlan) -> Sequence[Control]:
        """Return what steers a call; later calls go without where there is no pipeline for it."""
        controls = self.request.controls
        is_first = call is self.calls[0]
        if call.by_refiner:
            return ()
        if controls and not is_first and not self.family.has_pipeline(call.task, controls[0].kind):
            return ()
        return controls


def first_task(request: GenerationRequest) -> Task:
    """Return what the first call of a request does."""
    if request.upscale is not None:
        return Task.IMG2IMG
    if request.mask is not None or request.outpaint is not None:
        return Task.INPAINT
    if request.init_image is not None:
        return Task.IMG2IMG
    return Task.REFERENCE if request.references else Task.TXT2IMG


def upright(image: Image.Image | None) -> Image.Image:
    """Turn a picture upright and put transparent parts on white.

    Raises:
        InvalidRequest: it is missing or torn.
    """
    if image is None:
        raise InvalidRequest({"init_image": "is missing"})
    try:
        return flatten(ImageOps.exif_transpose(image))
    except (OSError, ValueError, SyntaxError) as error:
        # Pillow reads pixels late, so a torn upload is found only here.
        raise InvalidRequest({"init_image": "is not a complete picture"}) from error


def fit(image: Image.Image | None, size: Size) -> Image.Image:
    """Turn upright and crop to the middle of `size`; raise as `upright` does."""
    return ImageOps.fit(upright(image), size, Image.Resampling.LANCZOS)


def _cut(control: Control, crop: Crop, whole: Size) -> Control:
    picture = control.image.resize(whole, Image.Resampling.LANCZOS).crop(crop.box.corners)
    return replace(control, image=picture.resize(crop.size, Image.Resampling.LANCZOS))
