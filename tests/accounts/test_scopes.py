"""Every address of the API says which scope it needs, and a key gets no further than that."""

import uuid
from collections.abc import Iterator, Sequence

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory
from rest_framework.views import APIView

from apps.accounts.credentials import SESSION
from apps.accounts.models import ApiKey, Scope, User
from apps.accounts.permissions import HasScope, required_scope
from apps.accounts.services.keys import create_key
from apps.core.views import unknown_api_address
from apps.plans.permissions import HasApiAccess
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription

METHODS = ("get", "post", "put", "patch", "delete")
# They describe the API and show nothing of anybody.
# What reads here could take the account over, or all of it away.
ACCOUNT_ITSELF = {
    "api/v1/keys",
    "api/v1/keys/<uuid:key_id>",
    "api/v1/account/data-requests/<uuid:request_id>/file",
    # What only staff read.
    "api/v1/admin/tester-plan/grants",
    "api/v1/admin/tester-plan/grants/<uuid:grant_id>",
}
# Of what the key reads one by one as well.
COPIES = {"api/v1/images/archives/<uuid:archive_id>"}
DESCRIPTIONS = {SpectacularAPIView, SpectacularSwaggerSplitView}
DEFAULT_AUTHENTICATION = tuple(APIView.authentication_classes)
ANY = uuid.UUID(int=1)

# (method, address, scope, status with the scope)
ADDRESSES = [
    ("get", "/api/v1/models", Scope.READ, 200),
    ("get", "/api/v1/billing/plan", Scope.READ, 200),
    ("get", "/api/v1/billing/payments", Scope.READ, 200),
    ("get", "/api/v1/images", Scope.READ, 200),
    ("head", "/api/v1/images", Scope.READ, 200),
    ("options", "/api/v1/images", Scope.READ, 200),
    ("get", f"/api/v1/images/{ANY}", Scope.READ, 404),
    ("get", f"/api/v1/images/{ANY}/full", Scope.READ, 404),
    ("get", f"/api/v1/images/{ANY}/thumbnails/256", Scope.READ, 404),
    ("post", "/api/v1/images/archives", Scope.READ, 422),
    ("delete", f"/api/v1/images/archives/{ANY}", Scope.READ, 404),
    ("get", "/api/v1/generations", Scope.READ, 200),
    ("get", f"/api/v1/generations/{ANY}", Scope.READ, 404),
    ("post", "/api/v1/generations", Scope.GENERATE, 422),
    ("post", f"/api/v1/generations/{ANY}/cancel", Scope.GENERATE, 404),
    ("post", "/api/v1/images", Scope.GENERATE, 422),
    ("delete", f"/api/v1/images/{ANY}", Scope.MANAGE, 404),
    ("patch", f"/api/v1/images/{ANY}", Scope.GENERATE, 404),
    ("put", "/api/v1/models/none/cover", Scope.GENERATE, 422),
    ("get", "/api/v1/boards", Scope.READ, 200),
    ("post", "/api/v1/images/acts", Scope.MANAGE, 422),
    ("post", "/api/v1/generations/quote", Scope.GENERATE, 422),
    ("get", f"/api/v1/generations/{ANY}/receipt", Scope.READ, 404),
    ("get", "/api/v1/credits", Scope.READ, 200),
    ("get", "/api/v1/credits/postings", Scope.READ, 200),
    ("get", "/api/v1/usage", Scope.READ, 200),
    ("get", "/api/v1/usage/receipts.csv?month=2026-11", Scope.READ, 200),
    ("get", "/api/v1/keys", Scope.MANAGE, 200),
    ("post", "/api/v1/keys", Scope.MANAGE, 422),
    ("get", f"/api/v1/keys/{ANY}", Scope.MANAGE, 404),
    ("patch", f"/api/v1/keys/{ANY}", Scope.MANAGE, 404),
    ("delete", f"/api/v1/keys/{ANY}", Scope.MANAGE, 404),
    ("put", "/api/v1/providers/none/key", Scope.MANAGE, 404),
    ("get", "/api/v1/admin/tester-plan/grants", Scope.MANAGE, 403),
    ("post", "/api/v1/admin/tester-plan/grants", Scope.MANAGE, 403),
    ("get", f"/api/v1/admin/tester-plan/grants/{ANY}", Scope.MANAGE, 403),
    ("post", f"/api/v1/admin/tester-plan/grants/{ANY}/revoke", Scope.MANAGE, 403),
]


