"""The pixels of layers: PNGs with their alpha, nothing hostile, in the quota, gone in time."""

import io
import struct
import uuid
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone
from PIL import Image as PillowImage
from PIL import PngImagePlugin
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.canvas.documents import empty_document, picture_layer
from apps.canvas.models import CanvasDocument, CanvasFile
from apps.canvas.selectors import stored_bytes
from apps.canvas.services import documents, files
from apps.canvas.services.documents import create_document, save_document
from apps.canvas.services.files import upload_layer
from apps.canvas.services.leftovers import delete_canvas_leftovers
from apps.canvas.storage import file_key
from apps.core.tenancy import tenant_scope
from apps.images.models import StorageUse
from apps.images.services import orphans
from apps.images.services.orphans import remove_orphans
from apps.plans.entitlements import BYTES_A_GB
from apps.plans.storage import used_bytes
from tests.canvas.factories import layer, make_canvas, pixels, save, upload
from tests.factories import encode

NEVER = uuid.UUID("00000000-0000-4000-8000-000000000000")


def send(api: APIClient, canvas: Any, content: bytes) -> Any:
    return upload(api, canvas, SimpleUploadedFile("layer.png", content, content_type="image/png"))


def read(api: APIClient, url: str) -> PillowImage.Image:
    answer = api.get(url)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
    return PillowImage.open(io.BytesIO(answer.content))


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def test_the_pixels_of_a_layer_keep_their_alpha(
    api: APIClient, user: User, stored_files: Any
) -> None:
    canvas = make_canvas(api)
    picture = PillowImage.new("RGBA", (3, 2), (10, 20, 30, 0))
    picture.putpixel((1, 1), (200, 100, 50, 77))

    answer = upload(api, canvas, encode(picture))

    body = answer.json()
    file = CanvasFile.objects.get(user=user)
    assert answer.status_code == 201
    assert body == {
        "name": str(file.name),
        "url": f"{canvas['url']}/layers/{file.name}",
        "width": 3,
        "height": 2,
        "file_size_bytes": file.file_size_bytes,
    }
    stored = read(api, body["url"])
    assert (stored.mode, stored.size) == ("RGBA", (3, 2))
    assert list(stored.getdata()) == list(picture.getdata())
    assert stored_files() == {f"users/{user.id}/canvases/{canvas['id']}/{file.name}.png"}


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "I;16"])
def test_every_kind_of_png_becomes_rgba(api: APIClient, mode: str) -> None:
    canvas = make_canvas(api)
    body = upload(api, canvas, encode(PillowImage.new(mode, (4, 4)))).json()

    assert read(api, body["url"]).mode == "RGBA"


def test_nothing_but_pixels_is_kept(api: APIClient) -> None:
    canvas = make_canvas(api)
    words = PngImagePlugin.PngInfo()
    words.add_text("parameters", "a secret prompt")
    file = encode(PillowImage.new("RGBA", (4, 4)), pnginfo=words, dpi=(300, 300))

    content = api.get(upload(api, canvas, file).json()["url"]).content

    assert b"secret" not in content
    assert b"pHYs" not in content


@pytest.mark.parametrize(
    "content",
    [
        b"x",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        encode(PillowImage.new("RGB", (4, 4)), "JPEG").getvalue(),
        encode(PillowImage.new("RGBA", (4, 4)), "WEBP").getvalue(),
        pixels().getvalue()[:-20],
        pixels().getvalue() + b"<script>alert(1)</script>",
        pixels().getvalue() + pixels().getvalue(),
        # Half a million pixels on a side, in a few bytes.
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 500_000, 500_000, 8, 6, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b""),
    ],
)
def test_what_is_no_layer_is_refused(
    api: APIClient, user: User, stored_files: Any, content: bytes
) -> None:
    canvas = make_canvas(api)

    answer = send(api, canvas, content)

    assert (answer.status_code, answer.json()["invalid_fields"]) == (422, ["file"])
    assert not CanvasFile.objects.filter(user=user).exists()
    assert stored_files() == set()


def test_a_layer_of_too_many_pixels_or_bytes_is_refused(
    api: APIClient, user: User, settings: Any
) -> None:
    canvas = make_canvas(api)
    settings.EASEL_UPLOAD_MAX_PIXELS = 511
    many = upload(api, canvas, pixels(32, 16))
    settings.EASEL_UPLOAD_MAX_PIXELS = 512
    settings.EASEL_UPLOAD_MAX_BYTES = 50
    large = upload(api, canvas, pixels(32, 16))

    assert (many.status_code, many.json()["invalid_fields"]) == (422, ["file"])
    assert (large.status_code, large.json()["limit"]) == (413, 50)
    assert not CanvasFile.objects.filter(user=user).exists()


