"""Sets over the API: made, listed, renamed, deleted; on a plan that trains, and up to a limit."""

from unittest.mock import patch

from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.images.models import Image
from apps.training.models import TrainingPicture, TrainingRun, TrainingSet
from apps.training.services import sets
from tests.lora_training.factories import api_of, make_run, make_set
from tests.queries import counted_queries

URL = "/api/v1/training/sets"


def test_a_set_is_made_and_listed(trainer: User) -> None:
    api = api_of(trainer)

    answer = api.post(URL, {"name": "바다"}, format="json")

    made = answer.json()
    assert answer.status_code == 201
    assert answer["Location"] == made["url"] == f"{URL}/{made['id']}"
    assert (made["name"], made["picture_count"]) == ("바다", 0)
    assert api.get(made["url"]).json() == made
    assert api.get(URL).json()["results"] == [made]


def test_without_the_plan_it_is_refused_with_the_smallest_that_does(api: APIClient) -> None:
    answer = api.post(URL, {"name": "s"}, format="json")

    assert answer.status_code == 403
    said = answer.json()
    assert (said["code"], said["smallest_plan"]) == ("feature_not_in_plan", "enterprise")
    assert said["feature"] == "lora_training"
    assert not TrainingSet.objects.exists()


def test_there_are_no_more_than_the_limit(trainer: User) -> None:
    make_set(trainer, pictures=0)

    with patch.object(sets, "MAX_SETS", 1):
        answer = api_of(trainer).post(URL, {"name": "s"}, format="json")

    assert (answer.status_code, answer.json()["limit"]) == (409, 1)
    assert TrainingSet.objects.count() == 1


def test_a_set_is_renamed(trainer: User, discs: TrainingSet) -> None:
    answer = api_of(trainer).patch(f"{URL}/{discs.id}", {"name": "Rings"}, format="json")

    assert (answer.status_code, answer.json()["name"]) == (200, "Rings")
    assert (
        api_of(trainer).patch(f"{URL}/{discs.id}", {"name": ""}, format="json").status_code == 422
    )


def test_a_deleted_set_leaves_pictures_and_trainings(trainer: User, discs: TrainingSet) -> None:
    run = make_run(trainer, discs)

    assert api_of(trainer).delete(f"{URL}/{discs.id}").status_code == 204

    assert not TrainingSet.objects.exists()
    assert not TrainingPicture.objects.exists()
    assert Image.objects.filter(user=trainer).count() == 3
    run.refresh_from_db()
    assert (run.training_set_id, len(run.pictures)) == (None, 3)


def test_a_stranger_finds_nothing_and_changes_nothing(
    trainer: User, discs: TrainingSet, stranger_api: APIClient
) -> None:
    url = f"{URL}/{discs.id}"

    assert stranger_api.get(url).status_code == 404
    assert stranger_api.patch(url, {"name": "x"}, format="json").status_code == 404
    assert stranger_api.delete(url).status_code == 404
    assert stranger_api.get(URL).json()["results"] == []
    assert TrainingSet.objects.get().name == discs.name
    assert not TrainingRun.objects.exists()


def test_a_list_costs_as_many_queries_at_any_length(trainer: User) -> None:
    api = api_of(trainer)
    make_set(trainer, pictures=1)
    with counted_queries() as few:
        assert len(api.get(URL).json()["results"]) == 1
    for _number in range(4):
        make_set(trainer, pictures=2)
    with counted_queries() as many:
        assert len(api.get(URL).json()["results"]) == 5

    assert len(many) == len(few)
