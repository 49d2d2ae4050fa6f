"""What is wrong with the settings of a generation, by field, in words for its user."""

import math
from collections.abc import Iterable, Iterator, Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.catalog.models import GenerationModel, ModelKind
from apps.core.errors import FieldMessages
from apps.generation.parameters.add_ons import depth_estimator, fits
from apps.generation.parameters.parts import ControlPart
from apps.generation.parameters.provided import needs_of, provided_problems, unusable
from apps.generation.parameters.settings import GenerationParameters
from apps.generation.parameters.sketch import sketch_request
from gpu_tasks.engine.control.names import PREPROCESSOR_NAMES, complete_parameters
from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.family_facts import FAMILY_FACTS, Capability, FamilyFacts
from gpu_tasks.engine.guides import MAX_CONTROLS, MAX_EMBEDDINGS, MAX_LORAS, MAX_REFERENCES
from gpu_tasks.engine.prompts.weights import read_prompt
from gpu_tasks.providers.facts import PROVIDER_FACTS, ProviderFacts, facts_of

Problem = tuple[str, str]
AddOns = Mapping[str, GenerationModel]

MAX_TILES = 1024
_MAX_UPSCALED = 4096
ABILITIES: Mapping[Capability, str | Promise] = {
    Capability.TXT2IMG: gettext_lazy("pictures from a prompt alone"),
    Capability.IMG2IMG: gettext_lazy("pictures from another picture"),
    Capability.INPAINT: gettext_lazy("masks"),
    Capability.OUTPAINT: gettext_lazy("outpainting"),
    Capability.HIGH_RES: gettext_lazy("the second pass in high resolution"),
    Capability.UPSCALE: gettext_lazy("refinement of enlarged pictures"),
    Capability.VARIATIONS: gettext_lazy("variations"),
    Capability.LORA: gettext_lazy("LoRAs"),
    Capability.EMBEDDINGS: gettext_lazy("embeddings"),
    Capability.CONTROLNET: gettext_lazy("ControlNets"),
    Capability.T2I_ADAPTER: gettext_lazy("T2I adapters"),
    Capability.IP_ADAPTER: gettext_lazy("picture prompts"),
    Capability.REFERENCES: gettext_lazy("reference pictures"),
    Capability.REGIONS: gettext_lazy("prompts for regions"),
    Capability.PROMPT_WEIGHTS: gettext_lazy("weights in prompts"),
    Capability.NEGATIVE_PROMPT: gettext_lazy("negative prompts"),
    Capability.CLIP_SKIP: gettext_lazy("CLIP skip"),
    Capability.VAE: gettext_lazy("another VAE"),
    Capability.SEAMLESS: gettext_lazy("seamless pictures"),
    Capability.REFINER: gettext_lazy("a refiner"),
}


def find_problems(
    parameters: GenerationParameters, *, model: GenerationModel, add_ons: AddOns
) -> FieldMessages:
    """Return what `model` with `add_ons` cannot do of what is asked for, empty if it can all."""
    if model.base in PROVIDER_FACTS:
        return _problems_at_provider(parameters, model, PROVIDER_FACTS[model.base])
    facts = FAMILY_FACTS[model.base]
    problems: FieldMessages = {}
    for find in (_sizes, _strength, _starts, _margins, _combinations, _repeats, _weights):
        _note(problems, find(parameters, model, facts))
    _note(problems, _add_on_problems(parameters, model, facts, add_ons))
    _note(problems, _control_problems(parameters, add_ons))
    if not problems:
        _note(problems, _engines_problems(parameters, model, facts))
    return problems


def _problems_at_provider(
    parameters: GenerationParameters, model: GenerationModel, facts: ProviderFacts
) -> FieldMessages:
    problems: FieldMessages = {}
    _note(problems, provided_problems(parameters, model=model, facts=facts))
    for find in (_starts, _repeats):
        _note(problems, find(parameters, model, facts))
    try:
        needs = needs_of(parameters)
    except InvalidRequest as error:
        if not problems:
            _note(problems, unusable(error))
        return problems
    _note(problems, _beyond(parameters, needs, facts))
    return problems


def _note(problems: FieldMessages, found: Iterator[Problem]) -> None:
    for field, message in found:
        problems.setdefault(field, []).append(message)


