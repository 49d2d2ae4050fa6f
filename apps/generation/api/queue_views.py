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
from apps.generation.api.views import IDEMPOTENCY_HEADER, accepted, idempotency_key
from apps.generation.models import Job, Priority
from apps.generation.orders import draw_up_orders
from apps.generation.queue_selectors import get_queue
from apps.generation.requests import (
    BatchRequestSerializer,
    ClearRequestSerializer,
    MoveRequestSerializer,
    RetryRequestSerializer,
)
from apps.generation.serializers import (
    BatchSerializer,
    CountSerializer,
    GenerationSerializer,
    QueueSerializer,
    render_jobs,
    render_queue,
)
from apps.generation.services import queue
from apps.generation.services.jobs import accept_batch, request_digest


class BatchView(APIView):
    """Ask for many generations at once: all are accepted or none."""

    required_scopes = by_method(POST=Scope.GENERATE)
    write_endpoint = Endpoint.GENERATE

    @extend_schema(
        request=BatchRequestSerializer,
        parameters=[IDEMPOTENCY_HEADER],
        responses={202: BatchSerializer},
        operation_id="generations_batch",
    )
    def post(self, request: Request) -> Response:
        user = signed_in_user(request)
        form = BatchRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        orders = draw_up_orders(user=user, requests=asked["generations"])
        jobs = accept_batch(
            user=user,
            orders=orders,
            priority=Priority(asked.get("priority", Priority.NORMAL)),
            digest=request_digest(_without_quotes(asked)),
            api_key=credential_of(request).api_key,
            idempotency_key=idempotency_key(request).get("idempotency_key"),
        )
        return _batch(request, jobs)


class BatchCancelView(APIView):
    """Cancel the jobs of a batch: waiting ones at once, running ones at their next step."""

    required_scopes = by_method(POST=Scope.GENERATE)

    @extend_schema(
        request=None, responses={202: BatchSerializer}, operation_id="generations_batch_cancel"
    )
    def post(self, request: Request, batch_id: uuid.UUID) -> Response:
        user = signed_in_user(request)
        return _batch(request, queue.cancel_batch(user=user, batch_id=batch_id))


class GenerationMoveView(APIView):
    """Put a waiting job elsewhere in one's queue."""

    required_scopes = by_method(POST=Scope.GENERATE)

    @extend_schema(
        request=MoveRequestSerializer,
        responses=GenerationSerializer,
        operation_id="generations_move",
    )
    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        user = signed_in_user(request)
        form = MoveRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        ((where, value),) = form.validated_data.items()
        if where != "to":
            job = queue.move_beside(
                user=user, job_id=job_id, other_id=value, after=where == "after"
            )
        elif value == "front":
            job = queue.move_to_front(user=user, job_id=job_id)
        else:
            job = queue.move_to_end(user=user, job_id=job_id)
        return Response(render_jobs(user=user, jobs=[job], request=request)[0])


class GenerationRetryView(APIView):
    """Ask anew for what failed or was cancelled: another job, quoted as of now."""

    required_scopes = by_method(POST=Scope.GENERATE)
    write_endpoint = Endpoint.GENERATE

    @extend_schema(
        request=RetryRequestSerializer,
        responses={202: GenerationSerializer},
        operation_id="generations_retry",
    )
    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        form = RetryRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        job = queue.retry_job(
            user=signed_in_user(request),
            job_id=job_id,
            api_key=credential_of(request).api_key,
            **form.validated_data,
        )
        return accepted(request, job)


class QueueView(APIView):
    """One's queue with the places of the waiting jobs."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(responses=QueueSerializer, operation_id="queue_retrieve")
    def get(self, request: Request) -> Response:
        return _queue(request)


class QueuePauseView(APIView):
    """Let no further job start; what runs goes on."""

    required_scopes = by_method(POST=Scope.GENERATE)

    @extend_schema(request=None, responses=QueueSerializer, operation_id="queue_pause")
    def post(self, request: Request) -> Response:
        queue.pause_queue(user=signed_in_user(request))
        return _queue(request)


class QueueResumeView(APIView):
    """Let jobs start again."""

    required_scopes = by_method(POST=Scope.GENERATE)

    @extend_schema(request=None, responses=QueueSerializer, operation_id="queue_resume")
    def post(self, request: Request) -> Response:
        queue.resume_queue(user=signed_in_user(request))
        return _queue(request)


class QueueClearView(APIView):
    """Cancel all waiting jobs."""

    required_scopes = by_method(POST=Scope.GENERATE)

    @extend_schema(
        request=ClearRequestSerializer, responses=CountSerializer, operation_id="queue_clear"
    )
    def post(self, request: Request) -> Response:
        form = ClearRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        count = queue.clear_queue(user=signed_in_user(request), **form.validated_data)
        return Response({"count": count})


class QueuePruneView(APIView):
    """Take the jobs that ended off the list; their pictures and receipts stay."""

    required_scopes = by_method(POST=Scope.GENERATE)

    @extend_schema(request=None, responses=CountSerializer, operation_id="queue_prune")
    def post(self, request: Request) -> Response:
        return Response({"count": queue.prune_queue(user=signed_in_user(request))})


def _without_quotes(asked: dict[str, Any]) -> dict[str, Any]:
    # A repeated request may come with other quotes for the same.
    items = [
        sorted((name, str(value)) for name, value in each.items() if name != "quote")
        for each in asked["generations"]
    ]
    return {"generations": items, "priority": asked.get("priority")}


def _batch(request: Request, jobs: list[Job]) -> Response:
    rendered = render_jobs(user=signed_in_user(request), jobs=jobs, request=request)
    body = {"batch": jobs[0].batch_id, "generations": rendered}
    return Response(body, status=status.HTTP_202_ACCEPTED)


def _queue(request: Request) -> Response:
    user = signed_in_user(request)
    return Response(render_queue(user=user, queue=get_queue(user=user), request=request))
