from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Scope
from apps.accounts.permissions import by_method
from apps.accounts.requests import signed_in_user
from apps.core.errors import NotFound
from apps.providers.selectors import get_own_key
from apps.providers.serializers import (
    NewKeySerializer,
    OwnKeySerializer,
    ProviderListSerializer,
    render_providers,
)
from apps.providers.services import delete_own_key, set_own_key
from gpu_tasks.providers.facts import ProviderName


class ProviderListView(APIView):
    """Other people's services that can make your pictures, and what each picture costs."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(responses=ProviderListSerializer, operation_id="providers_list")
    def get(self, request: Request) -> Response:
        return Response({"results": render_providers(user=signed_in_user(request))})


class OwnKeyView(APIView):
    """Your own key at a provider; once kept, nobody is shown more than its last characters."""

    required_scopes = by_method(GET=Scope.READ, PUT=Scope.MANAGE, DELETE=Scope.MANAGE)

    @extend_schema(responses=OwnKeySerializer, operation_id="provider_key_retrieve")
    def get(self, request: Request, provider: str) -> Response:
        key = get_own_key(user=signed_in_user(request), provider=named(provider))
        return Response(OwnKeySerializer(key).data)

    @extend_schema(
        request=NewKeySerializer, responses=OwnKeySerializer, operation_id="provider_key_set"
    )
    def put(self, request: Request, provider: str) -> Response:
        name = named(provider)
        form = NewKeySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        key = set_own_key(user=signed_in_user(request), provider=name, **form.validated_data)
        return Response(OwnKeySerializer(key).data)

    @extend_schema(responses={204: None}, operation_id="provider_key_delete")
    def delete(self, request: Request, provider: str) -> Response:
        delete_own_key(user=signed_in_user(request), provider=named(provider))
        return Response(status=status.HTTP_204_NO_CONTENT)


def named(provider: str) -> ProviderName:
    """Return the provider of that name.

    Raises:
        NotFound: there is none.
    """
    try:
        return ProviderName(provider)
    except ValueError as error:
        raise NotFound from error
