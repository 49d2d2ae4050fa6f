"""Boards: their making, order, covers and counts, and the pictures on them."""

import uuid
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.boards.models import Board
from apps.boards.services import create_board, edit_board, move_images
from apps.catalog.models import GenerationModel
from apps.images.models import HourCount, Image, StorageUse
from tests.factories import make_image
from tests.queries import counted_queries

URL = "/api/v1/boards"
IMAGES = "/api/v1/images"


def listed(api: APIClient, **query: Any) -> list[dict[str, Any]]:
    boards: list[dict[str, Any]] = api.get(URL, query).json()["boards"]
    return boards


def put(api: APIClient, board: Board | str, *images: Image) -> Any:
    address = f"{URL}/{getattr(board, 'id', board)}/images"
    return api.post(address, {"images": [image.image_name for image in images]}, format="json")


def names(api: APIClient, board: Board | str) -> list[str]:
    found = api.get(IMAGES, {"board": str(getattr(board, "id", board))}).json()["results"]
    return [entry["image_name"] for entry in found]


def test_a_board_is_made_and_changed(api: APIClient) -> None:
    made = api.post(URL, {"name": "바다", "description": "파도"}, format="json")
    address = f"{URL}/{made.json()['id']}"

    changed = api.patch(address, {"name": "산", "is_archived": True}, format="json")

    assert made.status_code == 201
    assert (made.json()["image_count"], made.json()["cover"]) == (0, None)
    assert (changed.json()["name"], changed.json()["description"]) == ("산", "파도")
    assert listed(api) == []
    assert [board["name"] for board in listed(api, archived="true")] == ["산"]


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "x" * 101}, {"name": 5}])
def test_a_board_without_a_proper_name_is_refused(api: APIClient, body: dict[str, Any]) -> None:
    answer = api.post(URL, body, format="json")

    assert (answer.status_code, answer.json()["invalid_fields"]) == (422, ["name"])
    assert not Board.objects.exists()


def test_a_picture_is_on_one_board_at_a_time(api: APIClient, user: User) -> None:
    first, second = create_board(user=user, name="1"), create_board(user=user, name="2")
    image, other = make_image(user), make_image(user)

    put(api, first, image, other)
    put(api, second, image)

    assert names(api, first) == [str(other.image_name)]
    assert names(api, second) == [str(image.image_name)]
    assert {board["name"]: board["image_count"] for board in listed(api)} == {"1": 1, "2": 1}
    put(api, "none", image, other)
    assert len(names(api, "none")) == 2
    assert {board["image_count"] for board in listed(api)} == {0}


def test_counts_follow_the_trash(api: APIClient, user: User) -> None:
    board = create_board(user=user, name="b")
    images = [make_image(user) for _number in range(3)]
    put(api, board, *images[:2])

    api.delete(f"{IMAGES}/{images[0].image_name}")
    api.delete(f"{IMAGES}/{images[2].image_name}")
    body = api.get(URL).json()
    api.post(f"{IMAGES}/acts", {"act": "restore", "images": [images[0].image_name]}, format="json")

    assert body["boards"][0]["image_count"] == 1
    assert (body["image_count"], body["loose_count"], body["trash_count"]) == (1, 0, 2)
    assert listed(api)[0]["image_count"] == 2
    assert sum(HourCount.objects.values_list("image_count", flat=True)) == 2


@pytest.mark.parametrize("count", [1, 12])
def test_a_list_with_covers_and_counts_costs_two_queries(
    api: APIClient, user: User, count: int
) -> None:
    for number in range(count):
        board = create_board(user=user, name=str(number))
        move_images(user=user, names=[make_image(user).image_name], board_id=board.id)
    api.get(URL)

    with counted_queries() as queries:
        assert len(listed(api)) == count

    assert len(queries) == 4  # tenant, user, boards, counts


def test_a_cover_is_the_newest_picture_or_the_one_chosen(api: APIClient, user: User) -> None:
    board = create_board(user=user, name="b")
    old, new = make_image(user), make_image(user)
    put(api, board, old, new)

    newest = listed(api)[0]
    chosen = api.patch(f"{URL}/{board.id}", {"cover": str(old.image_name)}, format="json").json()
    api.delete(f"{IMAGES}/{old.image_name}")

    assert newest["cover"] == str(new.image_name)
    assert newest["cover_url"] == f"{IMAGES}/{new.image_name}/thumbnails/256"
    assert chosen["cover"] == str(old.image_name)
    # It is in the trash, so the newest stands in.
    assert listed(api)[0]["cover"] == str(new.image_name)


