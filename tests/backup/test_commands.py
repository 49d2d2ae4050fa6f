"""The commands that look: at a backup by itself, and at the files that rows name."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.files.storage import default_storage

from apps.accounts.models import User
from apps.images.models import Image
from config.backup.manifest import DUMP, BackupError, Manifest, sha256_of
from config.backup.operations import check_backup, make_backup
from config.backup.verification import wrong_files
from tests.database import login_url, session_database_url
from tests.factories import make_image
from tests.stack import ROOT


@pytest.fixture
def url() -> str:
    return login_url("backup", url=session_database_url())


@pytest.fixture
def image(transactional_db: None, user: User) -> Image:
    return make_image(user)


@pytest.fixture
def backup(image: Image, url: str, tmp_path: Path) -> Path:
    make_backup(tmp_path / "backup", url=url, models=False, say=print)
    return tmp_path / "backup"


def test_a_whole_backup_is_found_whole(backup: Path, image: Image) -> None:
    manifest = check_backup(backup)

    assert manifest.tables["images_image"] == 1
    assert (backup / "files" / image.s3_key).is_file()
    said = subprocess.run(
        [sys.executable, "-m", "config.backup", "check", str(backup)],
        cwd=ROOT,
        env={**os.environ, "EASEL_LOG_LEVEL": "WARNING"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.startswith(f"The backup of {manifest.made_at} is whole: ")


def test_each_damage_is_found(backup: Path, image: Image) -> None:
    copy = backup / "files" / image.s3_key
    content = copy.read_bytes()
    copy.write_bytes(content[:-1])
    with pytest.raises(BackupError, match="missing or differs"):
        check_backup(backup)
    copy.write_bytes(content)

    names = (backup / "files.jsonl").read_text()
    (backup / "files.jsonl").write_text(names[: names.index("\n") + 1])
    with pytest.raises(BackupError, match="has not the files of its manifest"):
        check_backup(backup)
    (backup / "files.jsonl").write_text(names)

    dump = backup / DUMP
    dump.write_bytes(dump.read_bytes()[:100])
    with pytest.raises(BackupError, match="missing or differs"):
        check_backup(backup)
    # As a disk that was full when it was made would have it.
    manifest = json.loads((backup / "manifest.json").read_text())
    Manifest(**manifest | {"dump_sha256": sha256_of(dump)}).save(backup)
    with pytest.raises(BackupError, match="pg_restore failed"):
        check_backup(backup)


def test_a_file_that_a_row_names_and_that_is_lost_is_told(image: Image, url: str) -> None:
    assert wrong_files(url) == []

    default_storage.delete(image.s3_key)

    assert wrong_files(url) == [f"file {image.s3_key}: missing"]
