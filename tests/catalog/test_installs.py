"""Installs from their request to the model, and every way in which one may end before."""

import hashlib
import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError
from django.utils import timezone

from apps.accounts.models import User
from apps.catalog.installs import entering, making
from apps.catalog.installs.claims import claim_next_install
from apps.catalog.installs.completing import REPOSITORIES
from apps.catalog.installs.making import make_installs, make_next_install
from apps.catalog.installs.requests import cancel_install
from apps.catalog.models import GenerationModel, InstallStatus, ModelInstall, ModelKind
from apps.core.errors import Conflict, Forbidden, Invalid
from apps.core.models import Act, AuditRecord
from apps.core.tenancy import tenant_scope
from apps.images.models import Image, StorageUse
from apps.images.services.pictures import upload_image
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from gpu_tasks.runner.weights import local_weights
from tests.catalog.factories import make_model
from tests.catalog.file_server import FileServer, answer, redirect_to
from tests.catalog.installing import (
    CONFIGURATIONS,
    DIGEST,
    LORA,
    ask,
    made,
    publish,
    refused,
    stored_models,
)
from tests.catalog.weights import (
    CHECKPOINT_OF_SD_15,
    CONTROLNET_OF_SD_15,
    LORA_OF_SD_15,
    weights,
)
from tests.factories import encode, make_picture

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("install_folder")]


def test_a_lora_from_an_address_becomes_ones_own(
    user: User, server: FileServer, install_folder: Path, settings: Any, tmp_path: Path
) -> None:
    settings.EASEL_MODEL_FILES_CACHE = tmp_path / "cache"
    server.files["/files/ink.safetensors"] = LORA
    server.acts["/download"] = redirect_to("/files/ink.safetensors")
    install = ask(user, server.url("/download"), expected_sha256=DIGEST.upper())

    assert install.status == InstallStatus.WAITING
    found = made(install)

    assert (found.status, found.done_bytes) == (InstallStatus.READY, len(LORA))
    model = GenerationModel.objects.get(key=found.model_key)
    assert (model.user_id, model.kind, model.base) == (user.id, ModelKind.LORA, "sd-1.5-class")
    assert (model.name, model.access) == ("Ink drawing", "sd_only")
    assert (model.sha256, model.size_bytes) == (DIGEST, len(LORA))
    assert model.location == f"models/users/{user.id}/{model.key}"
    assert stored_models() == {f"{model.location}/model.safetensors"}
    assert local_weights(model).read_bytes() == LORA
    assert list(install_folder.iterdir()) == []
    act = AuditRecord.objects.get(act=Act.MODEL_INSTALLED)
    assert (act.user_id, act.target) == (user.id, model.key)


def test_an_archive_of_a_model_is_unpacked(enterprise_user: User, server: FileServer) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("cn/config.json", json.dumps({"_class_name": "FluxControlNetModel"}))
        archive.writestr("cn/diffusion_pytorch_model.safetensors", weights({"a": (1,)}))
    server.files["/canny.zip"] = buffer.getvalue()

    found = made(ask(enterprise_user, server.url("/canny.zip")))

    model = GenerationModel.objects.get(key=found.model_key)
    assert (model.kind, model.base, model.preprocessor) == ("controlnet", "flux-1", "canny")
    assert [file["path"] for file in model.files] == [
        "config.json",
        "diffusion_pytorch_model.safetensors",
    ]


