"""The two hard walls, proved in processes of their own: no torch in the web, no Django below."""

import subprocess
import sys

import pytest

from tests.stack import ROOT

HEAVY = {"torch", "diffusers", "transformers", "accelerate", "safetensors"}


def modules_after(code: str) -> set[str]:
    """Run `code` in a fresh interpreter and return the top-level modules it left loaded."""
    program = f"{code}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


@pytest.mark.parametrize("entry", ["config.asgi", "config.wsgi"])
def test_the_web_process_never_imports_torch(entry: str) -> None:
    code = f"import {entry}; from django.urls import get_resolver; get_resolver().url_patterns"

    assert not modules_after(code) & HEAVY


def test_the_scheduler_never_imports_torch() -> None:
    code = "import django; django.setup(); import apps.generation.management.commands.run_scheduler"

    assert not modules_after(code) & HEAVY


def test_the_engine_never_imports_django() -> None:
    loaded = modules_after("from gpu_tasks.engine import Engine; Engine(device='cpu')")

    assert "torch" in loaded
    assert not loaded & {"django", "rest_framework", "celery", "channels", "apps", "config"}
