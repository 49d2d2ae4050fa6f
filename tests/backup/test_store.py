"""What a restore finds in the store stays as it is."""

import hashlib
import io
import json
import tracemalloc
from dataclasses import asdict
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image

from apps.core.storage import file_store
from config.backup import files
from config.backup.manifest import FILES, LIST, BackupError, FileEntry

USERS = "users/u/images/a.png"
WEIGHTS = "models/shared/sdxl/k/unet.safetensors"
CONTENTS = {USERS: b"a picture", WEIGHTS: b"weights"}


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    entries = []
    for key, content in CONTENTS.items():
        path = tmp_path / FILES / key
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        entries.append(FileEntry(key, len(content), hashlib.sha256(content).hexdigest()))
    lines = [json.dumps(asdict(entry)) for entry in entries]
    (tmp_path / LIST).write_text("\n".join(lines) + "\n")
    return tmp_path


def stored(key: str) -> bytes:
    return b"".join(file_store.pieces(key))


def test_an_empty_store_is_filled(backup: Path) -> None:
    assert files.check_store(backup) == set()

    files.copy_in(backup)

    assert {key: stored(key) for key in CONTENTS} == CONTENTS


def test_what_is_there_already_is_not_written_again(backup: Path) -> None:
    default_storage.save(WEIGHTS, ContentFile(CONTENTS[WEIGHTS]))
    before = Path(default_storage.path(WEIGHTS)).stat().st_ino

    there = files.check_store(backup)
    files.copy_in(backup, skip=there)

    assert there == {WEIGHTS}
    assert {key: stored(key) for key in CONTENTS} == CONTENTS
    assert Path(default_storage.path(WEIGHTS)).stat().st_ino == before


@pytest.mark.parametrize("key", [USERS, WEIGHTS])
def test_another_content_is_refused(backup: Path, key: str) -> None:
    default_storage.save(key, ContentFile(b"of somebody else"))

    with pytest.raises(BackupError, match=f"another {key}"):
        files.check_store(backup)


def test_files_of_users_that_it_does_not_name_are_refused(backup: Path) -> None:
    default_storage.save("users/other/images/b.png", ContentFile(b"of somebody else"))

    with pytest.raises(BackupError, match=r"does not name \(users/other/images/b.png\)"):
        files.check_store(backup)


def test_weights_are_never_held_whole() -> None:
    content = bytes(64 * 1024**2)
    entry = FileEntry(WEIGHTS, len(content), hashlib.sha256(content).hexdigest())
    default_storage.save(WEIGHTS, ContentFile(content))
    del content
    tracemalloc.start()
    try:
        assert list(files.faults([entry])) == []
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 16 * 1024**2


def test_each_fault_of_a_file_is_told() -> None:
    good = io.BytesIO()
    Image.new("RGB", (8, 8)).save(good, "PNG")
    whole = good.getvalue()
    for key, content in {
        "users/u/images/whole.png": whole,
        "users/u/images/half.png": whole[: len(whole) // 2],
        WEIGHTS: b"other weights",
    }.items():
        default_storage.save(key, ContentFile(content))
    wanted = hashlib.sha256(b"weights").hexdigest()

    found = files.faults(
        [
            "users/u/images/whole.png",
            "users/u/images/half.png",
            USERS,
            FileEntry("users/u/images/whole.png", len(whole), hashlib.sha256(whole).hexdigest()),
            FileEntry(WEIGHTS, 7, wanted),
        ]
    )

    assert sorted(found) == [
        (WEIGHTS, "differs"),
        (USERS, "missing"),
        ("users/u/images/half.png", "is no picture"),
    ]
