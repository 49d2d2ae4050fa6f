"""The gallery of 100,000 pictures: any place at once, few tiles, nothing that jumps."""

from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from playwright.sync_api import expect

from apps.accounts.models import User
from apps.boards.models import Board
from apps.boards.services import create_board
from apps.images.models import Image
from tests.browser.studio import DESKTOP, PHONE, Studio
from tests.libraries import fill_libraries
from tests.plugins.servers import superuser_connection

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.timeout(900)]

PICTURES = 100_000
MOST_TILES = 400
# Above this a person sees a page jump ("needs improvement" begins at 0.1).
MOST_SHIFT = 0.01

_WATCH = """() => {
  window.shift = 0;
  window.longTasks = [];
  window.mostTiles = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.shift += entry.value;
  }).observe({ type: "layout-shift" });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.longTasks.push(entry.duration);
  }).observe({ type: "longtask" });
  new MutationObserver(() => {
    const count = document.querySelectorAll(".tile").length;
    window.mostTiles = Math.max(window.mostTiles, count);
  }).observe(document.querySelector("#grid"), { childList: true });
}"""
# The names of the tiles whose middle is on the screen, and which place the first of them has.
_LOOK = """() => {
  const grid = document.querySelector("#grid");
  const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
  const tiles = [...grid.children];
  const row = tiles[0].getBoundingClientRect().height + parseFloat(getComputedStyle(grid).rowGap);
  const first = Math.round(parseFloat(grid.style.paddingBlockStart) / row) * columns;
  const seen = tiles.map((tile, index) => [tile, first + index]).filter(([tile]) => {
    const { top, bottom } = tile.getBoundingClientRect();
    return top >= 60 && bottom <= innerHeight;
  });
  return seen.map(([tile, place]) => [place, tile.dataset.imageName ?? ""]);
}"""


@pytest.fixture
def library(transactional_user: User) -> Iterator[Board]:
    """Fill the user's gallery; a third of the pictures lie on one board."""
    board = create_board(user=transactional_user, name="A third")
    with superuser_connection(connection.settings_dict["NAME"]) as server:
        fill_libraries(
            server,
            libraries={transactional_user.id: PICTURES},
            boards={transactional_user.id: [board.id]},
        )
    yield board
    with superuser_connection(connection.settings_dict["NAME"]) as server:
        server.execute("TRUNCATE images_image CASCADE")


def names_in_order(**filters: object) -> list[str]:
    rows = Image.objects.filter(**filters).order_by("-created_at", "-id")
    return [str(name) for name in rows.values_list("image_name", flat=True)]


def see(studio: Studio) -> list[tuple[int, str]]:
    """Wait until no tile on the screen is awaited; return which pictures are at which places."""
    studio.page.wait_for_function(
        "() => [...document.querySelectorAll('.tile--awaited')].every((tile) => {"
        " const { top, bottom } = tile.getBoundingClientRect();"
        " return bottom < 0 || top > innerHeight; })",
        timeout=60_000,
    )
    return [(place, name) for place, name in studio.page.evaluate(_LOOK)]


def scroll_to(studio: Studio, share: float) -> None:
    studio.page.evaluate(
        "(share) => scrollTo(0, (document.documentElement.scrollHeight - innerHeight) * share)",
        share,
    )
    # Two frames: one until the page hears of it, one until it has drawn.
    studio.page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_any_place_of_a_long_gallery_is_there_at_once(
    new_studio: Callable[..., Studio],
    transactional_user: User,
    library: Board,
    viewport: dict[str, int],
) -> None:
    expected = names_in_order(user=transactional_user)
    studio = new_studio(user=transactional_user, viewport=viewport)
    studio.open("/gallery/")
    expect(studio.page.get_by_role("link", name="All pictures 100000")).to_be_attached()
    studio.page.evaluate(_WATCH)

    for share in (0.5, 1.0, 0.25, 0.0):
        scroll_to(studio, share)
        seen = see(studio)
        assert len(seen) >= 2
        assert [name for _place, name in seen] == [expected[place] for place, _name in seen]
        middle = seen[len(seen) // 2][0] / PICTURES
        assert middle == pytest.approx(share, abs=0.001)
    last = studio.page.evaluate("() => document.querySelector('#grid').lastChild.dataset.imageName")
    assert last in expected[:MOST_TILES]

    for _turn in range(40):
        studio.page.mouse.wheel(0, 900)
        studio.page.wait_for_timeout(16)
    seen = see(studio)
    assert [name for _place, name in seen] == [expected[place] for place, _name in seen]

    watched = studio.page.evaluate("() => [mostTiles, shift, longTasks]")
    most_tiles, shift, long_tasks = watched
    assert 0 < most_tiles < MOST_TILES
    assert shift < MOST_SHIFT
    assert sum(duration > 200 for duration in long_tasks) <= 5, long_tasks
    studio.excuse("404")  # these are rows without files


def test_a_long_board_and_a_filtered_list_go_to_their_end(
    studio: Studio, transactional_user: User, library: Board
) -> None:
    lists: dict[str, dict[str, object]] = {
        f"/gallery/?board={library.id}": {"board_id": library.id},
        "/gallery/?starred=true": {"starred": True},
    }
    for path, filters in lists.items():
        expected = names_in_order(user=transactional_user, **filters)
        studio.open(path)
        scroll_to(studio, 1.0)
        studio.page.keyboard.press("End")
        see(studio)
        scroll_to(studio, 1.0)

        seen = see(studio)

        assert seen[-1] == (len(expected) - 1, expected[-1]), path
    studio.excuse("404")