class TestInterrupted:
    def test_a_cut_connection_goes_on_where_it_ended(self, user: User, server: FileServer) -> None:
        server.files["/x.safetensors"] = LORA
        server.cut_after = 300_000

        found = made(ask(user, server.url("/x.safetensors")))

        assert found.status == InstallStatus.READY
        first, second = (headers for _path, headers in server.requests)
        assert "Range" not in first
        assert second["Range"] == "bytes=300000-"
        assert GenerationModel.objects.get(key=found.model_key).sha256 == DIGEST

    def test_a_lost_process_is_gone_on_from(
        self, user: User, server: FileServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.files["/x.safetensors"] = LORA
        install = ask(user, server.url("/x.safetensors"))
        self.lose_process_after(300_000, monkeypatch)
        with pytest.raises(SystemExit):
            make_next_install()
        monkeypatch.undo()
        install.refresh_from_db()
        assert (install.status, install.attempt) == (InstallStatus.RUNNING, 1)
        assert make_installs() == 0
        self.end_lease(install)

        found = made(install)

        assert (found.status, found.attempt) == (InstallStatus.READY, 2)
        _first, second = (headers for _path, headers in server.requests)
        assert int(second["Range"].removeprefix("bytes=").rstrip("-")) >= 300_000
        assert GenerationModel.objects.get(key=found.model_key).sha256 == DIGEST

    def test_a_file_that_changed_meanwhile_is_begun_anew(
        self, user: User, server: FileServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.files["/x.safetensors"] = LORA
        install = ask(user, server.url("/x.safetensors"))
        self.lose_process_after(300_000, monkeypatch)
        with pytest.raises(SystemExit):
            make_next_install()
        monkeypatch.undo()
        other = weights(LORA_OF_SD_15, {"filler": "y" * 400_000})
        server.files["/x.safetensors"] = other
        self.end_lease(install)

        found = made(install)

        digest = hashlib.sha256(other).hexdigest()
        assert GenerationModel.objects.get(key=found.model_key).sha256 == digest

    def test_a_server_without_ranges_sends_all_again(self, user: User, server: FileServer) -> None:
        server.files["/x.safetensors"] = LORA
        server.is_ranged = False
        server.cut_after = 300_000

        found = made(ask(user, server.url("/x.safetensors")))

        assert GenerationModel.objects.get(key=found.model_key).sha256 == DIGEST

    def test_after_five_lost_processes_it_fails(self, user: User, server: FileServer) -> None:
        install = ask(user, server.url("/x.safetensors"))
        for attempt in range(1, 6):
            assert claim_next_install() == install
            install.refresh_from_db()
            assert install.attempt == attempt
            self.end_lease(install)

        found = made(install)

        assert (found.status, found.detail) == (InstallStatus.FAILED, "")
        assert found.error_id

    def test_a_late_maker_enters_nothing(
        self, user: User, server: FileServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.files["/x.safetensors"] = LORA
        install = ask(user, server.url("/x.safetensors"))
        enter = entering.enter_model

        def late(*args: Any, **facts: Any) -> Any:
            ModelInstall.objects.filter(id=install.id).update(attempt=7)
            return enter(*args, **facts)

        monkeypatch.setattr(making, "enter_model", late)

        assert make_next_install()
        assert not GenerationModel.objects.filter(user=user).exists()
        assert stored_models() == set()

    def test_a_maker_that_lost_its_lease_leaves_all_to_the_next(
        self,
        user: User,
        server: FileServer,
        monkeypatch: pytest.MonkeyPatch,
        install_folder: Path,
    ) -> None:
        server.files["/x.safetensors"] = LORA
        install = ask(user, server.url("/x.safetensors"))
        report = making._Progress.report

        def lose(self: Any, done: int, size: int | None) -> None:
            if done >= 300_000:
                ModelInstall.objects.filter(id=install.id).update(attempt=7)
            report(self, done, size)

        monkeypatch.setattr(making._Progress, "report", lose)
        assert make_next_install()
        monkeypatch.undo()

        assert [path.name for path in install_folder.iterdir()] == [str(install.id)]
        install.refresh_from_db()
        assert install.status == InstallStatus.RUNNING

    def test_two_makers_on_one_machine_do_not_write_the_same_files(
        self, user: User, server: FileServer, install_folder: Path
    ) -> None:
        install = ask(user, server.url("/x.safetensors"))
        work = install_folder / str(install.id)

        with making._alone(work), pytest.raises(OSError, match="unavailable"):
            make_next_install()

        install.refresh_from_db()
        assert install.status == InstallStatus.RUNNING
        assert server.requests == []

    def lose_process_after(self, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
        report = making._Progress.report

        def die(self: Any, done: int, size: int | None) -> None:
            report(self, done, size)
            if done >= count:
                raise SystemExit

        monkeypatch.setattr(making._Progress, "report", die)

    def end_lease(self, install: ModelInstall) -> None:
        past = timezone.now() - timedelta(seconds=1)
        ModelInstall.objects.filter(id=install.id).update(lease_until=past)


@pytest.mark.parametrize(
    ("content", "facts", "says"),
    [
        (LORA, {"expected_sha256": "0" * 64}, "SHA-256"),
        (LORA, {"wanted": {"kind": "embedding"}}, "another kind than you said: LoRA"),
        (LORA, {"wanted": {"base": "sdxl"}}, "another family than you said"),
        (b"\x80\x04K\x01.", {}, "pickle"),
        (weights({"a": (1,)}), {}, "of no family"),
        (LORA[:-3], {}, "damaged"),
    ],
)
def test_what_is_not_as_it_should_be_is_refused(
    content: bytes, facts: dict[str, Any], says: str, user: User, server: FileServer
) -> None:
    server.files["/x.safetensors"] = content

    assert says in refused(ask(user, server.url("/x.safetensors"), **facts))


def test_a_refusal_is_in_the_language_of_its_user(user: User, server: FileServer) -> None:
    user.language = "ko"
    user.save()
    server.files["/x.safetensors"] = b"\x80\x04K\x01."

    assert "피클" in refused(ask(user, server.url("/x.safetensors")))


def test_a_server_that_stays_away_is_given_up(user: User, server: FileServer) -> None:
    server.acts["/x.safetensors"] = lambda handler: handler.send_error(503)

    assert refused(ask(user, server.url("/x.safetensors"))) == "The server is busy or away."
    assert len(server.requests) == 5


@pytest.mark.parametrize(
    "place", ["https://169.254.169.254/x", "https://localhost/x", "https://2852039166/x"]
)
def test_an_address_of_ours_is_not_installed_from(
    place: str, user: User, server: FileServer
) -> None:
    server.acts["/x"] = redirect_to(place)

    assert "private network" in refused(ask(user, place))
    assert "private network" in refused(ask(user, server.url("/x")))


@pytest.mark.parametrize(
    "source",
    [
        "",
        "x",
        "http://example.com/x",
        "../../etc",
        "a/b:../c",
        "file:///etc/passwd",
        "a/b/c",
        "s3://",
    ],
)
def test_what_is_no_place_is_refused_at_once(source: str, user: User) -> None:
    with pytest.raises(Invalid):
        ask(user, source)

    assert not ModelInstall.objects.exists()


class TestRoom:
    def test_a_model_that_does_not_fit_into_the_plan_is_stopped_on_the_way(
        self, user: User, server: FileServer
    ) -> None:
        free = 1000
        StorageUse.objects.create(user=user, stored_bytes=20 * 1000**3 - free)
        server.files["/x.safetensors"] = LORA

        install = ask(user, server.url("/x.safetensors"))

        assert "storage is full" in refused(install)
        assert install.done_bytes == 0

    def test_a_body_without_a_length_is_stopped_when_it_is_too_much(
        self, user: User, server: FileServer
    ) -> None:
        StorageUse.objects.create(user=user, stored_bytes=20 * 1000**3 - 500_000)
        server.acts["/x.safetensors"] = answer(b"x" * 100_000, times=50)

        assert "storage is full" in refused(ask(user, server.url("/x.safetensors")))

    def test_a_full_store_is_refused_at_once(self, user: User, server: FileServer) -> None:
        make_model(user, size_bytes=20 * 1000**3)

        with pytest.raises(Forbidden) as error:
            ask(user, server.url("/x.safetensors"))

        assert error.value.code == "storage_full"
        assert not ModelInstall.objects.exists()

    def test_models_count_with_pictures(self, user: User, server: FileServer) -> None:
        StorageUse.objects.create(user=user, stored_bytes=10 * 1000**3)
        make_model(user, size_bytes=10 * 1000**3)

        with pytest.raises(Forbidden):
            ask(user, server.url("/x.safetensors"))

    def test_a_picture_finds_no_room_beside_models_that_fill_the_store(self, user: User) -> None:
        make_model(user, size_bytes=20 * 1000**3)

        with pytest.raises(Forbidden) as error:
            upload_image(user=user, file=encode(make_picture()))

        assert error.value.code == "storage_full"
        assert not Image.objects.exists()

    def test_more_than_a_model_may_be_is_refused(
        self, user: User, server: FileServer, settings: Any
    ) -> None:
        settings.EASEL_INSTALL_MAX_BYTES = 1000
        server.files["/x.safetensors"] = LORA

        assert "larger than" in refused(ask(user, server.url("/x.safetensors")))

    def test_there_may_be_so_many(self, user: User, server: FileServer, settings: Any) -> None:
        settings.EASEL_OWN_MODELS_MAX = 2
        make_model(user)
        ask(user, server.url("/x.safetensors"))

        with pytest.raises(Conflict) as error:
            ask(user, server.url("/x.safetensors"))

        assert error.value.numbers == {"limit": 2}

    @pytest.mark.parametrize(
        "content", [weights(CONTROLNET_OF_SD_15), weights(CHECKPOINT_OF_SD_15)]
    )
    def test_weights_of_ones_own_are_for_enterprise(
        self, content: bytes, user: User, server: FileServer
    ) -> None:
        server.files["/x.safetensors"] = content
        detail = refused(ask(user, server.url("/x.safetensors")))
        assert "The smallest plan that does: Enterprise" in detail
        with pytest.raises(Forbidden):
            ask(user, server.url("/x.safetensors"), wanted={"kind": "main"})

        start_subscription(user=user, plan=PLANS["enterprise"])
        publish(server, CONFIGURATIONS, repository=REPOSITORIES["sd-1.5-class"])
        found = made(ask(user, server.url("/x.safetensors")))
        assert GenerationModel.objects.get(key=found.model_key).access == "full"

    def test_a_lora_of_a_family_that_the_plan_lacks_is_refused(
        self, user: User, server: FileServer
    ) -> None:
        shapes = {"lora_unet_double_blocks_0_img_attn_proj.lora_down.weight": (4, 3072)}
        server.files["/x.safetensors"] = weights(shapes)

        assert "does not include this model" in refused(ask(user, server.url("/x.safetensors")))

    def test_a_paused_user_installs_nothing(self, user: User, server: FileServer) -> None:
        from apps.plans.models import Subscription

        Subscription.objects.filter(user=user).delete()

        with pytest.raises(Forbidden) as error:
            ask(user, server.url("/x.safetensors"))

        assert error.value.code == "plan_paused"


def test_one_at_a_time_of_a_user_and_others_come_between(
    user: User, stranger: User, server: FileServer
) -> None:
    mine = [ask(user, server.url(f"/{number}.safetensors")) for number in range(3)]
    theirs = ask(stranger, server.url("/x.safetensors"))

    assert [claim_next_install() for _claim in range(3)] == [mine[0], theirs, None]


def test_a_cancelled_install_stops(
    user: User, server: FileServer, monkeypatch: pytest.MonkeyPatch, install_folder: Path
) -> None:
    server.files["/x.safetensors"] = LORA
    install = ask(user, server.url("/x.safetensors"))
    report = making._Progress.report

    def cancel(self: Any, done: int, size: int | None) -> None:
        if done >= 300_000:
            cancel_install(user=user, install_id=install.id)
        report(self, done, size)

    monkeypatch.setattr(making._Progress, "report", cancel)

    found = made(install)

    assert found.status == InstallStatus.CANCELLED
    assert not GenerationModel.objects.filter(user=user).exists()
    assert list(install_folder.iterdir()) == []
    assert stored_models() == set()


def test_no_tenant_begins_a_shared_install(user: User, server: FileServer) -> None:
    with pytest.raises(DatabaseError), tenant_scope(user.id):
        ask(user, "some/one", is_shared=True)
    install = ask(user, "some/one")
    with pytest.raises(DatabaseError), tenant_scope(user.id):
        ModelInstall.objects.filter(id=install.id).update(is_shared=True)

    install.refresh_from_db()
    assert install.is_shared is False


def test_installs_of_another_are_not_seen(user: User, stranger: User, server: FileServer) -> None:
    ask(user, "some/one")

    with tenant_scope(stranger.id):
        assert not ModelInstall.objects.exists()
