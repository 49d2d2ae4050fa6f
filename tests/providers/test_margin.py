"""What other services cost us stands in the books of staff, and not among the GPUs."""

from decimal import Decimal

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.credits.models import ActionType
from apps.dashboard.reports.provider_costs import provider_lines
from apps.dashboard.reports.revenue import revenue_of
from apps.plans.tiers import GpuTier
from apps.providers.models import CallOutcome, KeyOwner, ProviderCall
from gpu_tasks.providers.facts import ProviderName
from tests.admin.books import buy_credits, charged_job
from tests.factories import make_user
from tests.providers.factories import make_provider_call

pytestmark = pytest.mark.django_db


def test_cost_lost_calls_and_income_of_each_service(user: User) -> None:
    buy_credits(user, 1000, cents=500)
    charged_job(
        user,
        quoted=11,
        charged=11,
        seconds=40,
        model="gpt-image-1-5-medium",
        action=ActionType.PROVIDED,
    )
    made = make_provider_call(user)
    ProviderCall.objects.filter(id=made.id).update(outcome=CallOutcome.MADE, pictures_made=1)
    make_provider_call(user)
    own = make_provider_call(user)
    ProviderCall.objects.filter(id=own.id).update(
        key_owner=KeyOwner.OWN, cost_micros=0, pictures_made=2, outcome=CallOutcome.MADE
    )

    revenue = revenue_of(months=1)

    openai, stability = revenue.providers
    assert (openai.provider, openai.calls, openai.pictures) == (ProviderName.OPENAI, 2, 3)
    assert (openai.cost, openai.lost) == (Decimal("0.018"), Decimal("0.009"))
    assert (openai.charged, openai.paid, openai.income) == (11, 11, Decimal("0.055"))
    assert openai.margin == Decimal("0.037")
    assert (stability.calls, stability.cost, stability.income) == (0, Decimal(0), Decimal(0))
    # Its seconds were nobody's GPU.
    basic = next(line for line in revenue.tiers if line.tier == GpuTier.BASIC)
    assert (basic.jobs, basic.seconds, basic.charged) == (0, Decimal(0), 0)


def test_the_report_shows_them_to_staff(user: User) -> None:
    make_provider_call(user)
    staff = make_user("staff@example.com", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(staff)

    page = client.get("/admin/revenue/").content.decode()

    assert "Image services against income" in page
    assert "Stability AI" in page


def test_nothing_is_nothing(user: User) -> None:
    assert [line.cost for line in provider_lines(since=user.created_at)] == [Decimal(0)] * 2
