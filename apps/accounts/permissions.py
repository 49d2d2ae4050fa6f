"""Which scope a request needs: each API view says it, and what is not said is refused to keys."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.accounts.credentials import CredentialKind
from apps.accounts.models import Scope
from apps.accounts.requests import credential_of
from apps.core.errors import ErrorCode, Forbidden

if TYPE_CHECKING:  # the views import the default permissions, so at run time it would be a circle
    from rest_framework.views import APIView


def by_method(**scopes: Scope) -> Mapping[str, Scope]:
    """Declare the scope of each method of a view: `by_method(GET=Scope.READ)`."""
    return MappingProxyType(scopes)


class HasScope(BasePermission):
    """Let a credential do what its scopes name.

    A view declares `required_scopes = by_method(…)`. A key or token is refused
    by a view that declares none; the session of a person has every scope.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        method = request.method or ""
        if not hasattr(view, method.lower()):
            return True  # the view answers that it does not take the method
        credential = credential_of(request)
        if credential.kind == CredentialKind.SESSION:
            return True
        needed = required_scope(view, method)
        if needed is None:
            raise Forbidden(_("This address takes no keys and no tokens; sign in."))
        if needed not in credential.scopes:
            raise Forbidden(
                _("This key lacks the scope “%(scope)s”.") % {"scope": needed.value},
                code=ErrorCode.INSUFFICIENT_SCOPE,
                required=needed.value,
            )
        return True


class SessionOnly(BasePermission):
    """Let a person in and no program: for what costs money."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        del view
        if credential_of(request).kind != CredentialKind.SESSION:
            raise Forbidden(_("This address takes no keys and no tokens; sign in."))
        return True


def required_scope(view: "APIView | type[APIView]", method: str) -> Scope | None:
    """Return the scope that `method` of `view` needs, or None where keys are not admitted."""
    declared: Mapping[str, Scope] = getattr(view, "required_scopes", {})
    if method == "HEAD":
        method = "GET"
    if method == "OPTIONS":
        return Scope.READ if declared else None
    return declared.get(method)
