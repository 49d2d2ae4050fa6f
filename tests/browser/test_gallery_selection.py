"""Many pictures at once: selecting them with mouse and keyboard, acting on them, and undo."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from apps.accounts.models import User
from apps.boards.services import create_board
from apps.images.models import Image
from tests.browser.studio import PHONE, Studio
from tests.factories import make_image

pytestmark = pytest.mark.django_db(transaction=True)

Shoot = Callable[[Page, str], Path]


@pytest.fixture
def images(transactional_user: User) -> list[Image]:
    """Pictures of a user, in the order of the grid."""
    made = [make_image(transactional_user, prompt=f"picture {n}", seed=n) for n in range(12)]
    return made[::-1]


@pytest.fixture
def gallery(studio: Studio, images: list[Image]) -> Studio:
    studio.open("/gallery/")
    expect(studio.tiles).to_have_count(len(images))
    return studio


def selected(studio: Studio) -> Locator:
    return studio.page.locator(".tile[data-selected]")


def bar(studio: Studio) -> Locator:
    return studio.page.get_by_role("toolbar", name="Selected pictures")


def counted(studio: Studio) -> Locator:
    return studio.page.locator("#selection-count")


def names(images: list[Image]) -> list[str]:
    return [str(image.image_name) for image in images]


def selected_names(studio: Studio) -> list[str]:
    # The count is told at once, and the tiles are drawn in the next frame.
    studio.page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
    )
    tiles = selected(studio)
    return list(tiles.evaluate_all("tiles => tiles.map((tile) => tile.dataset.imageName)"))


def test_the_mouse_selects_one_by_one_and_ranges(
    gallery: Studio, images: list[Image], shoot: Shoot
) -> None:
    gallery.tiles.nth(1).hover()
    gallery.tiles.nth(1).locator(".tile__check").click()
    expect(counted(gallery)).to_have_text("1 of 12 selected")
    gallery.tiles.nth(3).click(modifiers=["ControlOrMeta"])
    gallery.tiles.nth(6).click(modifiers=["Shift"])
    expect(counted(gallery)).to_have_text("5 of 12 selected")
    # The tiles are drawn in the frame after the count.
    expect(selected(gallery)).to_have_count(5)
    assert selected_names(gallery) == names([images[1], *images[3:7]])
    shoot(gallery.page, "gallery-selection")

    gallery.tiles.nth(4).click(modifiers=["ControlOrMeta"])
    expect(selected(gallery)).to_have_count(4)
    assert selected_names(gallery) == names([images[1], images[3], *images[5:7]])
    gallery.page.keyboard.press("Escape")
    expect(selected(gallery)).to_have_count(0)
    expect(bar(gallery)).to_be_hidden()


def test_the_keyboard_moves_selects_and_opens(gallery: Studio, images: list[Image]) -> None:
    keyboard = gallery.page.keyboard
    gallery.tiles.first.focus()
    keyboard.press("ArrowRight")
    expect(gallery.tiles.nth(1)).to_be_focused()
    keyboard.press("Space")
    keyboard.press("Shift+ArrowRight")
    keyboard.press("Shift+ArrowRight")
    expect(counted(gallery)).to_have_text("3 of 12 selected")
    assert selected_names(gallery) == names(images[1:4])
    keyboard.press("End")
    expect(gallery.tiles.last).to_be_focused()
    assert gallery.page.locator(".tile[tabindex='0']").count() == 1

    keyboard.press("Control+a")
    expect(counted(gallery)).to_have_text("12 selected")
    keyboard.press("Escape")
    keyboard.press("Home")
    keyboard.press("Enter")
    expect(gallery.viewer.locator("#picture-prompt")).to_have_text("picture 11")


def test_the_selected_go_to_the_trash_and_come_back(gallery: Studio, images: list[Image]) -> None:
    gallery.tiles.nth(2).click(modifiers=["ControlOrMeta"])
    gallery.tiles.nth(4).click(modifiers=["Shift"])
    gallery.page.keyboard.press("Delete")

    expect(gallery.page.get_by_text("3 pictures are in the trash for 30 days.")).to_be_visible()
    expect(gallery.tiles).to_have_count(9)
    expect(gallery.page.get_by_role("link", name="Trash 3")).to_be_visible()
    assert Image.objects.filter(deleted_at=None).count() == 9

    gallery.page.get_by_role("button", name="Undo").click()
    expect(gallery.tiles).to_have_count(12)
    shown = gallery.tiles.evaluate_all("tiles => tiles.map((tile) => tile.dataset.imageName)")
    assert shown == names(images)
    assert Image.objects.filter(deleted_at=None).count() == 12


def test_stars_ratings_and_tags_of_many_are_undone_each_as_it_was(
    gallery: Studio, images: list[Image]
) -> None:
    Image.objects.filter(id=images[0].id).update(rating=2)
    gallery.page.reload()
    gallery.settle()
    gallery.tiles.nth(0).click(modifiers=["ControlOrMeta"])
    gallery.tiles.nth(1).click(modifiers=["ControlOrMeta"])

    bar(gallery).get_by_role("button", name="Star", exact=True).click()
    expect(gallery.page.locator(".tile[data-starred]")).to_have_count(2)
    bar(gallery).get_by_role("button", name="Rate").click()
    gallery.page.get_by_role("menuitem", name="4 stars").click()
    expect(gallery.page.locator(".tile[data-rating='4']")).to_have_count(2)
    assert list(Image.objects.filter(starred=True).values_list("rating", flat=True)) == [4, 4]
    gallery.page.get_by_role("button", name="Undo").last.click()
    expect(gallery.page.locator(".tile[data-rating='2']")).to_have_count(1)
    expect(gallery.page.locator(".tile[data-rating='4']")).to_have_count(0)

    bar(gallery).get_by_role("button", name="Tag").click()
    gallery.page.get_by_role("textbox", name="Tag the pictures").fill("sea, draft")
    gallery.page.keyboard.press("Enter")
    expect(gallery.page.get_by_text("2 pictures are tagged.")).to_be_visible()
    tagged = Image.objects.filter(tags=["sea", "draft"])
    assert set(tagged.values_list("id", flat=True)) == {images[0].id, images[1].id}


def test_a_selection_outlives_its_tiles(studio: Studio, transactional_user: User) -> None:
    template = make_image(transactional_user, prompt="many")
    Image.objects.bulk_create(copies(template, 400))
    studio.open("/gallery/")
    studio.tiles.first.click(modifiers=["ControlOrMeta"])
    studio.page.evaluate("() => scrollTo(0, document.documentElement.scrollHeight)")
    expect(studio.page.locator(f"#tile-{template.image_name}")).to_be_visible()
    expect(selected(studio)).to_have_count(0)

    studio.tiles.last.click(modifiers=["Shift"])
    expect(counted(studio)).to_have_text("401 selected")
    studio.page.evaluate("() => scrollTo(0, 0)")
    expect(studio.tiles.first).to_have_attribute("data-selected", "")
    studio.excuse("404")  # the copies are rows without files


def test_more_go_to_the_trash_and_back_than_the_page_keeps(
    studio: Studio, transactional_user: User
) -> None:
    template = make_image(transactional_user, prompt="many")
    Image.objects.bulk_create(copies(template, 2400))
    studio.open("/gallery/")
    select_all(studio, template)
    expect(counted(studio)).to_have_text("2,401 selected")

    studio.page.keyboard.press("Delete")
    expect(studio.page.get_by_role("heading", name="No pictures yet")).to_be_visible()
    assert Image.objects.filter(deleted_at=None).count() == 0
    studio.page.get_by_role("button", name="Undo").click()

    expect(studio.tiles.first).to_be_visible()
    studio.tiles.first.focus()
    studio.page.keyboard.press("End")
    expect(studio.page.locator(f"#tile-{template.image_name}")).to_be_focused()
    assert Image.objects.filter(deleted_at=None).count() == 2401
    studio.excuse("404")  # the copies are rows without files


def test_what_a_failing_act_has_done_is_shown_and_can_be_undone(
    studio: Studio, transactional_user: User
) -> None:
    template = make_image(transactional_user, prompt="many")
    Image.objects.bulk_create(copies(template, 1100))
    studio.open("/gallery/")
    select_all(studio, template)
    expect(counted(studio)).to_have_text("1,101 selected")
    # The server's own limit is far higher than what a test may ask for.
    limit = '{"detail": "That was too much.", "code": "rate_limited", "error_id": "e1"}'
    studio.page.route(
        "**/images/acts",
        lambda route: (
            route.fulfill(status=429, content_type="application/json", body=limit)
            if len(route.request.post_data_json["images"]) < 1000
            else route.continue_()
        ),
    )

    studio.page.keyboard.press("Delete")

    expect(studio.page.get_by_text("1,000 pictures are in the trash")).to_be_visible()
    expect(studio.page.get_by_text("That was too much.")).to_be_visible()
    expect(counted(studio)).to_have_text("101 selected")
    expect(studio.page.get_by_role("link", name="Trash 1000")).to_be_visible()
    studio.page.get_by_role("button", name="Undo").click()
    expect(studio.page.get_by_role("link", name="Trash 0")).to_be_visible()
    assert Image.objects.filter(deleted_at=None).count() == 1101
    studio.excuse("429")
    studio.excuse("404")  # the copies are rows without files


def test_a_range_is_no_longer_than_can_be_acted_on(
    studio: Studio, transactional_user: User
) -> None:
    template = make_image(transactional_user, prompt="many")
    Image.objects.bulk_create(copies(template, 5200))
    studio.open("/gallery/")
    studio.page.keyboard.press("Control+a")
    expect(counted(studio)).to_have_text("48 of 5,201 selected")
    studio.page.keyboard.press("Escape")

    select_all(studio, template)

    expect(studio.page.get_by_text("The selection ends after 5,000 pictures")).to_be_visible()
    expect(counted(studio)).to_have_text("5,000 of 5,201 selected", timeout=60_000)
    studio.excuse("404")  # the copies are rows without files


def select_all(studio: Studio, last: Image) -> None:
    """Select from the first picture to the last one of the list with the mouse."""
    studio.tiles.first.click(modifiers=["ControlOrMeta"])
    studio.page.keyboard.press("End")
    expect(studio.page.locator(f"#tile-{last.image_name}")).to_be_focused()
    studio.tiles.last.click(modifiers=["Shift"])


def test_a_range_begins_at_the_picture_wherever_it_has_moved(
    gallery: Studio, images: list[Image]
) -> None:
    gallery.tiles.nth(0).click(modifiers=["ControlOrMeta"])
    gallery.page.keyboard.press("Delete")
    expect(gallery.tiles).to_have_count(11)
    gallery.tiles.nth(3).click(modifiers=["ControlOrMeta"])
    gallery.page.get_by_role("button", name="Undo").click()
    expect(gallery.tiles).to_have_count(12)

    gallery.tiles.nth(6).click(modifiers=["Shift"])

    expect(counted(gallery)).to_have_text("3 of 12 selected")
    assert selected_names(gallery) == names(images[4:7])


def copies(image: Image, count: int) -> list[Image]:
    """Return rows for the files of `image`, each a moment newer than the one before."""
    fields = {
        field.attname: getattr(image, field.attname)
        for field in Image._meta.concrete_fields
        if field.name not in {"id", "image_name", "created_at", "updated_at", "session_id"}
    }
    return [Image(**fields) for _copy in range(count)]


def test_b_moves_what_is_selected_to_a_board(
    gallery: Studio, transactional_user: User, images: list[Image], shoot: Shoot
) -> None:
    board = create_board(user=transactional_user, name="Seas")
    gallery.page.reload()
    gallery.settle()
    keyboard = gallery.page.keyboard
    gallery.tiles.first.focus()
    keyboard.press("Space")
    keyboard.press("Shift+ArrowRight")
    keyboard.press("b")
    expect(gallery.page.get_by_role("menuitem", name="On no board")).to_be_focused()
    shoot(gallery.page, "gallery-move-menu")
    keyboard.press("s")
    expect(gallery.page.get_by_role("menuitem", name="Seas")).to_be_focused()
    keyboard.press("Enter")

    expect(gallery.page.get_by_text("2 pictures are on “Seas” now.")).to_be_visible()
    expect(gallery.page.get_by_role("link", name="Seas 2")).to_be_visible()
    assert set(Image.objects.filter(board_id=board.id)) == {images[0], images[1]}
    gallery.page.get_by_role("button", name="Undo").click()
    expect(gallery.page.get_by_role("link", name="Seas 0")).to_be_visible()
    assert not Image.objects.filter(board_id=board.id).exists()


def test_a_finger_selects_too(
    new_studio: Callable[..., Studio], transactional_user: User, images: list[Image], shoot: Shoot
) -> None:
    studio = new_studio(user=transactional_user, viewport=PHONE, has_touch=True, is_mobile=True)
    studio.open("/gallery/")
    studio.tiles.nth(0).locator(".tile__check").tap()
    studio.tiles.nth(1).tap()
    expect(counted(studio)).to_have_text("2 of 12 selected")
    shoot(studio.page, "gallery-selection-390")
    assert studio.overflow() == 0
    bar(studio).get_by_role("button", name="Clear the selection").tap()
    studio.tiles.nth(1).tap()
    expect(studio.viewer).to_be_visible()
