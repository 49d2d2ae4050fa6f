"""An app with migrations of its own, for processes that the tests start."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.stack import ROOT

_MIGRATION = """
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [{dependency}]
    {attributes}
    operations = [{operations}]
"""
_SETTINGS = """
from config.settings.test import *
INSTALLED_APPS = [*INSTALLED_APPS, "probe"]
"""


def write_app(folder: Path, migrations: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Write the app `probe` and return the environment of a process that has it.

    `migrations` are operations and further attributes of each class, by name, in their order.
    """
    package = folder / "probe" / "migrations"
    package.mkdir(parents=True, exist_ok=True)
    for init in (package / "__init__.py", folder / "probe" / "__init__.py"):
        init.touch()
    (folder / "probe_settings.py").write_text(_SETTINGS)
    dependency = '("images", "0013_old_intermediates")'
    for name, (operations, attributes) in migrations.items():
        text = _MIGRATION.format(
            dependency=dependency, attributes=attributes, operations=operations
        )
        (package / f"{name}.py").write_text(text)
        dependency = f'("probe", "{name}")'
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "probe_settings",
        "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
    }


def start(environment: Mapping[str, str], *words: str) -> subprocess.Popen[str]:
    """Start Python in the checkout."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", *words],
        cwd=ROOT,
        env=dict(environment),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