def _sizes(
    parameters: GenerationParameters, model: GenerationModel, facts: FamilyFacts
) -> Iterator[Problem]:
    multiple = facts.size_multiple
    for name, size in (("width", parameters.width), ("height", parameters.height)):
        # An enlarged picture may be larger than what the model makes at once.
        most = _MAX_UPSCALED if parameters.upscale is not None else model.max_size
        if size % multiple or not model.min_size <= size <= most:
            yield (
                name,
                _("Choose a multiple of %(multiple)d from %(least)d to %(most)d pixels.")
                % {"multiple": multiple, "least": model.min_size, "most": most},
            )
    upscale = parameters.upscale
    if upscale is not None and tile_count(parameters, multiple=multiple) > MAX_TILES:
        yield "upscale.tile", _("These are too many tiles; choose larger ones or less overlap.")
    if upscale is not None and upscale.overlap > upscale.tile // 2:
        yield "upscale.overlap", _("Tiles can share half of their side at most.")
    if parameters.scheduler not in facts.schedulers:
        yield (
            "scheduler",
            _("%(family)s works with these schedulers alone: %(names)s.")
            % {"family": facts.name, "names": ", ".join(facts.schedulers.values())},
        )


def tile_count(parameters: GenerationParameters, *, multiple: int) -> int:
    """Return in how many tiles an upscale is worked over."""
    upscale = parameters.upscale
    if upscale is None:
        return 0
    tile = max(upscale.tile // multiple * multiple, multiple)
    overlap = min(upscale.overlap // multiple * multiple, tile - multiple)
    return math.prod(
        # In whole numbers: nobody has looked yet how large the sides are.
        1 if side <= tile else -((overlap - side) // max(tile - overlap, 1))
        for side in (parameters.width, parameters.height)
    )


def _strength(
    parameters: GenerationParameters, model: GenerationModel, facts: FamilyFacts
) -> Iterator[Problem]:
    del model, facts
    if parameters.strength is None:
        return
    if parameters.init_image is None:
        yield "strength", _("Strength needs a picture to start from.")
    elif parameters.upscale is None and int(parameters.steps * parameters.strength) < 1:
        yield (
            "strength",
            _("Strength times steps must come to at least one step; raise either."),
        )


def _starts(
    parameters: GenerationParameters, model: GenerationModel, facts: FamilyFacts
) -> Iterator[Problem]:
    del model, facts
    of_starts = [
        name for name in ("mask", "outpaint", "upscale") if getattr(parameters, name) is not None
    ]
    if parameters.init_image is None:
        for name in of_starts:
            yield name, _("This needs a picture to start from (init_image).")
    else:
        for name in ("high_res", "variation"):
            if getattr(parameters, name) is not None:
                yield name, _("This is for pictures that start from nothing; drop init_image.")
    for name in of_starts[1:]:
        yield name, _("Choose one of mask, outpaint and upscale.")


def _margins(
    parameters: GenerationParameters, model: GenerationModel, facts: FamilyFacts
) -> Iterator[Problem]:
    del model, facts
    outpaint = parameters.outpaint
    if outpaint is None:
        return
    across, down = outpaint.left + outpaint.right, outpaint.top + outpaint.bottom
    if not across + down:
        yield "outpaint", _("Give a margin on at least one side.")
    if across >= parameters.width or down >= parameters.height:
        yield "outpaint", _("The margins leave no room for the picture; make them smaller.")


def _combinations(
    parameters: GenerationParameters, model: GenerationModel, facts: FamilyFacts
) -> Iterator[Problem]:
    del model, facts
    if parameters.regions and parameters.image_prompt is not None:
        yield "regions", _("Prompts for regions and a picture prompt exclude each other.")
    for number, control in enumerate(parameters.controls):
        if control.start >= control.end:
            yield f"controls.{number}.start", _("Start must lie before end.")
    if len({control.kind for control in parameters.controls}) > 1:
        yield "controls", _("ControlNets and T2I adapters exclude each other.")


def _weights(
    parameters: GenerationParameters, model: GenerationModel, facts: FamilyFacts
) -> Iterator[Problem]:
    del model
    if Capability.PROMPT_WEIGHTS in facts.lacks:
        return
    prompts = {"prompt": parameters.prompt, "negative_prompt": parameters.negative_prompt}
    prompts |= {
        f"regions.{number}.prompt": region.prompt
        for number, region in enumerate(parameters.regions)
    }
    for field, prompt in prompts.items():
        try:
            read_prompt(prompt, field=field)
        except InvalidRequest:
            yield (
                field,
                _(
                    "A weight in a prompt lies between 0 and 5. Write \\( and \\) for brackets "
                    "that are part of it."
                ),
            )


def _repeats(
    parameters: GenerationParameters, model: GenerationModel, facts: FamilyFacts
) -> Iterator[Problem]:
    del model, facts
    for name, keys, most in (
        ("loras", [lora.model for lora in parameters.loras], MAX_LORAS),
        ("embeddings", [each.model for each in parameters.embeddings], MAX_EMBEDDINGS),
        ("embeddings", [each.token for each in parameters.embeddings], MAX_EMBEDDINGS),
    ):
        if len(set(keys)) < len(keys):
            yield name, _("Name each only once.")
        if len(keys) > most:
            yield name, _("There can be %(most)d at most.") % {"most": most}
    for name, count, most in (
        ("controls", len(parameters.controls), MAX_CONTROLS),
        ("references", len(parameters.references), MAX_REFERENCES),
    ):
        if count > most:
            yield name, _("There can be %(most)d at most.") % {"most": most}


def _add_on_problems(
    parameters: GenerationParameters,
    model: GenerationModel,
    facts: FamilyFacts,
    add_ons: AddOns,
) -> Iterator[Problem]:
    for field, key, kinds in parameters.models_named():
        add_on = add_ons.get(key)
        if add_on is None:
            yield field, _("There is no such model, or it is switched off.")
        elif ModelKind(add_on.kind) not in kinds:
            yield (
                field,
                _("“%(name)s” is no model of this kind (%(wanted)s) but of another: %(kind)s.")
                % {
                    "name": add_on.name,
                    "wanted": ", ".join(str(kind.label) for kind in sorted(kinds)),
                    "kind": ModelKind(add_on.kind).label,
                },
            )
        elif not fits(add_on, model.base):
            theirs = facts_of(add_on.base).name
            yield (
                field,
                _("“%(name)s” is made for %(theirs)s, and “%(model)s” is a model of %(family)s.")
                % {
                    "name": add_on.name,
                    "theirs": theirs,
                    "model": model.name,
                    "family": facts.name,
                },
            )


def _control_problems(parameters: GenerationParameters, add_ons: AddOns) -> Iterator[Problem]:
    for number, control in enumerate(parameters.controls):
        field = f"controls.{number}"
        description = PREPROCESSOR_NAMES.get(control.preprocessor)
        if description is None:
            names = ", ".join(PREPROCESSOR_NAMES)
            yield (
                f"{field}.preprocessor",
                _("Choose one of these preprocessors: %(names)s.") % {"names": names},
            )
            continue
        if description.needs_depth_model and depth_estimator(add_ons) is None:
            yield f"{field}.preprocessor", _("No model that estimates depth is installed here.")
        if not _has_right_numbers(control):
            numbers = ", ".join(
                f"{key} ({one.least:g}–{one.most:g})" for key, one in description.parameters.items()
            )
            yield (
                f"{field}.parameters",
                _("This preprocessor takes these numbers: %(numbers)s.") % {"numbers": numbers}
                if numbers
                else _("This preprocessor takes no numbers."),
            )


def _has_right_numbers(control: ControlPart) -> bool:
    try:
        complete_parameters(control.preprocessor, control.parameters)
    except InvalidRequest:
        return False
    return True


def _engines_problems(
    parameters: GenerationParameters, model: GenerationModel, facts: FamilyFacts
) -> Iterator[Problem]:
    """Yield what the engine would refuse; whatever has no words of its own above is caught."""
    try:
        sketch = sketch_request(parameters, model_key=model.key)
    except InvalidRequest as error:
        for field in error.fields:
            yield field, _("This value, or together with the others, cannot be used.")
        return
    yield from _beyond(parameters, sketch.needs(), facts)


def _beyond(
    parameters: GenerationParameters,
    needs: Iterable[tuple[Capability, str]],
    facts: FamilyFacts,
) -> Iterator[Problem]:
    for name, most in facts.limits.items():
        if _count(parameters, name) > most:
            yield name, _("There can be %(most)d at most.") % {"most": most}
    lacking = [(each, field) for each, field in needs if each in facts.lacks]
    for capability, field in lacking:
        yield (
            field,
            _("%(family)s does not offer %(ability)s; choose another model or leave it out.")
            % {"family": facts.name, "ability": ABILITIES[capability]},
        )


def _count(parameters: GenerationParameters, name: str) -> int:
    if name == "image_prompt":
        return 0 if parameters.image_prompt is None else len(parameters.image_prompt.images)
    return len(getattr(parameters, name))
