"""Revenue and fairness of quotes, for staff who look after money."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.credits.services.grants import expire_grants, refund_job
from apps.dashboard.reports.charts import bar_chart
from apps.dashboard.reports.quotes import fairness_of_quotes
from apps.dashboard.reports.revenue import MonthLine, Revenue, TierLine, revenue_of
from apps.plans.models import PauseReason, Subscription, SubscriptionSource
from apps.plans.products import PLANS
from apps.plans.tiers import TIERS, GpuTier
from tests.admin.books import REASON, at, buy_credits, charged_job
from tests.factories import make_user
from tests.queries import counted_queries

pytestmark = pytest.mark.django_db

REVENUE = "/admin/revenue/"
QUOTES = "/admin/quotes/"


def subscribe(plan: str, source: SubscriptionSource, **fields: Any) -> None:
    user = make_user(f"{uuid.uuid4()}@example.com")
    Subscription.objects.filter(user=user).delete()
    begins = timezone.now() - timedelta(days=1)
    Subscription.objects.create(user=user, plan=plan, source=source, valid_from=begins, **fields)


@pytest.mark.parametrize("url", [REVENUE, QUOTES])
@pytest.mark.parametrize(
    ("who", "status"),
    [("nobody", 302), ("user", 302), ("support", 403), ("billing", 200), ("root", 200)],
)
def test_reports_are_for_billing(
    visitors: Callable[[str], Client], url: str, who: str, status: int
) -> None:
    client = visitors(who)

    assert client.get(url).status_code == status
    if who in ("support", "billing"):
        assert (url in client.get("/admin/").content.decode()) is (who == "billing")


def test_recurring_revenue_counts_what_is_paid_and_runs(db: None) -> None:
    card, hand = SubscriptionSource.STRIPE, SubscriptionSource.MANUAL
    subscribe("starter", card, interval="month")
    subscribe("starter", card, interval="month", past_due_since=timezone.now())
    subscribe("starter", card, interval="month", pause_reason=PauseReason.PAYMENT_FAILED)
    subscribe("starter", card, valid_until=timezone.now() - timedelta(minutes=1))
    subscribe("pro", card, interval="year")
    subscribe("pro", hand)
    subscribe("enterprise", hand, custom_dollars_a_month=2000)
    subscribe("tester", SubscriptionSource.TESTER)

    revenue = revenue_of(months=3)

    lines = {line.plan: line for line in revenue.plans}
    assert (lines["starter"].active, lines["starter"].past_due) == (2, 1)
    assert lines["starter"].dollars_a_month == 50
    assert (lines["pro"].active, lines["pro"].by_card) == (2, 1)
    assert lines["pro"].dollars_a_month == 75
    assert lines["enterprise"].dollars_a_month == 2000
    assert (lines["tester"].active, lines["tester"].dollars_a_month) == (1, Decimal(0))
    assert (revenue.active, revenue.dollars_a_month) == (6, Decimal(2125))


def test_an_annual_price_counts_a_twelfth(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PLANS, "pro", replace(PLANS["pro"], dollars_a_year=750))
    subscribe("pro", SubscriptionSource.STRIPE, interval="year")
    subscribe("pro", SubscriptionSource.STRIPE, interval="month")

    assert revenue_of(months=3).dollars_a_month == Decimal("137.50")


def test_credits_are_counted_in_their_month(user: User) -> None:
    now = datetime(2026, 3, 20, tzinfo=UTC)
    with at(datetime(2026, 1, 10, tzinfo=UTC)):
        buy_credits(user, 1000, cents=500)
        charged_job(user, quoted=100, charged=60)
    with at(datetime(2026, 2, 20, tzinfo=UTC)):
        assert expire_grants() == 1
        buy_credits(user, 200, cents=100)
        job_id = charged_job(user, quoted=20, charged=10)
        refund_job(user_id=user.id, job_id=job_id, amount=4, reason=REASON, actor=user)

    with at(now):
        months = revenue_of(months=3).months

    assert months[0] == MonthLine(
        begins=datetime(2026, 1, 1, tzinfo=UTC), sold=1000, used=60, paid_cents=500
    )
    assert months[1] == MonthLine(
        begins=datetime(2026, 2, 1, tzinfo=UTC),
        sold=200,
        returned=4,
        used=6,
        expired=940,
        paid_cents=100,
    )
    assert months[2] == MonthLine(begins=datetime(2026, 3, 1, tzinfo=UTC))


def test_cost_stands_against_the_income_of_paid_credits(user: User, stranger: User) -> None:
    buy_credits(user, 1000, cents=500)
    buy_credits(user, 1000, cents=500)
    job_id = charged_job(user, charged=100, quoted=120, seconds=99.5, tier=GpuTier.HIGH_PERFORMANCE)
    refund_job(user_id=user.id, job_id=job_id, amount=40, reason=REASON, actor=user)
    charged_job(stranger, charged=50, quoted=50, tier=GpuTier.HIGH_PERFORMANCE)
    charged_job(user, charged=8, quoted=8, tier=GpuTier.DEDICATED)

    tiers = {line.tier: line for line in revenue_of(months=3).tiers}

    assert tiers[GpuTier.HIGH_PERFORMANCE] == TierLine(
        tier=GpuTier.HIGH_PERFORMANCE, jobs=2, seconds=Decimal("149.5"), charged=150, paid=60
    )
    assert tiers[GpuTier.HIGH_PERFORMANCE].income == Decimal("0.300")
    cost = tiers[GpuTier.HIGH_PERFORMANCE].cost
    assert cost.quantize(Decimal("0.000001")) == Decimal("0.041777")
    # A p4d.24xlarge has eight GPUs, one worker each.
    assert TIERS[GpuTier.DEDICATED].dollars_per_gpu_second == Decimal("32.77") / 8 / 3600
    assert tiers[GpuTier.DEDICATED].paid == 8
    assert tiers[GpuTier.BASIC].margin_percent is None


def test_revenue_takes_six_queries_at_any_length(user: User) -> None:
    charged_job(user)
    with counted_queries() as few:
        revenue_of(months=24)
    for _ in range(10):
        charged_job(user)
    with counted_queries() as many:
        revenue_of(months=24)

    assert (len(few), len(many)) == (6, 6)


@pytest.mark.parametrize(("asked", "shown"), [("3", 3), ("24", 24), ("5", 12), ("x", 12), ("", 12)])
def test_the_page_shows_as_many_months_as_were_asked_for(
    billing: Client, asked: str, shown: int
) -> None:
    revenue: Revenue = billing.get(REVENUE, {"months": asked}).context["revenue"]

    assert len(revenue.months) == shown
    assert revenue.months[-1].begins.date() == timezone.now().date().replace(day=1)


class Tables(HTMLParser):
    """Collect of each table whether it has a caption, and of its heads the scope."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = self.captions = 0
        self.scopes: set[str | None] = set()
        self.drawings: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tables += tag == "table"
        self.captions += tag == "caption"
        if tag == "th":
            self.scopes.add(dict(attrs).get("scope"))
        if tag == "svg":
            self.drawings.append(dict(attrs))


