"""Pictures that are only for jobs: no list shows them, jobs read them, and they go after a week."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.generation.services.jobs import cancel_job
from apps.images.models import Image
from apps.images.selectors import picture_counts, stored_bytes
from apps.images.services.intermediates import delete_old_intermediates
from apps.images.services.purges import delete_purged_files
from tests.factories import encode, make_image, make_job, make_picture

URL = "/api/v1/images"


def send(api: APIClient, **fields: Any) -> Any:
    file = encode(make_picture(128, 128))
    return api.post(URL, {"file": file, **fields}, format="multipart")


def test_no_list_shows_an_intermediate_picture(api: APIClient, user: User) -> None:
    shown = send(api).json()["image_name"]
    made = send(api, is_intermediate="true")

    image = Image.objects.get(user=user, image_name=made.json()["image_name"])
    assert (made.status_code, image.is_intermediate) == (201, True)
    assert [each["image_name"] for each in api.get(URL).json()["results"]] == [shown]
    assert picture_counts(user_id=user.id)["image_count"] == 1
    # It counts into the storage all the same.
    assert stored_bytes(user_id=user.id) == 2 * image.file_size_bytes


def test_a_job_starts_from_an_intermediate_picture(
    api: APIClient, user: User, starter: GenerationModel, stranger_api: APIClient
) -> None:
    name = send(api, is_intermediate="true").json()["image_name"]
    body = {"prompt": "a red circle", "init_image": name, "strength": 0.5}

    assert api.post("/api/v1/generations", body, format="json").status_code == 202
    assert stranger_api.post("/api/v1/generations", body, format="json").status_code == 422


def test_a_picture_that_a_job_still_needs_stays(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    names = [send(api, is_intermediate="true").json()["image_name"] for _n in range(3)]
    begun_with, mask, _free = names
    job = make_job(
        user, starter, init_image=begun_with, strength=0.5, mask={"image": mask, "feather": 0}
    )
    Image.objects.update(created_at=timezone.now() - timedelta(days=8))

    assert delete_old_intermediates() == 1
    left = Image.objects.values_list("image_name", flat=True)
    assert {str(name) for name in left} == {begun_with, mask}

    cancel_job(user=user, job_id=job.id)
    assert delete_old_intermediates() == 2
    assert not Image.objects.exists()


def test_intermediate_pictures_go_after_a_week(
    api: APIClient, user: User, stored_files: Any
) -> None:
    kept = make_image(user)
    old, young = [send(api, is_intermediate="true").json()["image_name"] for _n in range(2)]
    past = timezone.now() - timedelta(days=7, seconds=1)
    Image.objects.filter(image_name__in=[old, kept.image_name]).update(created_at=past)

    assert (delete_old_intermediates(), delete_old_intermediates()) == (1, 0)
    delete_purged_files()

    left = Image.objects.filter(user=user).values_list("image_name", flat=True)
    assert {str(name) for name in left} == {str(kept.image_name), young}
    assert not any(old in key for key in stored_files())


@pytest.mark.parametrize("word", ["0", "", "yes", "True"])
def test_a_flag_is_true_or_false(api: APIClient, user: User, word: str) -> None:
    answer = send(api, is_intermediate=word)

    assert answer.status_code == 422
    assert answer.json()["invalid_fields"] == ["is_intermediate"]
    assert not Image.objects.filter(user=user).exists()
