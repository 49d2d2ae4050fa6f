"""The script that brings an image to an environment, with a registry whose tags do not move.

`aws` and `docker` are programs that keep the registry in a file: a line for each tag and digest.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.stack import ROOT

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FIRST, SECOND = (f"ghcr.io/o/n/easel-web@sha256:{digit * 64}" for digit in "ab")
HOST = "000000000000.dkr.ecr.ap-northeast-2.amazonaws.com"
AWS = r"""#!/usr/bin/env bash
[[ "$1 $2 $4" == "ecr describe-images easel-web" ]] || exit 2
grep -q " ${6#imageDigest=}$" "$TAGS"
"""
DOCKER = r"""#!/usr/bin/env bash
[[ "$1 $2 $3 $4" == "buildx imagetools create --tag" ]] || exit 2
tag=${5##*:} digest=${6##*@}
[[ $tag =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$ ]] || { echo "no tag: $tag" >&2; exit 1; }
if grep -q "^$tag " "$TAGS"; then echo "$tag exists, and tags are immutable" >&2; exit 1; fi
echo "$tag $digest" >>"$TAGS"
"""


@dataclass
class Registry:
    """The programs and the file that they keep."""

    folder: Path

    def __post_init__(self) -> None:
        for name, text in {"aws": AWS, "docker": DOCKER}.items():
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o755)
        self.file.write_text("")

    @property
    def file(self) -> Path:
        return self.folder / "tags"

    @property
    def tags(self) -> dict[str, str]:
        return dict(line.split() for line in self.file.read_text().splitlines())

    def copy(self, image: str) -> str:
        result = subprocess.run(
            [ROOT / ".github" / "copy-image", image, f"{HOST}/easel-web"],
            env={
                "PATH": f"{self.folder}:{os.environ['PATH']}",
                "TAGS": str(self.file),
                "GITHUB_SHA": COMMIT,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path)


def test_an_image_is_copied_by_digest_once(registry: Registry) -> None:
    names = [registry.copy(FIRST) for _time in range(2)]

    assert names == [f"{HOST}/easel-web@sha256:{'a' * 64}"] * 2
    assert registry.tags == {f"{COMMIT}-{'a' * 12}": f"sha256:{'a' * 64}"}


def test_a_run_that_is_done_again_brings_other_images_of_the_same_commit(
    registry: Registry,
) -> None:
    registry.copy(FIRST)

    assert registry.copy(SECOND) == f"{HOST}/easel-web@sha256:{'b' * 64}"
    assert sorted(registry.tags.values()) == [f"sha256:{digit * 64}" for digit in "ab"]
