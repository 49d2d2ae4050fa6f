"""The tools find what they are there for, and nothing in what we have."""

from pathlib import Path

import pytest

from config.local import infrastructure

pytestmark = pytest.mark.usefixtures("tools")

_BUCKET = 'resource "aws_s3_bucket" "open" {\n  bucket = "everybody"\n}\n'
_CALL = 'module "part" {\n  source = "../../modules/part"\n  size   = 1\n}\n'
_WORKFLOW = """
name: sample
on: pull_request_target
permissions: write-all
jobs:
  sample:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v6
        with:
          ref: ${{ github.event.pull_request.head.sha }}
      - run: echo "${{ github.event.pull_request.title }}"
"""


def test_checkov_finds_an_open_bucket(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(_BUCKET)
    assert not infrastructure.checkov(tmp_path)


def test_terraform_finds_an_unknown_input(tmp_path: Path) -> None:
    for folder, text in (("environments/dev", _CALL), ("modules/part", "")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "main.tf").write_text(text)
    assert not infrastructure.terraform_is_valid(tmp_path)
    (tmp_path / "modules/part/main.tf").write_text('variable "size" {\n  type = number\n}\n')
    assert infrastructure.terraform_is_valid(tmp_path)


def test_terraform_finds_no_environment(tmp_path: Path) -> None:
    assert not infrastructure.terraform_is_valid(tmp_path)


def test_terraform_finds_an_unshapely_file(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(_BUCKET)
    assert infrastructure.terraform_is_formatted(tmp_path)
    (tmp_path / "main.tf").write_text(_BUCKET.replace("  bucket =", " bucket="))
    assert not infrastructure.terraform_is_formatted(tmp_path)


def test_hadolint_finds_an_unpinned_image(tmp_path: Path) -> None:
    file = tmp_path / "sample.Dockerfile"
    file.write_text("FROM debian:latest\nRUN cd /tmp && apt-get install curl\n")
    assert not infrastructure.hadolint([file])


def test_actionlint_finds_an_untrusted_title_in_a_script(tmp_path: Path) -> None:
    file = tmp_path / "sample.yml"
    file.write_text(_WORKFLOW)
    assert not infrastructure.actionlint([file])
    file.write_text(_WORKFLOW.replace("github.event.pull_request.title", "github.run_id"))
    assert infrastructure.actionlint([file])


def test_zizmor_finds_a_dangerous_trigger(tmp_path: Path) -> None:
    file = tmp_path / "sample.yml"
    file.write_text(_WORKFLOW)
    assert not infrastructure.zizmor([file])


def test_nothing_to_check_is_an_error() -> None:
    with pytest.raises(FileNotFoundError, match="no file is"):
        infrastructure.files_to_check("docker/*.nothing")
