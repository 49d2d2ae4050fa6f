"""What a generation makes a GPU do: the calls that are run, and what each costs beside a plain one.

The factors are planning figures, as those of a family are: what a plain job takes is measured, and
what else is asked for is counted in plain jobs.
"""

from dataclasses import dataclass

from apps.credits.costs import Shape, work
from apps.generation.parameters import GenerationParameters
from apps.generation.parameters.checks import tile_count
from apps.generation.parameters.sketch import sketch_request
from gpu_tasks.engine.family_facts import FAMILY_FACTS, Capability, FamilyFacts
from gpu_tasks.engine.guides import ControlKind
from gpu_tasks.engine.pictures.canvas import Box
from gpu_tasks.engine.plans import CallPlan, plan_calls
from gpu_tasks.engine.request import GenerationRequest
from gpu_tasks.providers.facts import PROVIDER_FACTS

# A ControlNet is the encoder half of its model, run beside it in the steps that it works in.
CONTROLNET = 0.4
# An adapter looks at its picture once.
T2I_ADAPTER = 0.02
IMAGE_PROMPT = 0.1
# Of each region the model is asked once more, in one of its two rows.
REGION = 0.5
# Each reference is read beside the picture; the first is the rule where there are any.
REFERENCE = 0.5
# Without guidance the model is asked once a step and not twice.
WITHOUT_GUIDANCE = 0.6
# Of a network that enlarges, in plain pictures of 1024 × 1024 pixels, for as many pixels.
UPSCALER = 0.3
LEAST_FACTOR = 0.1
# Below it a tile takes no less: what a call costs by itself outweighs its pixels.
LEAST_SIDE = 256


@dataclass(frozen=True, slots=True)
class Load:
    """What a generation costs: so many times a plain one of `shape`.

    Plain ones `teach` what their kind takes.
    """

    shape: Shape
    factor: float = 1.0
    teaches: bool = False
    # Credits for a picture, where others make it and seconds cost nothing.
    price: int | None = None


def load_of(parameters: GenerationParameters, *, base: str) -> Load:
    """Return what decides the cost of a generation; of a start picture only a part is denoised."""
    if base in PROVIDER_FACTS:
        return Load(Shape(parameters.width, parameters.height, 1, parameters.num_images))
    facts = FAMILY_FACTS[base]
    guidance = _guidance(parameters, facts)
    if parameters.is_plain:
        return Load(_plain_shape(parameters), guidance, teaches=guidance == 1)
    request = sketch_request(parameters, model_key="-")
    calls = _calls(request, parameters, multiple=facts.size_multiple)
    batch = parameters.num_images
    # Of the size of the first call, since that is the likeliest to have been measured.
    width, height = (
        (calls[0].width, calls[0].height) if calls else (parameters.width, parameters.height)
    )
    shape = Shape(width, height, parameters.steps, batch)
    whole = sum(_work(call, batch) for call in calls) * _guides(request) * guidance
    whole += _enlarging(request) * batch
    factor = max(round(whole / work(shape), 4), LEAST_FACTOR)
    return Load(shape, factor)


def _plain_shape(parameters: GenerationParameters) -> Shape:
    steps = parameters.steps
    if parameters.strength is not None:
        steps = max(int(steps * parameters.strength), 1)
    return Shape(parameters.width, parameters.height, steps, parameters.num_images)


def _calls(
    request: GenerationRequest, parameters: GenerationParameters, *, multiple: int
) -> list[CallPlan]:
    tiles: list[Box] = []
    if request.upscale is not None:
        tile = max(request.upscale.tile // multiple * multiple, multiple)
        box = Box(0, 0, min(tile, request.width), min(tile, request.height))
        tiles = [box] * tile_count(parameters, multiple=multiple)
    return plan_calls(request, size_multiple=multiple, tiles=tiles)


def _work(call: CallPlan, batch: int) -> float:
    least = 0 if call.tile is None else LEAST_SIDE
    return work(Shape(max(call.width, least), max(call.height, least), call.denoising_steps, batch))


def _guides(request: GenerationRequest) -> float:
    factor = 1.0
    for control in request.controls:
        if control.kind is ControlKind.CONTROLNET:
            factor += CONTROLNET * (control.end - control.start)
        else:
            factor += T2I_ADAPTER
    if request.image_prompt is not None:
        factor += IMAGE_PROMPT
    factor += REGION * len(request.regions)
    return factor + REFERENCE * max(len(request.references) - 1, 0)


def _guidance(parameters: GenerationParameters, facts: FamilyFacts) -> float:
    """Return the factor of guidance beside what is usual for a family."""
    if Capability.NEGATIVE_PROMPT in facts.lacks:
        return 1.0
    is_guided, usually = parameters.guidance_scale > 1, facts.guidance_scale > 1
    if is_guided == usually:
        return 1.0
    return 1 / WITHOUT_GUIDANCE if is_guided else WITHOUT_GUIDANCE


def _enlarging(request: GenerationRequest) -> float:
    part = request.upscale or request.high_res
    if part is None or part.upscaler is None:
        return 0.0
    return UPSCALER * request.width * request.height / 1024**2
