"""Appeal against the refusal of pictures, and decide about it."""

import uuid

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.core.audit import record_act
from apps.core.errors import Conflict, ErrorCode, Invalid
from apps.core.models import Act
from apps.generation.content import job_digest
from apps.generation.models import AppealState, ContentAppeal, JobState
from apps.generation.selectors import get_job

LEAST_REASON = 10
MOST_REASON = 2000


def appeal_refusal(*, user: User, job_id: uuid.UUID, reason: str) -> ContentAppeal:
    """Put on record why the pictures of a job were refused wrongly; once for each job.

    Raises:
        NotFound: `user` has no such job.
        Conflict: it was not refused, or an appeal was made already.
        Invalid: the reason says nothing.
    """
    job = get_job(user=user, job_id=job_id)
    if job.state != JobState.FAILED or job.error_code != ErrorCode.CONTENT_REFUSED:
        raise Conflict(_("The pictures of this job were not refused."))
    reason = reason.strip()
    if not LEAST_REASON <= len(reason) <= MOST_REASON:
        message = _("Say why in %(least)d to %(most)d characters.")
        raise Invalid(fields={"reason": [message % {"least": LEAST_REASON, "most": MOST_REASON}]})
    appeal = ContentAppeal(
        user=user,
        job_id=job.id,
        digest=job_digest(job),
        reason=reason,
    )
    try:
        with transaction.atomic():
            appeal.save(force_insert=True)
            record_act(act=Act.APPEAL_MADE, user_id=user.id, actor_id=user.id, target=str(job.id))
    except IntegrityError as error:
        raise Conflict(_("You have appealed already; we will answer.")) from error
    return appeal


def decide_appeal(*, appeal_id: uuid.UUID, staff: User, accept: bool, note: str) -> ContentAppeal:
    """Accept or reject an appeal, with a note that its user reads; in a service scope.

    An accepted one lets the user have the same settings made without the check.

    Raises:
        Conflict: it was decided before.
        Invalid: the note says nothing.
        ContentAppeal.DoesNotExist: there is no such appeal.
    """
    note = note.strip()
    if not LEAST_REASON <= len(note) <= MOST_REASON:
        message = _("Say why in %(least)d to %(most)d characters.")
        raise Invalid(fields={"note": [message % {"least": LEAST_REASON, "most": MOST_REASON}]})
    with transaction.atomic():
        appeal = ContentAppeal.objects.select_for_update().get(id=appeal_id)
        if appeal.state != AppealState.OPEN:
            raise Conflict(_("This appeal was decided already."))
        appeal.state = AppealState.ACCEPTED if accept else AppealState.REJECTED
        appeal.note = note
        appeal.decided_by = staff.id
        appeal.decided_at = timezone.now()
        appeal.save(update_fields=["state", "note", "decided_by", "decided_at"])
        record_act(
            act=Act.APPEAL_ACCEPTED if accept else Act.APPEAL_REJECTED,
            user_id=appeal.user_id,
            actor_id=staff.id,
            target=str(appeal.job_id),
        )
    return appeal
