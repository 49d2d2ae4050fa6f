"""One's own data: all of it in a zip, or all of it gone; and nobody else's touched."""

import io
import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zipfile import ZipFile

import pytest
from django.core.files.storage import default_storage
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.models import Act, AuditRecord
from apps.credits.costs import Shape
from apps.credits.models import UsageRecord
from apps.credits.services.usage import record_generation
from apps.generation.models import Job
from apps.images.models import Archive, Image, Purge
from apps.images.services.archive_making import make_archives
from apps.images.services.archives import request_archive
from apps.images.services.purges import delete_purged_files
from apps.plans.models import Subscription
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from apps.plans.tiers import GpuTier
from apps.privacy.models import DataRequest, RequestKind, RequestState
from apps.privacy.services import background
from apps.privacy.services.background import run_next_request
from apps.privacy.services.requests import (
    MAX_ATTEMPTS,
    SILENCE,
    claim_next_request,
    remove_expired_exports,
    request_deletion,
    request_export,
)
from tests.factories import PASSWORD, delete_image, make_image, make_job

EXPORT = "/api/v1/account/export"
DELETION = "/api/v1/account/deletion"


@pytest.fixture
def full_account(user: User, stranger: User, starter: GenerationModel) -> User:
    """Give `user` and a stranger something of everything."""
    for person in (user, stranger):
        job = make_job(person, starter, prompt="a red circle")
        make_image(person, prompt="빨간 원")
        start_subscription(user=person, plan=PLANS["pro"])
        record_generation(
            user_id=person.id,
            job_id=job.id,
            api_key_id=None,
            model="starter",
            tier=GpuTier.BASIC,
            shape=Shape(64, 64, 1, 1),
            is_whole=True,
            compute_seconds=1.5,
            quoted=2,
            charged=2,
        )
    return user


def fetch(api: APIClient, url: str) -> ZipFile:
    response = api.get(url)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/zip"
    assert response["Content-Disposition"] == 'attachment; filename="easel-export.zip"'
    return ZipFile(io.BytesIO(response.getvalue()))


def test_an_export_holds_every_row_and_picture_of_its_user_alone(
    api: APIClient, full_account: User, stranger: User
) -> None:
    accepted = api.post(EXPORT)
    assert accepted.status_code == 202
    assert run_next_request() == 1

    shown = api.get(accepted.json()["url"]).json()
    assert (shown["state"], shown["done"], shown["total"]) == ("done", 1, 1)
    archive = fetch(api, shown["file_url"])

    image = Image.objects.get(user=full_account)
    (picture,) = [name for name in archive.namelist() if name.startswith("files/")]
    assert picture == f"files/images/{image.image_name}.png"
    with default_storage.open(image.s3_key) as file:
        assert archive.read(picture) == file.read()
    assert json.loads(archive.read("profile.json"))["email"] == full_account.email
    (row,) = json.loads(archive.read("images/image.json"))
    assert row["metadata"] == {"prompt": "빨간 원"}
    counts = {"generation/job": 1, "plans/subscription": 2, "credits/usagerecord": 1}
    for name, count in counts.items():
        found = json.loads(archive.read(f"{name}.json"))
        assert [row["user_id"] for row in found] == [str(full_account.id)] * count
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert str(stranger.id).encode() not in everything
    assert b"password" not in everything


def test_an_export_names_no_staff(api: APIClient, user: User, stranger: User) -> None:
    for actor in (user, stranger):
        AuditRecord.objects.create(
            user_id=user.id,
            actor_id=actor.id,
            act=Act.ADMIN_CHANGE,
            target="because of the mail",
            address="203.0.113.9",
            request_id="the request",
        )
    accepted = api.post(EXPORT)
    assert run_next_request() == 1

    archive = fetch(api, api.get(accepted.json()["url"]).json()["file_url"])

    found = [
        (row["actor_id"], row["target"], row["address"], row["request_id"])
        for row in json.loads(archive.read("activity.json"))
        if row["act"] == Act.ADMIN_CHANGE
    ]
    own = (str(user.id), "because of the mail", "203.0.113.9", "the request")
    assert sorted(found, key=str) == sorted([own, (None, "", None, "")], key=str)


