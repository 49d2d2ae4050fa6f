"""Installs from a model hub, and what checkpoints of one file need besides."""

from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError

from apps.accounts.models import User
from apps.catalog.installs import entering
from apps.catalog.installs.completing import REPOSITORIES
from apps.catalog.installs.making import make_next_install
from apps.catalog.models import GenerationModel, InstallStatus, ModelInstall, ModelKind
from apps.core.tenancy import service_scope
from gpu_tasks.runner.weights import local_weights
from tests.catalog.factories import store_model
from tests.catalog.file_server import FileServer
from tests.catalog.installing import (
    CONFIGURATIONS,
    LORA,
    ask,
    made,
    publish,
    refused,
    stored_models,
)
from tests.catalog.weights import (
    CHECKPOINT_OF_SD_15,
    weights,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("install_folder")]


class TestHub:
    def test_a_directory_comes_without_what_lies_beside_it(
        self, enterprise_user: User, server: FileServer
    ) -> None:
        files = {
            "model_index.json": b'{"_class_name": "StableDiffusionPipeline"}',
            "unet/config.json": b'{"cross_attention_dim": 768}',
            "unet/diffusion_pytorch_model.safetensors": weights({"a": (7,)}),
            "tokenizer/merges.txt": b"a b",
        }
        beside = {
            "unet/diffusion_pytorch_model.fp16-00001-of-00002.safetensors": weights({"a": (3,)}),
            "unet/diffusion_pytorch_model.non_ema.safetensors": weights({"a": (3,)}),
            "unet/diffusion_pytorch_model.bin": b"pickle",
            "all_in_one.safetensors": weights({"a": (9,)}),
            "README.md": b"read me",
            "../escape.json": b"{}",
        }
        publish(server, files | beside, license="creativeml-openrail-m")

        found = made(ask(enterprise_user, "some/one"))

        model = GenerationModel.objects.get(key=found.model_key)
        assert {file["path"] for file in model.files} == files.keys()
        assert (model.kind, model.base, model.access) == ("main", "sd-1.5-class", "full")
        assert (model.license, model.commercial_use) == ("creativeml-openrail-m", True)
        assert (model.default_width, model.max_size, model.name) == (512, 1024, "one")

    def test_one_file_of_many_is_named(self, user: User, server: FileServer) -> None:
        publish(server, {"a.safetensors": LORA, "b.safetensors": LORA}, license="other")

        detail = refused(ask(user, "some/one"))
        assert "a.safetensors, b.safetensors" in detail
        found = made(ask(user, "some/one@main:b.safetensors"))

        assert found.status == InstallStatus.READY
        model = GenerationModel.objects.get(key=found.model_key)
        assert (model.license, model.commercial_use) == ("other", False)

    def test_what_differs_from_the_list_is_not_taken(self, user: User, server: FileServer) -> None:
        publish(server, {"a.safetensors": LORA})
        server.files["/some/one/resolve/abc123/a.safetensors"] = LORA[:-1] + b"x"

        assert "SHA-256" in refused(ask(user, "some/one"))

    @pytest.mark.parametrize(
        "listing", [b"", b"[]", b"{}", b'{"siblings": 1}', b'{"siblings": [1, {}]}']
    )
    def test_an_odd_list_is_refused(self, listing: bytes, user: User, server: FileServer) -> None:
        server.files["/api/models/some/one/revision/main"] = listing

        assert refused(ask(user, "some/one"))

    def test_our_token_is_shown_for_administrators_alone(
        self, user: User, server: FileServer, settings: Any
    ) -> None:
        settings.EASEL_HUB_TOKEN = "secret"
        publish(server, {"a.safetensors": LORA}, license="mit")

        made(ask(user, "some/one"))
        made(ask(user, server.url("/some/one/resolve/abc123/a.safetensors")))
        assert not any("Authorization" in headers for _path, headers in server.requests)
        server.requests.clear()
        with service_scope("test"):
            install = ask(user, "some/one", is_shared=True)
        found = made(install)

        assert {headers["Authorization"] for _path, headers in server.requests} == {"Bearer secret"}
        model = GenerationModel.objects.get(key=found.model_key)
        assert (model.user_id, model.key) == (None, "ink-drawing")
        assert model.location.startswith("models/shared/sd-1.5-class/ink-drawing-")

    def test_a_shared_model_keeps_its_files_when_a_late_maker_clears_up(
        self, user: User, stranger: User, server: FileServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish(server, {"a.safetensors": LORA}, license="mit")
        with service_scope("test"):
            late, other = (ask(one, "some/one", is_shared=True) for one in (user, stranger))
        insert = entering._insert

        def insert_behind_another(install: ModelInstall, *rest: Any) -> None:
            if install.id == late.id:
                monkeypatch.setattr(entering, "_insert", insert)
                make_next_install()
            insert(install, *rest)

        monkeypatch.setattr(entering, "_insert", insert_behind_another)
        with pytest.raises(DatabaseError):
            make_next_install()

        other.refresh_from_db()
        model = GenerationModel.objects.get(key=other.model_key)
        assert stored_models() == {f"{model.location}/a.safetensors"}


class TestCheckpoint:
    """A checkpoint of one file comes with what workers need to load it, from the hub or ours."""

    CONTENT = weights(CHECKPOINT_OF_SD_15)
    TEXTS = frozenset(path for path in CONFIGURATIONS if not path.endswith(".safetensors"))

    def files_of(self, install: ModelInstall) -> set[str]:
        assert install.status == InstallStatus.READY, install.detail
        model = GenerationModel.objects.get(key=install.model_key)
        assert (model.kind, model.base) == ("main", "sd-1.5-class")
        return {file["path"] for file in model.files}

    def test_its_configuration_comes_from_the_hub_and_its_weights_are_its_own(
        self, enterprise_user: User, server: FileServer, settings: Any, tmp_path: Path
    ) -> None:
        settings.EASEL_MODEL_FILES_CACHE = tmp_path / "cache"
        server.files["/dream.safetensors"] = self.CONTENT
        publish(server, CONFIGURATIONS, repository=REPOSITORIES["sd-1.5-class"])

        found = made(ask(enterprise_user, server.url("/dream.safetensors")))

        assert self.files_of(found) == {"weights.safetensors", *self.TEXTS}
        model = GenerationModel.objects.get(key=found.model_key)
        assert model.name == "dream"
        directory = local_weights(model)
        assert (directory / "weights.safetensors").read_bytes() == self.CONTENT
        index = (directory / "model_index.json").read_bytes()
        assert index == CONFIGURATIONS["model_index.json"]

    def test_without_a_hub_it_comes_from_a_shared_model_of_the_family(
        self, enterprise_user: User, server: FileServer
    ) -> None:
        with service_scope("a shared model with files"):
            store_model(CONFIGURATIONS, key="classic", kind=ModelKind.MAIN)
        server.files["/dream.safetensors"] = self.CONTENT

        found = made(ask(enterprise_user, server.url("/dream.safetensors")))

        assert self.files_of(found) == {"weights.safetensors", *self.TEXTS}

    def test_without_either_it_is_refused_and_leaves_nothing(
        self, enterprise_user: User, server: FileServer
    ) -> None:
        server.files["/dream.safetensors"] = self.CONTENT

        detail = refused(ask(enterprise_user, server.url("/dream.safetensors")))

        assert detail.startswith("The configuration that this file needs cannot be fetched now.")
