"""What is refused before anything is loaded for it."""

from __future__ import annotations

from gpu_tasks.engine.calls import call_parameters
from gpu_tasks.engine.courses import first_task
from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.families import ModelFamily
from gpu_tasks.engine.family_facts import Capability
from gpu_tasks.engine.latents import Latents
from gpu_tasks.engine.plans import plan_calls
from gpu_tasks.engine.request import GenerationRequest, ModelSource


def check_model_key(request: GenerationRequest, source: ModelSource) -> None:
    """Do nothing if a request is for this model; raise InvalidRequest if not."""
    if request.model_key != source.key:
        raise InvalidRequest({"model_key": "is not the model that was given"})


def check_request(request: GenerationRequest, family: ModelFamily) -> None:
    """Do nothing if a family can do what is asked for; nothing is loaded for it.

    Raises:
        InvalidRequest: what it lacks, by field.
    """
    request.check(family.facts)
    task = first_task(request)
    if request.references and task not in family.looks_at_references:
        raise InvalidRequest({"references": "are for pictures that start from nothing"})
    kind = request.controls[0].kind if request.controls else None
    if request.upscale is None or kind is None:
        pipeline_class = family.pipeline_class(task, kind)
        if request.image_prompt and "ip_adapter_image" not in call_parameters(pipeline_class):
            raise InvalidRequest({"image_prompt": "cannot be looked at in a call of this kind"})


def check_pictures(request: GenerationRequest) -> None:
    """Do nothing if every picture beside the one to start from is whole.

    Raises:
        InvalidRequest: one is torn, by field. Pillow reads pixels late, so it is found only here.
    """
    pictures = [("controls", control.image) for control in request.controls]
    pictures += [("regions", region.mask) for region in request.regions]
    pictures += [("references", picture) for picture in request.references]
    if request.mask is not None:
        pictures.append(("mask", request.mask.image))
    if request.image_prompt is not None:
        pictures += [("image_prompt", picture) for picture in request.image_prompt.images]
    for field_name, picture in pictures:
        try:
            picture.load()
        except (OSError, ValueError, SyntaxError) as error:
            raise InvalidRequest({field_name: "is not a complete picture"}) from error


def check_ends_in_latents(request: GenerationRequest, family: ModelFamily) -> None:
    """Do nothing if all that is left of a request after its last call is to decode.

    Raises:
        InvalidRequest: its pictures are put together from parts, by field.
    """
    for field_name in ("mask", "outpaint", "upscale"):
        if getattr(request, field_name) is not None:
            raise InvalidRequest(
                {field_name: "is for whole pictures: generate them instead of denoising latents"}
            )
    last = plan_calls(request, size_multiple=family.facts.size_multiple)[-1]
    if (last.width, last.height) != (request.width, request.height):
        raise InvalidRequest(
            {"high_res": "has too little strength: its pictures would be enlarged after decoding"}
        )


def check_start(start: Latents, request: GenerationRequest, family: ModelFamily) -> None:
    """Do nothing if a family can start from latents.

    Raises:
        InvalidRequest: it cannot, or these are of another kind, size or number.
    """
    facts = family.facts
    if request.init_image is not None:
        raise InvalidRequest({"latents": "exclude a picture to start from"})
    start.check_decodable(facts.base, model_name=facts.name)
    if Capability.IMG2IMG in facts.lacks:
        instead = (
            "show the picture as a reference"
            if Capability.REFERENCES in facts.capabilities
            else "fill a mask of the picture"
        )
        raise InvalidRequest(
            {"latents": f"{facts.name} starts from none: decode them, and {instead}"}
        )
    if (start.width, start.height) != (request.width, request.height):
        raise InvalidRequest(
            {
                "latents": f"are {start.width} × {start.height} pixels large, and the pictures "
                f"{request.width} × {request.height}: scale the latents first"
            }
        )
    if start.rows not in (1, request.num_images):
        raise InvalidRequest(
            {"latents": f"are {start.rows} pictures, where 1 or {request.num_images} can be used"}
        )
