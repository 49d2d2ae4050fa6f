"""What a plan opens to programs."""

from typing import TYPE_CHECKING

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from apps.accounts.credentials import Credential, CredentialKind
from apps.accounts.models import User
from apps.accounts.requests import credential_of, signed_in_user
from apps.plans.entitlements import Feature, check, decide, entitlements_of
from apps.plans.selectors import known_entitlements

if TYPE_CHECKING:  # the views import the default permissions, so at run time it would be a circle
    from rest_framework.views import APIView


class HasApiAccess(BasePermission):
    """Admit keys and tokens on plans with API access; our own pages work on every plan."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        del view
        check_api_access(
            user=signed_in_user(request),
            credential=credential_of(request),
            reads=request.method in SAFE_METHODS,
        )
        return True


def check_api_access(*, user: User, credential: Credential, reads: bool = False) -> None:
    """Do nothing if `user` may come with `credential`; for one who only `reads` the cache will do.

    Raises:
        Forbidden: it is a key or a token, and the plan of `user` has no API access.
    """
    if credential.kind == CredentialKind.SESSION:
        return
    has = (known_entitlements if reads else entitlements_of)(user_id=user.id)
    check(decide(has, feature=Feature.API))
