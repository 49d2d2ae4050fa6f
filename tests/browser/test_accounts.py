"""The way in, as a person with a browser goes it: by our own pages, and by a provider's."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from tests.accounts.letters import link_in, newest_written_letter
from tests.browser.studio import DESKTOP, PHONE, Studio
from tests.database import session_database_url
from tests.factories import PASSWORD, make_user
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, STAFF_GROUP, OidcProvider
from tests.stack import Stack

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL = "ada@example.com"
SUBJECT = "subject-of-ada"
Shoot = Callable[[Page, str], Path]


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the web process of these tests writes its mails."""
    return tmp_path_factory.mktemp("letters")


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    with OidcProvider() as running:
        yield running


def run_stack(environment: dict[str, str]) -> Stack:
    return Stack({"EASEL_DATABASE_URL": session_database_url(), **environment})


@pytest.fixture(scope="module")
def local_stack(django_db_setup: None, letters: Path) -> Iterator[Stack]:
    with run_stack({"EASEL_MAIL_DIRECTORY": str(letters)}) as running:
        running.start_web()
        yield running


@pytest.fixture(scope="module")
def provider_stack(django_db_setup: None, provider: OidcProvider) -> Iterator[Stack]:
    """The web process as it runs in production beside a provider."""
    environment = {
        "EASEL_OIDC_ISSUER": provider.issuer,
        "EASEL_OIDC_CLIENT_ID": CLIENT_ID,
        "EASEL_OIDC_CLIENT_SECRET": CLIENT_SECRET,
        "EASEL_OIDC_STAFF_GROUP": STAFF_GROUP,
    }
    with run_stack(environment) as running:
        running.start_web()
        yield running


@pytest.fixture
def open_window(
    browser: Browser, transactional_db: None, starter: GenerationModel
) -> Iterator[Callable[..., Studio]]:
    """Return a function that opens a window on a stack; at the end none may have complained."""
    windows: list[Studio] = []

    def open_one(stack: Stack, **options: object) -> Studio:
        settings = {"viewport": DESKTOP, "base_url": stack.url, "color_scheme": "light", **options}
        context = browser.new_context(**settings)  # type: ignore[arg-type]
        windows.append(Studio(context.new_page()))
        return windows[-1]

    yield open_one
    complaints = [text for studio in windows for text in studio.complaints]
    for studio in windows:
        studio.page.context.close()
    assert complaints == []


def test_the_keyboard_alone_signs_up_confirms_and_changes_the_password(
    open_window: Callable[..., Studio], local_stack: Stack, letters: Path, shoot: Shoot
) -> None:
    studio = open_window(local_stack)
    page, keyboard = studio.page, studio.page.keyboard
    studio.open("/accounts/sign-in/")
    page.get_by_role("link", name="Create an account").focus()
    keyboard.press("Enter")
    expect(page.get_by_label("E-mail")).to_be_focused()

    keyboard.type(EMAIL)
    keyboard.press("Tab")
    keyboard.type("short")
    keyboard.press("Enter")
    expect(page.locator("#id_password_error")).to_contain_text("too short")
    shoot(page, "sign-up-refused")
    expect(page.get_by_label("Password")).to_be_focused()
    keyboard.type(PASSWORD)
    keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
    shoot(page, "mail-sent")

    studio.open(link_in(newest_written_letter(letters)))
    shoot(page, "confirm")
    expect(page.get_by_label("Password")).to_be_focused()
    keyboard.type(PASSWORD)
    keyboard.press("Enter")
    expect(studio.prompt).to_be_visible()
    assert User.objects.get().email_verified

    page.get_by_role("button", name="Account").click()
    page.get_by_role("link", name="Settings").click()
    shoot(page, "settings-of-a-new-account")
    page.get_by_role("link", name="Change your password").click()
    page.get_by_label("Present password").fill(PASSWORD)
    page.get_by_label("New password").fill("another rather long one")
    shoot(page, "password-change")
    keyboard.press("Enter")
    expect(page.locator(".notice")).to_contain_text("signed out everywhere else")


def test_a_forgotten_password_is_replaced(
    open_window: Callable[..., Studio], local_stack: Stack, letters: Path
) -> None:
    make_user(EMAIL)
    studio = open_window(local_stack)
    studio.open("/accounts/sign-in/")
    studio.page.get_by_role("link", name="Forgotten your password?").click()
    studio.page.get_by_label("E-mail").fill(EMAIL)
    studio.page.get_by_role("button", name="Send the mail").click()
    expect(studio.page.get_by_role("heading", name="Look into your mail")).to_be_visible()

    studio.open(link_in(newest_written_letter(letters)))
    studio.page.get_by_label("New password").fill("another rather long one")
    studio.page.get_by_role("button", name="Save the password").click()
    expect(studio.page.get_by_role("status")).to_contain_text("Your password is changed")
    studio.sign_in(EMAIL, "another rather long one")

    expect(studio.prompt).to_be_visible()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_page_of_the_way_in_is_wider_than_its_window(
    open_window: Callable[..., Studio], local_stack: Stack, viewport: object
) -> None:
    studio = open_window(local_stack, viewport=viewport, has_touch=viewport == PHONE)
    for path in ("sign-in", "sign-up", "sign-up/sent", "password/forgotten"):
        studio.open(f"/accounts/{path}/")
        assert studio.overflow() == 0, path


def test_a_provider_signs_in_and_out(
    open_window: Callable[..., Studio],
    provider_stack: Stack,
    provider: OidcProvider,
    shoot: Shoot,
) -> None:
    provider.put_user(SUBJECT, email=EMAIL, email_verified=True, name="Ada")
    studio = open_window(provider_stack)
    page = studio.page
    studio.open("/gallery/")
    shoot(page, "sign-in-provider")
    page.get_by_role("link", name="Continue to sign in").focus()
    page.keyboard.press("Enter")
    page.get_by_placeholder("sub").fill(SUBJECT)
    page.get_by_role("button", name="Authorize").click()

    expect(page.get_by_role("heading", name="No pictures yet")).to_be_visible()
    assert urlsplit(page.url).path == "/gallery/"
    assert User.objects.get().oidc_subject == SUBJECT

    page.get_by_role("button", name="Account").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="End session").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    studio.open("/gallery/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    # What the browser thinks of the provider's own pages is not our affair.
    studio.complaints = [text for text in studio.complaints if provider_stack.url in text]


def test_a_provider_that_is_away_is_a_page_with_a_way_on(
    open_window: Callable[..., Studio],
    provider_stack: Stack,
    provider: OidcProvider,
    shoot: Shoot,
) -> None:
    provider.answers_with["/.well-known/openid-configuration"] = (500, "")
    studio = open_window(provider_stack)
    studio.open("/accounts/oidc/start/")

    expect(studio.page.get_by_role("heading", name="Sign-in is away")).to_be_visible()
    shoot(studio.page, "sign-in-provider-away")
    provider.reset()
    studio.page.get_by_role("link", name="Try again").click()
    expect(studio.page.get_by_role("link", name="Continue to sign in")).to_be_visible()
    studio.excuse("503")
