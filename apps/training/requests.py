"""What a client may ask of a training, and what is filled in where nothing is said."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.catalog import limits
from apps.catalog.models import GenerationModel
from apps.core.errors import Invalid
from apps.core.serializers import FiniteFloatField, IdField, SwitchField, TextField
from apps.training.models import MAX_CAPTION_LENGTH, MAX_NAME_LENGTH, MAX_PICTURES
from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.prompts.weights import escape_text, read_prompt
from gpu_tasks.engine.request import SIZE_MULTIPLE
from gpu_tasks.training.lora.settings import MAX_TRIGGER, MIN_RESOLUTION, TrainingSettings

LEAST_STEPS = 10
MOST_STEPS = 10_000
DEFAULT_STEPS = 1000
MOST_RANK = 128
DEFAULT_RANK = 16
DEFAULT_LEARNING_RATE = 1e-4
MOST_BATCH = 8
MOST_SAMPLE_PROMPTS = 4
MOST_CREDITS = 10_000_000
# Each round is a break of the work, and its pictures are kept.
MOST_ROUNDS = 50
# Of a training there are so many rounds of samples and so many checkpoints unless said otherwise.
_ROUNDS = 8
_CHECKPOINTS = 10


class SetSerializer(serializers.Serializer[Any]):
    name = TextField(max_length=MAX_NAME_LENGTH)


class PictureNamesSerializer(serializers.Serializer[Any]):
    """Pictures of one's own, by their names."""

    images = serializers.ListField(
        child=IdField(), allow_empty=False, max_length=MAX_PICTURES, help_text="Names of pictures."
    )


class PictureChangesSerializer(serializers.Serializer[Any]):
    """Captions and the order of pictures of a set; what is not named stays."""

    captions = serializers.DictField(
        child=TextField(max_length=MAX_CAPTION_LENGTH, allow_blank=True),
        required=False,
        help_text="Captions by the names of their pictures.",
    )
    order = serializers.ListField(
        child=IdField(),
        required=False,
        max_length=MAX_PICTURES,
        help_text="These first, in this order; the others follow.",
    )

    def validate_captions(self, captions: dict[str, str]) -> dict[Any, str]:
        if len(captions) > MAX_PICTURES:
            raise serializers.ValidationError(_("These are more pictures than a set may have."))
        return {IdField().run_validation(name): text for name, text in captions.items()}


class TrainingRequestSerializer(serializers.Serializer[Any]):
    """A training: the set to learn from, the model to learn upon, and how."""

    set = IdField(help_text="A set of yours.")
    model = TextField(max_length=64, required=False, help_text="A main model; the first without.")
    trigger = TextField(
        max_length=MAX_TRIGGER,
        required=False,
        allow_blank=True,
        help_text="The word that calls what was learnt; it is put before each caption.",
    )
    steps = serializers.IntegerField(min_value=LEAST_STEPS, max_value=MOST_STEPS, required=False)
    rank = serializers.IntegerField(
        min_value=1, max_value=MOST_RANK, required=False, help_text="How much it can learn."
    )
    alpha = serializers.IntegerField(
        min_value=1, max_value=MOST_RANK, required=False, help_text="The rank without."
    )
    learning_rate = FiniteFloatField(min_value=1e-7, max_value=0.05, required=False)
    batch_size = serializers.IntegerField(min_value=1, max_value=MOST_BATCH, required=False)
    resolution = serializers.IntegerField(
        min_value=64,
        required=False,
        help_text="The side of the squares that pictures are cropped to: a multiple of 8.",
    )
    seed = serializers.IntegerField(
        min_value=0, max_value=limits.MAX_SEED, required=False, allow_null=True
    )
    flip = SwitchField(required=False, help_text="Learn from each picture's mirror image too.")
    trains_convolutions = SwitchField(
        required=False, help_text="Learn colours and strokes too: for styles."
    )
    trains_text_encoder = SwitchField(required=False)
    caption_dropout = FiniteFloatField(min_value=0, max_value=1, required=False)
    preservation = FiniteFloatField(
        min_value=0,
        max_value=10,
        required=False,
        help_text="How closely the model keeps to itself without the trigger; takes double time.",
    )
    sample_prompts = serializers.ListField(
        child=TextField(max_length=MAX_CAPTION_LENGTH),
        required=False,
        max_length=MOST_SAMPLE_PROMPTS,
    )
    sample_every = serializers.IntegerField(
        min_value=0, max_value=MOST_STEPS, required=False, help_text="Steps; 0 is never."
    )


