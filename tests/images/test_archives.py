"""Zips that are made while they are sent: of a selection or a board, for their own user alone."""

import tracemalloc
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.boards.services import create_board, move_images
from apps.images.models import Archive, ArchiveStatus, Image
from apps.images.selectors import read_file
from apps.images.services.archives import MOST_KEPT, remove_expired_archives
from apps.images.services.library import trash_images
from tests.factories import make_image
from tests.images.archive_files import URL, ask, fetch, listed, names_in
from tests.queries import counted_queries


def test_a_selection_is_ready_at_once_and_nothing_is_stored(
    api: APIClient, user: User, stored_files: Any
) -> None:
    first, second = make_image(user, prompt="빨간 원", seed=7), make_image(user)
    make_image(user)
    before = stored_files()

    answer = ask(api, first, second, first)

    assert answer.status_code == 201
    shown = answer.json()
    assert answer["Location"] == f"{URL}/{shown['id']}"
    assert (shown["status"], shown["done"], shown["total"]) == ("ready", 2, 2)
    assert shown["size_bytes"] == first.file_size_bytes + second.file_size_bytes
    archive = fetch(api, shown["url"])
    assert names_in(archive) == [str(second.image_name), str(first.image_name)]
    entry = listed(archive)[1]
    assert entry["metadata"] == {"prompt": "빨간 원", "seed": 7}
    assert archive.read(entry["file"]) == read_file(image=first)
    assert {info.compress_type for info in archive.infolist()} == {0}
    assert api.get(answer["Location"]).json() == shown
    assert [found["id"] for found in api.get(URL).json()["results"]] == [shown["id"]]
    assert stored_files() == before


def test_the_file_has_a_name_and_stays_with_its_reader(api: APIClient, user: User) -> None:
    url = ask(api, make_image(user)).json()["url"]

    response = api.get(url)

    day = f"{timezone.now():%Y-%m-%d}"
    assert response["Content-Disposition"] == f'attachment; filename="Easel {day}, 1 pictures.zip"'
    assert response["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("board", ["board", "none", "all"])
def test_a_board_comes_whole_and_alone(
    api: APIClient, user: User, stranger: User, monkeypatch: pytest.MonkeyPatch, board: str
) -> None:
    monkeypatch.setattr("apps.images.archive_selectors.PICTURES_A_PAGE", 2)
    made = create_board(user=user, name="b")
    on_it, loose = [make_image(user) for _n in range(4)], [make_image(user) for _n in range(3)]
    move_images(user=user, names=[image.image_name for image in on_it], board_id=made.id)
    make_image(stranger)
    wanted = {"board": on_it, "none": loose, "all": on_it + loose}[board]

    shown = ask(api, board=str(made.id) if board == "board" else board).json()

    assert shown["total"] == len(wanted)
    found = names_in(fetch(api, shown["url"]))
    assert found == [str(image.image_name) for image in reversed(wanted)]


def test_the_trash_is_left_out(api: APIClient, user: User) -> None:
    kept, thrown, later = make_image(user), make_image(user), make_image(user)
    trash_images(user=user, names=[thrown.image_name])

    shown = ask(api, kept, thrown, later).json()
    trash_images(user=user, names=[later.image_name])

    assert shown["total"] == 2
    assert names_in(fetch(api, shown["url"])) == [str(kept.image_name)]
    assert ask(api, thrown).status_code == 404
    assert ask(api, board="all").json()["total"] == 1


def test_an_unknown_name_is_pointed_at_and_nothing_is_made(
    api: APIClient, user: User, stranger: User
) -> None:
    mine, theirs = make_image(user), make_image(stranger)
    nobodys = uuid.uuid4()
    body = {"images": [str(mine.image_name), str(theirs.image_name), str(nobodys)]}

    answer = api.post(URL, body, format="json")

    assert answer.status_code == 422
    assert answer.json()["invalid_fields"] == ["images.1", "images.2"]
    assert str(nobodys) not in answer.content.decode()
    assert not Archive.objects.exists()


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "images"),
        ({"images": []}, 422, "images"),
        ({"images": ["x"]}, 422, "images.0"),
        ({"images": [str(uuid.UUID(int=number)) for number in range(20_001)]}, 413, None),
        ({"images": [str(uuid.UUID(int=1))], "board": "all"}, 422, "images"),
        ({"board": "some"}, 422, "board"),
        ({"board": "all", "format": "gif"}, 422, "format"),
        ({"board": "all", "quality": 0}, 422, "quality"),
        ({"board": "all"}, 404, None),
        ({"board": "00000000-0000-4000-8000-000000000000"}, 404, None),
    ],
)
def test_what_cannot_be_is_refused(
    api: APIClient, body: dict[str, Any], status: int, field: str | None
) -> None:
    answer = api.post(URL, body, format="json")

    assert answer.status_code == status
    assert answer.json().get("invalid_fields") == (None if field is None else [field])
    assert not Archive.objects.exists()


