"""What the product's catalogue says about the starter model."""

from __future__ import annotations

from typing import Any, Final

DEFAULT_STEPS: Final = 20
DEFAULT_GUIDANCE: Final = 2.0
DEFAULT_SCHEDULER: Final = "ddim"

EXAMPLE_PROMPTS: Final = (
    "a red circle on a white background",
    "a sunset over the sea with the sun",
    "three small blue stars on a yellow background",
    "snowy mountains at night with a full moon and stars",
    "a large green triangle at the top left on a black background",
    "a city skyline at night with a crescent moon",
    "a desert at sunset with a cactus",
    "two pink hearts on a purple background",
    "a pine forest in the rain",
    "a snowy landscape by day with the sun",
    "흰 배경에 빨간 원",
    "바다 위의 노을",
)


def describe_model() -> dict[str, Any]:
    """Return the catalogue entry written to easel.json."""
    return {
        "key": "starter",
        "name": "Easel Starter",
        "base": "sd-1.5-class",
        "default_width": 128,
        "default_height": 128,
        "min_size": 64,
        "max_size": 256,
        "default_steps": DEFAULT_STEPS,
        "default_guidance": DEFAULT_GUIDANCE,
        "default_scheduler": DEFAULT_SCHEDULER,
        "license": "Apache-2.0",
        "commercial_use": True,
        "example_prompts": list(EXAMPLE_PROMPTS),
    }
