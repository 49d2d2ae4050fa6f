"""What a client may ask for beside a prompt, with the limits that hold for all models."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.catalog import limits
from apps.core.serializers import FiniteFloatField, IdField, SwitchField, TextField
from gpu_tasks.engine.control.names import PREPROCESSOR_NAMES
from gpu_tasks.engine.guides import (
    MAX_CONTROLS,
    MAX_EMBEDDINGS,
    MAX_FEATHER,
    MAX_LORAS,
    MAX_MARGIN,
    MAX_PADDING,
    MAX_REFERENCES,
    MAX_REGIONS,
    MAX_SCALE,
)
from gpu_tasks.engine.request import MAX_CLIP_SKIP

KEY_LENGTH = 64
TOKEN_LENGTH = 64
MOST_STEPS_OF_TILES = 2048
LEAST_TILE = 64
LEAST_SCALE = 1.1
MOST_LORA_WEIGHT = 4.0
MOST_WEIGHT = 2.0

_PICTURE = "The name of one of your pictures."
_PART: dict[str, Any] = {"min_value": 0, "max_value": 1, "required": False}
_WEIGHT: dict[str, Any] = {"min_value": 0, "max_value": MOST_WEIGHT, "required": False}


class MaskSerializer(serializers.Serializer[Any]):
    """What of the start picture may change: where the mask is white."""

    image = IdField(help_text=_PICTURE)
    feather = serializers.IntegerField(
        min_value=0, max_value=MAX_FEATHER, required=False, help_text="Softens the edge, in pixels."
    )
    only_masked = SwitchField(
        required=False, help_text="Make the masked part at the full size and put it back."
    )
    padding = serializers.IntegerField(
        min_value=0,
        max_value=MAX_PADDING,
        required=False,
        help_text="Pixels around the masked part that are looked at with `only_masked`.",
    )


class OutpaintSerializer(serializers.Serializer[Any]):
    """How many pixels of the whole lie beyond each edge of the start picture."""

    left = serializers.IntegerField(min_value=0, max_value=MAX_MARGIN, required=False)
    top = serializers.IntegerField(min_value=0, max_value=MAX_MARGIN, required=False)
    right = serializers.IntegerField(min_value=0, max_value=MAX_MARGIN, required=False)
    bottom = serializers.IntegerField(min_value=0, max_value=MAX_MARGIN, required=False)
    feather = serializers.IntegerField(min_value=0, max_value=MAX_FEATHER, required=False)


class UpscaleSerializer(serializers.Serializer[Any]):
    """Enlarge the start picture to width × height, and refine it tile by tile."""

    strength = FiniteFloatField(
        **_PART, help_text="How much of each tile is worked over; 0 leaves it as it is."
    )
    upscaler = TextField(max_length=KEY_LENGTH, required=False, allow_null=True)
    tile = serializers.IntegerField(
        min_value=LEAST_TILE, max_value=MOST_STEPS_OF_TILES, required=False
    )
    overlap = serializers.IntegerField(
        min_value=0, max_value=MOST_STEPS_OF_TILES // 2, required=False
    )


class HighResSerializer(serializers.Serializer[Any]):
    """Make the picture `scale` times smaller first, and work it over in full size."""

    scale = FiniteFloatField(min_value=LEAST_SCALE, max_value=MAX_SCALE, required=False)
    strength = FiniteFloatField(**_PART)
    upscaler = TextField(max_length=KEY_LENGTH, required=False, allow_null=True)


class VariationSerializer(serializers.Serializer[Any]):
    """Go from the noise of the seed towards that of another."""

    seed = serializers.IntegerField(min_value=0, max_value=limits.MAX_SEED)
    strength = FiniteFloatField(min_value=0, max_value=1, help_text="0 stays, 1 is there.")


class LoraSerializer(serializers.Serializer[Any]):
    """A LoRA and how much of it; its opposite with a weight below 0."""

    model = TextField(max_length=KEY_LENGTH)
    weight = FiniteFloatField(
        min_value=-MOST_LORA_WEIGHT, max_value=MOST_LORA_WEIGHT, required=False
    )


class EmbeddingSerializer(serializers.Serializer[Any]):
    """A textual inversion, and what stands in the prompt for it."""

    model = TextField(max_length=KEY_LENGTH)
    token = TextField(
        max_length=TOKEN_LENGTH,
        required=False,
        help_text="Without one, the first trigger word of the model, or its key.",
    )


class ControlSerializer(serializers.Serializer[Any]):
    """A ControlNet or T2I adapter with the picture that it looks at."""

    model = TextField(max_length=KEY_LENGTH)
    image = IdField(help_text=_PICTURE)
    preprocessor = serializers.ChoiceField(
        choices=[(key, one.name) for key, one in PREPROCESSOR_NAMES.items()],
        required=False,
        allow_null=True,
        help_text="Without one, the model's own; `none` for a picture that is prepared already.",
        error_messages={"invalid_choice": _("There is no such preprocessor.")},
    )
    parameters = serializers.DictField(
        child=FiniteFloatField(), required=False, help_text="The numbers of the preprocessor."
    )
    weight = FiniteFloatField(**_WEIGHT)
    start = FiniteFloatField(**_PART, help_text="From this part of the steps on, 0 to 1 …")
    end = FiniteFloatField(**_PART, help_text="… up to this one.")


class ImagePromptSerializer(serializers.Serializer[Any]):
    """An IP-Adapter with the pictures that it reads as part of the prompt."""

    model = TextField(max_length=KEY_LENGTH)
    images = serializers.ListField(
        child=IdField(), min_length=1, max_length=MAX_REFERENCES, help_text=_PICTURE
    )
    weight = FiniteFloatField(**_WEIGHT)


class RegionSerializer(serializers.Serializer[Any]):
    """A prompt for a part of the picture: where the mask is white."""

    prompt = TextField(max_length=limits.MAX_PROMPT_LENGTH)
    mask = IdField(help_text=_PICTURE)


class RefinerSerializer(serializers.Serializer[Any]):
    """A model that works over the last part of the steps."""

    model = TextField(max_length=KEY_LENGTH)
    strength = FiniteFloatField(**_PART)


class GuidesSerializer(serializers.Serializer[Any]):
    """What may guide a generation beside its prompt, as far as the family of its model can."""

    mask = MaskSerializer(required=False, allow_null=True)
    outpaint = OutpaintSerializer(required=False, allow_null=True)
    upscale = UpscaleSerializer(required=False, allow_null=True)
    high_res = HighResSerializer(required=False, allow_null=True)
    variation = VariationSerializer(required=False, allow_null=True)
    loras = LoraSerializer(many=True, required=False, max_length=MAX_LORAS)  # type: ignore[call-arg]
    embeddings = EmbeddingSerializer(  # type: ignore[call-arg]
        many=True, required=False, max_length=MAX_EMBEDDINGS
    )
    controls = ControlSerializer(  # type: ignore[call-arg]
        many=True, required=False, max_length=MAX_CONTROLS
    )
    image_prompt = ImagePromptSerializer(required=False, allow_null=True)
    references = serializers.ListField(
        child=IdField(), required=False, max_length=MAX_REFERENCES, help_text=_PICTURE
    )
    regions = RegionSerializer(  # type: ignore[call-arg]
        many=True, required=False, max_length=MAX_REGIONS
    )
    clip_skip = serializers.IntegerField(min_value=0, max_value=MAX_CLIP_SKIP, required=False)
    vae = TextField(max_length=KEY_LENGTH, required=False, allow_null=True)
    seamless = serializers.ListField(
        child=serializers.ChoiceField(choices=["x", "y"]),
        required=False,
        max_length=2,
        help_text="The axes on which the picture may be laid side by side with itself.",
    )
    refiner = RefinerSerializer(required=False, allow_null=True)
