"""Static files as production serves them: every module finds what it imports."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack import ROOT

IMPORTS = re.compile(r"""(?:^|;)(?:import|export)\b[^;]*?["'](\.[^"']+)["'];""", re.MULTILINE)
HASHED = re.compile(r"\.[0-9a-f]{12}\.js$")


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("static")
    settings = {
        "DJANGO_SETTINGS_MODULE": "tests.benchmarks.pages_settings",
        "EASEL_BENCH_STATIC_ROOT": str(folder),
    }
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity=0"],
        cwd=ROOT,
        env={**os.environ, **settings},
        check=True,
    )
    return folder


def test_every_import_names_a_hashed_file_that_is_there(collected: Path) -> None:
    modules = [file for file in (collected / "js").rglob("*.js") if HASHED.search(file.name)]
    assert len(modules) == len(list((ROOT / "static" / "js").rglob("*.js")))
    imports = 0
    for module in modules:
        for name in IMPORTS.findall(module.read_text(encoding="utf-8")):
            assert HASHED.search(name), f"{module.name} imports {name}"
            assert (module.parent / name).is_file(), f"{module.name} imports {name}"
            imports += 1
    assert imports > len(modules)


def test_what_is_sent_is_there_compressed(collected: Path) -> None:
    for file in (collected / "css").glob("*.css"):
        if file.stat().st_size > 2000:
            assert Path(f"{file}.br").is_file()


def test_modules_are_sent_without_their_comments(collected: Path) -> None:
    for module in (collected / "js").rglob("*.js"):
        if HASHED.search(module.name):
            assert "@param" not in module.read_text(encoding="utf-8")
