"""The `parameters` text of A1111, which Forge, SD.Next, many others and our own files have too.

The prompt, a line "Negative prompt: …" and, last, a line of "Name: value" pairs with commas between
them, where a value that has commas of its own is quoted.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from apps.images.foreign_parameters import samplers

_NEGATIVE = "Negative prompt:"
_LORA = re.compile(r"<(?:lora|lyco):([^:<>]{1,200}):([^:<>]{1,20})(?::[^<>]{0,100})?>")
# Anything else in the last line would make it a line of the prompt.
_STEPS = re.compile(r"(?:^|, )Steps: ?[0-9]")


def read(text: str) -> dict[str, Any]:
    """Return the raw values under our names; none if the last line is not one of settings.

    `source` among them is "easel" where the text says that it is ours.
    """
    head, _, last = text.strip().rpartition("\n")
    if _STEPS.search(last) is None:
        return {}
    settings = dict(_pairs(last))
    prompt, negative = _prompts(head)
    is_ours = settings.get("Version", "").startswith("Easel")
    width, _, height = settings.get("Size", "").partition("x")
    name = settings.get("Sampler")
    schedule = settings.get("Schedule type", "")
    return {
        "source": "easel" if is_ours else "a1111",
        "prompt": _LORA.sub("", prompt).strip(" ,\n"),
        "negative_prompt": negative,
        "seed": settings.get("Seed"),
        "steps": settings.get("Steps"),
        # Forge writes "CFG scale: 1" for FLUX, and what FLUX heeds beside it.
        "guidance_scale": settings.get("Distilled CFG Scale", settings.get("CFG scale")),
        "scheduler": samplers.from_easel(name) if is_ours else samplers.from_a1111(name, schedule),
        "scheduler_name": f"{name} {schedule}".strip() if name else None,
        "width": width,
        "height": height,
        "model_name": settings.get("Model"),
        "strength": settings.get("Denoising strength"),
        "loras": [{"name": name, "weight": weight} for name, weight in _LORA.findall(prompt)],
    }


def _prompts(head: str) -> tuple[str, str]:
    if head.startswith(_NEGATIVE):
        return "", head.removeprefix(_NEGATIVE)
    prompt, _, negative = head.partition(f"\n{_NEGATIVE}")
    return prompt, negative


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    """Split the line of settings; in one pass, whatever it is made of."""
    offset = 0
    while offset < len(line):
        colon = line.find(":", offset)
        if colon < 0:
            return
        # What has no colon before the next comma is the rest of a value that was not quoted.
        name = line[offset:colon].rpartition(",")[2].strip()
        start = colon + 1
        while line.startswith(" ", start):
            start += 1
        end = _end_of_value(line, start)
        yield name, _unquoted(line[start:end].strip())
        offset = end + 1


def _end_of_value(line: str, start: int) -> int:
    quote = start if line.startswith('"', start) else -1
    while quote >= 0:
        quote = line.find('"', quote + 1)
        if quote > 0 and line[quote - 1] != "\\":
            start = quote
            break
    comma = line.find(",", start)
    return len(line) if comma < 0 else comma


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except (ValueError, RecursionError):
        return value
