"""The JSON of a model, all that a form needs."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.accounts.models import User
from apps.catalog.limits import MAX_IMAGES, MAX_STEPS
from apps.catalog.models import GenerationModel
from apps.catalog.selectors import list_models
from apps.plans.entitlements import Decision, Entitlements, Feature, decide, entitlements_of
from apps.plans.products import ModelAccess
from gpu_tasks.engine.scheduler_names import SCHEDULER_NAMES


class SchedulerSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    name = serializers.CharField()


class GenerationModelSerializer(serializers.ModelSerializer[GenerationModel]):
    """A model with its limits and defaults, all that a form needs.

    Whether the plan includes it follows from `entitlements` in the context.
    """

    included = serializers.SerializerMethodField()
    smallest_plan = serializers.SerializerMethodField(
        help_text="The smallest plan that includes the model, where yours does not."
    )
    schedulers = serializers.SerializerMethodField()
    max_steps = serializers.SerializerMethodField()
    max_images = serializers.SerializerMethodField()

    class Meta:
        model = GenerationModel
        fields = (
            "key",
            "name",
            "base",
            "included",
            "smallest_plan",
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

    def get_included(self, model: GenerationModel) -> bool:
        return self._decision(model).allowed

    def get_smallest_plan(self, model: GenerationModel) -> str | None:
        return self._decision(model).smallest_plan

    def _decision(self, model: GenerationModel) -> Decision:
        has: Entitlements = self.context["entitlements"]
        return decide(has, feature=Feature.MODEL, access=ModelAccess(model.access))

    def get_max_steps(self, model: GenerationModel) -> int:
        del model
        return MAX_STEPS

    def get_max_images(self, model: GenerationModel) -> int:
        del model
        return MAX_IMAGES


class GenerationModelListSerializer(serializers.Serializer[Any]):
    results = GenerationModelSerializer(many=True)


def render_models(*, user: User) -> list[dict[str, Any]]:
    """Render the models that `user` can see as JSON-ready dicts; two queries."""
    context = {"entitlements": entitlements_of(user_id=user.id)}
    models = GenerationModelSerializer(list_models(user=user), many=True, context=context)
    return [dict(model) for model in models.data]
