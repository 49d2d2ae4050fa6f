"""How the pages look and behave: sizes, themes, errors, memory."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from apps.accounts.models import User
from apps.images.models import Image
from tests.browser.studio import DESKTOP, PHONE, Studio
from tests.factories import make_image

pytestmark = pytest.mark.django_db(transaction=True)

Shoot = Callable[[Page, str], Path]
WINDOWS: list[Any] = [
    pytest.param({"viewport": DESKTOP, "color_scheme": "dark"}, id="desktop-dark"),
    pytest.param({"viewport": PHONE, "color_scheme": "light", "has_touch": True}, id="phone-light"),
    pytest.param({"viewport": PHONE, "locale": "ko-KR", "has_touch": True}, id="phone-korean"),
]


@pytest.fixture
def images(transactional_user: User) -> list[Image]:
    """Pictures of a user, the oldest first."""
    return [make_image(transactional_user, prompt=f"picture {n}", seed=n) for n in range(3)]


@pytest.mark.parametrize("window", WINDOWS)
def test_no_page_is_wider_than_its_window(
    new_studio: Callable[..., Studio],
    transactional_user: User,
    images: list[Image],
    window: dict[str, Any],
    shoot: Shoot,
    request: pytest.FixtureRequest,
) -> None:
    kind = request.node.callspec.id
    visitor = new_studio(**window)
    visitor.open("/accounts/sign-in/")
    shoot(visitor.page, f"sign-in-{kind}")
    assert visitor.overflow() == 0

    studio = new_studio(user=transactional_user, **window)
    for name, path in {
        "create-empty": "/create/",
        "gallery": "/gallery/",
        "keys": "/keys/",
        "models": "/models/",
        "queue": "/queue/",
        "settings": "/settings/",
        "activity": "/account/activity/",
        "own-data": "/account/data/",
        "picture": f"/gallery/{images[0].image_name}/",
    }.items():
        studio.open(path)
        shoot(studio.page, f"{name}-{kind}")
        assert studio.overflow() == 0, path
    studio.open("/gallery/nothing/here/")
    shoot(studio.page, f"not-found-{kind}")
    assert studio.overflow() == 0
    studio.excuse("404")


def test_everything_to_tap_on_a_phone_is_at_least_44_pixels_high(
    new_studio: Callable[..., Studio], transactional_user: User, images: list[Image]
) -> None:
    studio = new_studio(user=transactional_user, viewport=PHONE, has_touch=True)
    for path in ("/create/", "/gallery/", f"/gallery/{images[0].image_name}/"):
        studio.open(path)
        small = studio.page.evaluate(
            """() => [...document.querySelectorAll("a, button, select, summary, label:has(input)")]
              .filter((e) => e.checkVisibility() && !e.matches(".skip-link"))
              .map((e) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect().height])
              .filter(([, height]) => height < 43.5)"""
        )
        assert small == [], path


def test_messages_stand_beside_the_fields_they_are_about(studio: Studio) -> None:
    studio.open("/create/")
    studio.generate("   ")
    expect(studio.page.locator("#prompt-error")).to_have_text("Say what the picture should show.")
    expect(studio.prompt).to_be_focused()

    studio.open_advanced()
    studio.page.get_by_label("Seed", exact=True).fill("lucky")
    studio.page.locator("#advanced > summary").click()
    studio.generate("a red circle")
    expect(studio.page.locator("#seed-error")).to_be_visible()
    studio.excuse("422")

    studio.page.get_by_label("Seed", exact=True).fill("7")
    studio.page.get_by_label("Width in pixels").fill("130")
    studio.generate("a red circle")
    expect(studio.page.locator("#width-error")).to_contain_text("multiple of 8")
    expect(studio.page.get_by_label("Width in pixels")).to_be_focused()
    expect(studio.page.locator("#seed-error")).to_be_hidden()
    studio.excuse("422")


def test_a_prompt_over_the_limit_is_counted_and_refused(studio: Studio) -> None:
    studio.open("/create/")
    studio.generate("🙂" * 2001)

    expect(studio.page.locator("#prompt-count")).to_have_text("2,001 of 2,000")
    expect(studio.page.locator("#prompt-error")).not_to_be_empty()
    studio.excuse("422")


def test_a_file_that_is_no_picture_is_refused_in_words(studio: Studio) -> None:
    studio.open("/create/")

    studio.page.locator("#start-file").set_input_files(
        {"name": "torn.png", "mimeType": "image/png", "buffer": b"\x89PNG torn"}
    )

    expect(studio.page.get_by_role("alert").filter(has_text="Error ")).to_be_visible()
    expect(studio.page.locator("#start-chosen")).to_be_hidden()
    studio.excuse("422")


def test_arrow_keys_walk_through_the_large_view(studio: Studio, images: list[Image]) -> None:
    studio.open("/gallery/")
    studio.tiles.first.click()
    prompt = studio.viewer.locator("#picture-prompt")
    expect(prompt).to_have_text("picture 2")

    studio.page.keyboard.press("ArrowRight")
    expect(prompt).to_have_text("picture 1")
    assert studio.page.url.endswith(f"/gallery/{images[1].image_name}/")
    studio.page.keyboard.press("ArrowLeft")
    expect(prompt).to_have_text("picture 2")
    studio.page.go_back()
    expect(studio.viewer).to_be_hidden()
    assert studio.page.url.endswith("/gallery/")


def test_the_large_view_is_a_page_of_its_own_too(studio: Studio, images: list[Image]) -> None:
    studio.open(f"/gallery/{images[1].image_name}/")

    expect(studio.page.get_by_role("heading", name="picture 1")).to_be_visible()
    studio.page.keyboard.press("ArrowRight")
    expect(studio.page.get_by_role("heading", name="picture 0")).to_be_visible()
    studio.settle()
    studio.page.get_by_role("button", name="Delete").click()
    expect(studio.tiles).to_have_count(2)
    assert Image.objects.filter(deleted_at=None).count() == 2


def test_pictures_are_searched_in_the_gallery(
    studio: Studio, images: list[Image], shoot: Shoot
) -> None:
    studio.open(f"/gallery/{images[1].image_name}/")
    star = studio.page.get_by_role("button", name="Star")
    star.click()
    expect(star).to_have_attribute("aria-pressed", "true")
    studio.settle()
    studio.open("/gallery/")
    words = studio.page.get_by_role("searchbox", name="Search prompts and notes")

    words.fill("picture 2")
    words.press("Enter")
    expect(studio.tiles).to_have_count(1)
    expect(words).to_have_value("picture 2")
    shoot(studio.page, "search")
    words.fill("nothing of the kind")
    words.press("Enter")
    expect(studio.page.get_by_role("heading", name="No picture is like that")).to_be_visible()
    expect(studio.page.get_by_role("heading", name="No pictures yet")).to_be_hidden()
    studio.page.get_by_role("link", name="Show all pictures").click()
    expect(studio.tiles).to_have_count(3)
    studio.page.get_by_label("Starred").check()
    studio.page.get_by_label("Order").select_option("Oldest first")
    studio.page.get_by_role("button", name="Search").click()
    expect(studio.tiles).to_have_count(1)
    expect(studio.page.get_by_label("Starred")).to_be_checked()


@pytest.mark.parametrize("width", [1280, 390])
def test_a_picture_is_put_on_a_new_board(
    studio: Studio, images: list[Image], shoot: Shoot, width: int
) -> None:
    studio.page.set_viewport_size({"width": width, "height": 800})
    studio.open("/gallery/")
    studio.page.get_by_label("Name of a new board").fill("바다")
    studio.page.get_by_role("button", name="Add").click()
    board = studio.page.get_by_role("link", name="바다")
    expect(board).to_have_text("바다 0")

    studio.tiles.first.click()
    studio.viewer.get_by_label("Board").select_option("바다")
    expect(studio.page.get_by_text("The picture is on another board.")).to_be_visible()
    studio.settle()
    studio.open("/gallery/")
    expect(board).to_have_text("바다 1")
    studio.settle()
    shoot(studio.page, f"boards-{width}")
    board.click()

    expect(studio.tiles).to_have_count(1)
    expect(board).to_have_attribute("aria-current", "page")
    assert Image.objects.get(id=images[2].id).board_id is not None
    studio.page.get_by_role("link", name="On no board").click()
    expect(studio.tiles).to_have_count(2)


def test_older_pictures_come_as_one_scrolls(studio: Studio, transactional_user: User) -> None:
    template = make_image(transactional_user, prompt="many")
    for _copy in range(60):
        make_copy(template)
    studio.open("/gallery/")
    oldest = studio.page.locator(f"#tile-{template.image_name}")
    expect(oldest).to_have_count(0)

    studio.page.mouse.wheel(0, 20_000)

    expect(oldest).to_be_visible()
    studio.excuse("404")  # the copies are rows without files


def test_pictures_with_a_word_come_page_by_page(studio: Studio, transactional_user: User) -> None:
    template = make_image(transactional_user, prompt="many")
    for _copy in range(120):
        make_copy(template)
    studio.open("/gallery/?q=many")
    oldest = studio.page.locator(f"#tile-{template.image_name}")
    # Until its end has been seen, the list is longer by a page than what is known.
    for _page in range(3):
        studio.tiles.first.focus()
        studio.page.keyboard.press("End")
        expect(studio.page.locator(".tile--awaited")).to_have_count(0)

    expect(oldest).to_be_focused()
    studio.excuse("404")


def test_the_gallery_goes_on_without_scripts(
    new_studio: Callable[..., Studio], transactional_user: User
) -> None:
    template = make_image(transactional_user, prompt="many")
    for _copy in range(60):
        make_copy(template)
    studio = new_studio(user=transactional_user, java_script_enabled=False)
    studio.open("/gallery/")
    expect(studio.tiles).to_have_count(48)

    studio.page.get_by_role("link", name="More pictures").click()

    expect(studio.tiles).to_have_count(13)
    expect(studio.page.locator(f"#tile-{template.image_name}")).to_be_visible()
    studio.excuse("404")


def make_copy(image: Image) -> None:
    """Insert one more row for the files of `image`."""
    fields = {
        field.attname: getattr(image, field.attname)
        for field in Image._meta.concrete_fields
        if field.name not in {"id", "image_name", "created_at", "updated_at", "session_id"}
    }
    Image.objects.create(**fields)


def test_the_chosen_theme_and_settings_outlive_a_reload(studio: Studio) -> None:
    studio.open("/create/")
    studio.set_steps(33)
    studio.page.get_by_role("button", name="Account").click()
    studio.page.get_by_role("radio", name="Dark").check()

    studio.page.reload()
    studio.settle()

    assert studio.page.evaluate("() => document.documentElement.dataset.theme") == "dark"
    expect(studio.page.get_by_role("spinbutton", name="Steps")).to_have_value("33")


def test_pages_carry_no_inline_script_style_or_handler(studio: Studio, images: list[Image]) -> None:
    for path in ("/create/", "/gallery/", f"/gallery/{images[0].image_name}/"):
        html = studio.page.request.get(path).text()
        found = studio.page.evaluate(
            """(html) => {
              const page = new DOMParser().parseFromString(html, "text/html");
              const scripts = "script:not([src]):not([type='application/json'])";
              return [...page.querySelectorAll("*")].filter((e) =>
                e.matches(`${scripts}, style, [style]`) ||
                [...e.attributes].some(({ name }) => name.startsWith("on"))
              ).map((e) => e.outerHTML.slice(0, 100));
            }""",
            html,
        )
        assert found == [], path


def test_pages_keep_to_a_strict_security_policy(studio: Studio, images: list[Image]) -> None:
    policy = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'"

    def add_policy(route: Route) -> None:
        answer = route.fetch()
        headers = {**answer.headers, "content-security-policy": policy}
        route.fulfill(response=answer, headers=headers)

    studio.page.route(lambda url: "/static/" not in url and "/api/" not in url, add_policy)
    studio.open("/create/")
    expect(studio.stage).to_have_attribute("data-state", "empty")
    studio.open("/gallery/")
    studio.tiles.first.click()
    expect(studio.viewer).to_be_visible()
    # The browser reports every violation on the console, and the window may not complain.


def test_signing_out_ends_at_the_door(studio: Studio) -> None:
    studio.open("/create/")
    studio.page.get_by_role("button", name="Account").click()
    studio.page.get_by_role("button", name="Sign out").click()

    expect(studio.page.get_by_role("heading", name="Sign in")).to_be_visible()
    studio.open("/gallery/")
    expect(studio.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_wrong_password_is_answered_without_blame(
    new_studio: Callable[..., Studio], transactional_user: User, shoot: Shoot
) -> None:
    studio = new_studio()
    studio.sign_in(transactional_user.email, "not this one")

    expect(studio.page.get_by_role("alert")).to_contain_text("do not belong together")
    expect(studio.page.get_by_label("E-mail")).to_have_value(transactional_user.email)
    expect(studio.page.get_by_label("Password")).to_be_focused()
    shoot(studio.page, "sign-in-refused")


def test_a_page_tells_times_as_the_clock_of_the_browser_does(
    new_studio: Callable[..., Studio], transactional_user: User, images: list[Image]
) -> None:
    studio = new_studio(user=transactional_user, timezone_id="Asia/Seoul")
    studio.open("/create/")

    studio.open(f"/gallery/{images[0].image_name}/")

    told = studio.page.locator(".facts time").get_attribute("datetime")
    assert told is not None
    assert told.endswith("+09:00")
    assert datetime.fromisoformat(told) == images[0].created_at
