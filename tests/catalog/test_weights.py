"""Where a worker finds the files of a model, and what it keeps of them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.storage import file_store
from gpu_tasks.engine import ModelUnavailable
from gpu_tasks.runner.weights import WeightsCache, local_weights
from tests.catalog.factories import store_model

pytestmark = pytest.mark.django_db

FILES = {"model_index.json": b"{}", "unet/weights.safetensors": b"u" * 3000}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, settings: Any) -> Iterator[WeightsCache]:
    settings.EASEL_MODEL_FILES_CACHE = tmp_path / "cache"
    settings.EASEL_MODEL_FILES_CACHE_BYTES = 10_000
    cache = WeightsCache(directory=tmp_path / "cache", limit_bytes=10_000)
    yield cache
    cache.let_go()


def content(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def test_a_model_below_the_models_root_is_used_where_it_lies(starter: GenerationModel) -> None:
    assert local_weights(starter) == django_settings.EASEL_MODELS_ROOT / "starter_model"
    assert starter.size_bytes > 1_000_000
    assert {file["path"] for file in starter.files} >= {"model_index.json"}


def test_a_stored_model_is_fetched_once_and_whole(user: User) -> None:
    model = store_model(FILES, user)

    directory = local_weights(model)
    assert content(directory) == FILES
    file_store.delete_many([f"{model.location}/{path}" for path in FILES])
    assert local_weights(model) == directory


def test_a_model_of_one_file_is_that_file(user: User) -> None:
    path = local_weights(store_model({"ink.safetensors": b"ink"}, user))

    assert (path.name, path.read_bytes()) == ("ink.safetensors", b"ink")


@pytest.mark.parametrize("damage", ["other", "shorter", "longer", "missing"])
def test_what_differs_from_the_catalog_is_never_used(damage: str, user: User, cache: Any) -> None:
    model = store_model(FILES, user)
    key = f"{model.location}/unet/weights.safetensors"
    file_store.delete_many([key])
    stored = {"other": b"x" * 3000, "shorter": b"u" * 2999, "longer": b"u" * 3001}
    if damage in stored:
        default_storage.save(key, ContentFile(stored[damage]))

    with pytest.raises(ModelUnavailable) as refused:
        local_weights(model)

    assert str(refused.value) == "The model's files are not available."
    assert content(cache.directory) == {}


@pytest.mark.parametrize(
    "path", ["../../x", "/etc/passwd", "a/../b", "", ".hidden", "a\\b", "a//b"]
)
def test_names_that_lead_elsewhere_are_refused(path: str, user: User, tmp_path: Path) -> None:
    model = store_model(FILES, user)
    model.files = [{"path": path, "size": 1, "sha256": "0"}, *model.files]
    with pytest.raises(ModelUnavailable):
        local_weights(model)
    model.location = f"models/users/{path}"
    with pytest.raises(ModelUnavailable):
        local_weights(model)

    assert content(tmp_path) == {}


def test_the_least_recently_used_goes_first_and_never_one_in_use(
    user: User, cache: WeightsCache
) -> None:
    first, second, third, fourth = (
        store_model({"a.safetensors": letter.encode() * 4000}, user) for letter in "abcd"
    )
    entries = [cache.obtain(model) for model in (first, second)]
    os.utime(entries[0] / ".easel.json", (1, 1))
    with pytest.raises(ModelUnavailable, match="not available"):
        # Both are in use, so that nothing goes.
        cache.obtain(third)
    assert [entry.is_dir() for entry in entries] == [True, True]

    cache.let_go()
    cache.obtain(third)
    assert [entry.is_dir() for entry in entries] == [False, True]
    cache.let_go()
    cache.obtain(second)
    cache.obtain(fourth)
    assert [entry.is_dir() for entry in entries] == [False, True]
    assert len(list(cache.directory.glob("own-*"))) == 2


def test_another_process_keeps_what_it_uses(user: User, cache: WeightsCache) -> None:
    first, second = (
        store_model({"a.safetensors": letter.encode() * 6000}, user) for letter in "ab"
    )
    entry = cache.obtain(first)
    lock = cache.directory / f".{entry.name}.lock"
    program = (
        "import fcntl, sys; file = open(sys.argv[1]); fcntl.flock(file, fcntl.LOCK_SH);"
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        cache.let_go()
        with pytest.raises(ModelUnavailable):
            cache.obtain(second)
        assert entry.is_dir()
        other.communicate(timeout=20)
    cache.obtain(second)
    assert not entry.exists()


def test_what_is_larger_than_the_cache_is_refused_at_once(user: User, cache: WeightsCache) -> None:
    with pytest.raises(ModelUnavailable) as refused:
        local_weights(store_model({"a.safetensors": b"a" * 10_001}, user))

    assert "larger than the cache" in refused.value.reason
    assert content(cache.directory) == {}


def test_what_a_dead_process_left_goes_when_room_is_needed(user: User, cache: WeightsCache) -> None:
    left = cache.directory / ".incomplete-own-1-2"
    left.mkdir(parents=True)
    (left / ".easel.json").write_text('{"size": 9000}')

    cache.obtain(store_model({"a.safetensors": b"a" * 5000}, user))

    assert not left.exists()
