"""The JSON of a model, all that a form needs."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.catalog.limits import MAX_IMAGES, MAX_STEPS
from apps.catalog.models import GenerationModel
from gpu_tasks.engine.scheduler_names import SCHEDULER_NAMES


class SchedulerSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    name = serializers.CharField()


class GenerationModelSerializer(serializers.ModelSerializer[GenerationModel]):
    """A model with its limits and defaults, all that a form needs."""

    schedulers = serializers.SerializerMethodField()
    max_steps = serializers.SerializerMethodField()
    max_images = serializers.SerializerMethodField()

    class Meta:
        model = GenerationModel
        fields = (
            "key",
            "name",
            "base",
            "default_width",
            "default_height",
            "min_size",
            "max_size",
            "default_steps",
            "default_guidance",
            "default_scheduler",
            "schedulers",
            "max_steps",
            "max_images",
            "license",
            "commercial_use",
            "example_prompts",
        )

    @extend_schema_field(SchedulerSerializer(many=True))
    def get_schedulers(self, model: GenerationModel) -> list[dict[str, str]]:
        del model
        return [{"key": key, "name": name} for key, name in SCHEDULER_NAMES.items()]

    def get_max_steps(self, model: GenerationModel) -> int:
        del model
        return MAX_STEPS

    def get_max_images(self, model: GenerationModel) -> int:
        del model
        return MAX_IMAGES


class GenerationModelListSerializer(serializers.Serializer[Any]):
    results = GenerationModelSerializer(many=True)
