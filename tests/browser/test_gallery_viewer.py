"""The large view: look closely, rate and note, take the seed, compare; and new arrivals."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, Route, expect

from apps.accounts.models import User
from apps.boards.models import Board
from apps.boards.services import create_board, move_images
from apps.generation.announcements import announce_images
from apps.generation.models import Job
from apps.images.models import Image
from tests.browser.studio import DESKTOP, PHONE, Studio
from tests.factories import make_image

pytestmark = pytest.mark.django_db(transaction=True)

Shoot = Callable[[Page, str], Path]
# Lets a test close the page's socket as a network does.
_KEEP_SOCKETS = """
  window.sockets = [];
  window.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given);
      window.sockets.push(this);
    }
  };
"""
_SCALE = "() => new DOMMatrix(getComputedStyle(document.querySelector('%s')).transform).a"


@pytest.fixture
def images(transactional_user: User) -> list[Image]:
    """Pictures of a user, in the order of the grid."""
    made = [make_image(transactional_user, prompt=f"picture {n}", seed=70 + n) for n in range(4)]
    return made[::-1]


def scale(page: Page, selector: str = ".picture__image") -> float:
    return float(page.evaluate(_SCALE % selector))


def test_a_picture_is_looked_at_closely(studio: Studio, images: list[Image], shoot: Shoot) -> None:
    page = studio.page
    studio.open("/gallery/")
    studio.tiles.first.click()
    expect(studio.viewer).to_be_visible()
    page.mouse.move(400, 400)
    page.mouse.wheel(0, -400)
    page.wait_for_function(
        "() => document.querySelector('.picture__mat').dataset.zoomed === 'true'"
    )
    zoomed = scale(page)
    assert zoomed == pytest.approx(2.2255, rel=0.05)
    shoot(page, "viewer-zoomed")

    before = page.locator(".picture__image").bounding_box()
    page.mouse.down()
    page.mouse.move(460, 430, steps=4)
    page.mouse.up()
    after = page.locator(".picture__image").bounding_box()
    assert before is not None
    assert after is not None
    assert (after["x"] - before["x"], after["y"] - before["y"]) == pytest.approx((60, 30), abs=1)

    page.keyboard.press("+")
    assert scale(page) > zoomed
    page.keyboard.press("-")
    assert scale(page) == pytest.approx(zoomed)
    page.keyboard.press("0")
    assert scale(page) == 1
    page.locator(".picture__mat").dblclick(position={"x": 300, "y": 300})
    assert scale(page) == 2.5
    page.keyboard.press("ArrowRight")
    expect(page.locator("#picture-prompt")).to_have_text("picture 2")
    assert scale(page) == 1


def test_two_fingers_zoom(
    new_studio: Callable[..., Studio], transactional_user: User, images: list[Image]
) -> None:
    studio = new_studio(user=transactional_user, viewport=PHONE, has_touch=True, is_mobile=True)
    studio.open(f"/gallery/{images[0].image_name}/")
    devtools = studio.page.context.new_cdp_session(studio.page)

    def touch(kind: str, *points: tuple[int, int]) -> None:
        devtools.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]},
        )

    touch("touchStart", (170, 250), (230, 250))
    for spread in range(40, 121, 10):
        touch("touchMove", (200 - spread, 250), (200 + spread, 250))
    touch("touchEnd")

    assert scale(studio.page) == pytest.approx(4, rel=0.35)


def test_a_change_never_overtakes_the_one_before_it(studio: Studio, images: list[Image]) -> None:
    page = studio.page
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if route.request.method == "PATCH" and not held:
            held.append(route)
        else:
            route.continue_()

    answered: list[Request] = []

    def note(request: Request) -> None:
        answered.append(request)

    studio.open(f"/gallery/{images[0].image_name}/")
    page.route("**/api/v1/images/*", hold_the_first)
    page.on("requestfinished", note)
    page.keyboard.press("4")
    page.keyboard.press("2")
    expect(page.get_by_role("radio", name="2")).to_be_checked()
    # Long enough for the second, if it went at once.
    page.wait_for_timeout(500)
    held[0].continue_()
    while sum(request.method == "PATCH" for request in answered) < 2:
        page.wait_for_timeout(50)

    assert Image.objects.get(id=images[0].id).rating == 2


def test_rating_note_and_tags_are_kept_as_they_are_written(
    studio: Studio, images: list[Image], shoot: Shoot
) -> None:
    page = studio.page
    studio.open("/gallery/")
    studio.tiles.first.click()
    expect(studio.viewer).to_be_visible()
    page.keyboard.press("4")
    expect(page.locator("#picture-saved")).to_have_text("Saved")
    expect(studio.viewer.get_by_role("radio", name="4")).to_be_checked()
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        studio.viewer.get_by_label("Tags").fill("sea, draft, sea")
        page.keyboard.press("Tab")
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        studio.viewer.get_by_label("Note").fill("12345 for the cover")
        page.keyboard.press("Tab")
    expect(page.locator("#picture-saved")).to_have_text("Saved")
    expect(studio.viewer.get_by_label("Tags")).to_have_value("sea, draft")
    shoot(page, "viewer-edited")

    image = Image.objects.get(id=images[0].id)
    assert (image.rating, image.tags, image.note) == (4, ["sea", "draft"], "12345 for the cover")
    studio.viewer.get_by_role("link", name="Close").focus()
    page.keyboard.press("4")
    expect(studio.viewer.get_by_role("radio", name="None")).to_be_checked()
    page.keyboard.press("2")
    page.keyboard.press("Escape")
    expect(studio.tiles.first).to_have_attribute("data-rating", "2")
    expect(studio.tiles.first).to_have_attribute("data-tags", "sea,draft")


def test_a_seed_alone_is_taken_to_the_next_picture(studio: Studio, images: list[Image]) -> None:
    studio.open(f"/gallery/{images[0].image_name}/")
    studio.page.get_by_role("link", name="Use seed").click()
    studio.settle()

    studio.open_advanced()
    expect(studio.page.get_by_label("Seed", exact=True)).to_have_value("73")
    expect(studio.prompt).to_have_value("")


def test_two_pictures_are_compared_with_a_line_between_them(
    studio: Studio, images: list[Image], shoot: Shoot
) -> None:
    page = studio.page
    studio.open("/gallery/")
    studio.tiles.nth(0).click(modifiers=["ControlOrMeta"])
    studio.tiles.nth(2).click(modifiers=["ControlOrMeta"])
    page.get_by_role("button", name="Compare", exact=True).click()
    dialog = page.get_by_role("dialog", name="Compare two pictures")
    line = dialog.get_by_role("slider", name="Where the two pictures meet")
    expect(line).to_be_focused()
    expect(dialog.get_by_role("img", name="picture 3")).to_be_visible()
    studio.settle()
    shoot(page, "compare")

    for _press in range(10):
        page.keyboard.press("ArrowRight")
    expect(line).to_have_value("60")
    knob = page.locator(".compare__line").bounding_box()
    assert knob is not None
    assert knob["x"] + knob["width"] / 2 == pytest.approx(0.6 * DESKTOP["width"], abs=2)
    page.mouse.move(knob["x"] + knob["width"] / 2, 300)
    page.mouse.down()
    page.mouse.move(320, 300, steps=4)
    page.mouse.up()
    expect(line).to_have_value("25")
    page.keyboard.press("+")
    assert scale(page, "#compare-before") == scale(page, "#compare-after") == 1.5
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_another_picture_to_compare_with_is_looked_for(studio: Studio, images: list[Image]) -> None:
    page = studio.page
    dialog = page.get_by_role("dialog", name="Compare two pictures")
    studio.open(f"/gallery/{images[3].image_name}/")
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_text("Choose the picture to compare it with.")).to_be_visible()
    studio.tiles.first.click()
    expect(dialog.get_by_role("img", name="picture 0")).to_be_visible()
    expect(dialog.get_by_role("img", name="picture 3")).to_be_visible()
    dialog.get_by_role("button", name="Close the comparison").click()

    studio.tiles.nth(1).click()
    studio.viewer.get_by_role("link", name="Compare").click()
    expect(studio.viewer).to_be_hidden()
    studio.tiles.nth(2).click()
    expect(dialog.get_by_role("img", name="picture 2")).to_be_visible()


def test_the_steps_of_the_large_view_are_those_of_the_list_beneath(
    studio: Studio, images: list[Image]
) -> None:
    Image.objects.filter(id__in=[images[0].id, images[3].id]).update(starred=True)
    studio.open("/gallery/?starred=true")
    studio.tiles.first.click()
    prompt = studio.viewer.locator("#picture-prompt")
    expect(prompt).to_have_text("picture 3")

    studio.page.keyboard.press("ArrowRight")

    expect(prompt).to_have_text("picture 0")
    expect(studio.viewer.get_by_role("link", name="Next picture")).to_be_hidden()
    studio.viewer.get_by_role("button", name="Delete").click()
    expect(prompt).to_have_text("picture 3")
    studio.page.keyboard.press("Escape")
    expect(studio.tiles).to_have_count(1)
    expect(studio.tiles.first).to_be_focused()


def test_delete_steps_on_and_closes_after_the_last(studio: Studio, images: list[Image]) -> None:
    studio.open("/")
    studio.open("/gallery/")
    studio.tiles.nth(1).click()
    prompt = studio.viewer.locator("#picture-prompt")
    expect(prompt).to_have_text("picture 2")
    for following in ("picture 1", "picture 0", "picture 3"):
        studio.page.keyboard.press("Delete")
        expect(prompt).to_have_text(following)
        expect(studio.viewer).to_be_visible()

    # The second one, and Esc, come before the browser has gone back.
    studio.page.keyboard.press("Delete")
    studio.page.keyboard.press("Delete")
    studio.page.keyboard.press("Escape")

    expect(studio.viewer).to_be_hidden()
    expect(studio.page.get_by_role("heading", name="No pictures yet")).to_be_visible()
    assert studio.page.url.endswith("/gallery/")


def test_filters_are_in_the_address_and_the_way_back_leads_through_them(
    studio: Studio, images: list[Image], shoot: Shoot
) -> None:
    Image.objects.filter(id=images[0].id).update(rating=4, tags=["sea", "draft"])
    Image.objects.filter(id=images[1].id).update(rating=2)
    page = studio.page
    studio.open("/gallery/")
    page.locator("summary", has_text="Filters").click()
    page.get_by_label("Rating").select_option("2 stars or more")
    page.get_by_role("button", name="Search").click()
    expect(studio.tiles).to_have_count(2)
    assert page.url.endswith("/gallery/?rating_from=2")
    page.get_by_label("Tags").fill("draft, sea")
    page.get_by_role("button", name="Search").click()
    expect(studio.tiles).to_have_count(1)
    shoot(page, "gallery-filters")
    page.set_viewport_size(PHONE)
    shoot(page, "gallery-filters-phone")
    assert studio.overflow() == 0
    page.set_viewport_size(DESKTOP)
    page.go_back()
    expect(studio.tiles).to_have_count(2)
    expect(page.get_by_label("Rating")).to_have_value("2")
    page.get_by_role("link", name="Clear the filters").click()
    expect(studio.tiles).to_have_count(4)

    studio.tiles.first.click()
    studio.viewer.get_by_role("link", name="More like this").click()
    expect(page.get_by_label("Like one picture")).to_be_checked()
    expect(studio.tiles).to_have_count(1)


def test_new_pictures_do_not_move_what_is_looked_at(
    studio: Studio,
    transactional_user: User,
    images: list[Image],
) -> None:
    job = Job(user=transactional_user)
    for number in range(40):
        make_image(transactional_user, prompt=f"more {number}")
    studio.open("/gallery/")
    page = studio.page
    page.evaluate("() => scrollTo(0, 900)")
    page.wait_for_timeout(300)
    seen = "() => document.elementFromPoint(700, 400).closest('.tile').dataset.imageName"
    looked_at = page.evaluate(seen)

    arrived = [arrive(job, f"new {number}") for number in range(2)]

    note = page.get_by_role("button", name="2 new pictures")
    expect(note).to_be_visible()
    assert page.evaluate(seen) == looked_at
    note.click()
    expect(studio.tiles.nth(0)).to_have_attribute("data-image-name", str(arrived[1].image_name))
    expect(studio.tiles.nth(1)).to_have_attribute("data-image-name", str(arrived[0].image_name))
    expect(note).to_be_hidden()
    third = arrive(job, "at once")
    expect(studio.tiles.nth(0)).to_have_attribute("data-image-name", str(third.image_name))


def test_new_pictures_arrive_on_their_board_and_are_counted_everywhere(
    new_studio: Callable[..., Studio], transactional_user: User
) -> None:
    job = Job(user=transactional_user)
    seas = create_board(user=transactional_user, name="Seas")
    places = {place: new_studio(user=transactional_user) for place in (str(seas.id), "none")}
    for place, studio in places.items():
        studio.open(f"/gallery/?board={place}")
    on_board, loose = places.values()

    arrive(job, "loose")
    expect(loose.tiles).to_have_count(1)
    on_board.page.get_by_label("Name of a new board").fill("Woods")
    arrived = arrive(job, "at sea", board=seas)

    expect(on_board.tiles).to_have_attribute("data-image-name", str(arrived.image_name))
    expect(on_board.page.get_by_label("Name of a new board")).to_have_value("Woods")
    expect(on_board.page.get_by_label("Name of a new board")).to_be_focused()
    for studio in places.values():
        expect(studio.page.get_by_role("link", name="All pictures 2")).to_be_visible()
        expect(studio.page.get_by_role("link", name="Seas 1")).to_be_visible()
    expect(loose.tiles).to_have_count(1)


@pytest.mark.parametrize("count", [2, 60])
def test_what_came_while_the_connection_was_away_is_caught_up_with(
    studio: Studio, images: list[Image], transactional_user: User, count: int
) -> None:
    studio.page.add_init_script(_KEEP_SOCKETS)
    studio.open("/gallery/")
    expect(studio.tiles).to_have_count(4)
    missed = [make_image(transactional_user, prompt=f"missed {number}") for number in range(count)]

    studio.page.evaluate("() => sockets.at(-1).close()")

    newest = [str(image.image_name) for image in [*missed[::-1], *images]]
    expect(studio.tiles.first).to_have_attribute("data-image-name", newest[0])
    expect(studio.page.get_by_role("link", name=f"All pictures {count + 4}")).to_be_visible()
    shown = studio.tiles.evaluate_all("tiles => tiles.map((tile) => tile.dataset.imageName)")
    assert shown == newest[: len(shown)]
    assert len(shown) >= min(len(newest), 20)


def arrive(job: Job, prompt: str, *, board: Board | None = None) -> Image:
    """Store a picture and tell the open pages of it, as a worker does with a result of `job`.

    No worker knows of the job: one would make a picture of its own.
    """
    image = make_image(job.user, prompt=prompt)
    if board is not None:
        move_images(user=job.user, names=[image.image_name], board_id=board.id)
        image.refresh_from_db()
    announce_images(job, [image])
    return image
