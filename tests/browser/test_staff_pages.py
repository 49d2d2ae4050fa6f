"""Pages of staff in a real browser: what they look like, and a grant clicked through."""

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.credits.services.grants import expire_grants
from apps.plans import models as plans
from apps.plans.models import Subscription, SubscriptionSource
from apps.plans.tiers import GpuTier
from tests.admin.books import at, buy_credits, charged_job
from tests.browser.studio import DESKTOP, PHONE, Studio
from tests.database import session_database_url
from tests.factories import make_user
from tests.stack import Stack

pytestmark = pytest.mark.django_db(transaction=True)

Shoot = Callable[[Page, str], Path]
WINDOWS: list[Any] = [
    pytest.param({"viewport": DESKTOP, "color_scheme": "light"}, id="light"),
    pytest.param({"viewport": DESKTOP, "color_scheme": "dark"}, id="dark"),
    pytest.param({"viewport": PHONE, "color_scheme": "light", "has_touch": True}, id="phone"),
]


@pytest.fixture(scope="module")
def admin_stack(django_db_setup: None) -> Iterator[Stack]:
    """Run the web process that serves the admin on the test database."""
    with Stack({"EASEL_DATABASE_URL": session_database_url()}) as running:
        running.start_web(serves_admin=True)
        yield running


@pytest.fixture
def biller(transactional_db: None) -> User:
    user = make_user("billing@example.com", is_staff=True)
    user.groups.add(Group.objects.get(name="billing"))
    return user


@pytest.fixture
def books(transactional_user: User) -> None:
    """Three months of credits bought, given, used and expired, on every tier."""
    chance = random.Random(4)
    today = timezone.now()
    for number, plan in enumerate(["starter"] * 6 + ["pro"] * 4 + ["studio"] * 2 + ["enterprise"]):
        person = make_user(f"customer{number}@example.com")
        source = SubscriptionSource.STRIPE if plan != "enterprise" else SubscriptionSource.MANUAL
        dollars = 900 if plan == "enterprise" else None
        Subscription.objects.create(
            user=person,
            plan=plan,
            source=source,
            interval="month",
            valid_from=today - timedelta(days=80),
            custom_dollars_a_month=dollars,
        )
    for months in (2, 1, 0):
        begins = today.replace(day=1) - timedelta(days=30 * months)
        _fill_month(transactional_user, begins, chance)


def _fill_month(user: User, begins: datetime, chance: random.Random) -> None:
    with at(begins):
        buy_credits(user, 3000 + chance.randrange(2000), cents=2500)
        for tier in GpuTier:
            for _ in range(9):
                charged = 20 + chance.randrange(40)
                charged_job(user, quoted=round(charged * 1.2), charged=charged, tier=tier)
            for _ in range(9):
                charged_job(
                    user, quoted=9 + chance.randrange(9), charged=6, model="sdxl", tier=tier
                )
    with at(begins + timedelta(days=6)):
        expire_grants()


@pytest.mark.parametrize("window", WINDOWS)
def test_pages_of_staff_fit_their_window(
    new_studio: Callable[..., Studio],
    admin_stack: Stack,
    biller: User,
    transactional_user: User,
    books: None,
    window: dict[str, Any],
    shoot: Shoot,
    request: pytest.FixtureRequest,
) -> None:
    kind = request.node.callspec.id
    staff = new_studio(user=biller, base_url=admin_stack.url, **window)
    for name, path in {
        "index": "/admin/",
        "grant": f"/admin/plans/testergrant/add/?user={transactional_user.id}",
        "grants": "/admin/plans/testergrant/",
        "revenue": "/admin/revenue/?months=3",
        "quotes": "/admin/quotes/",
        "give": "/admin/credits/grant/add/",
        "subscription": "/admin/plans/subscription/add/",
    }.items():
        staff.open(path)
        staff.page.wait_for_timeout(150)
        staff.page.screenshot(path=shoot(staff.page, f"staff-{name}-{kind}"), full_page=True)
        assert staff.overflow() == 0, path
    assert staff.page.locator("svg rect").count() == 0


def test_a_grant_is_clicked_through_and_revoked(
    new_studio: Callable[..., Studio],
    admin_stack: Stack,
    biller: User,
    transactional_user: User,
    shoot: Shoot,
) -> None:
    staff = new_studio(user=biller, base_url=admin_stack.url)
    page = staff.page
    staff.open("/admin/plans/testergrant/add/")
    page.locator(".field-user .select2-selection").click()
    page.locator(".select2-search__field").fill("owner@")
    page.get_by_role("option", name="owner@example.com").click()
    page.get_by_label("Reason").fill("tries the new models")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("What the grant changes for owner@example.com")).to_be_visible()
    page.get_by_label("Valid for, days").fill("400")
    page.get_by_role("button", name="Grant", exact=True).click()
    staff.settle()
    expect(page.get_by_text("less than or equal to 365")).to_be_visible()
    shoot(page, "staff-grant-refused")
    assert not plans.TesterGrant.objects.exists()
    staff.excuse("422")

    page.get_by_label("Valid for, days").fill("60")
    page.get_by_role("button", name="Grant", exact=True).click()
    expect(page.get_by_text("The tester plan was granted.")).to_be_visible()
    shoot(page, "staff-granted")
    page.get_by_role("link", name="Revoke").click()
    page.get_by_label("Reason").fill("the test is over")
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("The tester grant was revoked.")).to_be_visible()

    grant = plans.TesterGrant.objects.get()
    assert (grant.user, grant.days) == (transactional_user, 60)
    assert (grant.granted_by, grant.revoked_by) == (biller.id, biller.id)


def test_where_the_admin_is_not_served_its_api_is_not_either(
    new_studio: Callable[..., Studio], admin_stack: Stack, biller: User
) -> None:
    url = "/api/v1/admin/tester-plan/grants"
    public, staff = new_studio(user=biller), new_studio(user=biller, base_url=admin_stack.url)

    assert public.page.request.get(url).status == 404
    assert staff.page.request.get(url).json() == {"next": None, "previous": None, "results": []}
