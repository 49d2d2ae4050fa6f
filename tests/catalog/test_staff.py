"""Shared models: the admin and the command."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from apps.accounts.models import User
from apps.catalog.models import GenerationModel, ModelInstall
from apps.core.models import Act, AuditRecord
from tests.catalog.factories import make_model
from tests.catalog.file_server import FileServer
from tests.catalog.weights import LORA_OF_SD_15, weights
from tests.factories import make_user

pytestmark = pytest.mark.django_db

ADMIN = "/admin/catalog"
KEY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def staff(db: None) -> User:
    return make_user("staff@example.com", is_staff=True, is_superuser=True)


@pytest.fixture
def admin(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def test_a_shared_model_is_installed_by_a_form(admin: Client, staff: User) -> None:
    url = f"{ADMIN}/modelinstall/add/"
    assert admin.get(url).status_code == 200
    assert admin.post(url, {"key": KEY, "source": "http://x"}).status_code == 422
    assert not ModelInstall.objects.exists()

    asked = {"key": KEY, "source": "some/one", "kind": "lora", "license": "mit"}
    assert admin.post(url, asked).status_code == 302

    install = ModelInstall.objects.get()
    assert (install.user, install.is_shared) == (staff, True)
    assert install.wanted == {"kind": "lora", "license": "mit"}
    assert admin.get(f"{ADMIN}/modelinstall/{install.id}/change/").status_code == 200


def test_a_licence_is_recorded_and_withdrawn(admin: Client, staff: User) -> None:
    model = make_model(None, commercial_use=False)
    url = f"{ADMIN}/generationmodel/{model.key}/license/"
    change = f"{ADMIN}/generationmodel/{model.key}/change/"
    assert url in admin.get(change).content.decode()
    assert admin.get(url).status_code == 200
    assert admin.post(url, {"key": KEY, "note": "short"}).status_code == 422

    assert admin.post(url, {"key": KEY, "note": "Contract 17, in the safe"}).status_code == 302

    model.refresh_from_db()
    assert (model.license_recorded_by, model.license_note) == (staff.id, "Contract 17, in the safe")
    assert admin.post(url, {"withdraw": "1"}).status_code == 302
    model.refresh_from_db()
    assert model.license_recorded_at is None
    acts = AuditRecord.objects.filter(target=model.key).order_by("created_at")
    assert [act.act for act in acts] == [Act.LICENSE_RECORDED, Act.LICENSE_WITHDRAWN]


@pytest.mark.parametrize(("act", "enabled"), [("disable", False), ("enable", True)])
def test_models_are_switched(act: str, enabled: bool, admin: Client) -> None:
    model = make_model(None, is_enabled=not enabled)

    admin.post(f"{ADMIN}/generationmodel/", {"action": act, "_selected_action": [model.key]})

    model.refresh_from_db()
    assert model.is_enabled is enabled
    assert AuditRecord.objects.filter(act=Act.ADMIN_CHANGE, target__endswith=model.key).exists()


def test_what_follows_from_the_weights_is_not_changed_by_hand(admin: Client) -> None:
    model = make_model(None, sha256="a" * 64)
    url = f"{ADMIN}/generationmodel/{model.key}/change/"
    page = admin.get(url).content.decode()

    assert 'name="sha256"' not in page
    assert 'name="location"' not in page
    assert admin.get(f"{ADMIN}/generationmodel/add/").status_code == 403


@pytest.mark.parametrize("path", ["modelinstall/add/", "generationmodel/{key}/license/"])
def test_staff_without_the_right_change_nothing(path: str) -> None:
    model = make_model(None)
    helper = make_user("helper@example.com", is_staff=True)
    client = Client()
    client.force_login(helper)
    asked = {"key": KEY, "source": "some/one", "note": "Contract 17, in the safe"}

    response = client.post(f"{ADMIN}/{path.format(key=model.key)}", asked)

    assert response.status_code == 403
    assert not ModelInstall.objects.exists()
    assert GenerationModel.objects.get(key=model.key).license_recorded_at is None


@pytest.mark.usefixtures("install_folder")
class TestCommand:
    def run(self, *words: str) -> str:
        out = StringIO()
        call_command("install_model", *words, stdout=out)
        return out.getvalue()

    def test_a_model_is_installed_for_all(self, server: FileServer, staff: User) -> None:
        server.files["/ink.safetensors"] = weights(LORA_OF_SD_15)

        said = self.run(server.url("/ink.safetensors"), "--name", "Ink", "--commercial-use")

        assert said.startswith("Installed ink (")
        model = GenerationModel.objects.get(key="ink")
        assert (model.user_id, model.commercial_use, model.access) == (None, True, "sd_only")
        assert self.run(server.url("/ink.safetensors"), "--name", "Ink").startswith(
            "Installed ink-"
        )

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            (["http://x"], "https://"),
            (["some/one", "--by", "nobody@example.com"], "no such administrator"),
        ],
    )
    def test_what_cannot_be_done_is_said(
        self, words: list[str], says: str, server: FileServer, staff: User
    ) -> None:
        with pytest.raises(CommandError, match=says):
            self.run(*words)

    def test_a_refusal_is_said(self, server: FileServer, staff: User) -> None:
        server.files["/x.safetensors"] = b"\x80\x04K\x01."

        with pytest.raises(CommandError, match="pickle"):
            self.run(server.url("/x.safetensors"))

        assert not GenerationModel.objects.exists()


def test_the_starter_model_comes_with_what_belongs_to_it(
    starter: GenerationModel, settings: Any, tmp_path: Any
) -> None:
    from apps.catalog.services import install_starter_model

    for name in ("starter_model", "starter_controlnet"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights.safetensors").write_bytes(b"x")
    source = settings.EASEL_MODELS_ROOT / "starter_model" / "easel.json"
    (tmp_path / "starter_model" / "easel.json").write_text(source.read_text())
    (tmp_path / "starter_controlnet" / "easel.json").write_text(
        '{"key": "starter-edges", "name": "Edges", "kind": "controlnet", "base": "sd-1.5-class",'
        ' "preprocessor": "canny", "license": "Apache-2.0", "commercial_use": true, "user": 1}'
    )
    settings.EASEL_MODELS_ROOT = tmp_path

    assert install_starter_model().key == "starter"

    edges = GenerationModel.objects.get(key="starter-edges")
    assert (edges.kind, edges.preprocessor, edges.user_id) == ("controlnet", "canny", None)
    assert edges.location == "starter_controlnet"
