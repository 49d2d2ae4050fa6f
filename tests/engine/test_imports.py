from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT_TORCH = """
import sys
import {module}
heavy = {{"torch", "diffusers", "transformers", "numpy", "cv2", "spandrel", "django"}}
print(sorted(heavy & {{name.split(".")[0] for name in sys.modules}}))
"""


@pytest.mark.parametrize(
    "module",
    [
        "gpu_tasks.engine",
        "gpu_tasks.engine.control.names",
        "gpu_tasks.engine.errors",
        "gpu_tasks.engine.latents",
        "gpu_tasks.engine.request",
        "gpu_tasks.engine.scheduler_names",
    ],
)
def test_the_web_process_may_import_it(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH.format(module=module)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert done.stdout == "[]\n"


def test_the_package_says_what_it_does_not_have() -> None:
    import gpu_tasks.engine

    assert gpu_tasks.engine.Engine.__module__ == "gpu_tasks.engine.engine"
    with pytest.raises(AttributeError, match="has no attribute 'Motor'"):
        gpu_tasks.engine.Motor  # noqa: B018
