from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Scope
from apps.accounts.permissions import by_method
from apps.accounts.requests import signed_in_user
from apps.credits.models import Posting
from apps.credits.selectors import list_postings, live_balances, read_balance
from apps.credits.serializers import (
    CreditsSerializer,
    PostingSerializer,
    UsageQuerySerializer,
    UsageSerializer,
    render_credits,
    render_usage,
)
from apps.credits.usage import usage_cells


class CreditsView(APIView):
    """The credits one has, and the grants they come from, what ends first in front."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(responses=CreditsSerializer, operation_id="credits_retrieve")
    def get(self, request: Request) -> Response:
        user_id = signed_in_user(request).id
        balance = read_balance(user_id=user_id)
        return Response(render_credits(balance, live_balances(user_id=user_id)))


@extend_schema_view(get=extend_schema(operation_id="credits_postings"))
class PostingListView(ListAPIView[Posting]):
    """List every movement of one's credits, newest first."""

    required_scopes = by_method(GET=Scope.READ)
    serializer_class = PostingSerializer
    queryset = Posting.objects.none()

    def get_queryset(self) -> QuerySet[Posting]:
        return list_postings(user=signed_in_user(self.request))


class UsageView(APIView):
    """What was used in some days, by day, model or API key."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(
        parameters=[UsageQuerySerializer], responses=UsageSerializer, operation_id="usage_retrieve"
    )
    def get(self, request: Request) -> Response:
        query = UsageQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        span, by = query.validated_data["span"], query.validated_data["by"]
        user_id = signed_in_user(request).id
        cells = usage_cells(user_id=user_id, span=span, by=[by])
        return Response(render_usage(cells, user_id=user_id, span=span, by=by))
