"""Images, compose file and start scripts set nothing that the product does not read."""

import re
from pathlib import Path

import pytest

from config.local.infrastructure import files_to_check
from config.local.install import ROOT
from tests.infrastructure.terraform.rules.settings import is_setting

# Of the start script of an instance itself: which image, and which of its workers.
OF_THE_SCRIPT = frozenset({"EASEL_IMAGE", "EASEL_INSTANCE"})
FILES = (
    "docker/compose.yaml",
    "docker/*.Dockerfile",
    "terraform/modules/gpu_tier/files/*.tftpl",
)


def settings_in(text: str) -> set[str]:
    return {
        name.removesuffix("_FILE") for name in re.findall(r"EASEL_[A-Z0-9_]+", text)
    } - OF_THE_SCRIPT


@pytest.mark.parametrize("pattern", FILES)
def test_settings_are_read(pattern: str) -> None:
    unknown = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in files_to_check(pattern)
        for name in settings_in(Path(path).read_text(encoding="utf-8"))
        if not is_setting(name)
    }
    assert unknown == set()


def test_an_unknown_setting_is_found() -> None:
    assert not is_setting("EASEL_NOBODY_READS_THIS")
    assert settings_in("ENV EASEL_SECRET_KEY_FILE=/run/key EASEL_IMAGE=x") == {"EASEL_SECRET_KEY"}
    assert is_setting("EASEL_SECRET_KEY")
