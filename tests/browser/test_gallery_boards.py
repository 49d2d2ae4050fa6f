"""Boards beside the gallery: pictures dragged onto them, their order, and their menus."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from apps.accounts.models import User
from apps.boards.models import Board
from apps.boards.selectors import list_boards
from apps.boards.services import create_board
from apps.images.models import HourCount, Image
from tests.browser.studio import DESKTOP, PHONE, Studio
from tests.factories import make_image

pytestmark = pytest.mark.django_db(transaction=True)

Shoot = Callable[[Page, str], Path]
_GREY = """(element) => {
  const [red, green, blue] = getComputedStyle(element).backgroundColor.match(/[\\d.]+/g);
  return (Number(red) + Number(green) + Number(blue)) / 3;
}"""


@pytest.fixture
def images(transactional_user: User) -> list[Image]:
    """Pictures of a user, in the order of the grid."""
    made = [make_image(transactional_user, prompt=f"picture {n}", seed=n) for n in range(8)]
    return made[::-1]


@pytest.fixture
def boards(transactional_user: User) -> list[Board]:
    """Boards in their order."""
    made = [create_board(user=transactional_user, name=name) for name in ("Woods", "Seas", "Sky")]
    return made[::-1]


@pytest.fixture
def gallery(studio: Studio, images: list[Image], boards: list[Board]) -> Studio:
    studio.open("/gallery/")
    expect(studio.tiles).to_have_count(len(images))
    return studio


def board_link(studio: Studio, name: str) -> Locator:
    return studio.page.locator("#shelf").get_by_role("link", name=name)


def drag(page: Page, source: Locator, target: Locator, *, share: float = 0.5) -> None:
    """Drag with the real mouse to `share` of the height of `target`."""
    start, end = source.bounding_box(), target.bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(end["x"] + 20, end["y"] + end["height"] * share, steps=8)
    page.mouse.move(end["x"] + 24, end["y"] + end["height"] * share, steps=2)


def order_of(user: User) -> list[str]:
    return list(list_boards(user=user).values_list("name", flat=True))


def test_a_picture_is_dragged_onto_a_board_off_it_and_into_the_trash(
    gallery: Studio, images: list[Image], boards: list[Board], shoot: Shoot
) -> None:
    page = gallery.page
    drag(page, gallery.tiles.first, board_link(gallery, "Seas"))
    expect(page.locator(".drop--onto")).to_have_attribute("data-name", "Seas")
    shoot(page, "gallery-drag")
    page.mouse.up()

    expect(board_link(gallery, "Seas 1")).to_be_visible()
    expect(page.locator(".drop--onto")).to_have_count(0)
    assert Image.objects.get(id=images[0].id).board_id == boards[1].id
    drag(page, gallery.tiles.first, board_link(gallery, "On no board"))
    page.mouse.up()
    expect(board_link(gallery, "Seas 0")).to_be_visible()
    drag(page, gallery.tiles.nth(1), board_link(gallery, "Trash"))
    page.mouse.up()
    expect(board_link(gallery, "Trash 1")).to_be_visible()
    expect(gallery.tiles).to_have_count(7)
    assert Image.objects.get(id=images[1].id).deleted_at is not None


def test_the_whole_selection_goes_where_one_of_it_is_dragged(
    gallery: Studio, images: list[Image], boards: list[Board]
) -> None:
    gallery.tiles.nth(1).click(modifiers=["ControlOrMeta"])
    gallery.tiles.nth(3).click(modifiers=["Shift"])

    drag(gallery.page, gallery.tiles.nth(2), board_link(gallery, "Woods"))
    gallery.page.mouse.up()

    expect(board_link(gallery, "Woods 3")).to_be_visible()
    assert set(Image.objects.filter(board_id=boards[2].id)) == set(images[1:4])


def test_what_leaves_the_board_that_is_looked_at_leaves_the_grid(
    gallery: Studio, images: list[Image], boards: list[Board]
) -> None:
    Image.objects.filter(id__in=[image.id for image in images[:3]]).update(board_id=boards[0].id)
    gallery.open(f"/gallery/?board={boards[0].id}")
    expect(gallery.page.get_by_role("heading", name="Sky")).to_be_visible()
    expect(gallery.tiles).to_have_count(3)

    drag(gallery.page, gallery.tiles.nth(1), board_link(gallery, "Woods"))
    gallery.page.mouse.up()

    expect(gallery.tiles).to_have_count(2)
    gallery.page.get_by_role("button", name="Undo").click()
    expect(gallery.tiles).to_have_count(3)
    shown = gallery.tiles.evaluate_all("tiles => tiles.map((tile) => tile.dataset.imageName)")
    assert shown == [str(image.image_name) for image in images[:3]]


def test_boards_are_put_in_order_by_mouse_and_keyboard(
    gallery: Studio, transactional_user: User
) -> None:
    assert order_of(transactional_user) == ["Sky", "Seas", "Woods"]
    drag(gallery.page, board_link(gallery, "Woods"), board_link(gallery, "Sky"), share=0.2)
    expect(gallery.page.locator(".drop--before")).to_have_attribute("data-name", "Sky")
    gallery.page.mouse.up()
    expect(gallery.page.locator("[data-board]").first).to_have_attribute("data-name", "Woods")
    assert order_of(transactional_user) == ["Woods", "Sky", "Seas"]

    board_link(gallery, "Woods").focus()
    gallery.page.keyboard.press("Alt+ArrowDown")
    expect(gallery.page.locator("[data-board]").nth(1)).to_have_attribute("data-name", "Woods")
    expect(board_link(gallery, "Woods")).to_be_focused()
    assert order_of(transactional_user) == ["Sky", "Woods", "Seas"]


def test_the_menu_of_a_board_renames_archives_and_deletes_it(
    gallery: Studio, transactional_user: User, images: list[Image], shoot: Shoot
) -> None:
    page = gallery.page
    menu = page.get_by_role("button", name="Menu of Seas")
    board_link(gallery, "Seas").hover()
    menu.click()
    shoot(page, "gallery-board-menu")
    page.get_by_role("menuitem", name="Name and description").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Oceans")
    page.keyboard.press("Enter")
    expect(board_link(gallery, "Oceans 0")).to_be_visible()

    oceans = page.get_by_role("button", name="Menu of Oceans")
    oceans.focus()
    page.keyboard.press("Enter")
    page.get_by_role("menuitemcheckbox", name="New pictures go here").click()
    expect(page.get_by_role("img", name="New pictures go here")).to_be_visible()
    oceans_board = Board.objects.get(name="Oceans")
    assert oceans_board.is_auto_add is True
    Image.objects.filter(id=images[0].id).update(board_id=oceans_board.id)

    oceans.click()
    page.get_by_role("menuitem", name="Archive").click()
    expect(board_link(gallery, "Oceans")).to_be_hidden()
    assert Board.objects.get(name="Oceans").is_archived is True
    page.locator("summary", has_text="Archived").click()
    oceans.click()
    page.get_by_role("menuitem", name="Take from the archive").click()
    expect(board_link(gallery, "Oceans 1")).to_be_visible()

    expect(gallery.tiles).to_have_count(8)
    oceans.click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_label("Put them into the trash").check()
    page.get_by_role("button", name="Delete the board").click()
    expect(board_link(gallery, "Oceans")).to_have_count(0)
    expect(gallery.tiles).to_have_count(7)
    assert order_of(transactional_user) == ["Sky", "Woods"]
    assert Image.objects.filter(deleted_at__isnull=False).count() == 1


def test_pictures_of_a_deleted_board_move_on_and_back(
    gallery: Studio, images: list[Image], boards: list[Board]
) -> None:
    Image.objects.filter(id=images[0].id).update(board_id=boards[0].id)
    page = gallery.page
    page.reload()
    gallery.settle()
    board_link(gallery, "Sky 1").hover()
    page.get_by_role("button", name="Menu of Sky").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("button", name="Delete the board").click()
    expect(gallery.tiles.first).not_to_have_attribute("data-board", str(boards[0].id))

    drag(page, gallery.tiles.first, board_link(gallery, "Woods"))
    page.mouse.up()
    expect(board_link(gallery, "Woods 1")).to_be_visible()
    page.get_by_role("button", name="Undo").click()

    expect(board_link(gallery, "Woods 0")).to_be_visible()
    assert not Image.objects.filter(board_id__isnull=False).exists()


def test_the_large_view_moves_a_picture_off_the_board_and_makes_a_cover(
    gallery: Studio, images: list[Image], boards: list[Board]
) -> None:
    Image.objects.filter(id__in=[image.id for image in images[:3]]).update(board_id=boards[0].id)
    page = gallery.page
    gallery.open(f"/gallery/?board={boards[0].id}")
    gallery.tiles.nth(1).click()
    gallery.viewer.get_by_role("button", name="Use as cover").click()
    expect(page.get_by_text("The picture is the cover of its board now.")).to_be_visible()
    cover = page.locator(f"[data-board='{boards[0].id}'] .board__cover")
    expect(cover).to_have_attribute("src", re.compile(str(images[1].image_name)))
    assert Board.objects.get(id=boards[0].id).cover_name == images[1].image_name

    gallery.viewer.get_by_label("Board").select_option("None")
    expect(gallery.viewer.get_by_role("button", name="Use as cover")).to_be_hidden()
    page.get_by_role("link", name="Close", exact=True).focus()
    page.keyboard.press("ArrowRight")
    expect(gallery.viewer.locator("#picture-prompt")).to_have_text("picture 5")
    page.keyboard.press("Escape")
    expect(gallery.tiles).to_have_count(2)
    expect(gallery.tiles.nth(1)).to_be_focused()


@pytest.mark.parametrize("width", [1280, 390])
def test_what_a_board_is_about_is_under_its_name(
    new_studio: Callable[..., Studio], boards: list[Board], shoot: Shoot, width: int
) -> None:
    scheme = "light" if width > 400 else "dark"
    size = {"width": width, "height": 844}
    studio = new_studio(user=boards[1].user, viewport=size, color_scheme=scheme)
    page = studio.page
    studio.open(f"/gallery/?board={boards[1].id}")
    about = page.locator("#board-description")
    expect(about).to_be_hidden()

    page.get_by_role("button", name="Menu of Seas").click()
    page.get_by_role("menuitem", name="Name and description").click()
    field = page.get_by_role("textbox", name="Description")
    field.fill("Waves and light.\nFor the calendar of next year, twelve of them.")
    shoot(page, f"gallery-describe-{width}")
    page.get_by_role("textbox", name="Name", exact=True).fill("Oceans")
    page.get_by_role("button", name="Save").click()

    expect(about).to_contain_text("For the calendar of next year")
    expect(page.get_by_role("heading", name="Oceans")).to_be_visible()
    shoot(page, f"gallery-described-{width}")
    assert studio.overflow() == 0
    page.reload()
    expect(about).to_contain_text("Waves and light.")
    expect(page.get_by_role("button", name="Menu of Oceans")).to_be_visible()


def test_days_are_boards_that_nobody_made(
    new_studio: Callable[..., Studio], transactional_user: User, images: list[Image]
) -> None:
    # Of the former days there are the counts alone, which triggers keep of when pictures are made.
    for hour, count in (("2026-03-01T14:00:00Z", 1), ("2026-03-01T15:00:00Z", 2)):
        HourCount.objects.create(user=transactional_user, hour=hour, image_count=count)
    Image.objects.filter(id__in=[image.id for image in images[:2]]).update(
        created_at=datetime(2026, 3, 1, 15, 30, tzinfo=UTC)
    )
    studio = new_studio(user=transactional_user, timezone_id="Asia/Seoul")
    studio.open("/gallery/")
    studio.page.locator("summary", has_text="By date").click()
    days = studio.page.locator("#day-list .board")
    expect(days).to_have_count(3)

    days.nth(1).click()
    expect(studio.tiles).to_have_count(2)
    expect(days.nth(1)).to_have_attribute("aria-current", "page")
    assert "since=" in studio.page.url
    # It is a search like others.
    expect(studio.page.get_by_label("From")).to_have_value("2026-03-02")
    expect(studio.page.get_by_label("To", exact=True)).to_have_value("2026-03-02")
    studio.page.get_by_label("From").fill("2026-02-27")
    studio.page.get_by_label("To", exact=True).fill("2026-03-01")
    studio.page.get_by_role("button", name="Search").click()
    expect(studio.tiles).to_have_count(0)
    expect(studio.page.get_by_role("heading", name="No picture was made then")).to_be_visible()
    studio.page.get_by_role("link", name="Clear the filters").click()
    expect(studio.tiles).to_have_count(8)
    assert studio.page.url.endswith("/gallery/")
    # Each step is seen before the next: a step in the middle of another one may be dropped.
    for seen in (0, 2, 8):
        studio.page.go_back()
        expect(studio.tiles).to_have_count(seen)


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["1280", "390"])
def test_the_gallery_is_dark_where_the_system_is(
    new_studio: Callable[..., Studio],
    transactional_user: User,
    images: list[Image],
    boards: list[Board],
    viewport: dict[str, int],
    shoot: Shoot,
) -> None:
    Image.objects.filter(id__in=[image.id for image in images[:3]]).update(board_id=boards[0].id)
    studio = new_studio(
        user=transactional_user, viewport=viewport, color_scheme="dark", reduced_motion="reduce"
    )
    page, width = studio.page, viewport["width"]
    studio.open("/gallery/")
    for place in (0, 2):
        studio.tiles.nth(place).click(modifiers=["ControlOrMeta"])
    expect(page.locator("#selection-count")).to_have_text("2 of 8 selected")
    shoot(page, f"gallery-dark-{width}")
    assert studio.overflow() == 0

    page.keyboard.press("Escape")
    studio.tiles.nth(1).click()
    expect(studio.viewer.get_by_role("button", name="Use as cover")).to_be_visible()
    page.wait_for_function("() => document.querySelector('.picture__image').complete")
    shoot(page, f"viewer-dark-{width}")
    assert studio.overflow() == 0
    for part in ("body", "#selection", "#viewer", "#board"):
        assert page.locator(part).evaluate(_GREY) < 80, part
