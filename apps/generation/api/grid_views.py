import uuid

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Scope
from apps.accounts.permissions import by_method
from apps.accounts.requests import credential_of, signed_in_user
from apps.core.rate_limits import Endpoint
from apps.generation.api.views import IDEMPOTENCY_HEADER, idempotency_key
from apps.generation.grid_requests import (
    GridQuoteSerializer,
    GridRequestSerializer,
    GridSerializer,
    read_grid,
)
from apps.generation.grids import draw_sheet
from apps.generation.orders import draw_up_orders
from apps.generation.quotes import quote_orders
from apps.generation.serializers import render_jobs
from apps.generation.services.jobs import accept_batch, request_digest


class GridView(APIView):
    """Ask for a grid of pictures, all or none: a batch in row order."""

    required_scopes = by_method(POST=Scope.GENERATE)
    write_endpoint = Endpoint.GENERATE

    @extend_schema(
        request=GridRequestSerializer,
        parameters=[IDEMPOTENCY_HEADER],
        responses={202: GridSerializer},
        operation_id="generations_grid",
    )
    def post(self, request: Request) -> Response:
        user = signed_in_user(request)
        asked = read_grid(request.data)
        jobs = accept_batch(
            user=user,
            orders=draw_up_orders(user=user, requests=asked.cells, field_name="cells"),
            priority=asked.priority,
            digest=request_digest({"grid": request.data}),
            api_key=credential_of(request).api_key,
            grid=asked.axes,
            idempotency_key=idempotency_key(request).get("idempotency_key"),
        )
        body = {
            "batch": jobs[0].batch_id,
            **asked.axes,
            "generations": render_jobs(user=user, jobs=jobs, request=request),
        }
        return Response(body, status=status.HTTP_202_ACCEPTED)


class GridQuoteView(APIView):
    """Tell what a grid would cost at most; nothing is made or held."""

    required_scopes = by_method(POST=Scope.GENERATE)
    write_endpoint = Endpoint.READ

    @extend_schema(
        request=GridRequestSerializer,
        responses=GridQuoteSerializer,
        operation_id="generations_grid_quote",
    )
    def post(self, request: Request) -> Response:
        user = signed_in_user(request)
        asked = read_grid(request.data)
        orders = draw_up_orders(user=user, requests=asked.cells, field_name="cells")
        quotes = quote_orders(user=user, orders=orders)
        return Response(
            {
                "credits": sum(quote.credits for quote in quotes),
                "seconds": round(sum(quote.seconds for quote in quotes), 2),
                "count": len(quotes),
            }
        )


class GridSheetView(APIView):
    """The pictures of a grid on one sheet (PNG), when all of its jobs have ended."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(
        responses={(200, "image/png"): OpenApiTypes.BINARY}, operation_id="generations_grid_sheet"
    )
    def get(self, request: Request, batch_id: uuid.UUID) -> HttpResponse:
        content = draw_sheet(user=signed_in_user(request), batch_id=batch_id)
        return HttpResponse(content, content_type="image/png")
