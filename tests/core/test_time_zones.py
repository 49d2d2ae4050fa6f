"""Pages tell times as the clock of the browser does; the API, the admin and the books tell UTC."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.middleware import TIME_ZONE_COOKIE
from apps.generation.models import Job
from apps.images.models import Image
from tests.factories import make_image, make_job

pytestmark = pytest.mark.django_db

# In Seoul it is the first of December, 08:30.
MADE = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)


@pytest.fixture
def image(user: User) -> Image:
    image = make_image(user=user)
    Image.objects.filter(id=image.id).update(created_at=MADE)
    return image


def page_of(client: Client, image: Image) -> str:
    return client.get(f"/gallery/{image.image_name}/").content.decode()


@pytest.mark.parametrize("cookie", ["Asia/Seoul", "Asia%2FSeoul"])
def test_a_page_is_written_in_the_zone_of_its_reader(
    cookie: str, browser_client: Client, image: Image
) -> None:
    browser_client.cookies[TIME_ZONE_COOKIE] = cookie

    page = page_of(browser_client, image)

    assert '<time datetime="2026-12-01T08:30:00+09:00">Dec. 1, 2026, 8:30 a.m.</time>' in page
    assert timezone.get_current_timezone_name() == "UTC"


@pytest.mark.parametrize("cookie", ["", "Mars/Olympus", "../../etc/passwd", "%00", "Asia/Seoul;x"])
def test_what_is_no_zone_is_utc(cookie: str, browser_client: Client, image: Image) -> None:
    browser_client.cookies[TIME_ZONE_COOKIE] = cookie

    page = page_of(browser_client, image)

    assert '<time datetime="2026-11-30T23:30:00+00:00">Nov. 30, 2026, 11:30 p.m.</time>' in page


def test_the_api_tells_utc_whoever_asks(browser_client: Client, image: Image) -> None:
    browser_client.cookies[TIME_ZONE_COOKIE] = "Asia/Seoul"

    record = browser_client.get(f"/api/v1/images/{image.image_name}").json()

    assert record["created_at"] == "2026-11-30T23:30:00Z"


def test_receipts_tell_the_day_that_they_are_found_by(
    browser_client: Client, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter)
    Job.objects.filter(id=job.id).update(created_at=MADE)
    browser_client.cookies[TIME_ZONE_COOKIE] = "Asia/Seoul"

    page = browser_client.get(f"/usage/receipts/{job.id}/").content.decode()

    assert "Nov. 30, 2026, 11:30 p.m." in page
