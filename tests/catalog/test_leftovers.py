"""What installs that did not end leave, and that nothing else goes with it."""

import os
import time
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from apps.accounts.models import User
from apps.catalog.installs.leftovers import give_up_old_uploads, remove_install_leftovers
from apps.catalog.installs.requests import request_install, request_upload
from apps.catalog.models import InstallStatus, ModelInstall
from apps.core.storage import file_store
from apps.images.services.orphans import remove_orphans
from apps.privacy.services.background import run_next_request
from apps.privacy.services.requests import request_deletion
from tests.catalog.factories import store_model
from tests.factories import make_image

pytestmark = pytest.mark.django_db


def keep(key: str, *, hours: float = 13) -> str:
    default_storage.save(key, ContentFile(b"x"))
    path = Path(default_storage.path(key))
    old = time.time() - 3600 * hours
    os.utime(path, (old, old))
    return key


def stored(prefix: str = "models") -> set[str]:
    return {key for key, _written_at in file_store.walk(prefix)}


def make_older(key: str) -> None:
    old = time.time() - 13 * 3600
    os.utime(Path(default_storage.path(key)), (old, old))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.EASEL_INSTALL_DIRECTORY = tmp_path
    return tmp_path


def test_files_that_no_row_names_go_and_others_stay(user: User) -> None:
    model = store_model({"a.safetensors": b"a", "unet/b.safetensors": b"b"}, user)
    shared = store_model({"a.safetensors": b"a"}, key="shared-two")
    kept = stored()
    for key in kept:
        make_older(key)
    upload = request_upload(user=user, file_name="x", size=10, wanted={})
    kept.add(keep(f"models/users/{user.id}/uploads/{upload.id}/000-a"))
    kept.add(keep(f"models/users/{user.id}/own-new/a.safetensors", hours=1))
    kept.add(keep("models/notes.txt"))
    keep(f"models/users/{user.id}/own-gone/unet/a.safetensors")
    keep(f"models/users/{uuid.uuid4()}/{model.key}/a.safetensors")
    keep("models/shared/sdxl/gone/a.safetensors")
    keep(f"models/users/{user.id}/uploads/{uuid.uuid4()}/000-a")

    assert remove_install_leftovers() == 4
    assert stored() == kept
    assert shared.location == "models/shared/sd-1.5-class/shared-two"


def test_the_sweep_of_pictures_leaves_models_alone(user: User) -> None:
    key = keep(f"models/users/{user.id}/own-gone/a.safetensors")
    make_image(user)

    remove_orphans()

    assert key in stored()


def test_folders_of_installs_that_ended_go(user: User, folder: Path) -> None:
    under_way = request_install(user=user, source="some/one", wanted={})
    for name in (str(under_way.id), str(uuid.uuid4()), "somebody-elses"):
        (folder / name).mkdir()
        (folder / name / "a.part").write_bytes(b"x")

    assert remove_install_leftovers() == 1
    assert {path.name for path in folder.iterdir()} == {str(under_way.id), "somebody-elses"}


def test_an_upload_that_gets_no_parts_is_given_up(user: User) -> None:
    old = request_upload(user=user, file_name="x", size=10, wanted={})
    new = request_upload(user=user, file_name="y", size=10, wanted={})
    waiting = request_install(user=user, source="some/one", wanted={})
    assert give_up_old_uploads() == 0

    with pytest.MonkeyPatch.context() as patch:
        later = timezone.now() + timedelta(hours=25)
        patch.setattr(timezone, "now", lambda: later)
        assert give_up_old_uploads() == 2

    states = dict(ModelInstall.objects.values_list("id", "status"))
    assert states[old.id] == states[new.id] == InstallStatus.FAILED
    assert states[waiting.id] == InstallStatus.WAITING


def test_models_go_with_the_account(user: User, stranger: User) -> None:
    store_model({"a.safetensors": b"a"}, user)
    other = store_model({"a.safetensors": b"a"}, stranger)
    request_install(user=user, source="some/one", wanted={})
    request_deletion(user=user, email=user.email)

    run_next_request()

    assert stored() == {f"{other.location}/a.safetensors"}
    assert not ModelInstall.objects.exists()
