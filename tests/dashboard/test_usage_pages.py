"""The pages of usage and receipts: exact numbers, few queries, nothing of strangers."""

import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from apps.accounts.credentials import SESSION
from apps.accounts.models import Scope, User
from apps.accounts.services.keys import create_key
from apps.catalog.models import GenerationModel
from apps.credits.services.grants import add_grant
from apps.dashboard.charts import stacked_bars
from apps.generation.models import Job, JobKind
from apps.generation.orders import Order
from apps.generation.parameters import complete_parameters
from apps.generation.services.jobs import accept_order
from apps.generation.services.leases import claim_next_job
from apps.generation.services.results import finish_job
from apps.images.services.pictures import store_picture
from apps.plans.models import Subscription
from apps.plans.products import CreditSource
from apps.plans.tiers import GpuTier
from tests.factories import make_job, make_picture
from tests.queries import counted_queries

pytestmark = pytest.mark.django_db

SIGNED_IN_QUERIES = 2  # tenant, user
PLAN_QUERIES = 1  # for the banner; kept for a while


def finish(job: Job, seconds: float) -> None:
    claimed = claim_next_job(tiers=list(GpuTier), worker="w")
    assert claimed is not None
    picture = store_picture(
        user_id=job.user_id,
        image_name=uuid.uuid4(),
        picture=make_picture(),
        metadata={"prompt": "a red circle"},
    )
    assert finish_job(
        user_id=claimed.user_id,
        job_id=claimed.id,
        attempt=claimed.attempt,
        pictures=[picture],
        compute_seconds=seconds,
    )


def make_by_key(user: User, model: GenerationModel, name: str) -> Job:
    key, _secret = create_key(user=user, granter=SESSION, name=name, scopes=[Scope.GENERATE])
    parameters = complete_parameters(model=model, prompt=f"by {name}", steps=100)
    return accept_order(user=user, order=Order(model=model, parameters=parameters), api_key=key)


def test_a_month_without_work_teaches_what_a_credit_is(browser_client: Client) -> None:
    response = browser_client.get("/usage/")

    html = response.content.decode()
    month = f"{timezone.now():%B %Y}"
    assert f"Nothing was made in {month}" in html
    assert "One credit is one second of a GPU." in html
    assert "a picture that another service makes has its own price" in html
    assert '<svg class="chart"' not in html
    assert response.context["page"].balance.available == 500


def test_the_receipts_tell_a_workflow_from_a_picture(
    browser_client: Client, user: User, starter: GenerationModel
) -> None:
    make_job(user, starter)
    work = {"document": {"name": "Two sheets"}, "models": [], "pictures": []}
    Job.objects.filter(id=make_job(user, starter).id).update(kind=JobKind.WORKFLOW, work=work)

    html = browser_client.get("/usage/").content.decode()

    assert html.count("usage__when") == 2
    assert html.count("Workflow: Two sheets · ") == 1


def test_the_page_adds_up_a_month_by_day_model_and_key(
    browser_client: Client, user: User, stranger: User, starter: GenerationModel
) -> None:
    finish(make_job(user, starter, steps=100), 1.5)
    finish(make_by_key(user, starter, "night shift"), 0.5)
    finish(make_job(stranger, starter, steps=100), 3.0)

    response = browser_client.get("/usage/")

    page = response.context["page"]
    assert (page.total.credits, page.total.jobs, page.total.pictures) == (3, 2, 2)
    assert [(row.name, row.used.credits) for row in page.models] == [(starter.name, 3)]
    assert [(row.name, row.used.credits) for row in page.keys] == [
        ("Without a key", 2),
        ("night shift", 1),
    ]
    assert [receipt.charged for receipt in page.receipts] == [1, 2]
    (today,) = page.chart.days
    assert (today.day, list(today.parts)) == (timezone.now().date(), [3])
    assert page.chart.text.startswith("3 credits on 1 of ")
    html = response.content.decode()
    assert html.count('<rect class="chart__bar series-1"') == 1
    assert "As a table" in html


@pytest.mark.parametrize("count", [1, 12])
def test_the_page_asks_as_often_however_much_was_made(
    browser_client: Client, user: User, starter: GenerationModel, count: int
) -> None:
    for number in range(count):
        finish(make_by_key(user, starter, f"key {number}"), 0.5)

    with counted_queries() as queries:
        response = browser_client.get("/usage/")

    assert response.status_code == 200
    # Usage, models, keys, balance, grants; jobs, holds and keys of the receipts; what is stored,
    # by its kinds; and the header's balance, which was not in the cache.
    assert len(queries) == SIGNED_IN_QUERIES + PLAN_QUERIES + 9 + 5


def test_another_month_shows_what_was_asked_for_in_it(
    browser_client: Client, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter, prompt="long ago")
    Job.objects.filter(id=job.id).update(created_at=datetime(2024, 2, 29, 23, 59, tzinfo=UTC))

    page = browser_client.get("/usage/", {"month": "2024-02"}).context["page"]

    assert [receipt.job.id for receipt in page.receipts] == [job.id]
    assert page.months[-1] == page.month
    assert len(page.chart.drawing.axis) == 5
    assert browser_client.get("/usage/", {"month": "2024-03"}).context["page"].receipts == []


