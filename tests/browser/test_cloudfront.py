"""Pictures of a signed-in browser come from CloudFront, and from there alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from playwright.sync_api import Browser, BrowserContext, Page, expect

from apps.accounts.models import User
from apps.core.s3_storage import S3FileStorage
from tests import s3_server
from tests.cloudfront import CloudFront, new_private_key, public_half
from tests.database import session_database_url
from tests.factories import PASSWORD, make_image
from tests.stack import Stack, free_port

pytestmark = pytest.mark.django_db(transaction=True)

KEY_ID = "K2JCJMDEHXQW5F"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3FileStorage]:
    """The bucket that this process and the web process keep pictures in."""
    for name, value in s3_server.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with s3_server.started() as endpoint:
        store = s3_server.store(endpoint)
        default_storage.exists("x")
        monkeypatch.setattr(default_storage, "_wrapped", store)
        yield store


@pytest.fixture
def distribution(bucket: S3FileStorage, tmp_path: Path) -> Iterator[CloudFront]:
    """The web process behind CloudFront."""
    private = new_private_key()
    keys = {KEY_ID: public_half(private)}
    running = CloudFront(folder=tmp_path, port=free_port(), bucket=bucket.bucket, keys=keys)
    environment = s3_server.CREDENTIALS | {
        "EASEL_DATABASE_URL": session_database_url(),
        "EASEL_S3_BUCKET": s3_server.BUCKET,
        "EASEL_S3_ENDPOINT_URL": str(bucket.endpoint_url),
        "EASEL_PUBLIC_URL": running.url,
        "EASEL_CSRF_TRUSTED_ORIGINS": running.url,
        "EASEL_CDN_KEY_PAIR_ID": KEY_ID,
        "EASEL_CDN_PRIVATE_KEY": private,
    }
    with Stack(environment) as web, running:
        running.web_port = web.port
        web.start_web()
        yield running


@pytest.fixture
def window(browser: Browser, distribution: CloudFront) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=distribution.url, ignore_https_errors=True)
    yield context
    context.close()


def sign_in(page: Page, user: User) -> None:
    page.goto("/accounts/sign-in/")
    page.locator("input[name=username]").fill(user.email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_url("**/create/**")


def status_of(page: Page, address: str) -> int:
    found = page.evaluate("async (a) => (await fetch(a, {cache: 'no-store'})).status", address)
    return int(found)


def test_a_browser_sees_its_pictures_until_it_signs_out(
    window: BrowserContext, distribution: CloudFront, user: User, stranger: User
) -> None:
    own, other = make_image(user, prompt="a red circle"), make_image(stranger)
    page = window.new_page()
    address = f"{distribution.url}/images/{own.s3_key}"
    page.goto("/accounts/sign-in/")
    assert status_of(page, address) == 403
    sign_in(page, user)

    page.goto("/gallery/")
    picture = page.locator(".tile__picture").first
    expect(picture).to_have_attribute("src", f"{distribution.url}/images/{own.s3_thumbnail_key}")
    page.wait_for_function("() => document.querySelector('.tile__picture').naturalWidth > 0")
    page.locator(".tile").first.click()
    page.wait_for_function("() => document.querySelector('.picture__image')?.naturalWidth > 0")
    served = {path for path, status in distribution.answers if status == 200}
    assert served == {f"/images/{own.s3_key}", f"/images/{own.s3_thumbnail_key}"}
    assert status_of(page, f"{distribution.url}/images/{other.s3_key}") == 403

    names = {cookie["name"] for cookie in window.cookies(address)}
    assert {"CloudFront-Policy", "CloudFront-Signature", "CloudFront-Key-Pair-Id"} <= names
    assert "CloudFront" not in str(window.cookies(f"{distribution.url}/gallery/"))
    assert "CloudFront" not in str(window.cookies(f"{distribution.url}/images/{other.s3_key}"))
    page.evaluate(
        "async () => fetch('/accounts/sign-out/', {method: 'POST',"
        " headers: {'X-CSRFToken': document.querySelector('[name=csrfmiddlewaretoken]').value}})"
    )
    assert "CloudFront" not in str(window.cookies(address))
    assert status_of(page, address) == 403
