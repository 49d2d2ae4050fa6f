import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Scope, User
from apps.accounts.permissions import by_method
from apps.accounts.requests import credential_of, signed_in_user
from apps.core.rate_limits import Endpoint
from apps.credits.selectors import balance_for
from apps.generation.api.views import IDEMPOTENCY_HEADER, idempotency_key
from apps.generation.services.jobs import request_digest
from apps.images.answers import file_answer
from apps.images.api.formats import AnyFormat
from apps.training.models import TrainingRun
from apps.training.requests import (
    RunRequestSerializer,
    RunRetrySerializer,
    TrainingRequestSerializer,
)
from apps.training.selectors import facts_of_run, get_run, list_runs, read_sample
from apps.training.serializers import (
    RetryQuoteSerializer,
    TrainingQuoteSerializer,
    TrainingRunSerializer,
    WholeTrainingRunSerializer,
    render_quote,
    render_retry_quote,
    render_run,
    render_runs,
)
from apps.training.services import retries, runs


class TrainingQuoteView(APIView):
    """Tell what a training would cost at most; nothing is begun or held."""

    required_scopes = by_method(POST=Scope.GENERATE)
    # It changes nothing, and a form asks for one with each change of its settings.
    write_endpoint = Endpoint.READ

    @extend_schema(
        request=TrainingRequestSerializer,
        responses=TrainingQuoteSerializer,
        operation_id="training_quote",
    )
    def post(self, request: Request) -> Response:
        user = signed_in_user(request)
        form = TrainingRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        order = runs.draw_up_training(user=user, asked=form.validated_data)
        offer = runs.quote_order(user=user, order=order)
        balance = balance_for(user_id=user.id, amount=offer.quote.credits)
        return Response(render_quote(offer, balance=balance, settings=order.settings.as_dict()))


class RunListView(ListAPIView[TrainingRun]):
    """List one's trainings, newest first; or begin one."""

    required_scopes = by_method(GET=Scope.READ, POST=Scope.GENERATE)
    serializer_class = TrainingRunSerializer
    queryset = TrainingRun.objects.none()
    write_endpoint = Endpoint.GENERATE

    def get_queryset(self) -> QuerySet[TrainingRun]:
        return list_runs(user=signed_in_user(self.request)).defer("losses", "pictures")

    @extend_schema(responses=TrainingRunSerializer(many=True), operation_id="training_runs_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        del args, kwargs
        page: Sequence[TrainingRun] = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(render_runs(user=signed_in_user(request), runs=page))

    @extend_schema(
        request=RunRequestSerializer,
        parameters=[IDEMPOTENCY_HEADER],
        responses={202: WholeTrainingRunSerializer},
        operation_id="training_runs_create",
    )
    def post(self, request: Request) -> Response:
        """Train a LoRA; 409 `quote_above_cap` if the quote is above `max_credits`."""
        user = signed_in_user(request)
        form = RunRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = dict(form.validated_data)
        # A repeated request may come with another quote for the same.
        said = {name: asked.pop(name, None) for name in ("name", "max_credits", "quote")}
        digest = request_digest(asked | {"name": said["name"], "max": said["max_credits"]})
        run = runs.start_run(
            user=user,
            asked=asked,
            digest=digest,
            api_key=credential_of(request).api_key,
            idempotency_key=idempotency_key(request).get("idempotency_key"),
            **said,
        )
        return _accepted(user, run)


class RunView(APIView):
    """One training with its losses and samples."""

    required_scopes = by_method(GET=Scope.READ, DELETE=Scope.MANAGE)

    @extend_schema(responses=WholeTrainingRunSerializer, operation_id="training_runs_retrieve")
    def get(self, request: Request, run_id: uuid.UUID) -> Response:
        user = signed_in_user(request)
        run = get_run(user=user, run_id=run_id)
        return Response(render_run(facts_of_run(user=user, run=run)))

    @extend_schema(responses={204: None}, operation_id="training_runs_delete")
    def delete(self, request: Request, run_id: uuid.UUID) -> Response:
        """Take an ended training off the list; its LoRA and its receipts stay."""
        runs.delete_run(user=signed_in_user(request), run_id=run_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class RunCancelView(APIView):
    """Cancel a training: a waiting one at once, a running one at its next step."""

    required_scopes = by_method(POST=Scope.GENERATE)

    @extend_schema(
        request=None,
        responses={202: WholeTrainingRunSerializer},
        operation_id="training_runs_cancel",
    )
    def post(self, request: Request, run_id: uuid.UUID) -> Response:
        user = signed_in_user(request)
        return _accepted(user, runs.cancel_run(user=user, run_id=run_id))


class RunQuoteView(APIView):
    """Tell what it would cost at most to go on with a training that failed or was cancelled."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(responses=RetryQuoteSerializer, operation_id="training_runs_quote")
    def get(self, request: Request, run_id: uuid.UUID) -> Response:
        user = signed_in_user(request)
        offer = retries.quote_retry(user=user, run_id=run_id)
        balance = balance_for(user_id=user.id, amount=offer.binding.quote.credits)
        return Response(render_retry_quote(offer, balance=balance))


class RunRetryView(APIView):
    """Go on with a training that failed or was cancelled, from its last checkpoint."""

    required_scopes = by_method(POST=Scope.GENERATE)
    write_endpoint = Endpoint.GENERATE

    @extend_schema(
        request=RunRetrySerializer,
        parameters=[IDEMPOTENCY_HEADER],
        responses={202: WholeTrainingRunSerializer},
        operation_id="training_runs_retry",
    )
    def post(self, request: Request, run_id: uuid.UUID) -> Response:
        """Go on from the last checkpoint; 409 `quote_expired` if its quote was for other steps."""
        user = signed_in_user(request)
        form = RunRetrySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        run = retries.retry_run(
            user=user,
            run_id=run_id,
            quote=form.validated_data.get("quote"),
            api_key=credential_of(request).api_key,
            **idempotency_key(request),
        )
        return _accepted(user, run)


class SampleView(APIView):
    """A sample picture of a training."""

    read_endpoint = Endpoint.FILE
    required_scopes = by_method(GET=Scope.READ)
    content_negotiation_class = AnyFormat

    @extend_schema(
        responses={(200, "image/png"): OpenApiTypes.BINARY},
        operation_id="training_samples_retrieve",
    )
    def get(self, request: Request, run_id: uuid.UUID, sample_name: uuid.UUID) -> HttpResponse:
        user = signed_in_user(request)
        content = read_sample(user=user, run_id=run_id, name=sample_name)
        return file_answer(content, content_type="image/png", name=f"{sample_name}.png")


def _accepted(user: User, run: TrainingRun) -> Response:
    data = render_run(facts_of_run(user=user, run=run))
    return Response(data, status=status.HTTP_202_ACCEPTED, headers={"Location": data["url"]})
