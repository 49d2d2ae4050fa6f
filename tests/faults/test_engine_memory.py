"""An engine whose models and additions come and go for hundreds of jobs keeps its size."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from PIL import Image

import gpu_tasks
from gpu_tasks.engine import Engine, GenerationRequest, ModelSource
from gpu_tasks.engine.guides import AddOn, Control, Lora
from gpu_tasks.engine.libraries import diffusers, torch
from gpu_tasks.worker.memory import resident_bytes
from tests.engine.tiny_add_ons import build_control_net, build_lora
from tests.engine.tiny_model import build_tiny_model

SIZE = 64
ROUNDS, JOBS_A_ROUND = 10, 30
# Jobs of one model come in runs, as affinity has it.
RUN = 3
# More than stay in a model.
LORAS = 6
# What the allocators keep differs by this from round to round. A model that stayed behind at each
# load would be more in two rounds, whichever of the four.
MAX_GROWTH_BYTES = 32 * 1024**2
WIDTHS = (16, 32, 64)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[ModelSource]:
    """Three models of different sizes with random weights, and the one that Easel ships."""
    root = tmp_path_factory.mktemp("models")
    found = [
        ModelSource(key=f"tiny-{width}", path=build_tiny_model(root / str(width), width=width))
        for width in WIDTHS
    ]
    for source in found:
        for number in range(LORAS):
            build_lora(source.path, source.path / f"lora-{number}.safetensors", seed=number)
        build_control_net(source.path, source.path / "control", seed=1)
    starter = Path(gpu_tasks.__file__).parent / "starter_model"
    return [*found, ModelSource(key="starter", path=starter)]


def requests(source: ModelSource, *, chosen: random.Random) -> Iterator[GenerationRequest]:
    """Yield requests without end: plain, with one LoRA or two, with a ControlNet."""
    picture = Image.fromarray(
        np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    )
    has_additions = (source.path / "control").is_dir()
    while True:
        additions: dict[str, object] = {}
        if has_additions:
            loras = chosen.sample(range(LORAS), chosen.randrange(3))
            files = [source.path / f"lora-{number}.safetensors" for number in loras]
            additions["loras"] = [
                Lora(source=AddOn(key=f"{source.key}/{file.name}", path=file)) for file in files
            ]
            if chosen.random() < 0.3:
                control = AddOn(key=f"{source.key}/control", path=source.path / "control")
                additions["controls"] = [Control(source=control, image=picture)]
        yield GenerationRequest(
            # Each prompt is another, so that kept ones would pile up.
            prompt=f"picture {chosen.random()}",
            width=SIZE,
            height=SIZE,
            steps=1,
            guidance_scale=4.0,
            scheduler="euler",
            seed=chosen.randrange(2**32),
            model_key=source.key,
            **additions,  # type: ignore[arg-type]
        )


def alive(kind: type) -> list[object]:
    return [one for one in gc.get_objects() if issubclass(type(one), kind)]


@pytest.mark.slow
@pytest.mark.timeout(1200)
# The library's warnings that a model has two LoRAs, or had, which is what is wanted.
@pytest.mark.filterwarnings("ignore:Already found a `peft_config` attribute")
@pytest.mark.filterwarnings("ignore:Adapter .* was active which is now deleted")
def test_an_engine_does_not_grow_while_models_take_turns(
    sources: list[ModelSource], record_property: Callable[[str, object], None]
) -> None:
    torch.set_num_threads(1)
    chosen = random.Random(0)
    limit = room_for_two(sources)
    # Other tests of the same process keep models of their own; they are held, so that they count
    # the same to the end.
    counted = (diffusers.UNet2DConditionModel, diffusers.ControlNetModel)
    others = {kind: alive(kind) for kind in counted}
    # Prompts of some hundred jobs would fit; they are to be dropped here as well.
    engine = Engine(device="cpu", cache_bytes=limit, prompt_bytes=1024**2)
    asked: Mapping[str, Iterator[GenerationRequest]] = {
        source.key: requests(source, chosen=chosen) for source in sources
    }
    resident: list[int] = []
    for _ in range(ROUNDS):
        order = sources * (JOBS_A_ROUND // RUN // len(sources) + 1)
        chosen.shuffle(order)
        for source in order[: JOBS_A_ROUND // RUN]:
            for _ in range(RUN):
                result = engine.generate(next(asked[source.key]), source=source)
                assert len(result.images) == 1
                del result
                assert engine.loaded_bytes <= limit
        gc.collect()
        rss = resident_bytes()
        assert rss is not None
        resident.append(rss)
        # Exact where the resident memory is not: nothing outlives its place in the cache.
        nets, controls = (len(alive(kind)) - len(others[kind]) for kind in counted)
        assert nets == len(engine.loaded_models)
        assert controls <= len(WIDTHS)

    # Shown in the report of --junit-xml.
    record_property("resident_bytes", resident)
    growth = median(resident[-3:]) - median(resident[1:4])
    assert growth < MAX_GROWTH_BYTES, resident


def room_for_two(sources: list[ModelSource]) -> int:
    """Return a limit that the starter model and one other keep, and no third."""
    engine = Engine(device="cpu")
    sizes = []
    for source in sources:
        before = engine.loaded_bytes
        engine.preload(source)
        sizes.append(engine.loaded_bytes - before)
    smallest, *_, second, largest = sorted(sizes)
    limit = largest + second
    assert limit < largest + second + smallest
    return limit
