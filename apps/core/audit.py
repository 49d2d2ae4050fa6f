"""The record of acts that matter for the safety of an account."""

import ipaddress
import uuid
from typing import Any, Final

from django.db.models import QuerySet
from structlog.contextvars import get_contextvars

from apps.core.models import Act, AuditRecord

# What of an act by another its subject does not learn: who that was, from where, and the reasons
# that staff write for each other.
WITHHELD: Final[dict[str, Any]] = {
    "actor_id": None,
    "address": None,
    "request_id": "",
    "target": "",
}


def record_act(
    *,
    act: Act,
    user_id: uuid.UUID | None,
    actor_id: uuid.UUID | None,
    target: str = "",
) -> None:
    """Write that `actor_id` did `act` to the account of `user_id`, in the transaction of the act.

    Address and request id are those of the request that is being answered, if one is.
    """
    request = get_contextvars()
    AuditRecord.objects.create(
        user_id=user_id,
        actor_id=actor_id,
        act=act,
        target=target[:200],
        address=_address(request.get("ip")),
        request_id=str(request.get("request_id", ""))[:64],
    )


def list_acts(*, user_id: uuid.UUID) -> QuerySet[AuditRecord]:
    """List the acts on the account of a user, newest first."""
    return AuditRecord.objects.filter(user_id=user_id).order_by("-created_at", "-id")


def _address(value: object) -> str | None:
    try:
        return str(ipaddress.ip_address(str(value)))
    except ValueError:
        return None
