"""Tell users by mail about their plan and their credits: each fact once, and none in silence.

A notice is written first, in the transaction of its fact where there is one. `send_notices` then
takes one at a time: it marks it as being sent, commits, and only then speaks to the mail server.
So a mail never goes out twice; one whose sender died in between is said to be unsure.
"""

import uuid
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException
from typing import Any

import structlog
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models import Exists, Q, QuerySet
from django.utils import timezone, translation

from apps.core.audit import record_act
from apps.core.models import Act
from apps.core.tenancy import service_scope
from apps.plans.entitlements import entitlements_of
from apps.plans.letters import make_mail, write_letter
from apps.plans.models import (
    Notice,
    NoticeKind,
    NoticeState,
    PaymentReversal,
    ReversalKind,
    Subscription,
)
from apps.plans.products import GRACE_DAYS, TRIAL, TRIAL_NOTICE_DAYS
from apps.plans.retention import ended_plans, last_plans, moment_text, noted_ends

logger = structlog.get_logger(__name__)

TRIAL_NOTICE = timedelta(days=TRIAL_NOTICE_DAYS)
# What was not noticed for so long, since no scheduler ran, is no news any more.
NEWS = timedelta(days=7)
NOTICES_A_SWEEP = 50
FACTS_A_SWEEP = 500
# Longer than any mail server takes; who has not said by then how it went, has died.
SENDING = timedelta(minutes=10)
MAX_ATTEMPTS = 16
MOST_DELAY = timedelta(hours=6)


def note(
    *,
    user_id: uuid.UUID,
    kind: NoticeKind,
    key: str,
    facts: dict[str, Any] | None = None,
    useful_until: datetime | None = None,
) -> bool:
    """Have a user told of a fact by mail, once for each `key`; whether it is news."""
    with service_scope("note what a user is to be told"):
        notice, is_new = Notice.objects.get_or_create(
            user_id=user_id,
            kind=kind,
            key=key,
            defaults={
                "facts": facts or {},
                "due_at": timezone.now(),
                "useful_until": useful_until,
            },
        )
    if is_new:
        logger.info("notice_written", notice_id=str(notice.id), kind=kind)
    return is_new


def note_failed_payment(
    *, sender: object, user_id: uuid.UUID, retry_at: datetime | None, **kwargs: Any
) -> None:
    """Answer `payment_failed`."""
    del sender, kwargs
    now = timezone.now()
    with service_scope("find the payment that failed"):
        past_due = Subscription.objects.filter(user=user_id, past_due_since__isnull=False)
        since = past_due.order_by("-past_due_since").values_list("past_due_since", flat=True)
        first_failure = since.first() or now
    note(
        user_id=user_id,
        kind=NoticeKind.PAYMENT_FAILED,
        key=moment_text(first_failure),
        facts={"retry_at": retry_at.isoformat() if retry_at else None},
        useful_until=retry_at or now + timedelta(days=GRACE_DAYS),
    )


def note_plan_ends() -> int:
    """Note the trials that end soon, the plans that ended and the pauses; return how many."""
    now = timezone.now()
    with service_scope("find plans that end"):
        ending = last_plans().filter(
            ~Exists(noted_ends(NoticeKind.TRIAL_ENDING)),
            plan=TRIAL.slug,
            valid_until__gt=now,
            valid_until__lte=now + TRIAL_NOTICE,
        )
        ended = ended_plans(until=now).filter(
            ~Exists(noted_ends(NoticeKind.PAUSED)), valid_until__gt=now - NEWS
        )
        ends = [
            (subscription, kind)
            for kind, found in ((NoticeKind.TRIAL_ENDING, ending), (NoticeKind.PAUSED, ended))
            for subscription in found[:FACTS_A_SWEEP]
        ]
        pauses = _pauses_to_note(now)
    written = [_note_end(subscription, kind) for subscription, kind in ends]
    written += [
        note(user_id=user_id, kind=NoticeKind.PAUSED, key=key, useful_until=now + NEWS)
        for user_id, key in pauses
    ]
    return sum(written)


def _note_end(subscription: Subscription, kind: NoticeKind) -> bool:
    until = subscription.valid_until or timezone.now()
    return note(
        user_id=subscription.user_id,
        kind=kind,
        key=moment_text(until),
        facts={"plan": subscription.plan},
        useful_until=until if kind == NoticeKind.TRIAL_ENDING else until + NEWS,
    )


def _pauses_to_note(now: datetime) -> set[tuple[uuid.UUID, str]]:
    """Return whose plans are paused, each with a key of the cause.

    The cause is the last payment that went back or was disputed: it may pause several plans.
    """
    paused = Subscription.objects.filter(
        Q(valid_until=None) | Q(valid_until__gt=now), valid_from__lte=now, user__is_staff=False
    ).exclude(pause_reason="")
    reasons = {each.user_id: each.pause_reason for each in paused.order_by("pause_reason", "id")}
    causes = PaymentReversal.objects.filter(
        user__in=reasons, kind__in=(ReversalKind.REFUND, ReversalKind.DISPUTE)
    )
    newest = dict(causes.order_by("created_at").values_list("user_id", "stripe_id"))
    keys = {(user_id, f"{why}:{newest.get(user_id, '')}"[:100]) for user_id, why in reasons.items()}
    noted = Notice.objects.filter(kind=NoticeKind.PAUSED, user__in=reasons)
    return keys - set(noted.values_list("user_id", "key"))


