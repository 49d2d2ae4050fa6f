"""Pages of staff in a real browser: what they look like, and work done with them."""

import random
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode
from apps.credits.services.grants import expire_grants
from apps.generation.models import ContentAppeal, Job, JobState, Worker, WorkerState
from apps.generation.services.appeals import appeal_refusal
from apps.generation.services.workers import report_worker
from apps.images.services.pictures import add_results, store_picture
from apps.plans import models as plans
from apps.plans.models import Subscription, SubscriptionSource
from apps.plans.tiers import GpuTier
from tests.admin.books import at, buy_credits, charged_job
from tests.browser.studio import DESKTOP, PHONE, Studio
from tests.database import session_database_url
from tests.factories import PASSWORD, make_image, make_job, make_picture, make_sign, make_user
from tests.stack import Stack

pytestmark = pytest.mark.django_db(transaction=True)

Shoot = Callable[[Page, str], Path]
WINDOWS: list[Any] = [
    pytest.param({"viewport": DESKTOP, "color_scheme": "light", "locale": "en-US"}, id="light"),
    pytest.param(
        {"viewport": PHONE, "color_scheme": "dark", "locale": "ko-KR", "has_touch": True},
        id="dark-ko",
    ),
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
def root(transactional_db: None) -> User:
    return User.objects.create_superuser("root@example.com", PASSWORD)


@pytest.fixture
def books(transactional_user: User) -> None:
    """Three months of credits bought, given, used and expired, on every tier."""
    chance = random.Random(4)
    today = timezone.now()
    for number, plan in enumerate(["starter"] * 4 + ["pro"] * 3 + ["studio"] * 2 + ["enterprise"]):
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
            for _ in range(7):
                charged = 20 + chance.randrange(40)
                charged_job(user, quoted=round(charged * 1.2), charged=charged, tier=tier)
            for _ in range(7):
                charged_job(
                    user, quoted=9 + chance.randrange(9), charged=6, model="sdxl", tier=tier
                )
    with at(begins + timedelta(days=6)):
        expire_grants()


@pytest.fixture
def jobs(transactional_user: User, starter: GenerationModel) -> dict[str, Job]:
    """A job that is done, one whose pictures were refused, one that waits; workers, an appeal."""
    person = transactional_user
    begun_with = make_image(person)
    found = {
        "done": make_job(person, starter, prompt="a lighthouse by the sea at dusk"),
        "refused": make_job(
            person,
            starter,
            prompt="a statue in a museum",
            init_image=str(begun_with.image_name),
            strength=0.6,
        ),
        "waiting": make_job(person, starter, prompt="a red circle"),
    }
    _finish(found["done"])
    now = timezone.now()
    Job.objects.filter(id=found["refused"].id).update(
        state=JobState.FAILED,
        attempt=1,
        worker="celery@gpu-7f3a",
        error_code=ErrorCode.CONTENT_REFUSED,
        error_id="5f0c7a1b2c3d4e5f",
        started_at=now - timedelta(seconds=4),
        finished_at=now,
    )
    appeal_refusal(user=person, job_id=found["refused"].id, reason="It stands in the museum.")
    busy = make_sign("celery@gpu-7f3a", state=WorkerState.BUSY, memory_used_bytes=9 * 1024**3)
    for sign in (busy, make_sign("celery@gpu-0a44")):
        report_worker(sign=sign)
    Worker.objects.filter(name="celery@gpu-0a44").update(seen_at=now - timedelta(minutes=14))
    return found


def _finish(job: Job) -> None:
    now = timezone.now()
    Job.objects.filter(id=job.id).update(
        state=JobState.SUCCEEDED,
        attempt=2,
        worker="celery@gpu-7f3a",
        woken_at=now - timedelta(seconds=40),
        created_at=now - timedelta(seconds=70),
        started_at=now - timedelta(seconds=9),
        finished_at=now,
        compute_seconds=6,
    )
    picture = store_picture(
        user_id=job.user_id, image_name=uuid.uuid4(), picture=make_picture(), metadata={}
    )
    add_results(user_id=job.user_id, job_id=job.id, pictures=[(0, picture)])


@pytest.mark.parametrize("window", WINDOWS)
def test_pages_of_staff_fit_their_window(
    new_studio: Callable[..., Studio],
    admin_stack: Stack,
    root: User,
    transactional_user: User,
    books: None,
    jobs: dict[str, Job],
    window: dict[str, Any],
    shoot: Shoot,
    request: pytest.FixtureRequest,
) -> None:
    kind = request.node.callspec.id
    staff = new_studio(user=root, base_url=admin_stack.url, **window)
    appeal = ContentAppeal.objects.get()
    for name, path in {
        "index": "/admin/",
        "job": f"/admin/jobs/{jobs['done'].id}/",
        "job-refused": f"/admin/jobs/{jobs['refused'].id}/",
        "job-cancel": f"/admin/jobs/{jobs['waiting'].id}/cancel/",
        "jobs": "/admin/generation/job/",
        "user": f"/admin/people/{transactional_user.id}/",
        "fleet": "/admin/fleet/",
        "books": "/admin/books/",
        "appeal": f"/admin/generation/contentappeal/{appeal.id}/change/",
        "models": "/admin/catalog/generationmodel/",
        "audit": "/admin/core/auditrecord/",
        "grant": f"/admin/plans/testergrant/add/?user={transactional_user.id}",
        "revenue": "/admin/revenue/?months=3",
        "quotes": "/admin/quotes/",
        "subscription": "/admin/plans/subscription/add/",
    }.items():
        staff.open(path)
        staff.page.screenshot(path=shoot(staff.page, f"staff-{name}-{kind}"), full_page=True)
        assert staff.overflow() == 0, path
    assert staff.page.locator("html").get_attribute("lang") == window["locale"][:2]


def test_a_job_is_found_looked_at_and_cancelled(
    new_studio: Callable[..., Studio],
    admin_stack: Stack,
    root: User,
    jobs: dict[str, Job],
    shoot: Shoot,
) -> None:
    staff = new_studio(user=root, base_url=admin_stack.url)
    page = staff.page
    staff.open("/admin/")
    page.keyboard.press("/")
    page.keyboard.type(str(jobs["done"].id))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Job done")).to_be_visible()
    expect(page.locator(".staff-picture")).to_have_count(0)
    page.get_by_role("button", name="Look at the pictures").click()
    expect(page.get_by_role("img", name="Picture 1")).to_be_visible()
    assert page.get_by_role("img", name="Picture 1").evaluate("p => p.decode().then(() => true)")
    shoot(page, "staff-job-pictures")

    page.keyboard.press("/")
    page.keyboard.type("5f0c7a1b2c3d4e5f")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="open").click()
    veiled = page.get_by_role("img", name="The picture that the job began with")
    assert "blur" in veiled.evaluate("p => getComputedStyle(p).filter")
    page.get_by_label("Show the picture it began with clearly").check()
    assert veiled.evaluate("p => getComputedStyle(p).filter") == "none"

    staff.open(f"/admin/jobs/{jobs['waiting'].id}/")
    page.get_by_role("link", name="Cancel").click()
    page.get_by_label("Reason").fill("the user asked for it")
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.get_by_text("The job was told to stop.")).to_be_visible()
    jobs["waiting"].refresh_from_db()
    assert jobs["waiting"].state == JobState.CANCELLED


def test_the_theme_is_the_studios(
    new_studio: Callable[..., Studio], admin_stack: Stack, root: User
) -> None:
    staff = new_studio(user=root, base_url=admin_stack.url)
    staff.open("/admin/fleet/")
    paper = "() => getComputedStyle(document.body).backgroundColor"
    light = staff.page.evaluate(paper)

    staff.page.get_by_label("Theme").select_option("dark")
    dark = staff.page.evaluate(paper)
    assert dark != light
    assert staff.page.evaluate("() => localStorage.getItem('easel.theme')") == "dark"

    staff.open("/admin/accounts/user/")
    assert staff.page.evaluate(paper) == dark


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
