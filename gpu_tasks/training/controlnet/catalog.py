"""What the product's catalogue says about the starter's ControlNet."""

from __future__ import annotations

from typing import Any


def describe_controlnet() -> dict[str, Any]:
    """Return the catalogue entry written to easel.json."""
    return {
        "key": "starter-edges",
        "name": "Easel Starter Edges",
        "kind": "controlnet",
        "base": "sd-1.5-class",
        "preprocessor": "canny",
        "license": "Apache-2.0",
        "commercial_use": True,
    }
