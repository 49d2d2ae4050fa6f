"""Training a LoRA: steps on tiny models, resumed, cancelled, and used by the engine afterwards."""

from __future__ import annotations

import gc
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import safetensors.torch
from PIL import Image
from safetensors import safe_open

from apps.catalog.models import ModelKind
from apps.catalog.probing import probe
from gpu_tasks.engine import Engine, GenerationRequest, ModelSource
from gpu_tasks.engine.errors import InvalidRequest, OutOfMemory
from gpu_tasks.engine.guides import AddOn, Lora
from gpu_tasks.engine.libraries import diffusers, torch
from gpu_tasks.training.lora import (
    Checkpoint,
    TrainedLora,
    TrainingCancelled,
    TrainingDiverged,
    TrainingImage,
    TrainingProgress,
    TrainingSample,
    TrainingSettings,
    train_lora,
    training,
)
from gpu_tasks.training.lora.adapter import Adapter
from tests.engine.families.builders import build_tiny_sdxl
from tests.engine.tiny_model import build_tiny_model

SETTINGS = TrainingSettings(
    trigger="zorn",
    rank=4,
    alpha=2,
    steps=4,
    batch_size=2,
    resolution=64,
    learning_rate=0.02,
    save_every=2,
    sample_steps=2,
)
ALL_ON = replace(
    SETTINGS,
    trains_text_encoder=True,
    trains_convolutions=True,
    preservation=0.5,
    caption_dropout=0.3,
    flip=True,
    warmup_steps=2,
)
IMAGES = [
    TrainingImage(Image.new("RGB", (90 + 10 * index, 80), color), f"a picture of {color}")
    for index, color in enumerate(("red", "teal", "gold"))
]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelSource]:
    """Return a tiny model of each family that can be trained."""
    builders: dict[str, Callable[[Path], Path]] = {
        "sd-1.5-class": build_tiny_model,
        "sd-2": lambda directory: build_tiny_model(directory, seed=1),
        "sdxl": build_tiny_sdxl,
    }
    return {
        base: ModelSource(key=base, path=build(tmp_path_factory.mktemp("model")), base=base)
        for base, build in builders.items()
    }


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(device="cpu")


def tensors_of(lora: TrainedLora) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = safetensors.torch.load(lora.weights)
    return tensors


def are_equal(one: TrainedLora, other: TrainedLora) -> bool:
    first, second = tensors_of(one), tensors_of(other)
    return (
        one.losses == other.losses
        and first.keys() == second.keys()
        and all(torch.equal(tensor, second[name]) for name, tensor in first.items())
    )


def generate(
    engine: Engine, source: ModelSource, lora: Path | None = None, **changes: object
) -> Image.Image:
    loras = [] if lora is None else [Lora(source=AddOn(key=str(lora), path=lora), weight=1.0)]
    request = GenerationRequest(
        prompt="a picture of red, zorn",
        width=64,
        height=64,
        steps=2,
        guidance_scale=4.0,
        scheduler="ddim",
        seed=5,
        model_key=source.key,
        loras=loras,
        **changes,  # type: ignore[arg-type]
    )
    return engine.generate(request, source=source).images[0]


@pytest.mark.parametrize("base", ["sd-1.5-class", "sd-2", "sdxl"])
def test_a_trained_lora_is_recognised_and_changes_pictures(
    base: str, sources: dict[str, ModelSource], engine: Engine, tmp_path: Path
) -> None:
    source = sources[base]
    before = generate(engine, source)

    trained = train_lora(source, IMAGES, ALL_ON, engine=engine)

    file = tmp_path / "lora.safetensors"
    file.write_bytes(trained.weights)
    found = probe(tmp_path)
    assert (found.kind, found.base(), found.trigger_words) == (ModelKind.LORA, base, ("zorn",))
    assert np.asarray(generate(engine, source, file)).tolist() != np.asarray(before).tolist()
    assert generate(engine, source).tobytes() == before.tobytes()
    assert len(trained.losses) == 4
    assert trained.compute_seconds > 0
    with safe_open(file, framework="pt") as stored:
        notes = stored.metadata()
    assert {name: notes[f"easel.{name}"] for name in ("base", "rank", "alpha", "steps")} == {
        "base": base,
        "rank": "4",
        "alpha": "2",
        "steps": "4",
    }


