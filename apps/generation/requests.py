"""What a client may ask for: types and the limits that hold for every model."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.catalog import limits
from apps.core.serializers import FiniteFloatField, SwitchField, TextField
from apps.generation.guide_requests import GuidesSerializer
from apps.generation.models import Priority
from gpu_tasks.engine.scheduler_names import SCHEDULER_NAMES


class GenerationRequestSerializer(GuidesSerializer):
    """The settings of a generation; what is left out follows the model's defaults."""

    prompt = TextField(max_length=limits.MAX_PROMPT_LENGTH)
    negative_prompt = TextField(
        max_length=limits.MAX_PROMPT_LENGTH, required=False, allow_blank=True
    )
    model = TextField(max_length=64, required=False)
    width = serializers.IntegerField(
        min_value=1, required=False, help_text="A multiple of 8 within the model's range."
    )
    height = serializers.IntegerField(
        min_value=1, required=False, help_text="A multiple of 8 within the model's range."
    )
    steps = serializers.IntegerField(min_value=1, max_value=limits.MAX_STEPS, required=False)
    guidance_scale = FiniteFloatField(min_value=1, max_value=limits.MAX_GUIDANCE, required=False)
    scheduler = serializers.ChoiceField(
        choices=list(SCHEDULER_NAMES.items()),
        required=False,
        error_messages={
            "invalid_choice": _("There is no such scheduler; GET /api/v1/models lists all.")
        },
    )
    seed = serializers.IntegerField(
        min_value=0,
        max_value=limits.MAX_SEED,
        required=False,
        allow_null=True,
        help_text="Nothing or null draws one at random.",
    )
    num_images = serializers.IntegerField(min_value=1, max_value=limits.MAX_IMAGES, required=False)
    init_image = serializers.UUIDField(
        required=False, allow_null=True, help_text="The name of one of your pictures."
    )
    strength = FiniteFloatField(
        min_value=0.01,
        max_value=1,
        required=False,
        allow_null=True,
        help_text="How much of the start picture may change, up to 1.",
    )
    priority = serializers.ChoiceField(
        choices=Priority.choices,
        required=False,
        help_text="Before your other jobs, behind them, or only when nobody else is waiting.",
    )
    quote = TextField(
        max_length=1000,
        required=False,
        help_text="The token of a quote for these settings; the job costs no more than it says.",
    )


class QuoteRequestSerializer(GenerationRequestSerializer):
    """The settings of a generation that is not asked for yet; its price needs no prompt."""

    prompt = TextField(
        max_length=limits.MAX_PROMPT_LENGTH, required=False, allow_blank=True, default=""
    )
    priority = None  # type: ignore[assignment]
    quote = None  # type: ignore[assignment]


class BatchItemSerializer(GenerationRequestSerializer):
    """The settings of one generation of a batch, which has one priority for all."""

    priority = None  # type: ignore[assignment]


class BatchRequestSerializer(serializers.Serializer[Any]):
    """Many generations, all or none; they run in this order."""

    generations = BatchItemSerializer(  # type: ignore[call-arg]
        many=True, allow_empty=False, max_length=settings.EASEL_MAX_WAITING_JOBS
    )
    priority = serializers.ChoiceField(choices=Priority.choices, required=False)


class MoveRequestSerializer(serializers.Serializer[Any]):
    """Where to: one of the three."""

    to = serializers.ChoiceField(
        choices=[("front", _("to the front")), ("end", _("to the end"))], required=False
    )
    before = serializers.UUIDField(required=False, help_text="A waiting job of yours.")
    after = serializers.UUIDField(required=False, help_text="A waiting job of yours.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError({"to": [_("Name one of: to, before, after.")]})
        return attrs


class RetryRequestSerializer(serializers.Serializer[Any]):
    new_seed = serializers.BooleanField(
        default=False, help_text="With another seed, for other pictures."
    )


class ClearRequestSerializer(serializers.Serializer[Any]):
    running = SwitchField(default=False, help_text="Ask the jobs at work to stop, too.")
