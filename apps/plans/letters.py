"""What the mails about plans and credits say, in the language that is active."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.plans.entitlements import Entitlements, Feature, decide, refusal
from apps.plans.models import Notice, NoticeKind
from apps.plans.products import GRACE_DAYS, RETENTION_DAYS, TRIAL, PlanType
from apps.plans.retention import RETENTION, pictures_go_at


@dataclass(frozen=True, slots=True)
class Link:
    """A thing to do, and the address where it is done."""

    text: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """The words of a mail; both of its parts say the same."""

    subject: str
    paragraphs: tuple[str, ...]
    action: Link
    other: Link | None = None


def write_letter(*, notice: Notice, has: Entitlements) -> Letter | None:
    """Write what a user is to be told, or nothing if it is no longer true."""
    return _WRITERS[NoticeKind(notice.kind)](notice, has)


def make_mail(*, letter: Letter, address: str, identity: str) -> EmailMultiAlternatives:
    """Make the mail of a letter: plain text, and HTML beside it.

    `identity` is the same however often the mail is sent, so that readers can tell.
    """
    context = {"letter": letter, "home": settings.EASEL_PUBLIC_URL}
    mail = EmailMultiAlternatives(
        letter.subject,
        render_to_string("plans/mail/letter.txt", context),
        to=[address],
        headers={
            "Message-ID": f"<{identity}@{urlsplit(settings.EASEL_PUBLIC_URL).hostname}>",
            # Nobody's "I am on holiday" is to come back.
            "Auto-Submitted": "auto-generated",
        },
    )
    mail.attach_alternative(render_to_string("plans/mail/letter.html", context), "text/html")
    return mail


def _low_credits(notice: Notice, has: Entitlements) -> Letter | None:
    if has.pause is not None:
        return None
    count = int(notice.facts["available"])
    left = ngettext("You have %(count)d credit left.", "You have %(count)d credits left.", count)
    return Letter(
        subject=ngettext(
            "You have %(count)d Easel credit left", "You have %(count)d Easel credits left", count
        )
        % {"count": count},
        paragraphs=(
            left % {"count": count} + " " + _("A credit is one second of work on a GPU."),
            _("When they are used up, nothing new is made until there are more."),
        ),
        action=_plan_page(_("Get more credits")),
    )


def _payment_failed(notice: Notice, has: Entitlements) -> Letter | None:
    del has
    retry_at = parse_datetime(notice.facts.get("retry_at") or "")
    again = (
        _("We try again on %(date)s.") % {"date": _day(retry_at)}
        if retry_at is not None
        else _("We do not try again by ourselves.")
    )
    return Letter(
        subject=_("Your payment for Easel failed"),
        paragraphs=(
            _("We could not take the payment for your plan.") + " " + again,
            _(
                "Please look at your card, or take another one. If nothing is paid within "
                "%(days)d days of the first failure, your account is paused and nothing new is "
                "made; your pictures stay."
            )
            % {"days": GRACE_DAYS},
        ),
        action=_plan_page(_("Look at your card")),
    )


def _trial_ending(notice: Notice, has: Entitlements) -> Letter | None:
    del notice
    if has.pause is not None or has.plan.plan_type != PlanType.TRIAL or has.ends_at is None:
        return None
    date = {"date": _day(has.ends_at)}
    return Letter(
        subject=_("Your Easel trial ends on %(date)s") % date,
        paragraphs=(
            _(
                "Your trial ends on %(date)s. From then on nothing new is made until you take a "
                "plan."
            )
            % date,
            _(
                "Your pictures stay for %(days)d days after that, and you can look at them and "
                "take them with you."
            )
            % {"days": RETENTION_DAYS},
        ),
        action=_plan_page(_("Choose a plan")),
    )


def _paused(notice: Notice, has: Entitlements) -> Letter | None:
    if has.pause is None:
        return None
    paragraphs = [refusal(decide(has, feature=Feature.GENERATION))]
    if has.ends_at is not None:
        paragraphs.append(
            _(
                "Your pictures stay until %(date)s. Until then you can look at them and take them "
                "with you; before they go you get another mail."
            )
            % {"date": _day(has.ends_at + RETENTION)}
        )
    was_trial = notice.facts.get("plan") == TRIAL.slug
    return Letter(
        subject=_("Your Easel trial has ended") if was_trial else _("Your Easel account is paused"),
        paragraphs=tuple(paragraphs),
        action=_plan_page(_("Choose a plan")),
        other=_own_data(),
    )


def _pictures_will_go(notice: Notice, has: Entitlements) -> Letter | None:
    del notice
    if has.pause is None or has.ends_at is None:
        return None
    dates = {
        "ended": _day(has.ends_at),
        "date": _day(pictures_go_at(ended_at=has.ends_at)),
    }
    return Letter(
        subject=_("Your Easel pictures will be deleted on %(date)s") % dates,
        paragraphs=(
            _(
                "Your plan ended on %(ended)s. On %(date)s all of your pictures are deleted, and "
                "nobody can bring them back."
            )
            % dates,
            _("Take a plan before that and they stay; or take them with you."),
        ),
        action=_plan_page(_("Choose a plan")),
        other=_own_data(),
    )


_WRITERS = {
    NoticeKind.LOW_CREDITS: _low_credits,
    NoticeKind.PAYMENT_FAILED: _payment_failed,
    NoticeKind.TRIAL_ENDING: _trial_ending,
    NoticeKind.PAUSED: _paused,
    NoticeKind.PICTURES_WILL_GO: _pictures_will_go,
}


def _plan_page(text: str) -> Link:
    return Link(text, _address("dashboard:plan"))


def _own_data() -> Link:
    return Link(_("Download my pictures"), _address("dashboard:own-data"))


def _address(page: str) -> str:
    return f"{settings.EASEL_PUBLIC_URL}{reverse(page)}"


def _day(moment: datetime) -> str:
    return date_format(moment.astimezone(timezone.get_default_timezone()), "DATE_FORMAT")
