"""What needs somebody's attention now, each as a number with its last hours or days."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.db.models import Count, Max, Min, Q, Sum
from django.db.models.functions import TruncDay, TruncHour
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.models import User
from apps.catalog.models import InstallStatus, ModelInstall
from apps.credits.models import Posting
from apps.dashboard.reports.sparks import Spark, spark
from apps.dashboard.reports.words import in_words
from apps.generation.fleet import measure_tiers
from apps.generation.models import AppealState, ContentAppeal, Job, JobState, Worker, WorkerState
from apps.generation.services.audit import last_audit
from apps.generation.workers import state_of
from apps.images.models import StorageUse
from apps.plans.models import (
    Notice,
    NoticeState,
    PauseReason,
    PaymentReversal,
    ReversalKind,
    Subscription,
)

HOURS = 24
DAYS = 14
LARGEST = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A number, what it means, and where one looks further; `is_trouble` asks to be looked at."""

    name: str
    title: str
    value: str
    note: str
    url: str
    link: str
    spark: Spark | None = None
    is_trouble: bool = False
    lines: Sequence[tuple[str, str]] = ()


def cards_for(user: User) -> list[Card]:
    """Return the cards that `user` may see; the queries of a card are made for these alone."""
    return [card() for permission, card in _CARDS if user.has_perm(permission)]


def _appeals() -> Card:
    since = _days_ago(DAYS - 1)
    facts = ContentAppeal.objects.filter(state=AppealState.OPEN).aggregate(
        waiting=Count("id"), oldest=Min("created_at")
    )
    made = dict(
        ContentAppeal.objects.filter(created_at__gte=since)
        .annotate(day=TruncDay("created_at"))
        .values_list("day")
        .annotate(Count("id"))
    )
    waiting = facts["waiting"]
    return Card(
        name="appeals",
        title=_("Appeals waiting"),
        value=str(waiting),
        note=_("The oldest waits for %(time)s.") % {"time": _age(facts["oldest"])}
        if waiting
        else _("Nobody waits for an answer."),
        url=_list("generation_contentappeal", state__exact=AppealState.OPEN.value),
        link=_("Decide"),
        is_trouble=waiting > 0,
        spark=_by_day(_("Appeals made, by day"), made, since),
    )


def _failures() -> Card:
    now = timezone.now()
    since = _hours_ago(HOURS - 1)
    ended = Job.objects.filter(finished_at__gte=since)
    by_hour = dict(
        ended.filter(state=JobState.FAILED)
        .annotate(hour=TruncHour("finished_at"))
        .values_list("hour")
        .annotate(Count("id"))
    )
    codes = list(
        ended.filter(state=JobState.FAILED, finished_at__gte=now - timedelta(hours=1))
        .values_list("error_code")
        .annotate(count=Count("id"))
        .order_by("-count", "error_code")
    )
    failed = sum(count for _code, count in codes)
    done = ended.filter(finished_at__gte=now - timedelta(hours=1)).count()
    return Card(
        name="failures",
        title=_("Jobs failed in the last hour"),
        value=str(failed),
        note=ngettext("Of %(count)s that ended.", "Of %(count)s that ended.", done)
        % {"count": f"{done:,}"},
        url=_list("generation_job", state__exact=JobState.FAILED.value),
        link=_("See them"),
        is_trouble=failed > 0,
        lines=[(code or _("without a code"), str(count)) for code, count in codes[:5]],
        spark=_by_hour(_("Jobs failed, by hour"), by_hour, since),
    )


def _queues() -> Card:
    tiers = measure_tiers()
    waiting = sum(tier.waiting for tier in tiers)
    oldest = max(tier.oldest_due_seconds for tier in tiers)
    is_stuck = any(tier.due and not tier.workers for tier in tiers)
    letters = sum(tier.dead_letters or 0 for tier in tiers)
    lines = [
        (
            str(tier.tier.label),
            _("%(waiting)d wait, %(running)d run, oldest %(time)s")
            % {
                "waiting": tier.waiting,
                "running": tier.running,
                "time": in_words(tier.oldest_due_seconds),
            },
        )
        for tier in tiers
    ]
    if letters:
        lines.append((_("Dead letters"), str(letters)))
    return Card(
        name="queues",
        title=_("Jobs waiting"),
        value=str(waiting),
        note=_("Jobs are due where no worker runs.")
        if is_stuck
        else _("The oldest due job waits for %(time)s.") % {"time": in_words(oldest)},
        url=reverse("admin:fleet"),
        link=_("Fleet"),
        is_trouble=is_stuck or letters > 0,
        lines=lines,
        spark=spark(
            title=_("Jobs waiting, by tier"),
            points=[(str(tier.tier.label), tier.waiting) for tier in tiers],
        ),
    )


def _workers() -> Card:
    # Also those that said good-bye, so that a fleet of none is told from one that went silent.
    workers = list(Worker.objects.order_by("name"))
    live = [worker for worker in workers if state_of(worker) != WorkerState.GONE]
    silent = [
        worker
        for worker in workers
        if worker.state != WorkerState.GONE and state_of(worker) == WorkerState.GONE
    ]
    now = timezone.now()
    return Card(
        name="workers",
        title=_("Workers silent"),
        value=str(len(silent)),
        note=ngettext("%(count)d worker is alive.", "%(count)d workers are alive.", len(live))
        % {"count": len(live)},
        url=reverse("admin:fleet"),
        link=_("Fleet"),
        is_trouble=bool(silent),
        lines=[(worker.name, _age(worker.seen_at)) for worker in silent[:4]],
        spark=spark(
            title=_("Seconds since the last sign of life, by worker"),
            points=[
                (worker.name, max((now - worker.seen_at).total_seconds(), 0.0))
                for worker in [*live, *silent][:LARGEST]
            ],
        ),
    )