def test_archives_are_told_of_in_an_export_and_go_with_the_account(
    api: APIClient, user: User, stored_files: Callable[[], set[str]], settings: Any
) -> None:
    settings.EASEL_ARCHIVE_STREAM_PICTURES = 0
    make_image(user)
    delete_image(user=user, image_name=make_image(user).image_name)
    archive = request_archive(user=user, board="all", quality=90)
    make_archives()
    assert f"users/{user.id}/archives/{archive.id}.zip" in stored_files()
    url = api.post(EXPORT).json()["url"]
    run_next_request()

    export = fetch(api, api.get(url).json()["file_url"])

    (row,) = json.loads(export.read("images/archive.json"))
    assert (row["id"], row["status"]) == (str(archive.id), "ready")
    # Of what was deleted a moment ago the files are still there, since the sweep has not come.
    assert sum(name.startswith("files/images/") for name in export.namelist()) == 2
    assert not any("archives" in name for name in export.namelist() if name.startswith("files"))

    request_deletion(user=user, email=user.email)
    run_next_request()
    delete_purged_files()
    assert stored_files() == set()
    assert not Archive.objects.exists()
    assert not Purge.objects.exists()


def test_an_account_with_nothing_in_it_can_be_exported(api: APIClient, user: User) -> None:
    url = api.post(EXPORT).json()["url"]
    run_next_request()

    archive = fetch(api, api.get(url).json()["file_url"])

    assert json.loads(archive.read("images/image.json")) == []