def test_boards_are_put_in_order(api: APIClient, user: User, stranger: User) -> None:
    boards = [create_board(user=user, name=str(number)) for number in range(4)]
    assert [board["name"] for board in listed(api)] == ["3", "2", "1", "0"]

    order = {"boards": [boards[1].id, boards[3].id]}
    assert api.post(f"{URL}/order", order, format="json").status_code == 204
    in_order = [board["name"] for board in listed(api)]
    theirs = create_board(user=stranger, name="x")
    refused = api.post(f"{URL}/order", {"boards": [theirs.id, boards[0].id]}, format="json")

    assert in_order == ["1", "3", "2", "0"]
    assert refused.status_code == 404
    assert [board["name"] for board in listed(api)] == in_order


@pytest.mark.parametrize(("pictures", "left", "thrown"), [("keep", 2, 0), ("trash", 1, 1)])
def test_a_board_goes_with_or_without_its_pictures(
    api: APIClient, user: User, pictures: str, left: int, thrown: int
) -> None:
    board = create_board(user=user, name="b")
    put(api, board, make_image(user))
    make_image(user)

    assert api.delete(f"{URL}/{board.id}?pictures={pictures}").status_code == 204

    use = StorageUse.objects.get(user=user)
    assert (use.image_count, use.loose_count, use.trash_count) == (left, left, thrown)
    assert not Board.objects.exists()
    assert not Image.objects.exclude(board_id=None).exists()


def test_new_pictures_go_to_one_board_if_that_is_wanted(
    user: User, starter: GenerationModel
) -> None:
    del starter
    first, second = create_board(user=user, name="1"), create_board(user=user, name="2")
    edit_board(user=user, board_id=first.id, is_auto_add=True)

    edit_board(user=user, board_id=second.id, is_auto_add=True)
    assert list(Board.objects.filter(is_auto_add=True)) == [second]

    edit_board(user=user, board_id=second.id, is_archived=True)
    assert not Board.objects.filter(is_auto_add=True).exists()


def test_a_strangers_board_is_not_there_and_takes_nothing(
    stranger_api: APIClient, user: User, stranger: User
) -> None:
    board = create_board(user=user, name="b")
    image, theirs = make_image(user), make_image(stranger)
    move_images(user=user, names=[image.image_name], board_id=board.id)

    assert stranger_api.get(f"{URL}/{board.id}").status_code == 404
    assert stranger_api.patch(f"{URL}/{board.id}", {"name": "x"}, format="json").status_code == 404
    assert stranger_api.delete(f"{URL}/{board.id}").status_code == 404
    assert put(stranger_api, board, theirs).status_code == 404
    moved = put(stranger_api, "none", image)

    assert moved.json()["results"][0]["status"] == "not_found"
    image.refresh_from_db()
    theirs.refresh_from_db()
    assert (image.board_id, theirs.board_id) == (board.id, None)
    assert Board.objects.get().name == "b"


def test_days_are_those_of_the_time_zone(api: APIClient, user: User) -> None:
    for moment in ("2026-03-01T14:59:00Z", "2026-03-01T15:00:00Z", "2026-03-01T23:30:00Z"):
        name = make_image(user).image_name
        # The count is kept for when it was made.
        Image.objects.filter(image_name=name).delete()
        HourCount.objects.get_or_create(user=user, hour=moment[:13] + ":00:00Z")
        HourCount.objects.filter(user=user, hour=moment[:13] + ":00:00Z").update(image_count=1)

    seoul = api.get(f"{URL}/days", {"zone": "Asia/Seoul"}).json()
    utc = api.get(f"{URL}/days").json()
    refused = api.get(f"{URL}/days", {"zone": "../etc/passwd"})

    assert seoul == [
        {"day": "2026-03-02", "image_count": 2},
        {"day": "2026-03-01", "image_count": 1},
    ]
    assert utc == [{"day": "2026-03-01", "image_count": 3}]
    assert (refused.status_code, refused.json()["invalid_fields"]) == (422, ["zone"])


def test_there_are_no_boards_without_end(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.boards.services.MAX_BOARDS", 2)
    statuses = [api.post(URL, {"name": "b"}, format="json").status_code for _number in range(3)]

    assert statuses == [201, 201, 409]
    assert Board.objects.count() == 2


def test_a_board_that_is_nowhere_is_not_found(api: APIClient) -> None:
    assert api.get(f"{URL}/{uuid.uuid4()}").status_code == 404
