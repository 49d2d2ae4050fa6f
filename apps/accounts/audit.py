"""Put sign-in and sign-out on record, however they are done."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed

from apps.accounts.models import User
from apps.accounts.selectors import user_id_of_email
from apps.core.audit import record_act
from apps.core.models import Act
from apps.core.tenancy import tenant_scope


def connect() -> None:
    """Listen to what Django says of sessions; called once, when the apps are ready."""
    user_logged_in.connect(_signed_in, dispatch_uid="accounts.audit")
    user_logged_out.connect(_signed_out, dispatch_uid="accounts.audit")
    user_login_failed.connect(_failed, dispatch_uid="accounts.audit")


def _signed_in(user: User, **_: Any) -> None:
    with tenant_scope(user.id):
        record_act(act=Act.SIGNED_IN, user_id=user.id, actor_id=user.id)


def _signed_out(user: User | None, **_: Any) -> None:
    if user is not None:
        with tenant_scope(user.id):
            record_act(act=Act.SIGNED_OUT, user_id=user.id, actor_id=user.id)


def _failed(credentials: dict[str, Any], **_: Any) -> None:
    """Record a failed attempt on an account; one on an address without account has no place."""
    user_id = user_id_of_email(email=str(credentials.get("username", "")))
    if user_id is not None:
        with tenant_scope(user_id):
            record_act(act=Act.SIGN_IN_FAILED, user_id=user_id, actor_id=None)