def send_notices() -> int:
    """Send the notices that are due, and find those whose sender died; return how many went out."""
    _find_lost()
    sent = 0
    for _number in range(NOTICES_A_SWEEP):
        if not _is_any_due():
            break
        # Each with a connection of its own: one that stood idle may be gone when the mail is
        # half said, and then nobody knows whether it went out.
        server: BaseEmailBackend = get_connection()
        try:
            server.open()
        except (SMTPException, OSError) as error:
            logger.warning("mail_server_away", error=type(error).__name__)
            break
        try:
            notice = _claim()
            sent += notice is not None and _send(notice, server)
        finally:
            # It has said that it took the mail, or that it did not.
            with suppress(SMTPException, OSError):
                server.close()
    return sent


def send_again(*, notice_ids: Iterable[uuid.UUID], actor_id: uuid.UUID | None) -> int:
    """Have notices sent that failed, or that are unsure, as an administrator; return how many."""
    with service_scope("send notices again"):
        stuck = Notice.objects.filter(
            id__in=list(notice_ids), state__in=(NoticeState.UNSURE, NoticeState.FAILED)
        ).select_for_update(of=("self",))
        found = list(stuck)
        for notice in found:
            notice.state, notice.attempts, notice.due_at = NoticeState.PENDING, 0, timezone.now()
            notice.save(update_fields=["state", "attempts", "due_at"])
            record_act(
                act=Act.ADMIN_CHANGE,
                user_id=notice.user_id,
                actor_id=actor_id,
                target=f"sends notice {notice.kind} again",
            )
    return len(found)


def _is_any_due() -> bool:
    with service_scope("look for notices"):
        return _due().exists()


def _due() -> QuerySet[Notice]:
    return Notice.objects.filter(state=NoticeState.PENDING, due_at__lte=timezone.now())


def _claim() -> Notice | None:
    with service_scope("claim a notice"):
        notice = (
            _due()
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("user")
            .order_by("due_at", "id")
            .first()
        )
        if notice is None:
            return None
        notice.state = NoticeState.SENDING
        notice.attempts += 1
        notice.due_at = timezone.now() + SENDING
        notice.save(update_fields=["state", "attempts", "due_at"])
    return notice


def _send(notice: Notice, server: BaseEmailBackend) -> bool:
    try:
        mail = _write(notice)
    except Exception:
        logger.exception("notice_not_written", notice_id=str(notice.id), kind=notice.kind)
        _try_later(notice)
        return False
    if mail is None:
        _end(notice, NoticeState.DROPPED)
        return False
    try:
        server.send_messages([mail])
    except (SMTPResponseException, SMTPRecipientsRefused):
        logger.warning("notice_refused", notice_id=str(notice.id), exc_info=True)
        _try_later(notice)
        return False
    except (SMTPException, OSError):
        logger.exception("notice_perhaps_sent", notice_id=str(notice.id), kind=notice.kind)
        _end(notice, NoticeState.UNSURE)
        return False
    _end(notice, NoticeState.SENT, sent_at=timezone.now())
    return True


def _write(notice: Notice) -> EmailMultiAlternatives | None:
    user = notice.user
    too_late = notice.useful_until is not None and notice.useful_until <= timezone.now()
    if too_late or not user.is_active:
        logger.warning("notice_dropped", notice_id=str(notice.id), too_late=too_late)
        return None
    with service_scope("write a notice"):
        has = entitlements_of(user_id=notice.user_id)
    with translation.override(user.mail_language):
        letter = write_letter(notice=notice, has=has)
        if letter is None:
            return None
        mail = make_mail(letter=letter, address=user.email, identity=str(notice.id))
    # An address that no header can hold is found now, and not in the middle of the sending.
    mail.message()
    return mail


def _try_later(notice: Notice) -> None:
    if notice.attempts >= MAX_ATTEMPTS:
        logger.error("notice_failed", notice_id=str(notice.id), kind=notice.kind)
        _end(notice, NoticeState.FAILED)
        return
    delay = min(timedelta(minutes=2**notice.attempts), MOST_DELAY)
    _end(notice, NoticeState.PENDING, due_at=timezone.now() + delay)


def _end(notice: Notice, state: NoticeState, **facts: Any) -> None:
    with service_scope("say how a notice went"):
        mine = Notice.objects.filter(
            id=notice.id, state=NoticeState.SENDING, attempts=notice.attempts
        )
        if not mine.update(state=state, **facts):
            logger.error("notice_taken_over", notice_id=str(notice.id), state=state)
            return
    logger.info("notice_done", notice_id=str(notice.id), kind=notice.kind, state=state)


def _find_lost() -> None:
    """Set apart the notices whose sender has died: they may have gone out."""
    with service_scope("find lost notices"):
        lost = Notice.objects.filter(state=NoticeState.SENDING, due_at__lte=timezone.now())
        found = list(lost.select_for_update(skip_locked=True, of=("self",))[:FACTS_A_SWEEP])
        Notice.objects.filter(id__in=[each.id for each in found]).update(state=NoticeState.UNSURE)
    for notice in found:
        logger.error("notice_perhaps_sent", notice_id=str(notice.id), kind=notice.kind)