@pytest.mark.slow
def test_attention_alone_is_trained_unless_more_is_asked_for(
    sources: dict[str, ModelSource], engine: Engine
) -> None:
    source = sources["sdxl"]
    names = set(tensors_of(train_lora(source, IMAGES, SETTINGS, engine=engine)))
    more = set(tensors_of(train_lora(source, IMAGES, ALL_ON, engine=engine)))

    layers = {name.removesuffix(".weight").rsplit(".lora_", 1)[0] for name in names}
    ends = {layer.removesuffix(".0").rsplit(".", 1)[1] for layer in layers}
    assert ends == {"to_q", "to_k", "to_v", "to_out"}
    assert names < more
    added = {name.split(".", 1)[0] for name in more - names}
    assert added == {"unet", "text_encoder", "text_encoder_2"}
    assert any(".conv1." in name for name in more)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("base", "settings"),
    [("sd-1.5-class", SETTINGS), ("sdxl", ALL_ON)],
    ids=["plain", "all on"],
)
def test_a_resumed_training_ends_as_the_undisturbed_one(
    base: str,
    settings: TrainingSettings,
    sources: dict[str, ModelSource],
    engine: Engine,
    tmp_path: Path,
) -> None:
    kept: list[Checkpoint] = []
    settings = replace(settings, save_every=1)
    whole = train_lora(sources[base], IMAGES, settings, engine=engine, on_checkpoint=kept.append)
    file = tmp_path / "checkpoint.safetensors"
    file.write_bytes(kept[2].to_bytes())
    seen: list[TrainingProgress] = []

    early = train_lora(sources[base], IMAGES, settings, engine=engine, resume=kept[0].to_bytes())
    late = train_lora(
        sources[base],
        IMAGES,
        settings,
        engine=Engine(device="cpu"),
        resume=file,
        on_progress=seen.append,
    )
    over = train_lora(sources[base], IMAGES, settings, engine=engine, resume=kept[3].to_bytes())

    assert [one.step for one in kept] == [1, 2, 3, 4]
    assert are_equal(early, whole)
    assert are_equal(late, whole)
    assert are_equal(over, whole)
    assert [(one.step, one.total) for one in seen] == [(4, 4)]
    assert seen[0].smoothed_loss == kept[3].smoothed_loss


@pytest.mark.slow
def test_a_checkpoint_is_made_when_time_has_passed_and_disturbs_nothing(
    sources: dict[str, ModelSource], engine: Engine
) -> None:
    kept: list[Checkpoint] = []
    source = sources["sd-1.5-class"]
    settings = replace(SETTINGS, save_every=100)

    def train(save_seconds: float) -> TrainedLora:
        return train_lora(
            source,
            IMAGES,
            settings,
            engine=engine,
            on_checkpoint=kept.append,
            save_seconds=save_seconds,
        )

    hurried, whole = train(0.0), train(3600.0)

    # What is over needs none.
    assert [one.step for one in kept] == [1, 2, 3]
    resumed = train_lora(source, IMAGES, settings, engine=engine, resume=kept[1].to_bytes())
    assert are_equal(hurried, whole)
    assert are_equal(resumed, whole)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["put_in", "restore"])
