"""The JSON of workflows, their versions and what is asked of them."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.serializers import IdField, TextField, utc_text
from apps.generation.models import Priority
from apps.generation.serializers import GenerationSerializer, QuoteSerializer
from apps.workflows.documents import Document
from apps.workflows.models import (
    MAX_DESCRIPTION_LENGTH,
    MAX_WORKFLOW_NAME_LENGTH,
    Workflow,
    WorkflowVersion,
)
from apps.workflows.shown import ready_document, shown_document, shown_text

_MAX_VERSION = 2**31 - 1


@extend_schema_field(OpenApiTypes.OBJECT)
class DocumentField(serializers.Field[Any, Any, Any, Any]):
    """A document as it came; `apps.workflows.documents` reads it."""

    default_error_messages: ClassVar = {"invalid": _("A workflow is a JSON object.")}

    def to_internal_value(self, data: Any) -> Document:
        if not isinstance(data, dict):
            self.fail("invalid")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field({"oneOf": [{"type": each} for each in ("string", "number", "boolean")]})
class LiteralField(serializers.Field[Any, Any, Any, Any]):
    """A value of an input; which ones it takes is checked with the graph."""

    default_error_messages: ClassVar = {"invalid": _("Give a text, a number, true, false or null.")}

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str | int | float | bool):
            self.fail("invalid")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class WorkflowSummarySerializer(serializers.ModelSerializer[Workflow]):
    """A workflow as it is listed."""

    is_shared = serializers.BooleanField(
        read_only=True, help_text="Whether everybody has it; duplicate it to change it."
    )

    class Meta:
        model = Workflow
        fields = (
            *("id", "name", "description", "is_shared", "version", "node_count"),
            *("created_at", "updated_at"),
        )

    def to_representation(self, instance: Workflow) -> dict[str, Any]:
        shared = instance.is_shared
        return {
            "id": str(instance.id),
            "name": shown_text(instance.name, is_shared=shared),
            "description": shown_text(instance.description, is_shared=shared),
            "is_shared": shared,
            "version": instance.version,
            "node_count": instance.node_count,
            "created_at": utc_text(instance.created_at),
            "updated_at": utc_text(instance.updated_at),
        }


class WorkflowSerializer(WorkflowSummarySerializer):
    """A workflow with the document of its latest version; `context` has the `user` who reads."""

    document = DocumentField()

    class Meta(WorkflowSummarySerializer.Meta):
        fields = (*WorkflowSummarySerializer.Meta.fields, "document")  # type: ignore[assignment]

    def to_representation(self, instance: Workflow) -> dict[str, Any]:
        document = shown_document(instance, user=self.context["user"])
        return {**super().to_representation(instance), "document": document}


class WorkflowFilterSerializer(serializers.Serializer[Any]):
    shared = serializers.ChoiceField(
        choices=["true", "false"],
        required=False,
        help_text="Only those that everybody has, or only your own.",
    )


class NewWorkflowSerializer(serializers.Serializer[Any]):
    """What is left out is taken from the document; without one, there are no nodes yet."""

    name = TextField(max_length=MAX_WORKFLOW_NAME_LENGTH, required=False, allow_blank=True)
    description = TextField(max_length=MAX_DESCRIPTION_LENGTH, required=False, allow_blank=True)
    document = DocumentField(required=False)


class WorkflowChangesSerializer(NewWorkflowSerializer):
    """What is given is changed, all in one new version."""

    base_version = serializers.IntegerField(
        min_value=1, max_value=_MAX_VERSION, help_text="The version that these changes are to."
    )


class WorkflowVersionSummarySerializer(serializers.ModelSerializer[WorkflowVersion]):
    version = serializers.IntegerField(source="number")

    class Meta:
        model = WorkflowVersion
        fields = ("version", "created_at")


class WorkflowVersionListSerializer(serializers.Serializer[Any]):
    results = WorkflowVersionSummarySerializer(many=True)


class WorkflowVersionSerializer(WorkflowVersionSummarySerializer):
    """A version with its document; `context` has the `user` who reads."""

    document = DocumentField()

    class Meta(WorkflowVersionSummarySerializer.Meta):
        fields = (*WorkflowVersionSummarySerializer.Meta.fields, "document")  # type: ignore[assignment]

    def to_representation(self, instance: WorkflowVersion) -> dict[str, Any]:
        shown: Mapping[str, Any] = super().to_representation(instance)
        if instance.user_id is None:
            document = ready_document(instance.document, user=self.context["user"])
            return {**shown, "document": document}
        return dict(shown)


class CheckRequestSerializer(serializers.Serializer[Any]):
    document = DocumentField()


class RunSubjectSerializer(serializers.Serializer[Any]):
    """A document, or a workflow by its id: its latest version, or the one that is named."""

    document = DocumentField(required=False)
    workflow = IdField(required=False)
    version = serializers.IntegerField(min_value=1, max_value=_MAX_VERSION, required=False)
    inputs = serializers.DictField(
        child=LiteralField(allow_null=True),
        required=False,
        help_text="Literals put in before, by the id of a node, a dot and the name of its input.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("document" in attrs) == ("workflow" in attrs):
            raise serializers.ValidationError(
                {"document": [_("Give a document or a workflow, not both.")]}
            )
        if "version" in attrs and "workflow" not in attrs:
            raise serializers.ValidationError({"version": [_("Only a workflow has versions.")]})
        return attrs


class WorkflowRunRequestSerializer(RunSubjectSerializer):
    priority = serializers.ChoiceField(
        choices=Priority.choices,
        required=False,
        help_text="Before your other jobs, behind them, or only when nobody else is waiting.",
    )
    quote = TextField(
        max_length=1000,
        required=False,
        help_text="The token of a quote for this; the job costs no more than it says.",
    )


class WorkflowQuoteSerializer(QuoteSerializer):
    nodes = serializers.DictField(
        child=serializers.FloatField(), help_text="The seconds of each node that runs, by its id."
    )


class NodeProgressSerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=["running", "done", "cached", "failed"])
    seconds = serializers.FloatField(allow_null=True)
    fraction = serializers.FloatField(allow_null=True, help_text="How far it is, 0 to 1.")
    preview = serializers.CharField(allow_null=True, help_text="A small WebP as a data URL.")


class RunSerializer(serializers.Serializer[Any]):
    """A run: its job, the document as it runs, and the nodes that have begun.

    Once the job has ended, a node that was under way then is left out.
    """

    generation = GenerationSerializer()
    document = DocumentField()
    nodes = serializers.DictField(child=NodeProgressSerializer())
