"""The JSON of a model, all that a form needs."""

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.accounts.models import User
from apps.catalog.limits import MAX_IMAGES, MAX_STEPS
from apps.catalog.models import GenerationModel, ModelKind
from apps.catalog.selectors import list_models
from apps.plans.entitlements import Decision, Entitlements, Feature, decide, entitlements_of
from apps.plans.products import ModelAccess
from gpu_tasks.providers.facts import (
    PROVIDER_CHOICES,
    PROVIDER_FACTS,
    PROVIDER_TITLES,
    facts_of,
)


class SchedulerSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    name = serializers.CharField()


class GenerationModelSerializer(serializers.ModelSerializer[GenerationModel]):
    """A model with its limits and defaults, all that a form needs.

    Whether the plan includes it follows from `entitlements` in the context.
    """

    kind = serializers.ChoiceField(choices=ModelKind.values)
    base = serializers.CharField(help_text="The family; empty where it works beside all.")
    base_name = serializers.SerializerMethodField()
    is_own = serializers.SerializerMethodField(help_text="Yours to change; else all share it.")
    suggested = serializers.JSONField(help_text="Settings that it suggests, by their names.")
    capabilities = serializers.SerializerMethodField(
        help_text="What its family can do; of main models."
    )
    cover_url = serializers.SerializerMethodField()
    included = serializers.SerializerMethodField()
    smallest_plan = serializers.SerializerMethodField(
        help_text="The smallest plan that includes the model, where yours does not."
    )
    schedulers = serializers.SerializerMethodField()
    provider = serializers.SerializerMethodField(
        help_text="The other service that makes its pictures; null for models of ours."
    )
    sizes = serializers.SerializerMethodField(
        help_text="All that it makes, width and height; empty where the range is free."
    )
    settings_not_taken = serializers.SerializerMethodField(
        help_text="Settings of a generation that it has no use for; leave them out."
    )
    max_steps = serializers.SerializerMethodField()
    max_images = serializers.SerializerMethodField()

    class Meta:
        model = GenerationModel
        fields = (
            *("key", "kind", "name", "base", "base_name", "is_own", "is_enabled"),
            *("description", "tags", "trigger_words", "cover_url", "size_bytes", "sha256"),
            *("suggested", "preprocessor", "capabilities"),
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
            "provider",
            "sizes",
            "settings_not_taken",
            "max_steps",
            "max_images",
            "license",
            "commercial_use",
            "example_prompts",
        )

    @extend_schema_field(SchedulerSerializer(many=True))
    def get_schedulers(self, model: GenerationModel) -> list[dict[str, str]]:
        if model.kind != ModelKind.MAIN:
            return []
        names = facts_of(model.base).schedulers
        return [{"key": key, "name": name} for key, name in names.items()]

    @extend_schema_field(serializers.ChoiceField(choices=PROVIDER_CHOICES, allow_null=True))
    def get_provider(self, model: GenerationModel) -> str | None:
        facts = PROVIDER_FACTS.get(model.base)
        return None if facts is None else facts.provider.value

    @extend_schema_field(
        serializers.ListField(child=serializers.ListField(child=serializers.IntegerField()))
    )
    def get_sizes(self, model: GenerationModel) -> list[list[int]]:
        facts = PROVIDER_FACTS.get(model.base)
        return [] if facts is None else [list(size) for size in facts.sizes]

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_settings_not_taken(self, model: GenerationModel) -> list[str]:
        facts = PROVIDER_FACTS.get(model.base)
        return [] if facts is None else list(facts.settings_not_taken)

    def get_base_name(self, model: GenerationModel) -> str:
        if model.base in PROVIDER_FACTS:
            return PROVIDER_TITLES[PROVIDER_FACTS[model.base].provider]
        return facts_of(model.base).name if model.base else ""

    def get_is_own(self, model: GenerationModel) -> bool:
        return model.user_id is not None

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_capabilities(self, model: GenerationModel) -> list[str]:
        if model.kind != ModelKind.MAIN:
            return []
        return sorted(facts_of(model.base).capabilities)

    def get_cover_url(self, model: GenerationModel) -> str | None:
        if not model.cover_key:
            return None
        version = model.cover_key.rpartition("-")[2].removesuffix(".webp")
        return f"{reverse('model-cover', args=[model.key])}?v={version}"

    def get_included(self, model: GenerationModel) -> bool:
        return self._decision(model).allowed

    def get_smallest_plan(self, model: GenerationModel) -> str | None:
        return self._decision(model).smallest_plan

    def _decision(self, model: GenerationModel) -> Decision:
        has: Entitlements = self.context["entitlements"]
        if model.base in PROVIDER_FACTS:
            return decide(has, feature=Feature.THIRD_PARTY_API)
        return decide(has, feature=Feature.MODEL, access=ModelAccess(model.access))

    def get_max_steps(self, model: GenerationModel) -> int:
        del model
        return MAX_STEPS

    def get_max_images(self, model: GenerationModel) -> int:
        del model
        return MAX_IMAGES


class GenerationModelListSerializer(serializers.Serializer[Any]):
    results = GenerationModelSerializer(many=True)


def render_models(*, user: User, has: Entitlements | None = None) -> list[dict[str, Any]]:
    """Render the main models that `user`, who `has` this, can use as JSON-ready dicts.

    One query, and another one to find out what `user` has.
    """
    return render_list(list_models(user=user), user=user, has=has)


def render_list(
    models: QuerySet[GenerationModel], *, user: User, has: Entitlements | None = None
) -> list[dict[str, Any]]:
    """Render models as `render_models` does."""
    context = {"entitlements": has or entitlements_of(user_id=user.id)}
    rendered = GenerationModelSerializer(models, many=True, context=context)
    return [dict(model) for model in rendered.data]
