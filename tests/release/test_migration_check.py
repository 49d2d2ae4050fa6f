"""`python -m config.local.migration_safety`, as `make lint` runs it."""

import shutil
from pathlib import Path

import pytest

from config.local.migration_safety.released import read_released, write_released
from config.version import VERSION
from tests.release.probe_apps import start, write_app
from tests.stack import ROOT

CHECK = ("-m", "config.local.migration_safety")
REFUSED = 'migrations.RunSQL("ALTER TABLE accounts_user DROP COLUMN avatar_url", "SELECT 1")'
ADMITTED = 'migrations.RunSQL("ALTER TABLE images_image ADD COLUMN more text", "SELECT 1")'
# Of this checkout, beside the one that a test adds.
UNRELEASED = {
    (file.parts[-3], file.stem) for file in ROOT.glob("apps/*/migrations/[0-9]*.py")
} - read_released()[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("operations", "attributes", "code", "says"),
    [
        (ADMITTED, "", 0, f"{len(UNRELEASED) + 1} migrations are new, and none would disturb."),
        (REFUSED, "", 1, "probe.0001_next would disturb the running release"),
        (REFUSED, "contract_of = '0.0.9'", 0, "none would disturb"),
        (REFUSED, "contract_of = '99.0'", 1, "is not before"),
    ],
)
def test_a_new_migration_is_judged(
    operations: str, attributes: str, code: int, says: str, tmp_path: Path
) -> None:
    environment = write_app(tmp_path, {"0001_next": (operations, attributes)})

    with start(environment, *CHECK) as process:
        output = process.communicate(timeout=250)[0]

    assert says in output
    assert process.returncode == code


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "migrations", "says"),
    [
        (VERSION, {("images", "0099_gone")}, "names migrations that are gone"),
        ("0.0.1", read_released()[1], "released.txt was made for 0.0.1"),
    ],
)
def test_a_record_that_is_not_of_this_checkout_is_refused(
    version: str, migrations: set[tuple[str, str]], says: str, tmp_path: Path
) -> None:
    copy = tmp_path / "config" / "local" / "migration_safety"
    shutil.copytree(ROOT / "config", tmp_path / "config")
    write_released(version, migrations, copy / "released.txt")
    environment = write_app(tmp_path / "app", {"0001_next": (ADMITTED, "")})
    environment["PYTHONPATH"] = f"{tmp_path}:{environment['PYTHONPATH']}"
    program = "from config.local.migration_safety.__main__ import main; raise SystemExit(main([]))"

    with start(environment, "-P", "-c", program) as process:
        output = process.communicate(timeout=250)[0]

    assert says in output
    assert process.returncode == 1


def test_the_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "released.txt"
    migrations = {("images", "0002_b"), ("images", "0001_a"), ("accounts", "0001_initial")}

    write_released("1.4.0", migrations, path)

    assert path.read_text().splitlines() == [
        "# What is in production while this version is worked on: 1.4.0",
        "accounts.0001_initial",
        "images.0001_a",
        "images.0002_b",
    ]
    assert read_released(path) == ("1.4.0", migrations)


def test_the_record_holds_no_migration_that_came_after_it_began() -> None:
    version, released = read_released()

    assert version == VERSION
    assert ("images", "0013_old_intermediates") in released
    assert ("auth", "0012_alter_user_first_name_max_length") in released
    assert len(released) >= 96