def test_layers_count_into_the_storage_of_the_plan(
    api: APIClient, user: User, stored_files: Any
) -> None:
    canvas = make_canvas(api)
    sizes = [upload(api, canvas).json()["file_size_bytes"] for _n in range(2)]
    assert stored_bytes(user_id=user.id) == used_bytes(user_id=user.id) == sum(sizes)
    before = stored_files()
    # Of the 20 GB of the trial all are used but for a little.
    StorageUse.objects.create(user=user, stored_bytes=20 * BYTES_A_GB - sum(sizes) - 10)

    answer = upload(api, canvas)

    assert (answer.status_code, answer.json()["code"]) == (403, "storage_full")
    assert answer.json()["used"] == 20 * BYTES_A_GB - 10 + sizes[0]
    assert CanvasFile.objects.filter(user=user).count() == 2
    assert stored_files() == before


def test_a_file_whose_row_cannot_be_written_is_deleted_again(
    api: APIClient, stored_files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    canvas = make_canvas(api)

    def fail(*, user_id: uuid.UUID) -> None:
        assert stored_files() != set()
        raise OSError("the database is away")

    monkeypatch.setattr(files, "lock_canvases", fail)
    api.raise_request_exception = False

    assert upload(api, canvas).status_code == 500

    assert stored_files() == set()


def test_what_a_save_drops_stays_for_who_undoes_it(api: APIClient, user: User) -> None:
    canvas = make_canvas(api)
    name = upload(api, canvas).json()["name"]
    assert CanvasFile.objects.get(user=user).unnamed_at is not None
    save(api, canvas, layer(image=name))
    assert CanvasFile.objects.get(user=user).unnamed_at is None

    save(api, canvas, version=2)
    assert CanvasFile.objects.get(user=user).unnamed_at is not None

    assert save(api, canvas, layer(image=name), version=3).status_code == 200
    assert CanvasFile.objects.get(user=user).unnamed_at is None


def test_of_what_saves_drop_the_latest_stay(
    api: APIClient,
    user: User,
    stored_files: Any,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    monkeypatch.setattr(documents, "UNNAMED_KEPT", 2)
    canvas = make_canvas(api)
    names = []
    for version in range(1, 6):
        names.append(upload(api, canvas).json()["name"])
        with django_capture_on_commit_callbacks(execute=True):
            save(api, canvas, layer(image=names[-1]), version=version)

    kept = {str(file.name) for file in CanvasFile.objects.filter(user=user)}
    assert kept == set(names[-3:])
    assert {key[-40:-4] for key in stored_files()} == kept


def test_leftovers_go_after_their_time(
    api: APIClient, user: User, stored_files: Any, django_capture_on_commit_callbacks: Any
) -> None:
    canvas, thrown = make_canvas(api), make_canvas(api)
    named, unnamed, fresh = [upload(api, canvas).json()["name"] for _n in range(3)]
    upload(api, thrown)
    save(api, canvas, layer(image=named))
    api.delete(thrown["url"])
    with django_capture_on_commit_callbacks(execute=True):
        assert delete_canvas_leftovers() == 0
    past = timezone.now() - timedelta(days=1, seconds=1)
    CanvasFile.objects.filter(name=unnamed).update(unnamed_at=past)
    CanvasDocument.objects.filter(id=thrown["id"]).update(
        deleted_at=timezone.now() - timedelta(days=30, seconds=1)
    )

    with django_capture_on_commit_callbacks(execute=True):
        assert delete_canvas_leftovers() == 2

    assert [str(each.id) for each in CanvasDocument.objects.filter(user=user)] == [canvas["id"]]
    assert {key[-40:-4] for key in stored_files()} == {named, fresh}


def test_files_without_a_row_go(
    api: APIClient, user: User, stored_files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    canvas = make_canvas(api)
    upload(api, canvas)
    kept = stored_files()
    document_id = uuid.UUID(canvas["id"])
    lost = file_key(user_id=user.id, document_id=document_id, name=NEVER)
    for key in (lost, lost.replace(f"{NEVER}.png", ".incomplete-a1b2c3d4")):
        default_storage.save(key, ContentFile(b"x"))
    assert remove_orphans() == 0
    monkeypatch.setattr(orphans, "GRACE", timedelta(minutes=-5))

    assert (remove_orphans(), remove_orphans()) == (2, 0)

    assert stored_files() == kept


@pytest.mark.django_db(transaction=True)
def test_a_sweep_during_a_save_deletes_no_file_that_it_names(user: User) -> None:
    with tenant_scope(user.id):
        canvas = create_document(user=user, width=64, height=64)
        file = upload_layer(user=user, document_id=canvas.id, file=pixels())
        CanvasFile.objects.update(unnamed_at=timezone.now() - timedelta(days=2))
    swept: list[int] = []

    def sweep() -> int:
        try:
            return delete_canvas_leftovers()
        finally:
            connection.close()

    def sweep_before_it_is_named(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith('UPDATE "canvas_canvasfile"') and not swept:
            with ThreadPoolExecutor(1) as pool:
                swept.append(pool.submit(sweep).result(10))
        return execute(sql, *rest)

    wanted = empty_document(
        width=64,
        height=64,
        layers=[picture_layer(name="Sky", width=32, height=16, image=file.name)],
    )
    with tenant_scope(user.id), connection.execute_wrapper(sweep_before_it_is_named):
        save_document(user=user, document_id=canvas.id, version=1, document=wanted)

    assert swept == [0]
    with tenant_scope(user.id):
        assert CanvasFile.objects.get(unnamed_at=None).name == file.name