class RunRequestSerializer(TrainingRequestSerializer):
    """A training with the name of what is to come of it and the most that it may cost."""

    name = TextField(max_length=MAX_NAME_LENGTH, required=False)
    max_credits = serializers.IntegerField(
        min_value=1,
        max_value=MOST_CREDITS,
        required=False,
        help_text="A quote above it is refused, and nothing is held.",
    )
    quote = TextField(
        max_length=1000,
        required=False,
        help_text="The token of a quote for these settings; it costs no more than it says.",
    )


class RunRetrySerializer(serializers.Serializer[Any]):
    """On what terms a training goes on."""

    quote = TextField(
        max_length=1000,
        required=False,
        help_text="The token of a quote for what is left; it costs no more than it says.",
    )


def complete_settings(
    *, model: GenerationModel, captions: Sequence[str], asked: Mapping[str, Any]
) -> TrainingSettings:
    """Fill in what was left open, and check the whole.

    Without sample prompts the first two captions are shown, the trigger before them.

    Raises:
        Invalid: values that the model cannot be trained with, each named.
    """
    values = {name: value for name, value in asked.items() if value is not None}
    steps = values.setdefault("steps", DEFAULT_STEPS)
    rank = values.setdefault("rank", DEFAULT_RANK)
    values.setdefault("alpha", rank)
    values.setdefault("learning_rate", DEFAULT_LEARNING_RATE)
    _check_resolution(values.setdefault("resolution", model.default_width), model)
    values.setdefault("seed", secrets.randbelow(limits.MAX_SEED + 1))
    values["trigger"] = " ".join(str(values.get("trigger", "")).split())
    if values.get("preservation") and not values["trigger"]:
        raise Invalid(fields={"preservation": [str(_("This needs a trigger word."))]})
    prompts = values.pop("sample_prompts", None)
    if prompts is None:
        prompts = _default_prompts(captions, values["trigger"])
    else:
        _check_weights(prompts)
    values["sample_prompts"] = tuple(prompts)
    if not values["sample_prompts"]:
        values["sample_every"] = 0
    values.setdefault("sample_every", max(steps // _ROUNDS, 1))
    _check_rounds(values["sample_every"], steps)
    values["save_every"] = max(steps // _CHECKPOINTS, 1)
    values["sample_guidance"] = model.default_guidance
    try:
        return TrainingSettings(**values)
    except InvalidRequest as error:
        raise Invalid(fields={name: [text] for name, text in error.fields.items()}) from error


def _check_resolution(side: int, model: GenerationModel) -> None:
    if MIN_RESOLUTION <= side <= model.max_size and side % SIZE_MULTIPLE == 0:
        return
    message = _("Choose a multiple of %(multiple)d from %(least)d to %(most)d pixels.")
    numbers = {"multiple": SIZE_MULTIPLE, "least": MIN_RESOLUTION, "most": model.max_size}
    raise Invalid(fields={"resolution": [message % numbers]})


def _check_weights(prompts: Sequence[str]) -> None:
    try:
        for prompt in prompts:
            read_prompt(prompt)
    except InvalidRequest as error:
        message = _(
            "A weight in a prompt lies between 0 and 5. Write \\( and \\) for brackets "
            "that are part of it."
        )
        raise Invalid(fields={"sample_prompts": [str(message)]}) from error


def _check_rounds(sample_every: int, steps: int) -> None:
    if sample_every == 0 or steps // sample_every <= MOST_ROUNDS:
        return
    message = _("There may be %(most)d rounds of samples: choose at least %(least)d steps.")
    numbers = {"most": MOST_ROUNDS, "least": steps // (MOST_ROUNDS + 1) + 1}
    raise Invalid(fields={"sample_every": [message % numbers]})


def _default_prompts(captions: Sequence[str], trigger: str) -> list[str]:
    different = list(dict.fromkeys(caption for caption in captions if caption))[:2]
    texts = [
        caption if not trigger or trigger in caption else f"{trigger}, {caption}"
        for caption in different
    ] or ([trigger] if trigger else [])
    # Captions are learnt as they stand: their brackets are no weights.
    return [escape_text(text) for text in texts]