def test_a_board_of_somebody_else_is_not_there(api: APIClient, user: User, stranger: User) -> None:
    board = create_board(user=stranger, name="b")
    image = make_image(stranger)
    move_images(user=stranger, names=[image.image_name], board_id=board.id)
    make_image(user)

    assert ask(api, board=str(board.id)).status_code == 404


def test_a_stranger_sees_fetches_and_deletes_nothing(
    api: APIClient, stranger_api: APIClient, user: User
) -> None:
    shown = ask(api, make_image(user)).json()
    address = f"{URL}/{shown['id']}"

    answers = [stranger_api.get(address), stranger_api.get(shown["url"])]
    answers.append(stranger_api.delete(address))

    assert {answer.status_code for answer in answers} == {404}
    assert stranger_api.get(URL).json()["results"] == []
    assert api.get(address).json() == shown


def test_one_picture_whose_file_is_gone_spoils_nothing(api: APIClient, user: User) -> None:
    kept, gone = make_image(user), make_image(user)
    default_storage.delete(gone.s3_key)

    assert names_in(fetch(api, ask(api, kept, gone).json()["url"])) == [str(kept.image_name)]


def test_it_costs_few_queries_however_many_pictures_are_in_it(api: APIClient, user: User) -> None:
    images = [make_image(user) for _number in range(12)]

    with counted_queries() as asking:
        url = ask(api, *images).json()["url"]
    with counted_queries() as fetching:
        fetch(api, url)

    # Session, user, the tenant, the names, the archive.
    assert len([sql for sql in asking if "images_" in sql]) == 2
    # The archive, its pictures.
    assert len([sql for sql in fetching if "images_" in sql]) == 2


def test_it_is_streamed_in_constant_memory(api: APIClient, user: User) -> None:
    megabytes = 6
    images = [make_image(user) for _number in range(20)]
    for image in images:
        Path(default_storage.path(image.s3_key)).write_bytes(bytes(megabytes * 1024**2))
    response: Any = api.get(ask(api, *images).json()["url"])

    tracemalloc.start()
    try:
        size = sum(len(piece) for piece in response.streaming_content)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size > len(images) * megabytes * 1024**2
    assert peak < 8 * 1024**2


@pytest.mark.parametrize(
    ("setting", "value", "body"),
    [
        ("EASEL_ARCHIVE_STREAM_PICTURES", 1, {}),
        ("EASEL_ARCHIVE_STREAM_BYTES", 100, {}),
        ("EASEL_UPLOAD_MAX_BYTES", 1, {"format": "webp"}),
    ],
)
def test_a_larger_one_waits_for_its_turn(
    api: APIClient, user: User, settings: Any, setting: str, value: int, body: Any
) -> None:
    setattr(settings, setting, value)

    shown = ask(api, make_image(user), make_image(user), **body).json()

    assert (shown["status"], shown["done"], shown["total"]) == ("waiting", 0, 2)
    assert shown["url"] is None
    assert api.get(f"{URL}/{shown['id']}/file").status_code == 404


def test_more_than_an_archive_may_be_is_refused(api: APIClient, user: User, settings: Any) -> None:
    settings.EASEL_ARCHIVE_MAX_BYTES = 100

    answer = ask(api, make_image(user))

    assert (answer.status_code, answer.json()["limit"]) == (413, 100)
    assert not Archive.objects.exists()


def test_so_many_are_kept_and_small_ones_do_not_count(
    api: APIClient, user: User, stranger_api: APIClient, stranger: User, settings: Any
) -> None:
    image = make_image(user)
    for _number in range(MOST_KEPT + 1):
        assert ask(api, image).status_code == 201
    settings.EASEL_ARCHIVE_STREAM_PICTURES = 0
    waiting = [ask(api, image).json()["id"] for _number in range(MOST_KEPT)]

    refused = ask(api, image)
    assert (refused.status_code, refused.json()["limit"]) == (409, MOST_KEPT)
    assert ask(stranger_api, make_image(stranger)).status_code == 201

    assert api.delete(f"{URL}/{waiting[0]}").status_code == 204
    assert ask(api, image).status_code == 201
    assert ask(api, image).status_code == 409
    Archive.objects.filter(id=waiting[1]).update(status=ArchiveStatus.FAILED)
    assert ask(api, image).status_code == 201


def test_it_is_kept_for_a_day(api: APIClient, user: User) -> None:
    shown = ask(api, make_image(user)).json()
    later = ask(api, make_image(user)).json()
    Archive.objects.filter(id=shown["id"]).update(expires_at=timezone.now() - timedelta(seconds=1))

    for address in (f"{URL}/{shown['id']}", shown["url"]):
        assert api.get(address).status_code == 404
    assert [found["id"] for found in api.get(URL).json()["results"]] == [later["id"]]
    assert (remove_expired_archives(), remove_expired_archives()) == (1, 0)
    assert str(Archive.objects.get().id) == later["id"]
    assert Image.objects.count() == 2
