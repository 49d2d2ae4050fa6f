"""Whatever is searched for, a page costs few looks: at 200,000 pictures, 40,000 of one user."""

import dataclasses
import random
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from django.db import connection

from apps.accounts.models import User
from apps.boards.models import Board
from apps.boards.services import create_board
from apps.core.tenancy import tenant_scope
from apps.images.listed import ListedImage
from apps.images.models import Image
from apps.images.search import (
    LOOSE,
    Filters,
    Order,
    Place,
    find_images,
    mark_places,
    settings_digest_of,
)
from tests.factories import make_user
from tests.libraries import FIRST, RARE, fill_libraries
from tests.plugins.servers import superuser_connection

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROWS = 200_000
OWN = 40_000
PAGE = 100
MOST_BUFFERS = 2000

Answer = TypeVar("Answer")

# A filter by its name, as what it asks for, given a picture and a board of the user.
FILTERS: dict[str, Callable[[Image, Board], dict[str, Any]]] = {
    "rare word": lambda _image, _board: {"words": [RARE]},
    "common word": lambda _image, _board: {"words": ["castle"]},
    "part of a word": lambda _image, _board: {"words": ["ligh"]},
    "one letter": lambda _image, _board: {"words": ["z"]},
    "two syllables": lambda _image, _board: {"words": ["바다"]},
    "two words": lambda _image, _board: {"words": ["노을", "고양이"]},
    "no such word": lambda _image, _board: {"words": ["qqq"]},
    "word of a note": lambda _image, _board: {"words": ["표지"]},
    "common model": lambda _image, _board: {"model": "sd-1.5"},
    "rare model": lambda _image, _board: {"model": "starter"},
    "lora": lambda _image, _board: {"lora": "ink"},
    "category": lambda _image, _board: {"category": "user"},
    "tag": lambda _image, _board: {"tags": ["시안"]},
    "board": lambda _image, board: {"board": board.id},
    "no board": lambda _image, _board: {"board": LOOSE},
    "starred": lambda _image, _board: {"starred": True},
    "rating": lambda _image, _board: {"rating_from": 4},
    "size": lambda _image, _board: {"width": 768, "height": 512},
    "seed": lambda image, _board: {"seed": image.metadata["seed"]},
    "same settings": lambda image, _board: {
        "like": settings_digest_of(user=image.user, image_name=image.image_name)
    },
    "dates": lambda _image, _board: {
        "since": FIRST + timedelta(days=50),
        "until": FIRST + timedelta(days=60),
    },
}


@pytest.fixture
def library(transactional_db: None) -> Iterator[tuple[User, Board]]:
    owner = make_user("big@example.com")
    others = [make_user(f"other{number}@example.com") for number in range(4)]
    boards = [create_board(user=owner, name=f"board {number}") for number in range(20)]
    shares = {other.id: (ROWS - OWN) // len(others) for other in others}
    with superuser_connection(connection.settings_dict["NAME"]) as server:
        fill_libraries(
            server,
            libraries={owner.id: OWN} | shares,
            boards={owner.id: [board.id for board in boards]},
        )
    yield owner, boards[0]
    with superuser_connection(connection.settings_dict["NAME"]) as server:
        # Quicker than to delete each, and nothing is left that the next plans would count.
        server.execute("TRUNCATE images_image CASCADE")


def pages_looked_at(user: User, **arguments: Any) -> tuple[int, list[ListedImage]]:
    """Count the buffers of all queries that a search makes; and return what it finds."""
    return buffers_of(user, lambda: find_images(user=user, size=PAGE + 1, **arguments))


def buffers_of(user: User, ask: Callable[[], Answer]) -> tuple[int, Answer]:
    """Count the buffers of all queries that `ask` makes; and return its answer."""
    statements: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append((sql, params))
        return execute(sql, params, many, context)

    with tenant_scope(user.id):
        with connection.execute_wrapper(note):
            found = ask()
        buffers = 0
        with connection.cursor() as cursor:
            for sql, params in statements:
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params)
                plan = cursor.fetchone()[0][0]["Plan"]
                buffers += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return buffers, found


def test_every_search_looks_at_few_pages_and_finds_what_there_is(
    library: tuple[User, Board], record_property: Callable[[str, object], None]
) -> None:
    record_property("dearest", check_costs(*library))
    for order in Order:
        check_answers(*library, order)


