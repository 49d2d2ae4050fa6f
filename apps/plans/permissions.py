"""What a plan opens to programs."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.accounts.credentials import Credential, CredentialKind
from apps.accounts.models import User
from apps.accounts.requests import credential_of, signed_in_user
from apps.plans.entitlements import Feature, require

if TYPE_CHECKING:  # the views import the default permissions, so at run time it would be a circle
    from rest_framework.views import APIView


class HasApiAccess(BasePermission):
    """Admit keys and tokens on plans with API access; our own pages work on every plan."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        del view
        check_api_access(user=signed_in_user(request), credential=credential_of(request))
        return True


def check_api_access(*, user: User, credential: Credential) -> None:
    """Do nothing if `user` may come with `credential`.

    Raises:
        Forbidden: it is a key or a token, and the plan of `user` has no API access.
    """
    if credential.kind != CredentialKind.SESSION:
        require(user_id=user.id, feature=Feature.API)
