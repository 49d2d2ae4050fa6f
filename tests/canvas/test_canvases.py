"""Canvases over the API: made, saved, listed, copied, thrown away; and never two saves over one."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.canvas.documents import empty_document
from apps.canvas.models import CanvasDocument, CanvasFile
from apps.canvas.services import documents
from apps.canvas.services.documents import create_document, save_document
from apps.core.errors import Conflict
from apps.core.tenancy import tenant_scope
from apps.images.selectors import read_file
from apps.images.services.library import trash_images
from apps.plans.models import Subscription
from tests.canvas.factories import URL, document, layer, make_canvas, save, upload
from tests.factories import make_image, make_user
from tests.queries import counted_queries

NOBODYS = "00000000-0000-4000-8000-000000000000"


def test_a_canvas_is_made_of_a_size(api: APIClient, user: User) -> None:
    answer = api.post(URL, {"width": 640, "height": 1024, "name": "바다"}, format="json")

    made = answer.json()
    assert answer.status_code == 201
    assert answer["Location"] == made["url"] == f"{URL}/{made['id']}"
    assert made["document"] == {
        "version": 1,
        "width": 640,
        "height": 1024,
        "layers": [],
        "box": {"x": 64, "y": 256, "width": 512, "height": 512},
    }
    expected = {"name": "바다", "width": 640, "height": 1024, "version": 1, "preview_url": None}
    assert made | expected | {"deleted_at": None} == made
    assert api.get(made["url"]).json() == made
    assert make_canvas(api)["name"] == "Untitled canvas"


def test_a_canvas_is_made_of_a_picture(api: APIClient, user: User) -> None:
    image = make_image(user, prompt="a red circle " * 20)

    made = api.post(URL, {"image": str(image.image_name)}, format="json").json()

    file = CanvasFile.objects.get(user=user)
    (first,) = made["document"]["layers"]
    assert (made["width"], made["height"]) == (64, 48)
    assert made["name"] == ("a red circle " * 20)[:100].strip()
    assert (first["kind"], first["image"], first["x"], first["width"]) == (
        "picture",
        str(file.name),
        0,
        64,
    )
    assert made["preview_url"] == f"{made['url']}/layers/{file.name}"
    content = api.get(made["preview_url"]).content
    assert b"a red circle" in read_file(image=image)
    # How it was made stays with the picture.
    assert b"a red circle" not in content
    assert file.file_size_bytes == len(content)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["height", "width"]),
        ({"width": 64}, ["height"]),
        ({"width": 15, "height": 64}, ["width"]),
        ({"width": 8193, "height": 64}, ["width"]),
        ({"width": 8192, "height": 8192}, ["width"]),
        ({"width": "64", "height": 64}, ["width"]),
        ({"width": True, "height": 64}, ["width"]),
        ({"width": 64, "height": 64, "name": ""}, ["name"]),
        ({"width": 64, "height": 64, "name": "x" * 101}, ["name"]),
        ({"width": 64, "height": 64, "name": "\0"}, ["name"]),
        ({"image": NOBODYS, "width": 64}, ["image"]),
        ({"image": "a"}, ["image"]),
    ],
)
def test_what_is_no_canvas_is_refused(
    api: APIClient, user: User, body: dict[str, Any], fields: list[str]
) -> None:
    answer = api.post(URL, body, format="json")

    assert (answer.status_code, answer.json()["invalid_fields"]) == (422, fields)
    assert not CanvasDocument.objects.filter(user=user).exists()


def test_a_picture_that_is_not_there_begins_nothing(
    api: APIClient, user: User, stranger: User, stored_files: Any
) -> None:
    theirs, thrown = make_image(stranger), make_image(user)
    trash_images(user=user, names=[thrown.image_name])
    before = stored_files()

    for name in (theirs.image_name, thrown.image_name, NOBODYS):
        assert api.post(URL, {"image": str(name)}, format="json").status_code == 404

    assert not CanvasDocument.objects.filter(user=user).exists()
    assert stored_files() == before


def test_a_save_keeps_the_document_as_it_was_sent(api: APIClient, user: User) -> None:
    canvas = make_canvas(api)
    name = upload(api, canvas).json()["name"]
    preview = upload(api, canvas).json()["name"]
    sky, mask = layer(image=name, name=""), layer(kind="mask", visible=False)

    answer = save(api, canvas, sky, mask, preview=preview)

    assert answer.status_code == 200
    assert answer.json()["version"] == 2
    assert answer.json()["preview_url"] == f"{canvas['url']}/layers/{preview}"
    read = api.get(canvas["url"]).json()
    assert read["document"] == document(sky, mask)
    assert {**read, "document": None} == {**answer.json(), "document": None}
    # A preview stays until there is another.
    assert save(api, canvas, sky, version=2).json()["preview_url"] == answer.json()["preview_url"]


def test_a_save_may_change_the_size(api: APIClient) -> None:
    canvas = make_canvas(api)

    body = {"version": 1, "document": document(width=256, height=512)}
    saved = api.put(canvas["url"], body, format="json").json()

    assert (saved["width"], saved["height"]) == (256, 512)


def test_a_save_over_another_is_refused_and_changes_nothing(api: APIClient) -> None:
    canvas = make_canvas(api)
    assert save(api, canvas, layer(name="mine")).status_code == 200
    kept = api.get(canvas["url"]).json()

    late = save(api, canvas, layer(name="theirs"), version=1)
    early = save(api, canvas, layer(name="theirs"), version=3)

    for answer in (late, early):
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
        assert answer.json()["version"] == 2
        assert "saved elsewhere" in answer.json()["detail"]
    assert api.get(canvas["url"]).json() == kept


@pytest.mark.django_db(transaction=True)
def test_of_two_saves_at_once_one_wins(user: User) -> None:
    canvas = create_document(user=user, width=64, height=64)
    together = threading.Barrier(2)

    def save_once(_number: int) -> bool:
        try:
            with tenant_scope(user.id):
                together.wait(10)
                wanted = empty_document(width=64, height=64)
                save_document(user=user, document_id=canvas.id, version=1, document=wanted)
        except Conflict:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        won = sorted(pool.map(save_once, range(2)))

    assert won == [False, True]
    with tenant_scope(user.id):
        assert CanvasDocument.objects.get().version == 2


def test_a_save_of_files_that_are_not_there_changes_nothing(
    api: APIClient, user: User, stranger_api: APIClient
) -> None:
    canvas, other = make_canvas(api), make_canvas(api)
    theirs = make_canvas(stranger_api)
    names = [upload(api, other).json()["name"], upload(stranger_api, theirs).json()["name"]]

    for name in [*names, NOBODYS]:
        answer = save(api, canvas, layer(), layer(image=name))
        assert answer.status_code == 422
        assert answer.json()["invalid_fields"] == ["document.layers.1.image"]
        preview = save(api, canvas, layer(), preview=name)
        assert (preview.status_code, preview.json()["invalid_fields"]) == (422, ["preview"])

    assert api.get(canvas["url"]).json() == canvas


def test_canvases_are_listed_by_their_last_save(api: APIClient, stranger_api: APIClient) -> None:
    make_canvas(stranger_api)
    names = [make_canvas(api, name=f"c{n}") for n in range(3)]
    save(api, names[1])

    first = api.get(f"{URL}?limit=2").json()
    second = api.get(first["next"]).json()

    assert [each["name"] for each in first["results"]] == ["c1", "c2"]
    assert [each["name"] for each in second["results"]] == ["c0"]
    assert (first["previous"], second["next"]) == (None, None)
    assert "document" not in first["results"][0]


def test_a_list_takes_one_query_however_long_it_is(api: APIClient) -> None:
    make_canvas(api)
    with counted_queries() as few:
        api.get(URL)
    for _number in range(5):
        make_canvas(api)
    with counted_queries() as many:
        api.get(URL)

    assert len(many) == len(few)


def test_a_rename_is_no_save(api: APIClient) -> None:
    canvas = make_canvas(api)

    renamed = api.patch(canvas["url"], {"name": "other"}, format="json")

    assert (renamed.status_code, renamed.json()["name"]) == (200, "other")
    assert renamed.json()["version"] == 1
    for name in ("", "x" * 101, 5, None):
        assert api.patch(canvas["url"], {"name": name}, format="json").status_code == 422
    assert api.get(canvas["url"]).json()["name"] == "other"


def test_a_copy_has_pixels_of_its_own(api: APIClient, user: User, stored_files: Any) -> None:
    canvas = make_canvas(api, name="c")
    name, unnamed = upload(api, canvas).json()["name"], upload(api, canvas).json()["name"]
    save(api, canvas, layer(id="sky", image=name), layer(id="empty"), preview=name)

    answer = api.post(f"{canvas['url']}/duplicate")

    copy = answer.json()
    (sky, empty) = copy["document"]["layers"]
    assert (answer.status_code, copy["name"], copy["version"]) == (201, "c (copy)", 1)
    assert (sky["id"], empty["image"]) == ("sky", None)
    assert sky["image"] not in (name, unnamed)
    assert copy["preview_url"] == f"{copy['url']}/layers/{sky['image']}"
    assert stored_files() == {
        f"users/{user.id}/canvases/{canvas['id']}/{name}.png",
        f"users/{user.id}/canvases/{canvas['id']}/{unnamed}.png",
        f"users/{user.id}/canvases/{copy['id']}/{sky['image']}.png",
    }
    same = api.get(f"{canvas['url']}/layers/{name}").content
    assert api.get(copy["preview_url"]).content == same


def test_the_trash_takes_and_gives_back(api: APIClient) -> None:
    canvas = make_canvas(api)
    name = upload(api, canvas).json()["name"]
    save(api, canvas, layer(image=name), preview=name)

    assert api.delete(canvas["url"]).status_code == 204

    assert api.get(URL).json()["results"] == []
    (thrown,) = api.get(f"{URL}/trash").json()["results"]
    assert (thrown["id"], thrown["deleted_at"] is None) == (canvas["id"], False)
    assert api.get(thrown["preview_url"]).status_code == 200
    for answer in (
        api.get(canvas["url"]),
        api.delete(canvas["url"]),
        save(api, canvas, version=2),
        upload(api, canvas),
        api.patch(canvas["url"], {"name": "x"}, format="json"),
        api.post(f"{canvas['url']}/duplicate"),
    ):
        assert answer.status_code == 404
    restored = api.post(f"{canvas['url']}/restore")
    assert (restored.status_code, restored.json()["deleted_at"]) == (200, None)
    assert api.get(f"{URL}/trash").json()["results"] == []
    assert api.get(canvas["url"]).json()["document"]["layers"][0]["image"] == name
    assert api.post(f"{canvas['url']}/restore").json()["version"] == 2


def test_an_emptied_trash_is_gone_with_its_files(
    api: APIClient,
    user: User,
    stored_files: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    thrown, kept = make_canvas(api), make_canvas(api)
    upload(api, thrown)
    name = upload(api, kept).json()["name"]
    api.delete(thrown["url"])

    with django_capture_on_commit_callbacks(execute=True):
        assert api.delete(f"{URL}/trash").status_code == 204

    assert [str(c.id) for c in CanvasDocument.objects.filter(user=user)] == [kept["id"]]
    assert stored_files() == {f"users/{user.id}/canvases/{kept['id']}/{name}.png"}
    assert api.post(f"{thrown['url']}/restore").status_code == 404


def test_to_a_stranger_a_canvas_is_not_there(
    api: APIClient, user: User, stranger_api: APIClient, stored_files: Any
) -> None:
    canvas = make_canvas(api)
    name = upload(api, canvas).json()["name"]
    save(api, canvas, layer(image=name))
    before = (api.get(canvas["url"]).json(), stored_files())

    for answer in (
        stranger_api.get(canvas["url"]),
        save(stranger_api, canvas, version=2),
        stranger_api.patch(canvas["url"], {"name": "x"}, format="json"),
        stranger_api.delete(canvas["url"]),
        stranger_api.post(f"{canvas['url']}/duplicate"),
        stranger_api.post(f"{canvas['url']}/restore"),
        stranger_api.get(f"{canvas['url']}/layers/{name}"),
        upload(stranger_api, canvas),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    stranger_api.delete(f"{URL}/trash")

    assert (api.get(canvas["url"]).json(), stored_files()) == before
    assert stranger_api.get(URL).json()["results"] == []


def test_there_is_a_most_of_canvases(
    api: APIClient, user: User, monkeypatch: pytest.MonkeyPatch, stored_files: Any
) -> None:
    monkeypatch.setattr(documents, "MAX_DOCUMENTS", 2)
    canvas, thrown = make_canvas(api), make_canvas(api)
    api.delete(thrown["url"])
    # What is in the trash takes no place, and comes back into a free one alone.
    make_canvas(api)
    image = make_image(user)
    before = stored_files()

    for body in ({"width": 64, "height": 64}, {"image": str(image.image_name)}):
        answer = api.post(URL, body, format="json")
        assert (answer.status_code, answer.json()["limit"]) == (409, 2)
    assert api.post(f"{canvas['url']}/duplicate").status_code == 409
    assert api.post(f"{thrown['url']}/restore").status_code == 409

    assert CanvasDocument.objects.filter(user=user, deleted_at=None).count() == 2
    api.delete(canvas["url"])
    assert api.post(f"{thrown['url']}/restore").status_code == 200
    assert stored_files() == before


def test_on_no_plan_nothing_new_is_made_and_all_is_read(api: APIClient, user: User) -> None:
    canvas = make_canvas(api)
    name = upload(api, canvas).json()["name"]
    save(api, canvas, layer(image=name))
    Subscription.objects.filter(user=user).delete()

    refused = [
        api.post(URL, {"width": 64, "height": 64}, format="json"),
        upload(api, canvas),
        api.post(f"{canvas['url']}/duplicate"),
    ]

    assert [(each.status_code, each.json()["code"]) for each in refused] == [
        (403, "plan_paused")
    ] * 3
    assert api.get(canvas["url"]).json()["version"] == 2
    assert api.get(f"{canvas['url']}/layers/{name}").status_code == 200
    assert CanvasFile.objects.filter(user=user).count() == 1


def test_canvases_of_two_users_share_nothing(api: APIClient, user: User) -> None:
    """Not even a file by its key: names are looked up with their owner."""
    other = make_user("other@example.com")
    canvas = make_canvas(api)
    name = uuid.UUID(upload(api, canvas).json()["name"])
    with tenant_scope(other.id):
        assert not CanvasFile.objects.filter(name=name).exists()
        assert not CanvasDocument.objects.filter(id=canvas["id"]).exists()