def test_a_card_too_small_is_told_wherever_it_shows(
    sources: dict[str, ModelSource],
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    kept: list[Checkpoint] = []
    source = sources["sd-1.5-class"]
    train_lora(source, IMAGES, SETTINGS, engine=engine, on_checkpoint=kept.append)

    def run_out(*_values: object) -> NoReturn:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    # No card is here that could be too small.
    monkeypatch.setattr(Adapter, place, run_out)

    with pytest.raises(OutOfMemory, match="Try a smaller resolution"):
        train_lora(source, IMAGES, SETTINGS, engine=engine, resume=kept[0].to_bytes())


def test_a_foreign_checkpoint_is_refused(sources: dict[str, ModelSource], engine: Engine) -> None:
    kept: list[Checkpoint] = []
    source = sources["sd-1.5-class"]
    train_lora(source, IMAGES, SETTINGS, engine=engine, on_checkpoint=kept.append)
    content = kept[0].to_bytes()
    steps: list[TrainingProgress] = []

    for other, images, settings, resume in (
        (source, IMAGES, replace(SETTINGS, learning_rate=0.01), content),
        (source, IMAGES, replace(SETTINGS, rank=8), content),
        (source, IMAGES[:2], SETTINGS, content),
        (sources["sd-2"], IMAGES, SETTINGS, content),
        (source, IMAGES, SETTINGS, content[:-1]),
    ):
        with pytest.raises(InvalidRequest) as refused:
            train_lora(
                other, images, settings, engine=engine, resume=resume, on_progress=steps.append
            )
        assert list(refused.value.fields) == ["resume"]
    assert steps == []


def test_each_step_is_told_with_its_loss(sources: dict[str, ModelSource], engine: Engine) -> None:
    seen: list[TrainingProgress] = []

    trained = train_lora(
        sources["sd-1.5-class"], IMAGES, SETTINGS, engine=engine, on_progress=seen.append
    )

    assert [one.step for one in seen] == [1, 2, 3, 4]
    assert {one.total for one in seen} == {4}
    assert tuple(one.loss for one in seen) == trained.losses
    assert seen[0].smoothed_loss == seen[0].loss
    assert seen[1].smoothed_loss == pytest.approx(0.98 * seen[0].loss + 0.02 * seen[1].loss)
    assert 0 < seen[0].seconds < seen[3].seconds <= trained.compute_seconds


@pytest.mark.slow
def test_samples_are_made_at_intervals_and_change_with_the_training(
    sources: dict[str, ModelSource], engine: Engine
) -> None:
    seen: list[TrainingSample] = []
    settings = replace(SETTINGS, sample_every=2, sample_prompts=("zorn", "a house"), seed=9)

    sampled = train_lora(
        sources["sd-1.5-class"], IMAGES, settings, engine=engine, on_sample=seen.append
    )

    assert [(one.step, one.index, one.prompt, one.seed) for one in seen] == [
        (2, 0, "zorn", 9),
        (2, 1, "a house", 9),
        (4, 0, "zorn", 9),
        (4, 1, "a house", 9),
    ]
    assert {one.picture.size for one in seen} == {(64, 64)}
    assert seen[0].picture.tobytes() != seen[2].picture.tobytes()
    # To look at it disturbs nothing.
    assert are_equal(sampled, train_lora(sources["sd-1.5-class"], IMAGES, settings, engine=engine))


def test_what_listeners_take_is_no_time_of_the_training(
    sources: dict[str, ModelSource], engine: Engine
) -> None:
    def listen(_told: object) -> None:
        time.sleep(0.2)

    settings = replace(SETTINGS, sample_every=2, sample_prompts=("zorn",), save_every=2)
    began = time.perf_counter()

    trained = train_lora(
        sources["sd-1.5-class"],
        IMAGES,
        settings,
        engine=engine,
        on_progress=listen,
        on_checkpoint=listen,
        on_sample=listen,
    )

    # Four steps, two checkpoints and two samples.
    assert trained.compute_seconds <= time.perf_counter() - began - 8 * 0.2


def test_a_sample_that_cannot_be_made_is_left_out(
    sources: dict[str, ModelSource], engine: Engine
) -> None:
    seen: list[TrainingSample] = []
    settings = replace(SETTINGS, sample_every=4, sample_prompts=("a disc (scale:10)", "a house"))

    train_lora(sources["sd-1.5-class"], IMAGES, settings, engine=engine, on_sample=seen.append)

    assert [(one.step, one.prompt) for one in seen] == [(4, "a house")]


def test_the_last_sample_is_what_the_finished_lora_makes(
    sources: dict[str, ModelSource], engine: Engine, tmp_path: Path
) -> None:
    seen: list[TrainingSample] = []
    settings = replace(
        ALL_ON,
        sample_every=4,
        sample_prompts=("a picture of red, zorn",),
        seed=5,
        sample_guidance=4.0,
    )
    source = sources["sd-1.5-class"]
    trained = train_lora(source, IMAGES, settings, engine=engine, on_sample=seen.append)
    file = tmp_path / "lora.safetensors"
    file.write_bytes(trained.weights)

    made = np.asarray(generate(engine, source, file), dtype=int)

    plain = np.asarray(generate(engine, source), dtype=int)
    sample = np.asarray(seen[0].picture, dtype=int)
    # The file is in float16, and alpha is half of the rank: forgotten, this would be far away.
    assert abs(made - sample).max() <= 2
    assert abs(plain - sample).max() > 8


def test_what_is_kept_loaded_is_unharmed_by_a_training(
    sources: dict[str, ModelSource], engine: Engine
) -> None:
    source = sources["sd-1.5-class"]
    with engine.hold(source) as model:
        before = generate(engine, source)
        parts = {name: id(part) for name, part in model.components.items()}

        train_lora(source, IMAGES, ALL_ON, engine=engine)
        with pytest.raises(TrainingCancelled):
            train_lora(source, IMAGES, ALL_ON, engine=engine, is_cancelled=lambda: True)

        assert generate(engine, source).tobytes() == before.tobytes()
        with engine.hold(source) as again:
            assert {name: id(part) for name, part in again.components.items()} == parts


@pytest.mark.slow
def test_nothing_of_a_training_stays_in_memory(
    sources: dict[str, ModelSource], engine: Engine
) -> None:
    def count() -> int:
        gc.collect()
        # By type: some objects of torch warn when they are asked for their class.
        return sum(type(one) is diffusers.UNet2DConditionModel for one in gc.get_objects())

    train_lora(sources["sd-1.5-class"], IMAGES, SETTINGS, engine=engine)
    before = count()
    train_lora(sources["sdxl"], IMAGES, ALL_ON, engine=engine)

    assert count() == before


def test_a_cancelled_training_stops_within_a_step(
    sources: dict[str, ModelSource], engine: Engine
) -> None:
    seen: list[TrainingProgress] = []

    with pytest.raises(TrainingCancelled) as stopped:
        train_lora(
            sources["sd-1.5-class"],
            IMAGES,
            SETTINGS,
            engine=engine,
            on_progress=seen.append,
            is_cancelled=lambda: len(seen) == 2,
        )

    assert stopped.value.code == "cancelled"
    assert (len(seen), stopped.value.step) == (2, 2)
    assert stopped.value.compute_seconds >= seen[-1].seconds > 0


def test_a_training_is_cancelled_within_a_sample(
    sources: dict[str, ModelSource], engine: Engine
) -> None:
    samples: list[TrainingSample] = []
    seen: list[TrainingProgress] = []
    asked: list[int] = []

    def is_cancelled() -> bool:
        asked.append(len(seen))
        # Once before the sample begins, then at its first step.
        return asked.count(2) > 1

    with pytest.raises(TrainingCancelled) as stopped:
        train_lora(
            sources["sd-1.5-class"],
            IMAGES,
            replace(SETTINGS, sample_every=2, sample_prompts=("a", "b")),
            engine=engine,
            on_progress=seen.append,
            on_sample=samples.append,
            is_cancelled=is_cancelled,
        )

    assert (samples, stopped.value.step) == ([], 2)


def test_a_loss_that_is_no_number_ends_the_training(
    sources: dict[str, ModelSource], engine: Engine, tmp_path: Path
) -> None:
    shutil.copytree(sources["sd-1.5-class"].path, tmp_path / "broken")
    file = tmp_path / "broken" / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = safetensors.torch.load_file(file)
    tensors["conv_out.bias"] = torch.full_like(tensors["conv_out.bias"], float("nan"))
    safetensors.torch.save_file(tensors, file)
    seen: list[TrainingProgress] = []

    with pytest.raises(TrainingDiverged, match="Try a lower learning rate") as ended:
        train_lora(
            ModelSource(key="broken", path=tmp_path / "broken"),
            IMAGES,
            SETTINGS,
            engine=engine,
            on_progress=seen.append,
        )

    assert (ended.value.step, seen) == (1, [])


def test_models_that_cannot_be_trained_are_refused_before_they_are_loaded(
    engine: Engine, tmp_path: Path
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        train_lora(
            ModelSource(key="flux", path=tmp_path, base="flux-1"), IMAGES, SETTINGS, engine=engine
        )

    assert list(refused.value.fields) == ["model"]


@pytest.mark.slow
def test_sdxl_is_told_how_large_a_picture_was_and_sd_is_not(
    sources: dict[str, ModelSource], engine: Engine
) -> None:
    def first_loss(base: str, width: int) -> float:
        images = [TrainingImage(Image.new("RGB", (width, 64), "red"), "red")]
        settings = replace(SETTINGS, steps=1)
        return train_lora(sources[base], images, settings, engine=engine).losses[0]

    assert first_loss("sd-1.5-class", 64) == first_loss("sd-1.5-class", 128)
    assert first_loss("sdxl", 64) != first_loss("sdxl", 128)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("base", "dtype"),
    [("sd-1.5-class", torch.bfloat16), ("sdxl", torch.float16)],
    ids=["bfloat16", "float16"],
)
def test_the_types_of_cards_train_float32_weights_beside_them(
    base: str,
    dtype: torch.dtype,
    sources: dict[str, ModelSource],
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(training, "training_dtype", lambda _device: dtype)
    kept: list[Checkpoint] = []
    settings = replace(ALL_ON, save_every=1)

    whole = train_lora(sources[base], IMAGES, settings, engine=engine, on_checkpoint=kept.append)
    resumed = train_lora(sources[base], IMAGES, settings, engine=engine, resume=kept[1].to_bytes())

    assert {one.dtype for one in kept[3].weights.values()} == {torch.float32}
    assert bool(kept[3].scaler) == (dtype is torch.float16)
    assert np.isfinite(whole.losses).all()
    assert any(
        not torch.equal(kept[3].weights[name], first) for name, first in kept[0].weights.items()
    )
    assert are_equal(resumed, whole)
