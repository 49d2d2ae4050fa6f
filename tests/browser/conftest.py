"""A browser, and the product's processes on the database of the tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.plans.tiers import TIER_BY_QUEUE
from config.local.chromium import find_chromium
from tests.browser.studio import CHROMIUM_ARGUMENTS, DESKTOP, Studio
from tests.database import session_database_url
from tests.stack import ROOT, Stack

SCREENSHOTS = ROOT / "var" / "screenshots"
# A busy machine is slow, not wrong; a right page passes long before this.
PATIENCE_MS = 20_000


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Start Chromium for the tests of this folder.

    Playwright's synchronous API keeps an event loop in this thread, which Django takes for a
    sign that queries would block it; here there is nothing else on that loop.
    """
    program = find_chromium()
    if program is None:
        pytest.skip("There is no Chromium; `make test` installs one.")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        expect.set_options(timeout=PATIENCE_MS)
        started = playwright.chromium.launch(executable_path=program, args=CHROMIUM_ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="package")
def stack(django_db_setup: None) -> Iterator[Stack]:
    """Run the web process on the test database."""
    with Stack({"EASEL_DATABASE_URL": session_database_url()}) as running:
        running.start_web()
        yield running


@pytest.fixture(scope="module")
def worker(stack: Stack) -> Iterator[None]:
    """Run a worker for every tier beside the web process.

    It ends with its file: in others, what waits is to go on waiting.
    """
    stack.start_worker(queues=",".join(TIER_BY_QUEUE))
    yield
    stack.stop("worker")


@pytest.fixture
def shoot(request: pytest.FixtureRequest) -> Callable[[Page, str], Path]:
    """Return a function that keeps a screenshot of a page under `var/screenshots/`."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str) -> Path:
        path = SCREENSHOTS / f"{name}.png"
        page.screenshot(path=path)
        return path

    return take


@pytest.fixture
def new_studio(
    browser: Browser, stack: Stack, transactional_db: None, starter: GenerationModel
) -> Iterator[Callable[..., Studio]]:
    """Return a function that opens a browser window; at the end none may have complained."""
    windows: list[tuple[BrowserContext, Studio]] = []

    def open_window(*, user: User | None = None, **options: object) -> Studio:
        context = browser.new_context(
            **{"viewport": DESKTOP, "base_url": stack.url, "color_scheme": "light", **options}  # type: ignore[arg-type]
        )
        if user is not None:
            client = Client()
            client.force_login(user)
            session = client.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies(
                [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": stack.url}]
            )
        studio = Studio(context.new_page())
        windows.append((context, studio))
        return studio

    yield open_window
    complaints = [text for _context, studio in windows for text in studio.complaints]
    for context, _studio in windows:
        context.close()
    assert complaints == []


@pytest.fixture
def studio(new_studio: Callable[..., Studio], transactional_user: User) -> Studio:
    """A window of a signed-in user."""
    return new_studio(user=transactional_user)


@pytest.fixture
def transactional_user(transactional_db: None, user: User) -> User:
    """The user of the tests, committed: other processes must see the row."""
    return user
