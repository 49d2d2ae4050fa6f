"""What every page says of the plan on its top."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from django.utils.formats import date_format

from apps.accounts.models import User
from apps.dashboard.selectors import Banner, plan_banner
from apps.plans.models import PauseReason, Subscription
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from tests.queries import counted_queries

pytestmark = pytest.mark.django_db

PAGES = ["/create/", "/gallery/", "/keys/", "/account/activity/", "/account/data/"]
ENDED = "Your plan has ended, so nothing new is made. Take a plan to go on; your pictures are here."


def end_in(**span: float) -> str:
    """Set the end of the trial, and return the day as it is written."""
    until = timezone.now() + timedelta(**span)
    Subscription.objects.update(valid_from=until - timedelta(days=7), valid_until=until)
    cache.clear()
    return date_format(until, "DATE_FORMAT")


@pytest.mark.parametrize("path", PAGES)
def test_a_paused_user_sees_it_on_every_page(path: str, browser_client: Client, user: User) -> None:
    end_in(hours=-1)

    page = browser_client.get(path).content.decode()

    assert page.count("plan-banner--pause") == 1
    assert ENDED in page
    assert '<a class="plan-banner__link" href="/account/plan/">See the plans</a>' in page


@pytest.mark.parametrize("path", PAGES)
def test_two_days_before_its_end_the_trial_is_spoken_of(
    path: str, browser_client: Client, user: User
) -> None:
    day = end_in(hours=47)

    page = browser_client.get(path).content.decode()

    assert f"Your trial ends on {day}. Take a plan to go on after it." in page
    assert "plan-banner--pause" not in page
    assert 'href="/account/plan/"' in page


@pytest.mark.parametrize("path", PAGES)
def test_otherwise_nothing_is_said(path: str, browser_client: Client, user: User) -> None:
    end_in(hours=49)

    assert "plan-banner" not in browser_client.get(path).content.decode()


def test_a_plan_that_ends_soon_is_renewed_so_nothing_is_said(user: User) -> None:
    end_in(hours=1)
    start_subscription(
        user=user, plan=PLANS["pro"], valid_until=timezone.now() + timedelta(hours=2)
    )

    assert plan_banner(user=user) is None


def test_the_cause_of_a_pause_is_said(user: User) -> None:
    end_in(days=3)
    Subscription.objects.update(pause_reason=PauseReason.DISPUTED)

    assert plan_banner(user=user) == Banner(
        "Your last payment is disputed, so nothing new is made until that is settled.",
        is_pause=True,
    )


def test_it_is_in_the_language_of_the_page(user: User) -> None:
    end_in(hours=-1)
    client = Client(headers={"accept-language": "ko"})
    client.force_login(user)

    page = client.get("/gallery/").content.decode()

    assert "플랜이 끝나 새 그림을 만들 수 없어요." in page
    assert "플랜 보기</a>" in page


def test_a_page_asks_for_it_once_in_a_while(browser_client: Client, user: User) -> None:
    with counted_queries() as first:
        browser_client.get("/gallery/")
    with counted_queries() as second:
        browser_client.get("/gallery/")

    assert [sql for sql in first if "plans_subscription" in sql]
    assert not [sql for sql in second if "plans_subscription" in sql]
