"""Give each request its transaction, which sees the rows of the one who asks."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from django.utils import translation

from apps.accounts.bearer import bearer_token
from apps.accounts.models import User
from apps.accounts.sessions import session_user_id
from apps.core.audit import record_act
from apps.core.models import Act
from apps.core.tenancy import closed_scope, enter_service, tenant_scope

LANGUAGES = frozenset(code for code, _name in settings.LANGUAGES)


def speak_language_of(request: HttpRequest, user: User) -> None:
    """Answer in the language that `user` chose, on whatever device that was."""
    if user.language in LANGUAGES:
        translation.activate(user.language)
        request.LANGUAGE_CODE = user.language


class TenantMiddleware:
    """Run the request of a user in one transaction, as that tenant.

    A request without a session or a token opens no transaction, and what it asks of tenant
    tables finds nothing. An answer of 5xx rolls back what the request wrote.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if bearer_token(request.headers.get("Authorization", "")) is not None:
            # Whose it is, the view finds out, and enters that tenant; no session counts.
            with closed_scope():
                return self._answer(request)
        user_id = session_user_id(request.session)
        if user_id is None:
            return self.get_response(request)
        with tenant_scope(user_id):
            # Read now: what looks at the user later may do so outside of the transaction.
            if isinstance(request.user, User):
                speak_language_of(request, request.user)
            return self._answer(request)

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code >= 500:
            transaction.set_rollback(True)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> None:
        """Let staff in the admin see every tenant's rows, where this login may."""
        del view, args, kwargs
        match = request.resolver_match
        if match is None or match.app_name != "admin" or not isinstance(request.user, User):
            return
        if request.user.is_active and request.user.is_staff:
            enter_service(f"admin: {match.view_name}")
            record_act(
                act=Act.SERVICE_SCOPE,
                user_id=None,
                actor_id=request.user.id,
                target=f"{request.method} {request.path}",
            )
