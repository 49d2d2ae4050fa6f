import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Scope
from apps.accounts.permissions import by_method
from apps.accounts.requests import credential_of, signed_in_user
from apps.core.rate_limits import Endpoint
from apps.core.streaming import streamed_file
from apps.credits.selectors import balance_for
from apps.credits.serializers import MonthField
from apps.generation.models import Job, JobState, Priority
from apps.generation.orders import draw_up_order
from apps.generation.quotes import quote_order
from apps.generation.receipts import get_receipt, receipt_csv
from apps.generation.requests import GenerationRequestSerializer, QuoteRequestSerializer
from apps.generation.selectors import get_job, list_jobs
from apps.generation.serializers import (
    GenerationSerializer,
    QuoteSerializer,
    ReceiptSerializer,
    render_jobs,
    render_quote,
)
from apps.generation.services.jobs import accept_order, cancel_job, request_digest

IDEMPOTENCY_HEADER = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same key with the same body gives the same job; at most 255 characters.",
)


class IdempotencyKeySerializer(serializers.Serializer[Any]):
    idempotency_key = serializers.CharField(max_length=255, required=False)


class MonthQuerySerializer(serializers.Serializer[Any]):
    month = MonthField()


class JobStateFilterSerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=JobState.choices, required=False)


class GenerationListView(ListAPIView[Job]):
    """Ask for pictures; or list one's jobs, newest first."""

    required_scopes = by_method(GET=Scope.READ, POST=Scope.GENERATE)
    serializer_class = GenerationSerializer
    queryset = Job.objects.none()
    write_endpoint = Endpoint.GENERATE

    def get_queryset(self) -> QuerySet[Job]:
        query = JobStateFilterSerializer(data=self.request.query_params.dict())
        query.is_valid(raise_exception=True)
        jobs = list_jobs(user=signed_in_user(self.request))
        return jobs.filter(**query.validated_data)

    @extend_schema(
        parameters=[JobStateFilterSerializer],
        responses=GenerationSerializer(many=True),
        operation_id="generations_list",
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        del args, kwargs
        page: Sequence[Job] = self.paginate_queryset(self.get_queryset()) or []
        jobs = render_jobs(user=signed_in_user(request), jobs=page, request=request)
        return self.get_paginated_response(jobs)

    @extend_schema(
        request=GenerationRequestSerializer,
        parameters=[IDEMPOTENCY_HEADER],
        responses={202: GenerationSerializer},
        operation_id="generations_create",
    )
    def post(self, request: Request) -> Response:
        user = signed_in_user(request)
        form = GenerationRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        header = idempotency_key(request)
        settings = dict(form.validated_data)
        priority = Priority(settings.pop("priority", Priority.NORMAL))
        # A repeated request may come with another quote for the same.
        asked = {name: value for name, value in settings.items() if name != "quote"}
        job = accept_order(
            user=user,
            order=draw_up_order(user=user, settings=settings),
            priority=priority,
            digest=request_digest(asked | {"priority": priority}),
            api_key=credential_of(request).api_key,
            **header,
        )
        return accepted(request, job)


class GenerationQuoteView(APIView):
    """Tell what a generation would cost at most; nothing is made or held."""

    required_scopes = by_method(POST=Scope.GENERATE)
    # It changes nothing, and a form asks for one with each change of its settings.
    write_endpoint = Endpoint.READ

    @extend_schema(
        request=QuoteRequestSerializer,
        responses=QuoteSerializer,
        operation_id="generations_quote",
    )
    def post(self, request: Request) -> Response:
        user = signed_in_user(request)
        form = QuoteRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        order = draw_up_order(user=user, settings=form.validated_data)
        offer = quote_order(user=user, order=order)
        balance = balance_for(user_id=user.id, amount=offer.quote.credits)
        return Response(render_quote(offer, balance=balance))


class GenerationView(APIView):
    """One job with its progress and pictures."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(responses=GenerationSerializer, operation_id="generations_retrieve")
    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        user = signed_in_user(request)
        job = get_job(user=user, job_id=job_id)
        return Response(render_jobs(user=user, jobs=[job], request=request)[0])


class ReceiptView(APIView):
    """What one job was quoted, what each attempt at it took, and what it cost."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(responses=ReceiptSerializer, operation_id="generations_receipt")
    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        receipt = get_receipt(user=signed_in_user(request), job_id=job_id)
        return Response(ReceiptSerializer(receipt).data)


class ReceiptFileView(APIView):
    """The receipts of a month (UTC) as CSV, a row for each job that was asked for in it."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(
        parameters=[MonthQuerySerializer],
        responses={(200, "text/csv"): OpenApiTypes.STR},
        operation_id="usage_receipts",
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        query = MonthQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        span = query.validated_data["month"]
        return streamed_file(
            request,
            receipt_csv(user=signed_in_user(request), span=span),
            content_type="text/csv; charset=utf-8",
            name=f"easel-receipts-{span.first:%Y-%m}.csv",
        )


class GenerationCancelView(APIView):
    """Cancel a job: a waiting one at once, a running one at its next step."""

    required_scopes = by_method(POST=Scope.GENERATE)

    @extend_schema(
        request=None, responses={202: GenerationSerializer}, operation_id="generations_cancel"
    )
    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        return accepted(request, cancel_job(user=signed_in_user(request), job_id=job_id))


def idempotency_key(request: Request) -> dict[str, str]:
    """Return the key of a request as keyword, if there is one.

    Raises:
        ValidationError: it is too long.
    """
    key = request.headers.get("Idempotency-Key")
    header = IdempotencyKeySerializer(data={} if key is None else {"idempotency_key": key})
    header.is_valid(raise_exception=True)
    return dict(header.validated_data)


def accepted(request: Request, job: Job) -> Response:
    """Answer with a job that is taken on."""
    data = render_jobs(user=signed_in_user(request), jobs=[job], request=request)[0]
    return Response(data, status=status.HTTP_202_ACCEPTED, headers={"Location": data["url"]})