def test_many_rows_are_written_page_by_page(
    api: APIClient, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.privacy.services.exports._ROWS_AT_ONCE", 2)
    names = {str(make_image(user).image_name) for _number in range(5)}
    url = api.post(EXPORT).json()["url"]
    run_next_request()

    rows = json.loads(fetch(api, api.get(url).json()["file_url"]).read("images/image.json"))

    assert {row["image_name"] for row in rows} == names
    assert len(rows) == 5


def test_a_second_wish_is_the_first_one_while_it_is_open(api: APIClient, user: User) -> None:
    first, second = api.post(EXPORT).json(), api.post(EXPORT).json()
    run_next_request()
    third = api.post(EXPORT).json()

    assert first["id"] == second["id"] != third["id"]


def test_a_stranger_sees_and_fetches_nothing(
    api: APIClient, stranger_api: APIClient, user: User
) -> None:
    shown = api.post(EXPORT).json()
    run_next_request()

    assert stranger_api.get(shown["url"]).status_code == 404
    assert stranger_api.get(f"{shown['url']}/file").status_code == 404
    assert stranger_api.get("/api/v1/account/data-requests").json()["results"] == []


def test_an_export_expires_and_its_file_goes(
    api: APIClient, user: User, stored_files: Callable[[], set[str]]
) -> None:
    url = api.post(EXPORT).json()["url"]
    run_next_request()
    assert len(stored_files()) == 1
    DataRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert api.get(f"{url}/file").status_code == 404
    assert remove_expired_exports() == 1
    assert stored_files() == set()
    assert api.get(url).json()["file_url"] is None


def test_a_deletion_takes_all_of_one_user_and_nothing_of_another(
    api: APIClient,
    full_account: User,
    stranger: User,
    stored_files: Callable[[], set[str]],
) -> None:
    assert api.post(DELETION, {"email": full_account.email.upper()}, "json").status_code == 202
    assert run_next_request() == 1

    for model in (Job, Image, Subscription):
        assert set(model.objects.values_list("user_id", flat=True)) == {stranger.id}
    assert all(key.startswith(f"users/{stranger.id}/") for key in stored_files())
    assert len(stored_files()) == 3
    full_account.refresh_from_db()
    assert full_account.email == f"deleted-{full_account.id}@deleted.invalid"
    assert (full_account.is_active, full_account.name) == (False, "")
    assert not full_account.has_usable_password()
    assert UsageRecord.objects.filter(user=full_account).count() == 1
    assert AuditRecord.objects.filter(user_id=full_account.id, act=Act.ACCOUNT_DELETED).exists()
    stranger.refresh_from_db()
    assert (stranger.email, stranger.is_active) == ("stranger@example.com", True)


def test_after_the_deletion_the_session_and_the_password_are_void(
    api: APIClient, user: User
) -> None:
    email = user.email
    api.post(DELETION, {"email": email}, "json")
    run_next_request()

    assert api.get("/api/v1/images").status_code == 401
    Client().post("/accounts/sign-in/", {"username": email, "password": PASSWORD})
    assert not AuditRecord.objects.filter(act=Act.SIGNED_IN, actor_id=user.id).exists() or (
        AuditRecord.objects.filter(act=Act.SIGNED_IN, actor_id=user.id).count() == 1
    )


@pytest.mark.parametrize("email", ["", "stranger@example.com", "x" * 300])
def test_a_deletion_wants_the_email_typed_anew(api: APIClient, user: User, email: str) -> None:
    response = api.post(DELETION, {"email": email}, "json")

    assert response.status_code == 422
    assert response.json()["invalid_fields"] == ["email"]
    assert email not in response.content.decode() or email == ""
    assert not DataRequest.objects.exists()


def test_a_request_whose_worker_died_is_taken_up_again_and_not_for_ever(user: User) -> None:
    request = request_export(user=user)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        claimed = claim_next_request()
        assert claimed is not None
        assert (claimed.id, claimed.attempt) == (request.id, attempt)
        assert claim_next_request() is None
        DataRequest.objects.update(seen_at=timezone.now() - SILENCE - timedelta(seconds=1))

    assert claim_next_request() is None
    request.refresh_from_db()
    assert (request.state, bool(request.error_id)) == (RequestState.FAILED, True)


def test_a_late_worker_changes_nothing(user: User) -> None:
    request_export(user=user)
    late = claim_next_request()
    assert late is not None
    DataRequest.objects.update(attempt=2)

    background._WORK[RequestKind.EXPORT](late)

    assert DataRequest.objects.get().state == RequestState.RUNNING


def test_a_fault_fails_the_request_and_a_part_away_does_not(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_export(user=user)

    def away(_request: DataRequest) -> None:
        raise OperationalError

    def broken(_request: DataRequest) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(background._WORK, RequestKind.EXPORT, away)
    with pytest.raises(OperationalError):
        run_next_request()
    request.refresh_from_db()
    assert request.state == RequestState.RUNNING

    DataRequest.objects.update(seen_at=timezone.now() - SILENCE - timedelta(seconds=1))
    monkeypatch.setitem(background._WORK, RequestKind.EXPORT, broken)
    run_next_request()
    request.refresh_from_db()
    assert (request.state, bool(request.error_id)) == (RequestState.FAILED, True)


def test_the_page_shows_how_far_it_is(browser_client: Client, user: User) -> None:
    request = request_export(user=user)
    DataRequest.objects.update(state=RequestState.RUNNING, done=3, total=10)

    page = browser_client.get("/account/data/").content.decode()
    part = browser_client.get("/account/data/", headers={"HX-Request": "true"}).content.decode()

    assert 'value="3" max="10"' in page
    assert 'value="3" max="10"' in part
    assert "<html" not in part
    assert request.kind == RequestKind.EXPORT


def test_an_unknown_request_is_not_found(api: APIClient, user: User) -> None:
    request_deletion(user=user, email=user.email)

    assert api.get(f"/api/v1/account/data-requests/{uuid.uuid4()}").status_code == 404
