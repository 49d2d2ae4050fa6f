"""Our own fields, each with what a value must be to be taken."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from apps.images.foreign_parameters.values import mapping, sequence, storable_text
from gpu_tasks.engine.scheduler_names import SCHEDULER_NAMES

MOST_PROMPT = 10_000
MOST_LORAS = 32
_WHOLE = re.compile(r"-?[0-9]{1,20}(\.0{1,6})?")
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?(e-?[0-9]{1,3})?", re.IGNORECASE)

Check = Callable[[Any], Any]


def checked(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the values `found` that are fit for their field, each in the field's type."""
    values = {name: check(found.get(name)) for name, check in _FIELDS.items()}
    return {name: value for name, value in values.items() if value is not None}


def text(most: int) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return None
        # Cut first: cleaning costs time by length.
        return storable_text(value[: 2 * most]).strip()[:most] or None

    return check


def whole(least: int, most: int) -> Check:
    def check(value: Any) -> int | None:
        if isinstance(value, str):
            value = int(value.partition(".")[0]) if _WHOLE.fullmatch(value.strip()) else None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            return None
        return value if least <= value <= most else None

    return check


def number(least: float, most: float) -> Check:
    def check(value: Any) -> float | None:
        if isinstance(value, str):
            value = float(value) if _NUMBER.fullmatch(value.strip()) else None
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None
        # Compared as it came: an integer may be larger than any float.
        return float(value) if least <= value <= most and math.isfinite(value) else None

    return check


def _scheduler(value: Any) -> str | None:
    return value if isinstance(value, str) and value in SCHEDULER_NAMES else None


def _loras(value: Any) -> list[dict[str, Any]] | None:
    loras = []
    for entry in sequence(value)[:MOST_LORAS]:
        name = _NAME(mapping(entry).get("name"))
        weight = _WEIGHT(mapping(entry).get("weight"))
        if name is not None and weight is not None:
            loras.append({"name": name, "weight": weight})
    return loras or None


_NAME = text(200)
_WEIGHT = number(-100, 100)
_FIELDS: Mapping[str, Check] = {
    "prompt": text(MOST_PROMPT),
    "negative_prompt": text(MOST_PROMPT),
    "seed": whole(0, 2**64 - 1),
    "steps": whole(1, 10_000),
    "guidance_scale": number(0, 1000),
    "scheduler": _scheduler,
    "scheduler_name": text(100),
    "width": whole(1, 65_535),
    "height": whole(1, 65_535),
    "model": text(64),
    "model_name": _NAME,
    "strength": number(0, 1),
    "loras": _loras,
}
