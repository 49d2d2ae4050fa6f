"""The pages of settings and of help, as one uses them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from tests.browser.studio import PHONE, Studio
from tests.browser.test_welcome import SMALL_TARGETS

pytestmark = pytest.mark.django_db(transaction=True)

Shoot = Callable[[Page, str], Path]
KEPT = "() => Object.keys(localStorage).filter((key) => key.startsWith('easel.')).sort()"


@pytest.fixture
def phone(new_studio: Callable[..., Studio], transactional_user: User) -> Studio:
    return new_studio(
        user=transactional_user,
        viewport=PHONE,
        has_touch=True,
        color_scheme="dark",
        locale="ko-KR",
    )


def test_a_name_is_saved(studio: Studio, transactional_user: User, shoot: Shoot) -> None:
    studio.open("/settings/")
    studio.page.get_by_label("Name").fill("Ada")
    studio.page.get_by_role("button", name="Save the name").click()

    expect(studio.page.get_by_text("Your name is saved.")).to_be_visible()
    expect(studio.page.locator(".account-button__initial")).to_have_text("A")
    transactional_user.refresh_from_db()
    assert transactional_user.name == "Ada"
    assert studio.overflow() == 0
    shoot(studio.page, "settings-desktop")


def test_the_appearance_is_the_same_choice_here_and_in_the_menu(studio: Studio) -> None:
    page = studio.page
    studio.open("/settings/")
    here = page.locator("#own-theme")
    here.get_by_role("radio", name="Dark").check()
    assert page.evaluate("() => document.documentElement.dataset.theme") == "dark"

    page.get_by_role("button", name="Account").click()
    menu = page.locator("#theme")
    expect(menu.get_by_role("radio", name="Dark")).to_be_checked()
    menu.get_by_role("radio", name="Light").check()
    expect(here.get_by_role("radio", name="Light")).to_be_checked()

    page.reload()
    studio.settle()
    expect(here.get_by_role("radio", name="Light")).to_be_checked()
    assert page.evaluate("() => document.documentElement.dataset.theme") == "light"


def test_what_the_browser_remembers_is_forgotten_and_brought_back(studio: Studio) -> None:
    page = studio.page
    studio.open("/settings/")
    page.evaluate(
        """() => {
          localStorage.clear();
          localStorage.setItem("easel.theme", "light");
          localStorage.setItem("easel.prompt", "a red circle");
          localStorage.setItem("easel.advanced", "open");
          localStorage.setItem("of-another", "1");
        }"""
    )
    page.reload()
    studio.settle()
    expect(page.locator("#remembered")).to_have_text("2 things are kept.")

    page.get_by_role("button", name="Forget it").click()
    expect(page.locator("#remembered")).to_have_text("There is nothing at the moment.")
    expect(page.get_by_role("button", name="Forget it")).to_be_disabled()
    assert page.evaluate(KEPT) == ["easel.theme"]
    assert page.evaluate("() => localStorage.getItem('of-another')") == "1"

    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#remembered")).to_have_text("2 things are kept.")
    assert page.evaluate(KEPT) == ["easel.advanced", "easel.prompt", "easel.theme"]
    assert page.evaluate("() => localStorage.getItem('easel.prompt')") == "a red circle"


def test_the_settings_fit_a_phone_in_korean(phone: Studio, shoot: Shoot) -> None:
    phone.open("/settings/")

    expect(phone.page.get_by_role("heading", name="언어와 화면")).to_be_visible()
    assert phone.overflow() == 0
    assert phone.page.evaluate(SMALL_TARGETS) == []
    shoot(phone.page, "settings-phone-dark-korean")


def test_answers_are_found_by_their_words(studio: Studio, shoot: Shoot) -> None:
    page = studio.page
    studio.open("/help/")
    answers = page.locator(".answer:visible")
    every = answers.count()
    shoot(page, "help-desktop")
    page.keyboard.press("/")
    words = page.get_by_role("searchbox", name="Search the help")
    expect(words).to_be_focused()

    words.press_sequentially("STORAGE full")
    expect(answers).to_have_count(1)
    expect(page.get_by_role("heading", name="When something is refused")).to_be_visible()
    expect(page.locator("#help-found")).to_have_text("1 answer")
    expect(page.locator(".help__link:visible")).to_have_count(1)

    words.fill("nothing of the kind")
    expect(page.get_by_role("heading", name="No answer has these words")).to_be_visible()
    page.get_by_role("button", name="Show all answers").click()
    expect(answers).to_have_count(every)
    expect(words).to_be_focused()
    words.fill("board")
    page.keyboard.press("Escape")
    expect(answers).to_have_count(every)
    page.get_by_role("link", name="Credits and plans").click()
    expect(page.get_by_role("heading", name="Credits and plans")).to_be_in_viewport()


def test_the_help_fits_a_phone_in_korean(phone: Studio, shoot: Shoot) -> None:
    phone.open("/help/")
    assert phone.overflow() == 0
    assert phone.page.evaluate(SMALL_TARGETS) == []

    phone.page.get_by_role("searchbox", name="도움말 검색").fill("저장 공간")

    expect(phone.page.locator("#help-found")).to_have_text("답 1개")
    expect(phone.page.get_by_role("heading", name="무언가 거부되었을 때")).to_be_visible()
    shoot(phone.page, "help-phone-dark-korean")