@pytest.fixture
def pro_user(user: User) -> User:
    start_subscription(user=user, plan=PLANS["pro"])
    return user


def client_with(user: User, *scopes: Scope) -> APIClient:
    _key, secret = create_key(user=user, granter=SESSION, name="k", scopes=scopes)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def callbacks(
    patterns: Sequence[URLPattern | URLResolver], prefix: str = ""
) -> Iterator[tuple[str, object]]:
    for pattern in patterns:
        address = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from callbacks(pattern.url_patterns, address)
        elif address.lstrip("^").startswith("api/"):
            yield address, pattern.callback


def api_views() -> dict[str, type[APIView]]:
    found = {}
    for address, callback in callbacks(get_resolver().url_patterns):
        view = getattr(callback, "cls", None)
        if view is None:
            assert callback is unknown_api_address, f"{address} is no API view"
        elif view not in DESCRIPTIONS:
            found[address] = view
    return found


def test_every_api_view_declares_the_scope_of_each_method() -> None:
    views = api_views()

    assert "api/v1/generations" in views
    for address, view in views.items():
        if list(view.permission_classes) == [AllowAny]:
            assert not view.authentication_classes, f"{address} is open and yet asks who it is"
            continue
        assert HasScope in view.permission_classes, address
        assert HasApiAccess in view.permission_classes, address
        assert tuple(view.authentication_classes) == DEFAULT_AUTHENTICATION, address
        for method in METHODS:
            if hasattr(view, method):
                assert required_scope(view, method.upper()), f"{method.upper()} {address}"


def test_safe_methods_read_and_deletions_are_management() -> None:
    for address, view in api_views().items():
        if getattr(view, "required_scopes", None) is None:
            continue
        if hasattr(view, "delete"):
            wanted = Scope.READ if address in COPIES else Scope.MANAGE
            assert required_scope(view, "DELETE") == wanted, address
        if hasattr(view, "get"):
            wanted = Scope.MANAGE if address in ACCOUNT_ITSELF else Scope.READ
            assert required_scope(view, "GET") == wanted, address


def test_every_kind_of_declaration_is_in_the_table() -> None:
    in_table = {(method.upper(), scope) for method, _address, scope, _status in ADDRESSES}
    declared = {
        item
        for view in api_views().values()
        for item in getattr(view, "required_scopes", {}).items()
    }

    assert declared <= in_table


@pytest.mark.parametrize(("method", "address", "scope", "status"), ADDRESSES)
def test_a_key_with_that_scope_alone_is_enough(
    pro_user: User, method: str, address: str, scope: Scope, status: int
) -> None:
    response = getattr(client_with(pro_user, scope), method)(address)

    assert response.status_code == status


@pytest.mark.parametrize(("method", "address", "scope", "status"), ADDRESSES)
def test_a_key_with_every_other_scope_is_not(
    pro_user: User, method: str, address: str, scope: Scope, status: int
) -> None:
    client = client_with(pro_user, *(set(Scope) - {scope}))
    keys = ApiKey.objects.count()

    response = getattr(client, method)(address)

    assert response.status_code == 403
    if method != "head":
        assert response.json()["code"] == "insufficient_scope"
        assert response.json()["required"] == scope
    assert ApiKey.objects.count() == keys


def test_a_method_that_is_not_there_is_not_a_question_of_scopes(pro_user: User) -> None:
    response = client_with(pro_user, Scope.READ).put("/api/v1/models")

    assert response.status_code == 405


class Undeclared(APIView):
    def get(self, request: Request) -> Response:
        return Response({"who": str(request.user)})


def test_a_view_that_declares_nothing_refuses_keys_and_takes_sessions(pro_user: User) -> None:
    _key, secret = create_key(user=pro_user, granter=SESSION, name="k", scopes=list(Scope))
    requests = APIRequestFactory()
    by_key = requests.get("/", HTTP_AUTHORIZATION=f"Bearer {secret}")
    by_session = requests.get("/")
    by_session.user = pro_user

    assert Undeclared.as_view()(by_key).status_code == 403
    assert Undeclared.as_view()(by_session).status_code == 200


def test_the_version_needs_no_credential_and_looks_at_none(db: None) -> None:
    response = APIClient().get("/api/v1/app/version", HTTP_AUTHORIZATION="Bearer ek_wrong")

    assert response.status_code == 200