def _payments() -> Card:
    since = _days_ago(DAYS - 1)
    trouble = (PauseReason.PAYMENT_FAILED, PauseReason.DISPUTED, PauseReason.REFUNDED)
    facts = Subscription.objects.filter(ended_at=None).aggregate(
        past_due=Count("id", filter=Q(past_due_since__isnull=False)),
        paused=Count("id", filter=Q(pause_reason__in=trouble)),
    )
    back = dict(
        PaymentReversal.objects.filter(created_at__gte=since, part=0)
        .exclude(kind=ReversalKind.RETURNED)
        .annotate(day=TruncDay("created_at"))
        .values_list("day")
        .annotate(Count("id"))
    )
    mails = Notice.objects.filter(state__in=(NoticeState.UNSURE, NoticeState.FAILED)).count()
    count = facts["past_due"] + facts["paused"]
    return Card(
        name="payments",
        title=_("Payments with trouble"),
        value=str(count),
        note=_("Plans past due or paused for a payment.") if count else _("All payments are fine."),
        url=reverse("admin:plans_paymentreversal_changelist"),
        link=_("Money that went back"),
        is_trouble=count > 0,
        lines=[
            (_("Past due"), str(facts["past_due"])),
            (_("Paused for a payment"), str(facts["paused"])),
            (_("Mails that may not have gone out"), str(mails)),
        ],
        spark=_by_day(_("Payments given back or disputed, by day"), back, since),
    )


def _books() -> Card:
    since = _days_ago(DAYS - 1)
    moved = dict(
        Posting.objects.filter(created_at__gte=since)
        .annotate(day=TruncDay("created_at"))
        .values_list("day")
        .annotate(Count("id"))
    )
    last = last_audit()
    broken = last is not None and last.broken_rules > 0
    return Card(
        name="books",
        title=_("Credits audit"),
        value=_("never") if last is None else str(last.broken_rules) if broken else _("proved"),
        note=_("The books were not proved lately; prove them now.")
        if last is None
        else _("Looked at %(time)s ago.") % {"time": _age(last.at)},
        url=reverse("admin:books"),
        link=_("The books"),
        is_trouble=broken,
        spark=_by_day(_("Postings, by day"), moved, since),
    )


def _storage() -> Card:
    facts = StorageUse.objects.aggregate(
        bytes=Sum("stored_bytes"), pictures=Sum("image_count"), most=Max("stored_bytes")
    )
    largest = StorageUse.objects.order_by("-stored_bytes").values_list(
        "user__email", "stored_bytes"
    )[:LARGEST]
    return Card(
        name="storage",
        title=_("Stored pictures"),
        value=filesizeformat(facts["bytes"] or 0),
        note=ngettext("%(count)s picture.", "%(count)s pictures.", facts["pictures"] or 0)
        % {"count": f"{facts['pictures'] or 0:,}"},
        url=reverse("admin:images_image_changelist"),
        link=_("Pictures"),
        spark=spark(title=_("The largest libraries, in MB"), points=_megabytes(list(largest))),
    )


def _installs() -> Card:
    since = _days_ago(DAYS - 1)
    by_day = dict(
        ModelInstall.objects.filter(status=InstallStatus.FAILED, created_at__gte=since)
        .annotate(day=TruncDay("created_at"))
        .values_list("day")
        .annotate(Count("id"))
    )
    failed = sum(by_day.values())
    running = ModelInstall.objects.filter(
        status__in=(InstallStatus.WAITING, InstallStatus.RUNNING)
    ).count()
    return Card(
        name="installs",
        title=_("Installs failed in two weeks"),
        value=str(failed),
        note=ngettext("%(count)d install runs.", "%(count)d installs run.", running)
        % {"count": running},
        url=_list("catalog_modelinstall", status__exact=InstallStatus.FAILED.value),
        link=_("Installs"),
        spark=_by_day(_("Installs failed, by day"), by_day, since),
    )


_CARDS: Sequence[tuple[str, Callable[[], Card]]] = (
    ("generation.view_contentappeal", _appeals),
    ("generation.view_job", _failures),
    ("generation.view_worker", _queues),
    ("generation.view_worker", _workers),
    ("plans.view_paymentreversal", _payments),
    ("credits.view_posting", _books),
    ("images.view_image", _storage),
    ("catalog.view_modelinstall", _installs),
)


def _megabytes(largest: Sequence[tuple[str, int]]) -> list[tuple[str, float]]:
    return [(email, stored / 1_000_000) for email, stored in largest]


def _by_day(title: str, counts: dict[datetime, int], since: datetime) -> Spark:
    days = [since + timedelta(days=n) for n in range(DAYS)]
    return spark(title=title, points=[(f"{day:%m-%d}", counts.get(day, 0)) for day in days])


def _by_hour(title: str, counts: dict[datetime, int], since: datetime) -> Spark:
    hours = [since + timedelta(hours=n) for n in range(HOURS)]
    return spark(title=title, points=[(f"{hour:%H}:00", counts.get(hour, 0)) for hour in hours])


def _days_ago(days: int) -> datetime:
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days)


def _hours_ago(hours: int) -> datetime:
    return timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours)


def _age(since: datetime | None) -> str:
    return "–" if since is None else in_words((timezone.now() - since).total_seconds())


def _list(name: str, **filters: str) -> str:
    return f"{reverse(f'admin:{name}_changelist')}?{urlencode(filters)}"
