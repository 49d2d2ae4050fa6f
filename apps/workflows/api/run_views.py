import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Scope
from apps.accounts.permissions import by_method
from apps.accounts.requests import credential_of, signed_in_user
from apps.core.rate_limits import Endpoint
from apps.credits.selectors import balance_for
from apps.generation.api.views import IDEMPOTENCY_HEADER, accepted, idempotency_key
from apps.generation.models import TERMINAL_STATES, Priority
from apps.generation.serializers import GenerationSerializer, render_jobs, render_quote
from apps.generation.services.jobs import request_digest
from apps.workflows.api.parsers import DocumentParser
from apps.workflows.node_states import nodes_of
from apps.workflows.selectors import get_run
from apps.workflows.services.runs import check_document, quote_run, start_run
from apps.workflows.workflow_serializers import (
    CheckRequestSerializer,
    RunSerializer,
    RunSubjectSerializer,
    WorkflowQuoteSerializer,
    WorkflowRunRequestSerializer,
)


class WorkflowCheckView(APIView):
    """Whether a document could run; 422 tells each node with what is wrong."""

    required_scopes = by_method(POST=Scope.READ)
    write_endpoint = Endpoint.READ
    parser_classes = (DocumentParser,)

    @extend_schema(
        request=CheckRequestSerializer, responses={204: None}, operation_id="workflows_check"
    )
    def post(self, request: Request) -> Response:
        form = CheckRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        check_document(user=signed_in_user(request), **form.validated_data)
        return Response(status=status.HTTP_204_NO_CONTENT)


class WorkflowQuoteView(APIView):
    """Tell what a run would cost at most; nothing is made or held."""

    required_scopes = by_method(POST=Scope.GENERATE)
    write_endpoint = Endpoint.READ
    parser_classes = (DocumentParser,)

    @extend_schema(
        request=RunSubjectSerializer,
        responses=WorkflowQuoteSerializer,
        operation_id="workflows_quote",
    )
    def post(self, request: Request) -> Response:
        user = signed_in_user(request)
        form = RunSubjectSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        quote = quote_run(user=user, **form.validated_data)
        balance = balance_for(user_id=user.id, amount=quote.offer.quote.credits)
        nodes = {node: round(seconds, 3) for node, seconds in quote.nodes.items()}
        return Response({**render_quote(quote.offer, balance=balance), "nodes": nodes})


class WorkflowRunListView(APIView):
    """Run a document, or a workflow that is kept, as one job."""

    required_scopes = by_method(POST=Scope.GENERATE)
    write_endpoint = Endpoint.GENERATE
    parser_classes = (DocumentParser,)

    @extend_schema(
        request=WorkflowRunRequestSerializer,
        parameters=[IDEMPOTENCY_HEADER],
        responses={202: GenerationSerializer},
        operation_id="workflows_run",
    )
    def post(self, request: Request) -> Response:
        form = WorkflowRunRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked: dict[str, Any] = dict(form.validated_data)
        quote = asked.pop("quote", None)
        asked["priority"] = Priority(asked.get("priority", Priority.NORMAL))
        job = start_run(
            user=signed_in_user(request),
            quote=quote,
            # A repeated request may come with another quote for the same.
            digest=request_digest({"run": asked}),
            api_key=credential_of(request).api_key,
            idempotency_key=idempotency_key(request).get("idempotency_key"),
            **asked,
        )
        return accepted(request, job)


class WorkflowRunView(APIView):
    """A run with its job, its document and how far its nodes are."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(responses=RunSerializer, operation_id="workflows_run_retrieve")
    def get(self, request: Request, workflow_run_id: uuid.UUID) -> Response:
        user = signed_in_user(request)
        job = get_run(user=user, job_id=workflow_run_id)
        document = (job.work or {})["document"]
        nodes = nodes_of(
            job_id=job.id,
            attempt=job.attempt,
            nodes=[node["id"] for node in document["nodes"]],
            has_ended=job.state in TERMINAL_STATES,
        )
        generation = render_jobs(user=user, jobs=[job], request=request)[0]
        return Response({"generation": generation, "document": document, "nodes": nodes})
