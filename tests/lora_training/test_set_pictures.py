"""The pictures of a set over the API: added with captions, ordered, captioned, taken out."""

import uuid
from typing import Any
from unittest.mock import patch

import pytest
from django.db import IntegrityError, transaction
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.images.models import Image
from apps.images.services.library import trash_images
from apps.training.models import TrainingPicture, TrainingSet
from apps.training.services import sets
from tests.factories import delete_image, make_image
from tests.lora_training.factories import api_of, make_drawn_image, make_set
from tests.queries import counted_queries

NOBODYS = "00000000-0000-4000-8000-000000000000"


def url(found: TrainingSet, tail: str = "") -> str:
    return f"/api/v1/training/sets/{found.id}/images{tail}"


def captions(answer: Any) -> list[str]:
    return [picture["caption"] for picture in answer.json()]


def names_of(found: TrainingSet) -> list[str]:
    rows = TrainingPicture.objects.filter(training_set=found).order_by("position", "id")
    return [str(name) for name in rows.values_list("image__image_name", flat=True)]


def test_added_pictures_begin_with_their_prompts_as_captions(trainer: User) -> None:
    empty = make_set(trainer, pictures=0)
    first = make_drawn_image(trainer, prompt="a red disc")
    second = make_image(trainer)
    api = api_of(trainer)

    names = [str(first.image_name), str(second.image_name), str(first.image_name)]
    answer = api.post(url(empty), {"images": names}, format="json")

    assert answer.status_code == 200
    assert captions(answer) == ["a red disc", ""]
    shown = answer.json()[0]
    assert (shown["suggested"], shown["image"]["image_name"]) == ("a red disc", names[0])
    # Once more changes nothing, not even what was written since.
    api.patch(url(empty), {"captions": {names[0]: "a disc"}}, format="json")
    assert captions(api.post(url(empty), {"images": names[:1]}, format="json")) == ["a disc", ""]


def test_captions_and_the_order_are_changed_together(trainer: User, discs: TrainingSet) -> None:
    names = names_of(discs)

    answer = api_of(trainer).patch(
        url(discs), {"captions": {names[2]: "the last"}, "order": [names[2]]}, format="json"
    )

    assert captions(answer) == ["the last", "a red disc", "a green disc"]
    assert names_of(discs) == [names[2], names[0], names[1]]


def test_what_is_not_in_the_set_is_refused(trainer: User, discs: TrainingSet) -> None:
    api = api_of(trainer)
    before = names_of(discs)

    for body in ({"captions": {NOBODYS: "x"}}, {"order": [NOBODYS]}):
        answer = api.patch(url(discs), body, format="json")
        assert answer.status_code == 422
        assert answer.json()["invalid_fields"] == list(body)
    assert api.patch(url(discs), {"captions": {"x": "y"}}, format="json").status_code == 422
    assert api.post(url(discs), {"images": []}, format="json").status_code == 422
    assert names_of(discs) == before


def test_pictures_are_taken_out_and_stay_in_the_gallery(trainer: User, discs: TrainingSet) -> None:
    names = names_of(discs)

    answer = api_of(trainer).post(
        url(discs, "/remove"), {"images": [names[0], NOBODYS]}, format="json"
    )

    assert answer.json() == {"count": 1}
    assert names_of(discs) == names[1:]
    assert Image.objects.filter(image_name=names[0]).exists()


def test_a_set_takes_no_more_than_the_limit(trainer: User, discs: TrainingSet) -> None:
    name = str(make_drawn_image(trainer).image_name)

    with patch.object(sets, "MAX_PICTURES", 3):
        answer = api_of(trainer).post(url(discs), {"images": [name]}, format="json")

    assert answer.status_code == 409
    assert (answer.json()["limit"], answer.json()["used"]) == (3, 3)
    assert len(names_of(discs)) == 3


def test_nobody_elses_picture_gets_into_a_set(
    trainer: User, discs: TrainingSet, stranger: User
) -> None:
    theirs = make_image(stranger)

    answer = api_of(trainer).post(url(discs), {"images": [str(theirs.image_name)]}, format="json")

    assert (answer.status_code, answer.json()["invalid_fields"]) == (422, ["images"])
    # PostgreSQL refuses it too.
    with pytest.raises(IntegrityError), transaction.atomic():
        TrainingPicture.objects.create(user=trainer, training_set=discs, image=theirs)


def test_a_stranger_finds_nothing_and_changes_nothing(
    trainer: User, discs: TrainingSet, stranger_api: APIClient
) -> None:
    before = names_of(discs)

    assert stranger_api.get(url(discs)).status_code == 404
    assert stranger_api.patch(url(discs), {"order": []}, format="json").status_code == 404
    removed = stranger_api.post(url(discs, "/remove"), {"images": before}, format="json")
    assert removed.status_code == 404
    # Whose plan has no training is told that before.
    assert stranger_api.post(url(discs), {"images": before}, format="json").status_code == 403
    assert names_of(discs) == before


def test_a_picture_in_the_trash_is_not_shown_and_one_deleted_for_good_is_out(
    trainer: User, discs: TrainingSet
) -> None:
    first, second, third = (uuid.UUID(name) for name in names_of(discs))
    trash_images(user=trainer, names=[first])
    delete_image(user=trainer, image_name=second)

    shown = api_of(trainer).get(url(discs)).json()

    assert [picture["image"]["image_name"] for picture in shown] == [str(third)]
    assert names_of(discs) == [str(first), str(third)]


def test_a_set_costs_as_many_queries_at_any_length(trainer: User) -> None:
    api = api_of(trainer)
    counts = []
    for pictures in (1, 5):
        found = make_set(trainer, pictures=pictures)
        with counted_queries() as queries:
            assert len(api.get(url(found)).json()) == pictures
        counts.append(len(queries))

    assert counts[0] == counts[1]
