"""Take requests from users, and hand them to the one who works them off."""

from datetime import timedelta

from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.core.audit import record_act
from apps.core.errors import Invalid, new_error_id
from apps.core.models import Act
from apps.core.tenancy import service_scope, tenant_scope
from apps.privacy.models import OPEN_STATES, DataRequest, RequestKind, RequestState

# Whoever works on a request tells so at each file; a longer silence means that it died.
SILENCE = timedelta(minutes=5)
MAX_ATTEMPTS = 3


def request_export(*, user: User) -> DataRequest:
    """Ask for a file with all of one's data; an open request for it is returned again."""
    return _request(user=user, kind=RequestKind.EXPORT, act=Act.EXPORT_REQUESTED)


def request_deletion(*, user: User, email: str) -> DataRequest:
    """Ask that the account be deleted; `email` is typed anew, so that nobody does it by accident.

    Raises:
        Invalid: `email` is not the one of the account.
    """
    if email.strip().casefold() != user.email.casefold():
        raise Invalid(fields={"email": [_("Type the e-mail of this account.")]})
    return _request(user=user, kind=RequestKind.DELETION, act=Act.DELETION_REQUESTED)


def claim_next_request() -> DataRequest | None:
    """Take the request that waits longest, or one whose worker died; fail it after three tries."""
    now = timezone.now()
    with service_scope("claim a request about one's own data"):
        request = (
            DataRequest.objects.filter(
                Q(state=RequestState.WAITING)
                | Q(state=RequestState.RUNNING, seen_at__lt=now - SILENCE)
            )
            .select_for_update(skip_locked=True)
            .order_by("created_at", "id")
            .first()
        )
        if request is None:
            return None
        if request.attempt >= MAX_ATTEMPTS:
            fail_request(request)
            return None
        request.state = RequestState.RUNNING
        request.attempt += 1
        request.seen_at = now
        request.done = 0
        request.save(update_fields=["state", "attempt", "seen_at", "done"])
    return request


def report_progress(request: DataRequest, *, done: int, total: int) -> None:
    """Say how far the work is."""
    with tenant_scope(request.user_id):
        DataRequest.objects.filter(id=request.id, attempt=request.attempt).update(
            done=done, total=total, seen_at=timezone.now()
        )


def finish_request(request: DataRequest, **facts: object) -> None:
    """Mark the work as done, with what came of it."""
    with tenant_scope(request.user_id):
        DataRequest.objects.filter(id=request.id, attempt=request.attempt).update(
            state=RequestState.DONE, finished_at=timezone.now(), **facts
        )


def fail_request(request: DataRequest) -> str:
    """Mark the work as failed; return the error id to look for in the log."""
    error_id = new_error_id()
    with tenant_scope(request.user_id):
        DataRequest.objects.filter(id=request.id).update(
            state=RequestState.FAILED, finished_at=timezone.now(), error_id=error_id
        )
    return error_id


def remove_expired_exports() -> int:
    """Delete the files of exports whose time is over; return how many."""
    with service_scope("find expired exports"):
        expired = list(
            DataRequest.objects.exclude(file_key="").filter(expires_at__lte=timezone.now())[:100]
        )
    for request in expired:
        default_storage.delete(request.file_key)
        with tenant_scope(request.user_id):
            DataRequest.objects.filter(id=request.id).update(file_key="")
    return len(expired)


def _request(*, user: User, kind: RequestKind, act: Act) -> DataRequest:
    waiting = DataRequest.objects.filter(user=user, kind=kind, state__in=sorted(OPEN_STATES))
    try:
        with transaction.atomic():
            request = DataRequest.objects.create(user=user, kind=kind)
            record_act(act=act, user_id=user.id, actor_id=user.id)
    except IntegrityError:
        return waiting.get()
    return request
