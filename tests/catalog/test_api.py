"""Models and installs over the API: lists, what is one's own to change, uploads in parts."""

import hashlib
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.catalog.installs.making import make_installs
from apps.catalog.installs.uploads import MOST_PART
from apps.catalog.models import GenerationModel, InstallStatus, ModelInstall, ModelKind
from apps.core.models import Act, AuditRecord
from apps.core.storage import file_store
from apps.generation.models import Job
from tests.catalog.factories import make_model, store_model
from tests.catalog.weights import LORA_OF_SD_15, weights
from tests.factories import make_image, make_job

pytestmark = pytest.mark.django_db

MODELS = "/api/v1/models"
INSTALLS = f"{MODELS}/installs"
LORA = weights(LORA_OF_SD_15)


def keys(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [model["key"] for model in response.json()["results"]]


def stored(prefix: str) -> set[str]:
    return {key for key, _written_at in file_store.walk(prefix)}


class TestList:
    def test_main_models_are_listed_unless_another_kind_is_asked_for(
        self, api: APIClient, user: User, stranger: User, starter: GenerationModel
    ) -> None:
        lora = make_model(user, name="Ink", trigger_words=["ink drawing"])
        flux = make_model(None, key="flux-lora", base="flux-1", access="flux_included")
        make_model(stranger)
        off = make_model(user, is_enabled=False)

        assert keys(api.get(MODELS)) == [starter.key]
        assert keys(api.get(MODELS, {"kind": "lora"})) == [flux.key, lora.key, off.key]
        assert keys(api.get(MODELS, {"kind": "all", "base": "flux-1"})) == [flux.key]
        assert keys(api.get(MODELS, {"kind": "all", "q": "DRAWING ink"})) == [lora.key]
        assert api.get(MODELS, {"kind": "else"}).status_code == 422
        (shown,) = api.get(MODELS, {"kind": "lora", "base": "flux-1"}).json()["results"]
        assert (shown["included"], shown["smallest_plan"]) == (False, "pro")
        assert (shown["is_own"], shown["schedulers"], shown["base_name"]) == (False, [], "FLUX.1")

    def test_a_main_model_says_what_its_family_can_do(
        self, api: APIClient, starter: GenerationModel
    ) -> None:
        shown = api.get(f"{MODELS}/{starter.key}").json()

        assert {"txt2img", "img2img", "inpaint", "lora"} <= set(shown["capabilities"])
        assert shown["suggested"]["steps"] == 20
        assert shown["sha256"] == starter.sha256
        assert "location" not in shown

    def test_a_long_list_costs_as_many_queries_as_a_short_one(
        self, api: APIClient, user: User, starter: GenerationModel
    ) -> None:
        counts = []
        for _more in range(2):
            with CaptureQueriesContext(connection) as queries:
                assert api.get(MODELS, {"kind": "all"}).status_code == 200
            counts.append(len(queries))
            for _model in range(10):
                make_model(user)

        assert counts[0] == counts[1]


class TestOwn:
    CHANGES: ClassVar[dict[str, Any]] = {
        "name": "Ink",
        "description": "Drawings in ink.",
        "tags": ["style", "ink"],
        "trigger_words": ["ink drawing"],
        "defaults": {"weight": 0.8},
        "is_enabled": False,
    }

    def test_its_user_says_what_it_is(self, api: APIClient, user: User) -> None:
        model = make_model(user)

        shown = api.patch(f"{MODELS}/{model.key}", self.CHANGES, format="json").json()

        assert {name: shown[name] for name in self.CHANGES if name != "defaults"} == {
            name: value for name, value in self.CHANGES.items() if name != "defaults"
        }
        assert shown["suggested"] == {"weight": 0.8}

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", ""),
            ("name", "x" * 101),
            ("tags", ["x" * 41]),
            ("tags", ["x"] * 51),
            ("trigger_words", "ink"),
            ("defaults", {"steps": "many"}),
            ("defaults", {"steps": True}),
            ("defaults", {"unknown": 1}),
            ("defaults", {"weight": 1e9}),
            ("defaults", {"negative_prompt": "\0"}),
            ("defaults", [1]),
        ],
    )
    def test_bad_values_change_nothing(
        self, field: str, value: Any, api: APIClient, user: User
    ) -> None:
        model = make_model(user)

        response = api.patch(f"{MODELS}/{model.key}", {field: value}, format="json")

        assert response.status_code == 422
        assert response.json()["invalid_fields"][0].startswith(field)
        assert GenerationModel.objects.get(key=model.key).updated_at == model.updated_at

    def test_what_follows_from_the_weights_or_the_plan_is_not_said(
        self, api: APIClient, user: User
    ) -> None:
        model = make_model(user, commercial_use=False)
        changes = {"kind": "main", "base": "flux-1", "access": "full", "commercial_use": True}

        assert api.patch(f"{MODELS}/{model.key}", changes, format="json").status_code == 200

        found = GenerationModel.objects.get(key=model.key)
        assert (found.kind, found.base, found.access) == ("lora", "sd-1.5-class", "sd_only")
        assert found.commercial_use is False

    def test_a_shared_one_is_nobodys_to_change(
        self, api: APIClient, starter: GenerationModel
    ) -> None:
        url = f"{MODELS}/{starter.key}"

        assert api.patch(url, {"name": "Mine"}, format="json").status_code == 404
        assert api.delete(url).status_code == 404
        assert GenerationModel.objects.get(key=starter.key).name == "Easel Starter"

    @pytest.mark.parametrize("method", ["get", "patch", "delete"])
    def test_a_stranger_finds_nothing_and_changes_nothing(
        self, method: str, stranger_api: APIClient, user: User
    ) -> None:
        model = store_model({"a.safetensors": LORA}, user)

        response = getattr(stranger_api, method)(
            f"{MODELS}/{model.key}", {"name": "x"}, format="json"
        )

        assert response.status_code == 404
        assert GenerationModel.objects.get(key=model.key).updated_at == model.updated_at
        assert stored(model.location)

    def test_one_without_jobs_goes_with_its_files(
        self,
        api: APIClient,
        user: User,
        django_capture_on_commit_callbacks: Callable[..., Any],
    ) -> None:
        model = store_model({"a.safetensors": LORA}, user)

        with django_capture_on_commit_callbacks(execute=True):
            assert api.delete(f"{MODELS}/{model.key}").status_code == 204

        assert not GenerationModel.objects.filter(key=model.key).exists()
        assert stored(model.location) == set()
        assert AuditRecord.objects.get(act=Act.MODEL_DELETED).target == model.key

    def test_one_that_jobs_name_is_remembered_without_its_files(
        self,
        api: APIClient,
        user: User,
        starter: GenerationModel,
        django_capture_on_commit_callbacks: Callable[..., Any],
    ) -> None:
        model = store_model({"a.safetensors": LORA}, user, kind=ModelKind.MAIN)
        Job.objects.filter(id=make_job(user, starter).id).update(model=model)

        with django_capture_on_commit_callbacks(execute=True):
            assert api.delete(f"{MODELS}/{model.key}").status_code == 204

        left = GenerationModel.objects.get(key=model.key)
        assert (left.files, left.is_enabled, left.sha256) == ([], False, model.sha256)
        assert stored(model.location) == set()
        assert api.get(f"{MODELS}/{model.key}").status_code == 404
        assert api.get("/api/v1/generations").json()["results"][0]["model"] == model.key


