"""The door of the studio in a browser: landing page, languages, first steps, wrong addresses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from tests.browser.studio import DESKTOP, PHONE, Studio
from tests.factories import make_image

pytestmark = pytest.mark.django_db(transaction=True)

Shoot = Callable[[Page, str], Path]
WINDOWS: list[Any] = [
    pytest.param({"viewport": DESKTOP, "color_scheme": "light"}, id="desktop-light"),
    pytest.param(
        {"viewport": PHONE, "color_scheme": "dark", "locale": "ko-KR", "has_touch": True},
        id="phone-dark-korean",
    ),
]
SMALL_TARGETS = """() => [
    ...document.querySelectorAll("a, button, select, summary, label:has(input)"),
  ]
  .filter((e) => e.checkVisibility() && !e.matches(".skip-link, .field__label, p a, li a"))
  .map((e) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect().height])
  .filter(([, height]) => height < 43.5)"""


@pytest.mark.parametrize("window", WINDOWS)
def test_a_visitor_sees_what_it_is_and_where_to_go(
    new_studio: Callable[..., Studio],
    shoot: Shoot,
    window: dict[str, Any],
    request: pytest.FixtureRequest,
) -> None:
    kind = request.node.callspec.id
    visitor = new_studio(**window)
    page = visitor.page
    visitor.open("/")

    page.locator(".hung__picture").last.scroll_into_view_if_needed()
    visitor.settle()
    unseen = "() => [...document.images].filter((e) => !e.complete || !e.naturalWidth).length"
    assert page.evaluate(unseen) == 0
    assert visitor.overflow() == 0
    page.evaluate("() => scrollTo(0, 0)")
    shoot(page, f"landing-{kind}")
    if window["viewport"] == PHONE:
        assert page.evaluate(SMALL_TARGETS) == []
    visitor.open("/nothing/here/")
    assert visitor.overflow() == 0
    shoot(page, f"wrong-address-{kind}")
    visitor.excuse("404")


def test_the_language_is_switched_on_the_way_in_and_the_page_stays(
    new_studio: Callable[..., Studio],
) -> None:
    visitor = new_studio()
    page = visitor.page
    visitor.open("/")
    page.get_by_role("banner").get_by_role("button", name="한국어").click()

    expect(page.locator("html")).to_have_attribute("lang", "ko")
    assert page.url.endswith("/")
    page.get_by_role("link", name="가입하기").click()
    expect(page.get_by_role("heading", name="계정 만들기")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Create an account")).to_be_visible()
    assert page.url.endswith("/accounts/sign-up/")


def test_the_language_of_the_account_follows_to_another_device(
    new_studio: Callable[..., Studio], transactional_user: User, shoot: Shoot
) -> None:
    studio, phone = (new_studio(user=transactional_user) for _device in range(2))
    page = studio.page
    studio.open("/gallery/?q=sea")
    page.get_by_role("button", name="Account").click()
    expect(page.get_by_role("button", name="English")).to_have_attribute("aria-pressed", "true")
    shoot(page, "account-menu-language")
    page.get_by_role("button", name="한국어").click()

    expect(page.locator("html")).to_have_attribute("lang", "ko")
    assert page.url.endswith("/gallery/?q=sea")
    phone.open("/create/")
    expect(phone.page.locator("html")).to_have_attribute("lang", "ko")


def test_the_first_steps_end_with_a_picture_and_are_never_seen_again(
    studio: Studio, worker: None, shoot: Shoot
) -> None:
    steps = studio.page.get_by_role("complementary", name="Your first picture")
    done = steps.locator(".icon:visible")
    studio.open("/create/")
    expect(steps).to_be_visible()
    assert studio.overflow() == 0
    # The cross that closes it is an icon too.
    expect(done).to_have_count(1)
    shoot(studio.page, "first-steps")

    studio.set_steps(4)
    studio.prompt.fill("a red circle on a white background")
    expect(done).to_have_count(2)
    studio.page.get_by_role("button", name="Generate").click()
    studio.wait_for_picture()
    expect(done).to_have_count(4)
    shoot(studio.page, "first-steps-done")
    steps.get_by_role("link", name="Find it in the gallery").click()
    expect(studio.tiles).to_have_count(1)

    studio.open("/create/")
    expect(steps).to_have_count(0)


def test_the_first_steps_are_closed_for_good_and_what_is_written_stays(
    new_studio: Callable[..., Studio], transactional_user: User, shoot: Shoot
) -> None:
    studio = new_studio(user=transactional_user, viewport=PHONE, has_touch=True, locale="ko-KR")
    steps = studio.page.locator("#first-steps")
    studio.open("/create/")
    assert studio.overflow() == 0
    shoot(studio.page, "first-steps-phone")
    prompt = studio.page.get_by_label("프롬프트", exact=True)
    prompt.fill("바다 위의 노을")

    studio.page.get_by_role("button", name="첫걸음 안내를 완전히 닫기").click()

    expect(steps).to_have_count(0)
    expect(prompt).to_have_value("바다 위의 노을")
    studio.page.reload()
    expect(steps).to_have_count(0)
    transactional_user.refresh_from_db()
    assert transactional_user.first_steps_closed


def test_who_has_pictures_sees_no_first_steps(studio: Studio, transactional_user: User) -> None:
    make_image(transactional_user)
    studio.open("/create/")

    expect(studio.prompt).to_be_visible()
    expect(studio.page.locator("#first-steps")).to_have_count(0)
