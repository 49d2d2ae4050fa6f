import uuid

from django.http import HttpResponse
from django.urls import reverse
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Scope, User
from apps.accounts.permissions import by_method
from apps.accounts.requests import signed_in_user
from apps.core.pagination import KeysetPagination
from apps.core.renderers import to_json
from apps.images.selectors import get_image
from apps.workflows.api.parsers import DocumentParser
from apps.workflows.models import Workflow
from apps.workflows.palette import document_description, palette_words
from apps.workflows.recall import document_of_image
from apps.workflows.selectors import get_version, get_workflow, list_versions, list_workflows
from apps.workflows.services.workflows import (
    create_workflow,
    delete_workflow,
    duplicate_workflow,
    edit_workflow,
    import_workflow,
    restore_version,
)
from apps.workflows.shown import shown_document
from apps.workflows.workflow_serializers import (
    NewWorkflowSerializer,
    WorkflowChangesSerializer,
    WorkflowFilterSerializer,
    WorkflowSerializer,
    WorkflowSummarySerializer,
    WorkflowVersionListSerializer,
    WorkflowVersionSerializer,
    WorkflowVersionSummarySerializer,
)


class WorkflowPagination(KeysetPagination):
    ordering = ("-updated_at", "-id")


class PaletteView(APIView):
    """The nodes that workflows are made of, with their inputs, outputs and limits."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="workflows_nodes")
    def get(self, request: Request) -> Response:
        del request
        return Response(palette_words())


class DocumentSchemaView(APIView):
    """The JSON Schema (2020-12) of documents."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="workflows_schema")
    def get(self, request: Request) -> Response:
        del request
        return Response(document_description())


class WorkflowListView(ListAPIView[Workflow]):
    """List the workflows that one has and that everybody has; or keep one."""

    required_scopes = by_method(GET=Scope.READ, POST=Scope.GENERATE)
    parser_classes = (DocumentParser,)
    serializer_class = WorkflowSummarySerializer
    pagination_class = WorkflowPagination
    queryset = Workflow.objects.none()

    def get_queryset(self):  # type: ignore[no-untyped-def]  # noqa: ANN201
        query = WorkflowFilterSerializer(data=self.request.query_params.dict())
        query.is_valid(raise_exception=True)
        shared = query.validated_data.get("shared")
        return list_workflows(
            user=signed_in_user(self.request),
            is_shared=None if shared is None else shared == "true",
        )

    @extend_schema(
        parameters=[WorkflowFilterSerializer],
        responses=WorkflowSummarySerializer(many=True),
        operation_id="workflows_list",
    )
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        request=NewWorkflowSerializer,
        responses={201: WorkflowSerializer},
        operation_id="workflows_create",
    )
    def post(self, request: Request) -> Response:
        form = NewWorkflowSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = signed_in_user(request)
        return _created(user, create_workflow(user=user, **form.validated_data))


class WorkflowView(APIView):
    """One workflow."""

    required_scopes = by_method(GET=Scope.READ, PATCH=Scope.GENERATE, DELETE=Scope.MANAGE)
    parser_classes = (DocumentParser,)

    @extend_schema(responses=WorkflowSerializer, operation_id="workflows_retrieve")
    def get(self, request: Request, workflow_id: uuid.UUID) -> Response:
        user = signed_in_user(request)
        return _answer(user, get_workflow(user=user, workflow_id=workflow_id))

    @extend_schema(
        request=WorkflowChangesSerializer,
        responses=WorkflowSerializer,
        operation_id="workflows_edit",
    )
    def patch(self, request: Request, workflow_id: uuid.UUID) -> Response:
        """Make a version; 409 with the `version` there is if another save came first."""
        form = WorkflowChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = signed_in_user(request)
        workflow = edit_workflow(user=user, workflow_id=workflow_id, **form.validated_data)
        return _answer(user, workflow)

    @extend_schema(responses={204: None}, operation_id="workflows_delete")
    def delete(self, request: Request, workflow_id: uuid.UUID) -> Response:
        delete_workflow(user=signed_in_user(request), workflow_id=workflow_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class VersionListView(APIView):
    """The versions of a workflow that are kept, the latest first."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(responses=WorkflowVersionListSerializer, operation_id="workflows_versions")
    def get(self, request: Request, workflow_id: uuid.UUID) -> Response:
        versions = list_versions(user=signed_in_user(request), workflow_id=workflow_id)
        data = WorkflowVersionSummarySerializer(versions.defer("document"), many=True).data
        return Response({"results": data})


class VersionView(APIView):
    """A workflow as it was saved once."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(responses=WorkflowVersionSerializer, operation_id="workflows_version")
    def get(self, request: Request, workflow_id: uuid.UUID, number: int) -> Response:
        user = signed_in_user(request)
        version = get_version(user=user, workflow_id=workflow_id, number=number)
        return Response(WorkflowVersionSerializer(version, context={"user": user}).data)


class VersionRestoreView(APIView):
    """The way back: an earlier version, saved anew as the latest."""

    required_scopes = by_method(POST=Scope.GENERATE)

    @extend_schema(
        request=None, responses=WorkflowSerializer, operation_id="workflows_version_restore"
    )
    def post(self, request: Request, workflow_id: uuid.UUID, number: int) -> Response:
        user = signed_in_user(request)
        workflow = restore_version(user=user, workflow_id=workflow_id, number=number)
        return _answer(user, workflow)


class WorkflowDuplicateView(APIView):
    """A copy of one's own, of any workflow that one sees."""

    required_scopes = by_method(POST=Scope.GENERATE)

    @extend_schema(
        request=None, responses={201: WorkflowSerializer}, operation_id="workflows_duplicate"
    )
    def post(self, request: Request, workflow_id: uuid.UUID) -> Response:
        user = signed_in_user(request)
        return _created(user, duplicate_workflow(user=user, workflow_id=workflow_id))


class WorkflowExportView(APIView):
    """The document as a file, to be imported here or elsewhere."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="workflows_export")
    def get(self, request: Request, workflow_id: uuid.UUID) -> HttpResponse:
        user = signed_in_user(request)
        document = shown_document(get_workflow(user=user, workflow_id=workflow_id), user=user)
        response = HttpResponse(to_json(document), content_type="application/json")
        name = f"{document['name']}.json"
        response["Content-Disposition"] = str(
            content_disposition_header(as_attachment=True, filename=name)
        )
        return response


class WorkflowImportView(APIView):
    """A workflow from a file: the body is the document."""

    required_scopes = by_method(POST=Scope.GENERATE)
    parser_classes = (DocumentParser,)

    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses={201: WorkflowSerializer},
        operation_id="workflows_import",
    )
    def post(self, request: Request) -> Response:
        user = signed_in_user(request)
        return _created(user, import_workflow(user=user, document=request.data))


class ImageWorkflowView(APIView):
    """The workflow that made a picture, as it ran."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="images_workflow")
    def get(self, request: Request, image_name: uuid.UUID) -> Response:
        image = get_image(user_id=signed_in_user(request).id, image_name=image_name)
        return Response(document_of_image(image))


def _created(user: User, workflow: Workflow) -> Response:
    answer = _answer(user, workflow)
    answer.status_code = status.HTTP_201_CREATED
    answer["Location"] = reverse("workflow", args=[workflow.id])
    return answer


def _answer(user: User, workflow: Workflow) -> Response:
    return Response(WorkflowSerializer(workflow, context={"user": user}).data)