def check_costs(user: User, board: Board) -> list[tuple[str, int]]:
    """Ask for every filter in every order, from the top and deep, and for 50 mixtures."""
    chance = random.Random(6)
    with tenant_scope(user.id):
        image = Image.objects.filter(user=user).order_by("id")[OWN // 2]
        asked = {name: make(image, board) for name, make in FILTERS.items()}
    middle = Place(created_at=FIRST + timedelta(minutes=ROWS // 2), id=uuid.UUID(int=0), rating=0)
    searches = {
        f"{name}, {order}, {place}": (Filters(**values), order, middle if place else None)
        for name, values in [("nothing", {}), *asked.items()]
        for order in Order
        for place in ("", "deep")
    }
    for number in range(50):
        names = chance.sample(sorted(asked), chance.randint(2, 4))
        values: dict[str, Any] = {}
        for name in names:
            values |= asked[name]
        order = chance.choice(list(Order))
        searches[f"{number}: {' + '.join(names)}, {order}"] = (Filters(**values), order, None)

    costs = {}
    for name, (filters, order, place) in searches.items():
        costs[name], found = pages_looked_at(user, filters=filters, order=order, after=place)
        assert all(picture.user_id == user.id for picture in found)
    dear = sorted(costs.items(), key=lambda cost: -cost[1])
    assert [cost for cost in dear if cost[1] >= MOST_BUFFERS] == []
    return dear[:10]


def test_the_outline_of_a_long_list_is_read_off_the_index(library: tuple[User, Board]) -> None:
    user, board = library
    for filters in (Filters(), Filters(board=board.id), Filters(starred=True)):
        for order in Order:
            after, total, places = None, 0, 0
            while True:
                buffers, stretch = buffers_of(
                    user,
                    lambda: mark_places(
                        user=user,
                        filters=filters,  # noqa: B023
                        order=order,  # noqa: B023
                        stride=48,
                        most=9600,
                        after=after,  # noqa: B023
                    ),
                )
                assert buffers < MOST_BUFFERS, (filters, order)
                total += stretch.length
                places += len(stretch.places)
                if stretch.length < 9600:
                    break
                after = stretch.places[-1]
            with tenant_scope(user.id):
                shown = Image.objects.filter(user=user)
                if filters.board:
                    shown = shown.filter(board_id=board.id)
                if filters.starred:
                    shown = shown.filter(starred=True)
                assert (total, places) == (shown.count(), shown.count() // 48)


def check_answers(user: User, board: Board, order: Order) -> None:
    """Compare what is found with what a look at every picture finds."""
    with tenant_scope(user.id):
        every = list(Image.objects.filter(user=user))
    keys: dict[Order, Callable[[Image], Any]] = {
        Order.NEWEST: lambda image: (-image.created_at.timestamp(), -image.id.int),
        Order.OLDEST: lambda image: (image.created_at.timestamp(), image.id.int),
        Order.RATING: lambda i: (-i.rating, -i.created_at.timestamp(), -i.id.int),
    }
    every.sort(key=keys[order])
    for words in (
        [RARE],
        ["castle"],
        ["바다"],
        ["노을", "고양이"],
        ["z"],
        ["표지"],
        ["CASTLE", "red"],
    ):
        for rest in ({}, {"starred": True}, {"model": "sdxl", "board": board.id}):
            text = [word.lower() for word in words]
            expected = [
                image.id
                for image in every
                if all(word in f"{image.metadata['prompt']}\n{image.note}".lower() for word in text)
                and (not rest.get("starred") or image.starred)
                and ("model" not in rest or image.metadata["model"] == rest["model"])
                and ("board" not in rest or image.board_id == rest["board"])
            ]
            filters = dataclasses.replace(Filters(words=words), **rest)
            with tenant_scope(user.id):
                found = find_images(user=user, filters=filters, order=order, size=PAGE)
                assert [image.id for image in found] == expected[:PAGE]
                if len(expected) > PAGE:
                    after = Place.of(found[-1])
                    found = find_images(
                        user=user, filters=filters, order=order, size=PAGE, after=after
                    )
                    assert [image.id for image in found] == expected[PAGE : 2 * PAGE]