class TestCovers:
    def test_a_picture_becomes_the_cover(
        self, api: APIClient, stranger_api: APIClient, user: User
    ) -> None:
        model = store_model({"a.safetensors": LORA}, user)
        image = make_image(user)
        url = f"{MODELS}/{model.key}/cover"
        assert api.get(url).status_code == 404

        assert api.put(url, {"image": str(image.image_name)}, format="json").status_code == 204

        shown = api.get(f"{MODELS}/{model.key}").json()["cover_url"]
        cover = api.get(shown)
        assert (cover["Content-Type"], cover.content[8:12]) == ("image/webp", b"WEBP")
        assert stranger_api.get(url).status_code == 404
        assert api.delete(url).status_code == 204
        assert api.get(f"{MODELS}/{model.key}").json()["cover_url"] is None

    def test_anothers_picture_does_not(self, api: APIClient, user: User, stranger: User) -> None:
        model = make_model(user)
        image = make_image(stranger)
        url = f"{MODELS}/{model.key}/cover"

        assert api.put(url, {"image": str(image.image_name)}, format="json").status_code == 404
        assert GenerationModel.objects.get(key=model.key).cover_key == ""


class TestUploads:
    def announce(self, api: APIClient, size: int = len(LORA), **facts: Any) -> Any:
        upload = {"file_name": "ink.safetensors", "size": size}
        return api.post(INSTALLS, {"upload": upload, **facts}, format="json")

    def send(self, api: APIClient, install_id: str, content: bytes, start: int, total: int) -> Any:
        return api.put(
            f"{INSTALLS}/{install_id}/content",
            content,
            content_type="application/octet-stream",
            headers={"Content-Range": f"bytes {start}-{start + len(content) - 1}/{total}"},
        )

    @pytest.fixture(autouse=True)
    def _folder(self, install_folder: Any) -> None:
        """Put installs together below the test's own folder."""

    def test_parts_come_one_by_one_and_become_a_model(self, api: APIClient, user: User) -> None:
        digest = hashlib.sha256(LORA).hexdigest()
        install = self.announce(api, name="Ink", sha256=digest, commercial_use=True).json()
        assert (install["status"], install["done_bytes"]) == ("uploading", 0)
        half = len(LORA) // 2
        assert make_installs() == 0

        first = self.send(api, install["id"], LORA[:half], 0, len(LORA)).json()
        again = self.send(api, install["id"], LORA[:half], 0, len(LORA)).json()
        assert (first["done_bytes"], again["done_bytes"]) == (half, half)
        ahead = self.send(api, install["id"], LORA[half + 1 :], half + 1, len(LORA))
        assert (ahead.status_code, ahead.json()["offset"]) == (409, half)
        last = self.send(api, install["id"], LORA[half:], half, len(LORA)).json()
        assert last["status"] == "waiting"

        assert make_installs() == 1

        shown = api.get(f"{INSTALLS}/{install['id']}").json()
        assert shown["status"] == "ready", shown
        model = GenerationModel.objects.get(key=shown["model"])
        assert (model.user_id, model.name, model.sha256) == (user.id, "Ink", digest)
        assert (model.source, model.commercial_use) == ("upload", True)
        assert stored("models") == {f"{model.location}/ink.safetensors"}

    def test_a_whole_file_needs_no_range(self, api: APIClient) -> None:
        install = self.announce(api).json()

        response = api.put(
            f"{INSTALLS}/{install['id']}/content", LORA, content_type="application/octet-stream"
        )

        assert response.json()["status"] == "waiting"

    def test_another_file_than_announced_is_refused(self, api: APIClient) -> None:
        install = self.announce(api, sha256="0" * 64).json()
        self.send(api, install["id"], LORA, 0, len(LORA))

        make_installs()

        shown = api.get(f"{INSTALLS}/{install['id']}").json()
        assert (shown["status"], shown["model"]) == ("failed", None)
        assert "SHA-256" in shown["detail"]
        assert stored("models") == set()

    def test_more_than_was_announced_is_not_taken(self, api: APIClient) -> None:
        install = self.announce(api, size=10).json()

        assert self.send(api, install["id"], LORA, 0, len(LORA)).status_code == 422
        assert self.send(api, install["id"], b"", 0, 10).status_code == 422
        too_much = b"x" * (MOST_PART + 1)
        assert self.send(api, install["id"], too_much, 0, len(too_much)).status_code == 413

        assert api.get(f"{INSTALLS}/{install['id']}").json()["done_bytes"] == 0
        assert stored("models") == set()

    @pytest.mark.parametrize("header", ["bytes 0-5/10", "x", "bytes=0-9", "bytes 9-0/10"])
    def test_an_odd_range_is_refused(self, header: str, api: APIClient) -> None:
        install = self.announce(api, size=10).json()

        response = api.put(
            f"{INSTALLS}/{install['id']}/content",
            b"0123456789",
            content_type="application/octet-stream",
            headers={"Content-Range": header},
        )

        assert response.status_code == 422
        assert stored("models") == set()

    def test_more_than_the_plan_stores_is_refused_before_it_is_sent(self, api: APIClient) -> None:
        response = self.announce(api, size=20 * 1000**3 + 1)

        assert (response.status_code, response.json()["code"]) == (403, "storage_full")
        assert not ModelInstall.objects.exists()

    def test_uploads_that_are_announced_share_the_room_of_the_plan(self, api: APIClient) -> None:
        assert self.announce(api, size=15 * 1000**3).status_code == 202

        response = self.announce(api, size=15 * 1000**3)

        assert (response.status_code, response.json()["code"]) == (403, "storage_full")
        assert ModelInstall.objects.count() == 1

    def test_the_parts_of_a_cancelled_upload_are_deleted(
        self, api: APIClient, django_capture_on_commit_callbacks: Callable[..., Any]
    ) -> None:
        install = self.announce(api).json()
        self.send(api, install["id"], LORA[:100], 0, len(LORA))
        assert len(stored("models")) == 1

        with django_capture_on_commit_callbacks(execute=True):
            api.post(f"{INSTALLS}/{install['id']}/cancel")

        assert stored("models") == set()
        assert self.announce(api, size=20 * 1000**3).status_code == 202

    def test_a_stranger_sends_no_part(self, api: APIClient, stranger_api: APIClient) -> None:
        install = self.announce(api).json()

        assert self.send(stranger_api, install["id"], LORA, 0, len(LORA)).status_code == 404
        assert stranger_api.post(f"{INSTALLS}/{install['id']}/cancel").status_code == 404
        assert stranger_api.get(INSTALLS).json()["results"] == []
        assert ModelInstall.objects.get().status == InstallStatus.UPLOADING
        assert stored("models") == set()

    def test_a_cancelled_upload_takes_no_more(self, api: APIClient) -> None:
        install = self.announce(api).json()

        assert api.post(f"{INSTALLS}/{install['id']}/cancel").json()["status"] == "cancelled"
        assert self.send(api, install["id"], LORA, 0, len(LORA)).status_code == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "source"),
        ({"source": "a/b", "upload": {"file_name": "x", "size": 1}}, "source"),
        ({"source": "http://example.com/x"}, "source"),
        ({"source": "a/b", "kind": "else"}, "kind"),
        ({"source": "a/b", "base": "else"}, "base"),
        ({"source": "a/b", "sha256": "x"}, "sha256"),
        ({"upload": {"file_name": "x", "size": 0}}, "upload.size"),
    ],
)
def test_bad_requests_begin_nothing(body: Any, field: str, api: APIClient) -> None:
    response = api.post(INSTALLS, body, format="json")

    assert (response.status_code, response.json()["invalid_fields"]) == (422, [field])
    assert not ModelInstall.objects.exists()


def test_a_bucket_is_for_administrators(api: APIClient) -> None:
    assert api.post(INSTALLS, {"source": "s3://bucket/key"}, format="json").status_code == 403
