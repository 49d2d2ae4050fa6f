"""From sign-in to a picture on a board without a mouse or a finger."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from apps.accounts.models import User
from apps.boards.models import Board
from apps.images.models import Image
from tests.browser.studio import Studio

PASSWORD = "only by the keyboard 7"

pytestmark = pytest.mark.usefixtures("worker")


def test_the_keyboard_alone_leads_from_sign_in_to_a_picture_on_a_board(
    new_studio: Callable[..., Studio], transactional_user: User
) -> None:
    transactional_user.set_password(PASSWORD)
    transactional_user.save()
    studio = new_studio()
    page, keyboard = studio.page, studio.page.keyboard
    studio.open("/accounts/sign-in/")

    _tab_to(studio, "input[type=email], input[name=username]")
    keyboard.type(transactional_user.email)
    keyboard.press("Tab")
    keyboard.type(PASSWORD)
    keyboard.press("Enter")
    page.wait_for_url("**/create/")
    studio.settle()

    # A board, made on its page; the way there is the main navigation.
    _tab_to(studio, ".site-nav a[href='/boards/']")
    keyboard.press("Enter")
    page.wait_for_url("**/boards/")
    studio.settle()
    expect(page.locator("#main")).to_be_focused()
    _tab_to(studio, "#board-new-name")
    keyboard.type("Night skies")
    keyboard.press("Enter")
    expect(page.get_by_role("link", name="Night skies")).to_be_visible()
    board = Board.objects.get(user=transactional_user)

    _tab_to(studio, ".site-nav a[href='/create/']", backwards=True)
    keyboard.press("Enter")
    page.wait_for_url("**/create/")
    studio.settle()
    studio.set_steps(4)
    page.locator("#main").focus()
    keyboard.press("/")
    expect(studio.prompt).to_be_focused()
    keyboard.type("a moon over the sea")
    keyboard.press("Control+Enter")
    studio.wait_for_picture()

    keyboard.press("Tab")
    keyboard.press("b")
    expect(page.get_by_role("combobox", name="Board")).to_be_focused()
    keyboard.type("N")
    keyboard.press("Enter")
    expect(page.get_by_text("The picture is on “Night skies” now.")).to_be_visible()
    assert Image.objects.get(user=transactional_user).board_id == board.id


def _tab_to(studio: Studio, selector: str, *, backwards: bool = False) -> None:
    """Press Tab until what `selector` names has the focus, as somebody would."""
    wanted = studio.page.locator(selector).first
    for _press in range(80):
        if wanted.evaluate("one => one === document.activeElement"):
            return
        studio.page.keyboard.press("Shift+Tab" if backwards else "Tab")
    raise AssertionError(f"The keyboard does not reach {selector}")