def test_every_table_has_a_caption_and_every_chart_a_name(billing: Client, user: User) -> None:
    buy_credits(user, 1000, cents=500)
    charged_job(user)
    page = billing.get(REVENUE).content.decode()
    content = page[page.index('id="content-main"') :]
    found = Tables()
    found.feed(content[: content.index("</main>")])

    assert (found.tables, found.captions) == (4, 4)
    assert found.scopes == {"col", "row"}
    charts = [each for each in found.drawings if each.get("role") == "img"]
    assert len(charts) == 3
    assert all(chart["aria-label"] for chart in charts)
    assert "style=" not in content


def test_bars_are_as_high_as_their_values(db: None) -> None:
    chart = bar_chart(title="t", series=["a", "b"], groups=[("x", [100, 50]), ("y", [0, -5])])

    heights = [bar.height for bar in chart.bars]
    assert heights[1] == pytest.approx(heights[0] / 2, abs=0.1)
    assert heights[2:] == [0, 0]
    assert [level.text for level in chart.levels] == ["0", "25", "50", "75", "100"]
    assert chart.bars[0].title == "x, a: 100"
    assert bar_chart(title="t", series=["a"], groups=[]).bars == []


def make_jobs(user: User, ratios: list[tuple[int, int]], **kind: Any) -> None:
    for quoted, charged in ratios:
        charged_job(user, quoted=quoted, charged=charged, **kind)


def test_fairness_is_the_median_and_p95_of_quote_over_charge(user: User) -> None:
    make_jobs(user, [(5, 4)] * 18 + [(8, 4)] * 2, model="fair")
    make_jobs(user, [(6, 4)] * 20, model="dear")
    make_jobs(user, [(1, 1)] * 19, model="rare")
    make_jobs(user, [(9, 3)] * 20, model="fair", steps=5, is_whole=False)

    found = fairness_of_quotes()

    assert [(kind.model, kind.total, kind.judged) for kind in found] == [
        ("dear", 20, 20),
        ("fair", 20, 20),
    ]
    dear, fair = found
    assert (dear.median, dear.median_is_fair, dear.p95_is_fair) == (1.5, False, True)
    assert (fair.median, fair.p95, fair.is_fair) == (1.25, 2.0, True)


def test_the_first_jobs_of_a_kind_fall_out_when_there_are_others(user: User) -> None:
    make_jobs(user, [(4, 1)] * 20)
    assert not fairness_of_quotes()[0].is_fair

    make_jobs(user, [(1, 1)] * 20)

    (kind,) = fairness_of_quotes()
    assert (kind.total, kind.judged, kind.median, kind.p95) == (40, 20, 1.0, 1.0)


def test_the_page_marks_what_is_unfair_with_one_query_for_the_numbers(
    billing: Client, user: User
) -> None:
    make_jobs(user, [(6, 4)] * 20, model="dear")
    make_jobs(user, [(4, 4)] * 20, model="fair")

    with counted_queries() as queries:
        fairness_of_quotes()
    page = billing.get(QUOTES).content.decode()

    assert len(queries) == 1
    assert page.count('class="staff-unfair"') == 1
    assert "1 kind of job is quoted unfairly." in page
    assert '<abbr title="above 1.25">' in page
    assert '<abbr title="above 2">' not in page


def test_without_enough_jobs_the_page_says_so(billing: Client, user: User) -> None:
    make_jobs(user, [(4, 1)] * 19)

    assert "No kind of job has 20 jobs yet." in billing.get(QUOTES).content.decode()
