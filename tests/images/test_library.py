"""Stars, ratings, notes, tags and the trash, one picture at a time and many at once."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.core.models import Act, AuditRecord
from apps.images.models import Image, StorageUse
from apps.images.services.library import empty_trashes
from apps.images.services.purges import delete_purged_files
from tests.factories import make_image

URL = "/api/v1/images"
ACTS = f"{URL}/acts"


def names(api: APIClient, address: str = URL, **query: Any) -> list[str]:
    return [entry["image_name"] for entry in api.get(address, query).json()["results"]]


def act(api: APIClient, kind: str, *images: Image | uuid.UUID, **more: Any) -> Any:
    body = {"act": kind, "images": [getattr(one, "image_name", one) for one in images], **more}
    return api.post(ACTS, body, format="json")


def test_a_picture_is_starred_rated_noted_and_tagged(api: APIClient, user: User) -> None:
    image = make_image(user)
    changes = {"starred": True, "rating": 4, "note": "표지로", "tags": ["cover", "cover", "a b"]}

    answer = api.patch(f"{URL}/{image.image_name}", changes, format="json")

    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in changes} == changes | {"tags": ["cover", "a b"]}
    assert api.get(f"{URL}/{image.image_name}").json() == answer.json()
    assert api.patch(f"{URL}/{image.image_name}", {}, format="json").json() == answer.json()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rating": 6}, "rating"),
        ({"rating": -1}, "rating"),
        ({"starred": "yes"}, "starred"),
        ({"tags": ["x" * 41]}, "tags"),
        ({"tags": [""]}, "tags"),
        ({"tags": [str(number) for number in range(21)]}, "tags"),
        ({"note": "x" * 2001}, "note"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    api: APIClient, user: User, changes: dict[str, Any], field: str
) -> None:
    image = make_image(user)

    answer = api.patch(f"{URL}/{image.image_name}", changes | {"has": 1}, format="json")

    assert answer.status_code == 422
    assert [name.split(".")[0] for name in answer.json()["invalid_fields"]] == [field]
    image.refresh_from_db()
    assert (image.starred, image.rating, image.note, image.tags) == (False, 0, "", [])


def test_an_act_on_many_says_what_became_of_each(
    api: APIClient, user: User, stranger: User
) -> None:
    mine, other, theirs = make_image(user), make_image(user), make_image(stranger)
    nobodys = uuid.uuid4()

    answer = act(api, "star", mine, theirs, nobodys, mine)

    assert answer.status_code == 200
    assert answer.json() == {
        "results": [
            {"image_name": str(mine.image_name), "status": "done"},
            {"image_name": str(theirs.image_name), "status": "not_found"},
            {"image_name": str(nobodys), "status": "not_found"},
        ]
    }
    starred = Image.objects.filter(starred=True).values_list("id", flat=True)
    assert list(starred) == [mine.id]
    assert act(api, "unstar", mine, other).status_code == 200
    assert not Image.objects.filter(starred=True).exists()


def test_tags_are_added_and_taken_from_many(api: APIClient, user: User) -> None:
    first, second = make_image(user), make_image(user)

    act(api, "tag", first, tags=["a", "b"])
    act(api, "tag", first, second, tags=["b", "c"])
    act(api, "untag", first, second, tags=["b"])

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.tags, second.tags) == (["a", "c"], ["c"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"act": "rate"}, "rating"),
        ({"act": "tag"}, "tags"),
        ({"act": "shred"}, "act"),
        ({"act": "star", "images": []}, "images"),
        ({"act": "star", "images": ["x"]}, "images"),
        ({"act": "star", "images": [False]}, "images"),
        ({"act": "star", "images": [str(uuid.uuid4())] * 1001}, "images"),
    ],
)
def test_an_act_that_makes_no_sense_is_refused(
    api: APIClient, user: User, body: dict[str, Any], field: str
) -> None:
    image = make_image(user)

    answer = api.post(ACTS, {"images": [str(image.image_name)]} | body, format="json")

    assert answer.status_code == 422
    assert [name.split(".")[0] for name in answer.json()["invalid_fields"]] == [field]


def test_a_deleted_picture_lies_in_the_trash_and_comes_back(
    api: APIClient, user: User, stored_files: Callable[[], set[str]]
) -> None:
    kept, gone = make_image(user), make_image(user)
    before = StorageUse.objects.get(user=user)
    assert (before.image_count, before.loose_count, before.trash_count) == (2, 2, 0)

    assert api.delete(f"{URL}/{gone.image_name}").status_code == 204

    assert names(api) == [str(kept.image_name)]
    assert names(api, f"{URL}/trash") == [str(gone.image_name)]
    assert api.get(f"{URL}/trash").json()["results"][0]["deleted_at"] is not None
    address = f"{URL}/{gone.image_name}"
    answers = [api.get(address), api.delete(address), api.patch(address, {}, format="json")]
    assert {answer.status_code for answer in answers} == {404}
    assert api.get(f"{address}/thumbnails/256").status_code == 200
    assert len(stored_files()) == 6
    after = StorageUse.objects.get(user=user)
    assert (after.image_count, after.loose_count, after.trash_count) == (1, 1, 1)
    assert after.stored_bytes == before.stored_bytes

    act(api, "restore", gone)
    assert names(api) == [str(gone.image_name), str(kept.image_name)]
    assert names(api, f"{URL}/trash") == []


def test_only_what_is_in_the_trash_is_deleted_for_good(
    api: APIClient,
    user: User,
    stored_files: Callable[[], set[str]],
) -> None:
    kept, gone = make_image(user), make_image(user)
    act(api, "trash", gone)

    answer = act(api, "purge", kept, gone)
    delete_purged_files()

    assert [entry["status"] for entry in answer.json()["results"]] == ["not_found", "done"]
    assert Image.objects.get().id == kept.id
    assert len(stored_files()) == 3
    record = AuditRecord.objects.get(act=Act.IMAGE_DELETED)
    assert (record.actor_id, record.target) == (user.id, str(gone.image_name))


def test_the_trash_is_emptied_at_once(
    api: APIClient,
    user: User,
    stored_files: Callable[[], set[str]],
) -> None:
    kept = make_image(user)
    act(api, "trash", make_image(user), make_image(user))

    assert api.delete(f"{URL}/trash").status_code == 204
    delete_purged_files()

    assert Image.objects.get().id == kept.id
    assert StorageUse.objects.get(user=user).trash_count == 0
    assert len(stored_files()) == 3


def test_the_trash_keeps_for_thirty_days(api: APIClient, user: User, stranger: User) -> None:
    mine, theirs, fresh = make_image(user), make_image(stranger), make_image(user)
    now = timezone.now()
    for image, days in ((mine, 31), (theirs, 31), (fresh, 29)):
        Image.objects.filter(id=image.id).update(deleted_at=now - timedelta(days=days))

    assert (empty_trashes(), empty_trashes()) == (2, 0)

    assert Image.objects.get().id == fresh.id


def test_a_list_that_has_not_changed_is_not_sent_again(api: APIClient, user: User) -> None:
    image = make_image(user)
    first = api.get(URL)

    again = api.get(URL, HTTP_IF_NONE_MATCH=first["ETag"])
    act(api, "star", image)
    changed = api.get(URL, HTTP_IF_NONE_MATCH=first["ETag"])

    assert (again.status_code, again.content) == (304, b"")
    assert changed.status_code == 200