@pytest.mark.parametrize("month", ["2026", "2026-13", "0000-01", "x"])
def test_a_month_that_is_none_is_a_page_that_is_not_there(
    browser_client: Client, month: str
) -> None:
    assert browser_client.get("/usage/", {"month": month}).status_code == 404


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "2026-02-30", "x"])
def test_a_day_that_is_none_is_a_page_that_is_not_there(browser_client: Client, day: str) -> None:
    assert browser_client.get("/usage/", {"day": day}).status_code == 404


@pytest.mark.parametrize(
    ("page", "status"), [("/usage/", 200), ("/models/", 200), ("/gallery/", 404)]
)
def test_words_that_postgresql_takes_none_of_break_no_page(
    browser_client: Client, page: str, status: int
) -> None:
    assert browser_client.get(page, {"q": "a\0b"}).status_code == status


def test_the_page_tells_what_ends_when(browser_client: Client, user: User) -> None:
    now = timezone.now()
    for begins, key in ((0, "now"), (3, "later")):
        add_grant(
            user_id=user.id,
            source=CreditSource.PACK,
            amount=1000,
            valid_from=now + timedelta(days=begins),
            valid_until=now + timedelta(days=60),
            key=key,
        )

    html = re.sub(r"\s+", " ", browser_client.get("/usage/").content.decode())

    assert '<strong class="usage__number">1,500</strong> available' in html
    assert "of 500 · trial" in html
    assert html.count("of 1,000 · credit pack") == 2
    assert html.count(">until <time") == 2
    assert html.count(">from <time") == 1


def test_a_receipt_shows_its_numbers_attempts_and_pictures(
    browser_client: Client, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter, prompt="<b>bold</b>", steps=100)
    finish(job, 1.25)

    with counted_queries() as queries:
        response = browser_client.get(f"/usage/receipts/{job.id}/")

    # Job, hold, pictures, and the header's balance.
    assert len(queries) == SIGNED_IN_QUERIES + PLAN_QUERIES + 4
    html = response.content.decode()
    assert "&lt;b&gt;bold&lt;/b&gt;" in html
    assert '<dd class="facts__value receipt__charged">2</dd>' in html
    assert "<td>done</td>" in html
    (image,) = response.context["page"].images
    assert f"/gallery/{image.image_name}/" in html
    picture = browser_client.get(f"/gallery/{image.image_name}/").content.decode()
    assert f'href="/usage/receipts/{job.id}/"' in picture


def test_a_stranger_finds_no_receipt(
    browser_client: Client, stranger: User, starter: GenerationModel
) -> None:
    job = make_job(stranger, starter, prompt="theirs")

    response = browser_client.get(f"/usage/receipts/{job.id}/")

    assert response.status_code == 404
    assert "theirs" not in response.content.decode()


def test_every_page_shows_the_balance_from_the_cache(browser_client: Client) -> None:
    cache.clear()
    browser_client.get("/gallery/")

    with counted_queries() as queries:
        html = browser_client.get("/gallery/").content.decode()

    assert len(queries) == SIGNED_IN_QUERIES + 4  # pictures, boards, counts, models
    assert 'data-available="500"' in html
    assert ">500</span>" in html


def test_create_says_why_nothing_is_made(browser_client: Client, user: User) -> None:
    assert browser_client.get("/create/").context["refusal"] is None
    Subscription.objects.update(valid_until=timezone.now())

    response = browser_client.get("/create/")

    assert response.context["refusal"].startswith("Your plan has ended")
    html = re.sub(r"\s+", " ", response.content.decode())
    assert 'id="refusal" role="status">Your plan has ended' in html
    assert 'id="plans" href="/account/plan/">' in html


def test_bars_stack_on_a_round_scale() -> None:
    chart = stacked_bars(
        [("1", "first", {"a": 30, "b": 7}), ("", "second", {}), ("3", "third", {"b": 1})],
        series=["a", "b"],
    )

    assert [tick.label for tick in chart.scale] == ["0", "10", "20", "30", "40"]
    first, third = chart.stacks
    lower, upper = first.bars
    assert (lower.series, upper.series, [bar.series for bar in third.bars]) == (1, 2, [2])
    assert float(lower.y) == pytest.approx(float(upper.y) + float(upper.height), abs=0.11)
    assert float(lower.y) + float(lower.height) == pytest.approx(chart.bottom, abs=0.11)
    assert [tick.label for tick in chart.axis] == ["1", "3"]


@pytest.mark.parametrize(
    ("most", "labels"),
    [
        (0, ["0", "1"]),
        (1, ["0", "1"]),
        (5, ["0", "2", "4", "6"]),
        (30_000, ["0", "10k", "20k", "30k"]),
        (4_321, ["0", "2,000", "4,000", "6,000"]),
    ],
)
def test_the_scale_reaches_the_most_in_round_steps(most: int, labels: list[str]) -> None:
    chart = stacked_bars([("", "", {"a": most})], series=["a"])

    assert [tick.label for tick in chart.scale] == labels
