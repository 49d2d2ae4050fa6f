from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Scope
from apps.accounts.permissions import SessionOnly, by_method
from apps.accounts.requests import origin_of, signed_in_user
from apps.plans.models import Payment
from apps.plans.selectors import billing_of, list_payments
from apps.plans.serializers import (
    BillingSerializer,
    ChangeSerializer,
    PackChoiceSerializer,
    PageSerializer,
    PaymentSerializer,
    PlanChoiceSerializer,
    PreviewSerializer,
    render_billing,
)
from apps.plans.services.changes import (
    cancel_at_period_end,
    change_plan,
    preview_change,
    reactivate,
)
from apps.plans.services.checkout import buy_pack, open_portal, start_checkout

_MANAGE = by_method(POST=Scope.MANAGE)
IDEMPOTENCY_HEADER = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same key with the same body buys once; at most 100 characters.",
)


class KeySerializer(serializers.Serializer[Any]):
    idempotency_key = serializers.CharField(max_length=100, required=False)


class PlanView(APIView):
    """The plan that one has, what is sold, and whether payments are on."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(responses=BillingSerializer, operation_id="billing_plan")
    def get(self, request: Request) -> Response:
        return Response(render_billing(billing_of(user=signed_in_user(request))))


@extend_schema_view(get=extend_schema(operation_id="billing_payments"))
class PaymentListView(ListAPIView[Payment]):
    """List one's payments, newest first."""

    required_scopes = by_method(GET=Scope.READ)
    serializer_class = PaymentSerializer
    queryset = Payment.objects.none()

    def get_queryset(self) -> QuerySet[Payment]:
        return list_payments(user=signed_in_user(self.request))


class SessionView(APIView):
    """What costs money, or ends what was paid for: people do it, and no keys."""

    required_scopes = _MANAGE
    permission_classes = (*APIView.permission_classes, SessionOnly)


class CheckoutView(SessionView):
    """Begin a subscription; it is paid on the page that the answer leads to."""

    @extend_schema(
        request=PlanChoiceSerializer,
        parameters=[IDEMPOTENCY_HEADER],
        responses={201: PageSerializer},
        operation_id="billing_checkout",
    )
    def post(self, request: Request) -> Response:
        chosen = _valid(PlanChoiceSerializer, request)
        url = start_checkout(
            user=signed_in_user(request), origin=origin_of(request), key=_key(request), **chosen
        )
        return _page(url)


class PackView(SessionView):
    """Begin the purchase of a credit pack; it is paid on the page that the answer leads to."""

    @extend_schema(
        request=PackChoiceSerializer,
        parameters=[IDEMPOTENCY_HEADER],
        responses={201: PageSerializer},
        operation_id="billing_packs",
    )
    def post(self, request: Request) -> Response:
        chosen = _valid(PackChoiceSerializer, request)
        url = buy_pack(
            user=signed_in_user(request), origin=origin_of(request), key=_key(request), **chosen
        )
        return _page(url)


class PortalView(SessionView):
    """Open the page where one looks after cards and invoices."""

    @extend_schema(request=None, responses={201: PageSerializer}, operation_id="billing_portal")
    def post(self, request: Request) -> Response:
        return _page(open_portal(user=signed_in_user(request), origin=origin_of(request)))


class ChangeView(SessionView):
    """Change the plan: at once for more, with the next period for less."""

    @extend_schema(
        request=PlanChoiceSerializer,
        parameters=[IDEMPOTENCY_HEADER],
        responses={200: ChangeSerializer},
        operation_id="billing_change",
    )
    def post(self, request: Request) -> Response:
        chosen = _valid(PlanChoiceSerializer, request)
        upgraded = change_plan(user=signed_in_user(request), key=_key(request), **chosen)
        return Response({"is_upgrade": upgraded})


class PreviewView(SessionView):
    """Say what a change would do and cost; nothing is changed."""

    @extend_schema(
        request=PlanChoiceSerializer,
        responses={200: PreviewSerializer},
        operation_id="billing_change_preview",
    )
    def post(self, request: Request) -> Response:
        chosen = _valid(PlanChoiceSerializer, request)
        preview = preview_change(user=signed_in_user(request), **chosen)
        return Response(PreviewSerializer(preview).data)


class CancelView(SessionView):
    """Let the plan end with the period that is paid."""

    @extend_schema(request=None, responses={204: None}, operation_id="billing_cancel")
    def post(self, request: Request) -> Response:
        cancel_at_period_end(user=signed_in_user(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ReactivateView(SessionView):
    """Let a plan that was to end, or to become smaller, go on as it is."""

    @extend_schema(request=None, responses={204: None}, operation_id="billing_reactivate")
    def post(self, request: Request) -> Response:
        reactivate(user=signed_in_user(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _valid(form: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    given = form(data=request.data)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


def _key(request: Request) -> str | None:
    headers = {"idempotency_key": request.headers.get("Idempotency-Key")}
    given = KeySerializer(data={name: key for name, key in headers.items() if key is not None})
    given.is_valid(raise_exception=True)
    key: str | None = given.validated_data.get("idempotency_key")
    return key


def _page(url: str) -> Response:
    return Response({"url": url}, status=status.HTTP_201_CREATED)
