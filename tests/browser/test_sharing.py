"""A board is shared in the browser: by a link, and with somebody."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.boards.models import Board, BoardLink, BoardMember, MemberRole
from apps.boards.services import create_board, edit_board, move_images
from apps.boards.sharing_services import add_member
from apps.images.models import Image
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from tests.browser.studio import PHONE, Studio
from tests.factories import make_image, make_user

pytestmark = pytest.mark.django_db(transaction=True)

Shoot = Callable[[Page, str], Path]
NewStudio = Callable[..., Studio]


@pytest.fixture
def board(transactional_user: User) -> Board:
    """A board with three pictures on it."""
    board = create_board(user=transactional_user, name="By the sea", description="Waves at dusk.")
    images = [make_image(transactional_user, prompt=f"wave {number}") for number in range(3)]
    names = [image.image_name for image in images]
    move_images(user=transactional_user, names=names, board_id=board.id)
    return board


def open_dialog(studio: Studio, board: Board) -> None:
    studio.open(f"/gallery/?board={board.id}")
    studio.page.get_by_role("button", name="Share this board").click()
    expect(studio.page.get_by_role("dialog", name="Share “By the sea”")).to_be_visible()


@pytest.mark.parametrize("window", [{}, {"viewport": PHONE, "color_scheme": "dark"}])
def test_a_link_shows_the_board_to_whoever_has_it_until_it_is_withdrawn(
    new_studio: NewStudio,
    transactional_user: User,
    board: Board,
    shoot: Shoot,
    window: dict[str, object],
) -> None:
    kind = "phone-dark" if window else "desktop-light"
    owner = new_studio(user=transactional_user, **window)
    open_dialog(owner, board)
    expect(
        owner.page.get_by_text("Your plan has links, but no sharing with people by name.")
    ).to_be_visible()
    shoot(owner.page, f"share-without-plan-{kind}")
    owner.page.get_by_role("button", name="Make a link").click()
    field = owner.page.get_by_label("Address of the link")
    expect(field).to_be_visible()
    shoot(owner.page, f"share-link-{kind}")
    assert owner.overflow() == 0
    address = field.input_value()

    visitor = new_studio(**window)
    visitor.open(address)
    expect(visitor.page.get_by_role("heading", name="By the sea")).to_be_visible()
    expect(visitor.page.locator(".shared__tile")).to_have_count(3)
    shoot(visitor.page, f"shared-board-{kind}")
    assert visitor.overflow() == 0
    assert "wave" not in visitor.page.content()
    visitor.page.locator(".shared__tile").first.click()
    picture = visitor.page.locator(".shared-picture__image")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 64
    shoot(visitor.page, f"shared-picture-{kind}")
    assert visitor.overflow() == 0
    visitor.page.get_by_label("Next picture").click()
    visitor.page.get_by_role("link", name="By the sea").click()
    expect(visitor.page).to_have_url(address)

    owner.page.get_by_role("button", name="Withdraw the link").click()
    expect(owner.page.get_by_role("button", name="Make a link")).to_be_visible()
    response = visitor.page.reload()
    assert response is not None
    assert response.status == 404
    visitor.excuse("404")
    assert BoardLink.objects.get().withdrawn_at is not None


def test_a_board_is_shared_with_somebody_who_moves_a_picture_and_leaves(
    new_studio: NewStudio, transactional_user: User, board: Board, shoot: Shoot
) -> None:
    start_subscription(user=transactional_user, plan=PLANS["enterprise"])
    friend = make_user("friend@example.com")
    owner = new_studio(user=transactional_user)
    open_dialog(owner, board)
    field = owner.page.get_by_label("E-mail address")
    field.fill(transactional_user.email)
    field.press("Enter")
    expect(owner.page.get_by_role("alert")).to_have_text("This is your own address.")
    owner.excuse("422")
    expect(field).to_have_value(transactional_user.email)
    shoot(owner.page, "share-refused")
    field.fill("Friend@example.com")
    owner.page.locator("#share").get_by_role("button", name="Add").click()
    role = owner.page.get_by_label("What friend@example.com may do")
    expect(role).to_have_value("viewer")
    role.select_option("editor")
    expect(owner.page.locator("#share option[value=editor]:checked")).to_have_count(1)
    owner.settle()
    prompts = owner.page.get_by_label("Show the prompts of the pictures too")
    prompts.check()
    owner.settle()
    expect(prompts).to_be_checked()
    shoot(owner.page, "share-members")
    assert BoardMember.objects.get().role == MemberRole.EDITOR
    second = create_board(user=transactional_user, name="Hills")
    add_member(
        user=transactional_user, board_id=second.id, email=friend.email, role=MemberRole.EDITOR
    )
    edit_board(user=transactional_user, board_id=second.id, description="Green ones.")

    studio = new_studio(user=friend)
    studio.open("/gallery/")
    studio.page.get_by_role("link", name="Shared with me").click()
    expect(studio.page.locator(".shared-card")).to_have_count(2)
    studio.settle()
    shoot(studio.page, "shared-with-me")
    studio.page.get_by_role("link", name=re.compile("By the sea")).click()
    expect(studio.page.locator(".shared__tile")).to_have_count(3)
    studio.page.get_by_alt_text("wave 1").click()
    expect(studio.page.get_by_role("heading", name="wave 1")).to_be_visible()
    studio.settle()
    shoot(studio.page, "shared-editor")
    studio.page.get_by_label("Move to").select_option(label="Hills")
    studio.page.get_by_role("button", name="Move", exact=True).click()
    expect(studio.page.locator(".shared__tile")).to_have_count(2)
    assert Image.objects.get(board_id=second.id).metadata["prompt"] == "wave 1"

    studio.page.get_by_role("button", name="Leave this board").click()
    expect(studio.page.locator(".shared-card")).to_have_count(1)
    assert BoardMember.objects.get().board_id == second.id
