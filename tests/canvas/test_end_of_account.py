"""Canvases go where the pictures go: into the export, away with the account, away after a plan."""

import io
import json
from datetime import timedelta
from typing import Any
from zipfile import ZipFile

from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.canvas.models import CanvasDocument, CanvasFile
from apps.canvas.services.leftovers import delete_canvases_past_retention
from apps.images.services.retention import note_pictures_that_will_go
from apps.plans.models import Notice, NoticeState, Subscription
from apps.plans.services.notices import send_notices
from apps.privacy.services.background import run_next_request
from apps.privacy.services.requests import request_deletion
from tests.canvas.factories import layer, make_canvas, save, upload

DAY = timedelta(days=1)


def test_an_export_has_canvases_with_their_pixels(api: APIClient, user: User) -> None:
    canvas = make_canvas(api, name="바다")
    name = upload(api, canvas).json()["name"]
    save(api, canvas, layer(image=name))
    url = api.post("/api/v1/account/export").json()["url"]
    run_next_request()

    answer = api.get(api.get(url).json()["file_url"])

    export = ZipFile(io.BytesIO(answer.getvalue()))
    (row,) = json.loads(export.read("canvas/canvasdocument.json"))
    assert (row["name"], row["document"]["layers"][0]["image"]) == ("바다", name)
    pixels = api.get(f"{canvas['url']}/layers/{name}").content
    assert export.read(f"files/canvases/{canvas['id']}/{name}.png") == pixels


def test_canvases_go_with_the_account(
    api: APIClient, user: User, stranger_api: APIClient, stored_files: Any
) -> None:
    upload(api, make_canvas(api))
    theirs = make_canvas(stranger_api)
    upload(stranger_api, theirs)

    request_deletion(user=user, email=user.email)
    run_next_request()

    assert [str(each.id) for each in CanvasDocument.objects.all()] == [theirs["id"]]
    assert CanvasFile.objects.count() == 1
    assert not any(str(user.id) in key for key in stored_files())
    assert len(stored_files()) == 1


def test_canvases_go_when_pictures_would_go_though_there_is_none(
    api: APIClient,
    user: User,
    stranger_api: APIClient,
    stored_files: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    canvas, theirs = make_canvas(api), make_canvas(stranger_api)
    upload(api, canvas)
    upload(stranger_api, theirs)
    now = timezone.now()
    Subscription.objects.filter(user=user).update(
        valid_from=now - 40 * DAY, valid_until=now - 31 * DAY
    )
    # Nobody told them yet.
    assert delete_canvases_past_retention() == 0
    note_pictures_that_will_go()
    send_notices()
    Notice.objects.filter(state=NoticeState.SENT).update(sent_at=now - 8 * DAY)

    with django_capture_on_commit_callbacks(execute=True):
        assert (delete_canvases_past_retention(), delete_canvases_past_retention()) == (1, 0)

    assert [str(each.id) for each in CanvasDocument.objects.all()] == [theirs["id"]]
    assert not any(f"{user.id}/canvases" in key for key in stored_files())
    assert sum("/canvases/" in key for key in stored_files()) == 1
