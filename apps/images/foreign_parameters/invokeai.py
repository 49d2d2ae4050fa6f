"""What InvokeAI writes into a PNG.

Since version 3 `invokeai_metadata` is JSON, with the node graph beside it; version 2 wrote
`sd-metadata`, and version 1 the words of its command line, `Dream`.
"""

import re
from collections.abc import Mapping
from typing import Any

from apps.images.foreign_parameters import samplers
from apps.images.foreign_parameters.values import mapping, parsed, sequence

_DREAM = re.compile(r'\s*"((?:[^"\\]|\\.)*)"(.*)', re.DOTALL)
_DREAM_OPTION = re.compile(r"(?:^|\s)-([A-Za-z])\s*([^\s\-]\S*)")
_DREAM_NAMES = {
    "s": "steps",
    "S": "seed",
    "W": "width",
    "H": "height",
    "C": "guidance_scale",
    "f": "strength",
}
# Version 2 took what stands in brackets for what is not wanted.
_UNWANTED = re.compile(r"\[([^\[\]]*)\]")


def read(texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the raw values under our names; none if InvokeAI wrote nothing here."""
    metadata = mapping(parsed(texts.get("invokeai_metadata")))
    if metadata:
        return _since_3(metadata)
    old = mapping(parsed(texts.get("sd-metadata")))
    if old:
        return _of_2(old)
    return _dream(texts.get("Dream", texts.get("dream", "")))


def workflow(texts: Mapping[str, str]) -> Any:
    """Return the workflow of the user; of a picture made without one, the graph that ran."""
    found = parsed(texts.get("invokeai_workflow"))
    return found or parsed(texts.get("invokeai_graph"))


def _since_3(metadata: dict[str, Any]) -> dict[str, Any]:
    guidance = metadata.get("cfg_scale")
    return {
        "prompt": metadata.get("positive_prompt"),
        "negative_prompt": metadata.get("negative_prompt"),
        "seed": metadata.get("seed"),
        "steps": metadata.get("steps"),
        # What FLUX calls it.
        "guidance_scale": metadata.get("guidance") if guidance is None else guidance,
        "scheduler": samplers.from_invokeai(metadata.get("scheduler")),
        "scheduler_name": metadata.get("scheduler"),
        "width": metadata.get("width"),
        "height": metadata.get("height"),
        "model_name": _model_name(metadata.get("model")),
        "strength": metadata.get("strength"),
        "loras": [_lora(mapping(entry)) for entry in sequence(metadata.get("loras"))],
    }


def _lora(entry: dict[str, Any]) -> dict[str, Any]:
    model = entry.get("model", entry.get("lora"))
    return {"name": _model_name(model), "weight": entry.get("weight")}


def _model_name(model: Any) -> Any:
    # A name alone, then `model_name`, and since version 4 `name`.
    if isinstance(model, dict):
        return model.get("name", model.get("model_name"))
    return model


def _of_2(metadata: dict[str, Any]) -> dict[str, Any]:
    image = mapping(metadata.get("image"))
    prompt = image.get("prompt")
    if isinstance(prompt, list):
        parts = [mapping(part).get("prompt") for part in prompt]
        prompt = " ".join(part for part in parts if isinstance(part, str))
    return {
        **_prompts(prompt),
        "seed": image.get("seed"),
        "steps": image.get("steps"),
        "guidance_scale": image.get("cfg_scale"),
        "scheduler": samplers.from_invokeai(image.get("sampler")),
        "scheduler_name": image.get("sampler"),
        "width": image.get("width"),
        "height": image.get("height"),
        "model_name": metadata.get("model_weights"),
        "strength": image.get("strength"),
    }


def _dream(text: str) -> dict[str, Any]:
    found = _DREAM.match(text)
    if found is None:
        return {}
    options = dict(_DREAM_OPTION.findall(found[2]))
    return {
        **_prompts(found[1].replace('\\"', '"')),
        **{name: options.get(letter) for letter, name in _DREAM_NAMES.items()},
        "scheduler": samplers.from_invokeai(options.get("A")),
        "scheduler_name": options.get("A"),
    }


def _prompts(prompt: Any) -> dict[str, Any]:
    if not isinstance(prompt, str):
        return {}
    unwanted = [words.strip() for words in _UNWANTED.findall(prompt)]
    return {
        "prompt": _UNWANTED.sub("", prompt),
        "negative_prompt": ", ".join(word for word in unwanted if word),
    }
