"""A catalog and a context with the models that Easel ships."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

import gpu_tasks
from apps.generation.parameters import GenerationParameters
from apps.generation.parameters.sketch import build_request
from gpu_tasks.engine import Engine, GenerationRequest, ModelSource, StepProgress
from gpu_tasks.engine.guides import AddOn
from gpu_tasks.nodes.checking import CheckedGraph, check_graph
from gpu_tasks.nodes.graph import read_document
from gpu_tasks.nodes.run import NodeState, RunResult, run_graph
from gpu_tasks.nodes.values import ModelFacts, Outline
from tests.nodes.graphs import OWN_BOARD, OWN_PICTURE, Kept, document

PACKAGE = Path(gpu_tasks.__file__).parent
STARTER = ModelSource(key="starter", path=PACKAGE / "starter_model")
CONTROL_NET = AddOn(key="starter-edges", path=PACKAGE / "starter_controlnet")
# What the starter model takes where nothing is chosen.
OWN_SETTINGS = {"width": 128, "height": 128, "steps": 3, "guidance_scale": 2.0, "scheduler": "ddim"}
Nodes = Mapping[str, Sequence[Any]]


def gallery_picture() -> Image.Image:
    return Image.linear_gradient("L").resize((150, 130)).convert("RGB")


@dataclass
class StarterCatalog:
    """The starter model under two names, its ControlNet, a LoRA, a VAE, a picture, a board."""

    asked: list[Mapping[str, Any]] = field(default_factory=list)
    bases: Mapping[str, str] = field(default_factory=dict)

    def model(self, key: str) -> ModelFacts | None:
        kinds = {"starter": "main", "starter-edges": "controlnet", "lora": "lora", "vae": "vae"}
        if key in self.bases:
            return ModelFacts(key=key, kind="main", base=self.bases[key])
        kind = kinds.get(key)
        if kind is None:
            return None
        return ModelFacts(key=key, kind=kind, base="sd-1.5-class", width=128, height=128)

    def picture(self, name: str) -> Outline | None:
        return Outline(1, 150, 130) if name == OWN_PICTURE else None

    def board(self, board: str) -> bool:
        return board == OWN_BOARD

    def generation_problems(self, settings: Mapping[str, Any]) -> Mapping[str, str]:
        self.asked.append(settings)
        return {}


@dataclass
class StarterContext:
    """Serve a run with the starter model; `weights` are LoRAs and VAEs by key."""

    engine: Any
    weights: Mapping[str, AddOn] = field(default_factory=dict)
    kept: list[Kept] = field(default_factory=list)
    steps: list[StepProgress] = field(default_factory=list)
    requested: list[Mapping[str, Any]] = field(default_factory=list)
    cancelled: bool = False
    node_id: str = ""

    def load_picture(self, name: str) -> Image.Image:
        assert name == OWN_PICTURE
        return gallery_picture()

    def request(
        self, settings: Mapping[str, Any], pictures: Mapping[str, Image.Image]
    ) -> tuple[GenerationRequest, ModelSource]:
        self.requested.append(settings)
        return starter_request(settings, pictures, self.weights), STARTER

    def upscaler(self, key: str) -> AddOn:
        return self.weights[key]

    def on_step(self, progress: StepProgress) -> None:
        self.steps.append(progress)

    def is_cancelled(self) -> bool:
        return self.cancelled

    def save(
        self,
        node_id: str,
        pictures: Sequence[Image.Image],
        *,
        board: str | None = None,
        label: str = "",
        seeds: Sequence[int] = (),
    ) -> None:
        self.kept.append(Kept(node_id, tuple(pictures), board, label, tuple(seeds)))


def starter_request(
    settings: Mapping[str, Any],
    pictures: Mapping[str, Image.Image] | None = None,
    weights: Mapping[str, AddOn] | None = None,
) -> GenerationRequest:
    """Return what a plain generation with these settings asks the engine for."""
    given = dict(settings)
    assert given.pop("model", "starter") == "starter"
    for control in given.get("controls", ()):
        control["kind"] = "controlnet"
    parameters = GenerationParameters.from_json(
        {"seed": 0, "negative_prompt": "", **OWN_SETTINGS, **given}
    )
    known = {CONTROL_NET.key: CONTROL_NET, **(weights or {})}
    return build_request(
        parameters, model_key="starter", pictures=pictures or {}, weights=known, refiner=None
    )


def checked(nodes: Nodes, catalog: StarterCatalog | None = None) -> CheckedGraph:
    return check_graph(read_document(document(nodes)), catalog or StarterCatalog())


@dataclass
class Ran:
    """What became of a run."""

    result: RunResult
    states: list[NodeState]
    context: StarterContext

    @property
    def told(self) -> list[tuple[str, str]]:
        """Nodes and states in their order, each state once."""
        return list(dict.fromkeys((one.node, one.state) for one in self.states))

    @property
    def pixels(self) -> list[bytes]:
        return [picture.tobytes() for picture in self.result.pictures]


def run(engine: Engine, nodes: Nodes, **context: Any) -> Ran:
    states: list[NodeState] = []
    workplace = StarterContext(engine, **context)
    result = run_graph(checked(nodes), workplace, on_node=states.append)
    return Ran(result, states, workplace)
