"""All there is to know of one user, for staff, as far as each may see it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import ApiKey, User
from apps.accounts.selectors import list_keys
from apps.accounts.sessions import live_sessions
from apps.core.audit import list_acts
from apps.core.errors import NotFound
from apps.core.models import AuditRecord
from apps.credits.models import GrantBalance, Posting
from apps.credits.selectors import Balance, live_balances, read_balance
from apps.credits.staff_selectors import list_all_postings
from apps.credits.usage import Grouping, Span, Used, total_of, usage_cells
from apps.dashboard.reports.charts import Chart, bar_chart
from apps.generation.models import Job, JobState
from apps.generation.selectors import list_jobs
from apps.images.models import StorageUse
from apps.plans.entitlements import Entitlements, entitlements_of
from apps.plans.models import PauseReason, Subscription
from apps.plans.storage import used_bytes

CHART_DAYS = 30
ROWS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The credits of a user: the balance, what it consists of, how it moved, what was used."""

    balance: Balance
    grants: Sequence[GrantBalance]
    postings: Sequence[Posting]
    chart: Chart
    used: Used


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The jobs of a user: how many of each state, and the latest."""

    counts: Sequence[tuple[str, int]]
    latest: Sequence[Job]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPage:
    """What the page of a user shows; a part is `None` for those who may not see it."""

    person: User
    has: Entitlements
    subscriptions: Sequence[Subscription] | None
    books: Books | None
    work: Work | None
    stored_bytes: int
    storage: StorageUse | None
    keys: Sequence[ApiKey]
    sessions: int
    acts: Sequence[AuditRecord] | None

    @property
    def is_stopped(self) -> bool:
        return self.has.pause == PauseReason.STAFF

    @property
    def storage_percent(self) -> int | None:
        limit = self.has.storage_bytes
        return None if limit is None else min(round(100 * self.stored_bytes / limit), 100)


def find_person(*, user_id: uuid.UUID) -> User:
    """Return any user; in a service scope.

    Raises:
        NotFound: there is none of that id.
    """
    person = User.objects.filter(id=user_id).first()
    if person is None:
        raise NotFound
    return person


def person_page(*, user_id: uuid.UUID, staff: User) -> PersonPage:
    """Return what `staff` may know of a user; at most fourteen queries.

    Raises:
        NotFound: there is none of that id.
    """
    person = find_person(user_id=user_id)
    return PersonPage(
        person=person,
        has=entitlements_of(user_id=user_id),
        subscriptions=list(Subscription.objects.filter(user=user_id).order_by("-valid_from")[:ROWS])
        if staff.has_perm("plans.view_subscription")
        else None,
        books=_books(user_id) if staff.has_perm("credits.view_posting") else None,
        work=_work(person) if staff.has_perm("generation.view_job") else None,
        stored_bytes=used_bytes(user_id=user_id),
        storage=StorageUse.objects.filter(user=user_id).first(),
        keys=list(list_keys(user=person)[:ROWS]),
        sessions=len(live_sessions(user_id=user_id)),
        acts=list(list_acts(user_id=user_id)[:ROWS])
        if staff.has_perm("core.view_auditrecord")
        else None,
    )


def _books(user_id: uuid.UUID) -> Books:
    today = timezone.now().date()
    span = Span(today - timedelta(days=CHART_DAYS - 1), today)
    cells = usage_cells(user_id=user_id, span=span, by=[Grouping.DAY])
    used = {cell.day: cell.used.credits for cell in cells}
    return Books(
        balance=read_balance(user_id=user_id),
        grants=live_balances(user_id=user_id)[:ROWS],
        postings=list(
            list_all_postings().filter(user=user_id).order_by("-created_at", "-id")[:ROWS]
        ),
        used=total_of(cells),
        chart=bar_chart(
            title=_("Credits used in 30 days"),
            series=[_("credits")],
            groups=[
                # Each fifth day has room for its name.
                (f"{day:%m-%d}" if number % 5 == 4 else "", [used.get(day, 0)])
                for number, day in enumerate(span.days)
            ],
        ),
    )


def _work(person: User) -> Work:
    counts = dict(
        Job.objects.filter(user=person).order_by().values_list("state").annotate(Count("id"))
    )
    return Work(
        counts=[(str(state.label), counts.get(state.value, 0)) for state in JobState],
        latest=list(list_jobs(user=person).defer("parameters")[:ROWS]),
    )
