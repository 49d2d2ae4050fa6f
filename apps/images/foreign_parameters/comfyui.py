"""What ComfyUI writes: `prompt`, the graph that ran, and `workflow`, the graph as it is drawn.

`prompt` maps the id of each node to its `class_type` and its `inputs`; an input is a value or a
link, `[id of a node, number of its output]`. Nothing says which node is the one that matters, so
the sampler is looked for, and from there what leads into it. Custom nodes without number have
other classes but keep the names of the inputs, so those are what is gone by.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from apps.images.foreign_parameters import samplers
from apps.images.foreign_parameters.values import mapping, parsed, sequence

MOST_NODES = 500
MOST_SAMPLERS = 16
MOST_STEPS_TO_A_VALUE = 8
_SEEDS = ("seed", "noise_seed")
_TEXTS = ("text", "text_g", "t5xxl", "clip_l", "prompt", "string", "value")
_MODEL_NAMES = ("ckpt_name", "unet_name", "model_name")
_SIZE_LINKS = ("latent_image", "latent", "samples", "pixels", "image")
_CONDITIONING_LINKS = ("conditioning", "conditioning_1", "conditioning_to")
# What passes on nothing of the prompt that leads into it.
_EMPTIED = "ConditioningZeroOut"


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the graph, in which it can be followed."""

    graph: "Graph"
    kind: str
    inputs: Mapping[str, Any]

    def value(self, *names: str) -> Any:
        """Return the first of these inputs that is there, through a link to a node of one value."""
        for name in names:
            value = self.inputs.get(name)
            if isinstance(value, list):
                value = self._linked_value(name)
            if value is not None:
                return value
        return None

    def linked(self, *names: str) -> "Node | None":
        """Return the node behind the first of these inputs that is a link."""
        for name in names:
            node = self.graph.node_at(self.inputs.get(name))
            if node is not None:
                return node
        return None

    def upstream(self, *names: str) -> Iterator["Node"]:
        """Walk from node to node along inputs of these names, each node once."""
        seen = {id(self)}
        waiting = self.all_linked(names)
        while waiting:
            node = waiting.pop(0)
            if id(node) not in seen:
                seen.add(id(node))
                yield node
                waiting += node.all_linked(names)

    def all_linked(self, names: tuple[str, ...]) -> list["Node"]:
        """Return the nodes behind those of these inputs that are links."""
        linked = (self.graph.node_at(self.inputs.get(name)) for name in names)
        return [node for node in linked if node is not None]

    def _linked_value(self, name: str) -> Any:
        names = (name, *_SEEDS, *_TEXTS, "int", "float")
        nearest = [self.linked(name), *islice(self.upstream(*names), MOST_STEPS_TO_A_VALUE)]
        values = (node.inputs.get(key) for node in nearest if node for key in names)
        return next((value for value in values if isinstance(value, str | int | float)), None)


class Graph:
    """The nodes of a `prompt`; what is no node is not in it."""

    def __init__(self, prompt: Any) -> None:
        entries = mapping(prompt).items()
        self._nodes = {
            key: Node(self, entry["class_type"], mapping(entry.get("inputs")))
            for key, entry in list(entries)[:MOST_NODES]
            if isinstance(entry, dict) and isinstance(entry.get("class_type"), str)
        }

    def node_at(self, link: Any) -> Node | None:
        """Return the node that an input is linked to, if it is a link."""
        target = next(iter(sequence(link)), None)
        return self._nodes.get(str(target)) if isinstance(target, str | int) else None

    def sampler(self) -> Node | None:
        """Return the sampler that made the picture out of noise; later ones only refine it."""
        found = [node for node in self._nodes.values() if _is_sampler(node)][:MOST_SAMPLERS]
        for node in found:
            if not any(_is_sampler(earlier) for earlier in node.upstream(*_SIZE_LINKS)):
                return node
        return found[0] if found else None


def read(texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the raw values under our names; none if there is no sampler in a graph."""
    sampler = Graph(parsed(texts.get("prompt"))).sampler()
    if sampler is None:
        return {}
    guider = sampler.linked("guider") or sampler
    sigmas = sampler.linked("sigmas") or sampler
    name = (sampler.linked("sampler") or sampler).value("sampler_name")
    schedule = sigmas.value("scheduler")
    size = _first(sampler.upstream(*_SIZE_LINKS), "width")
    denoise = sigmas.value("denoise")
    return {
        "prompt": _text(_conditioning(guider, "positive")),
        "negative_prompt": _text(_conditioning(guider, "negative")),
        "seed": (sampler.linked("noise") or sampler).value(*_SEEDS),
        "steps": sigmas.value("steps"),
        "guidance_scale": _guidance(guider),
        "scheduler": samplers.from_comfyui(name, schedule or ""),
        "scheduler_name": " ".join(part for part in (name, schedule) if isinstance(part, str)),
        "width": size and size.value("width"),
        "height": size and size.value("height"),
        # 1 is to change all, as every picture out of noise does.
        "strength": None if denoise == 1 else denoise,
        **_models(guider if "model" in guider.inputs else sigmas),
    }


def workflow(texts: Mapping[str, str]) -> Any:
    """Return the graph as it is drawn; without one, the graph that ran."""
    drawn = parsed(texts.get("workflow"))
    if isinstance(drawn, dict) and drawn:
        return drawn
    prompt = parsed(texts.get("prompt"))
    return prompt if Graph(prompt).sampler() else None


def _is_sampler(node: Node) -> bool:
    has_noise = any(name in node.inputs for name in (*_SEEDS, "noise"))
    return "latent_image" in node.inputs and has_noise


def _first(nodes: Iterable[Node], *names: str) -> Node | None:
    return next((node for node in nodes if any(name in node.inputs for name in names)), None)


def _conditioning(guider: Node, side: str) -> list[Node]:
    """Return the nodes that the prompt of a side goes through, nearest first."""
    links = ("conditioning",) if side == "positive" and side not in guider.inputs else (side,)
    start = guider.linked(*links)
    nodes = [start, *start.upstream(side, *_CONDITIONING_LINKS)] if start else []
    return [] if any(node.kind == _EMPTIED for node in nodes) else nodes


def _text(nodes: list[Node]) -> Any:
    texts = (node.value(*_TEXTS) for node in nodes)
    return next((text for text in texts if isinstance(text, str)), None)


def _guidance(guider: Node) -> Any:
    """Return what FLUX heeds, if there is such a node, else the guidance of all other models."""
    flux = _first(_conditioning(guider, "positive"), "guidance")
    return flux.value("guidance") if flux else guider.value("cfg")


def _models(node: Node) -> dict[str, Any]:
    chain = list(node.upstream("model"))
    named = _first(chain, *_MODEL_NAMES)
    return {
        "model_name": named and named.value(*_MODEL_NAMES),
        "loras": [
            {"name": lora.value("lora_name"), "weight": lora.value("strength_model")}
            for lora in chain
            if "lora_name" in lora.inputs
        ],
    }
