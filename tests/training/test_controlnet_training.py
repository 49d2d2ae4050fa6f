"""The ControlNet's training: its pairs, its first steps, its checkpoint and its export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from safetensors.torch import load_file

from gpu_tasks.training.controlnet.export import WEIGHTS_LIMIT, WEIGHTS_NAME, export_controlnet
from gpu_tasks.training.controlnet.pairs import (
    PairSet,
    caption_pair,
    describe_pair,
    draw_pair,
    make_pairs,
    prepare_pairs,
)
from gpu_tasks.training.controlnet.run import ControlNetRun
from gpu_tasks.training.controlnet.steering import (
    SteeredDenoiser,
    build_controlnet,
    load_autoencoder,
    load_denoiser,
)
from gpu_tasks.training.controlnet.training import CHECKPOINT, follow_pairs, load_average
from gpu_tasks.training.starter.world import ShapeSpec

pytestmark = pytest.mark.usefixtures("one_thread")

MODEL = Path(__file__).resolve().parents[2] / "gpu_tasks" / "starter_model"


@pytest.fixture(scope="module")
def denoiser() -> UNet2DConditionModel:
    return load_denoiser(model_dir=MODEL)


@pytest.fixture(scope="module")
def pair_set() -> PairSet:
    return make_pairs(autoencoder=load_autoencoder(model_dir=MODEL), pairs=6)


def take_steps(
    *, path: Path, denoiser: UNet2DConditionModel, pair_set: PairSet, until: int
) -> ControlNetRun:
    """Train from scratch or from the checkpoint until so many steps are taken in all."""
    controlnet = build_controlnet(denoiser=denoiser)
    run = ControlNetRun(path=path, controlnet=controlnet, minutes=60)
    # Past the warm-up, whose length is one of time.
    run.budget.spent = 300.0
    learn = run.learn

    def learn_and_stop(*, loss: torch.Tensor) -> None:
        learn(loss=loss)
        run.budget.spent = run.budget.seconds if run.step >= until else 300.0

    run.learn = learn_and_stop  # type: ignore[method-assign]
    follow_pairs(
        run=run,
        steered=SteeredDenoiser(denoiser=denoiser, controlnet=controlnet),
        pair_set=pair_set,
        model_dir=MODEL,
        batch=2,
    )
    return run


def are_equal(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(
        torch.equal(value, second[name]) for name, value in first.items()
    )


def test_pairs_are_latents_drawings_and_captions(pair_set: PairSet) -> None:
    latents, drawing, captions = pair_set.take(
        chosen=np.array([0, 3, 5]), rng=np.random.default_rng(1)
    )
    assert latents.shape == (3, 4, 16, 16)
    assert latents.dtype == torch.float32
    assert 0.5 < float(latents.std()) < 2
    assert drawing.shape == (3, 3, 128, 128)
    assert np.unique(drawing.numpy()).tolist() == [0.0, 1.0]
    assert torch.equal(drawing[:, 0], drawing[:, 2])
    assert len(captions) == 3


def test_a_drawing_is_the_one_of_its_picture(pair_set: PairSet) -> None:
    for index in range(6):
        spec, picture, edges = draw_pair(index=index)
        assert picture.shape == (128, 128, 3)
        assert describe_pair(index=index) == spec == pair_set.specs[index]
        unpacked = np.unpackbits(pair_set.packed[index], axis=1).astype(bool)
        assert np.array_equal(unpacked, edges)


def test_half_of_the_captions_are_silent_and_some_mislead_about_the_place() -> None:
    rng = np.random.default_rng(2)
    spec = ShapeSpec("circle", "red", "white", 1, "small", "bottom left")
    captions = [caption_pair(spec=spec, rng=rng) for _ in range(600)]

    assert 0.45 < captions.count("") / 600 < 0.55
    english = [caption for caption in captions if caption.isascii() and caption]
    assert all("white" in caption for caption in english)
    assert all("red" in caption or "crimson" in caption for caption in english)
    misled = sum("top" in caption or "right" in caption for caption in english)
    assert 0.1 < misled / len(english) < 0.5


def test_prepared_pairs_are_kept_as_safetensors(tmp_path: Path) -> None:
    autoencoder = load_autoencoder(model_dir=MODEL)
    made = prepare_pairs(autoencoder=autoencoder, directory=tmp_path, pairs=3)
    written = (tmp_path / "pairs.safetensors").stat().st_mtime_ns
    kept = prepare_pairs(autoencoder=autoencoder, directory=tmp_path, pairs=3)

    assert (tmp_path / "pairs.safetensors").stat().st_mtime_ns == written
    assert [path.name for path in tmp_path.iterdir()] == ["pairs.safetensors"]
    assert torch.equal(made.latents, kept.latents)
    assert np.array_equal(made.packed, kept.packed)
    assert made.specs == kept.specs


def test_an_untrained_controlnet_changes_nothing(denoiser: UNet2DConditionModel) -> None:
    controlnet = build_controlnet(denoiser=denoiser)
    steered = SteeredDenoiser(denoiser=denoiser, controlnet=controlnet)
    noisy, steps, context = (
        torch.randn(2, 4, 16, 16),
        torch.tensor([3, 700]),
        torch.randn(2, 9, 144),
    )
    with torch.no_grad():
        alone = denoiser(noisy, steps, context).sample
        assert torch.equal(steered(noisy, steps, context, torch.rand(2, 3, 128, 128)), alone)


def test_without_a_drawing_it_sees_what_the_denoiser_sees(denoiser: UNet2DConditionModel) -> None:
    controlnet = build_controlnet(denoiser=denoiser)
    torch.nn.init.zeros_(controlnet.controlnet_cond_embedding.conv_out.weight)
    seen: dict[str, torch.Tensor] = {}
    handles = [
        model.mid_block.register_forward_hook(
            lambda _module, _inputs, output, name=name: seen.__setitem__(name, output)
        )
        for name, model in (("copy", controlnet), ("original", denoiser))
    ]
    steered = SteeredDenoiser(denoiser=denoiser, controlnet=controlnet)
    with torch.no_grad():
        steered(
            torch.randn(2, 4, 16, 16),
            torch.tensor([3, 700]),
            torch.randn(2, 9, 144),
            torch.zeros(2, 3, 128, 128),
        )
    for handle in handles:
        handle.remove()
    assert torch.allclose(seen["copy"], seen["original"], atol=1e-3)


def test_steps_change_the_controlnet_alone(
    tmp_path: Path, denoiser: UNet2DConditionModel, pair_set: PairSet
) -> None:
    before = {name: value.clone() for name, value in denoiser.state_dict().items()}
    run = take_steps(path=tmp_path / CHECKPOINT, denoiser=denoiser, pair_set=pair_set, until=2)

    assert run.step == 2
    assert np.isfinite(run.losses).all()
    assert all(bool(value.isfinite().all()) for value in run.controlnet.parameters())
    untrained = build_controlnet(denoiser=denoiser).state_dict()
    changed = [
        name
        for name, value in run.controlnet.state_dict().items()
        if not torch.equal(value, untrained[name])
    ]
    # At the first step only the zero convolutions have a gradient; at the second all have one.
    assert {"conv_in.weight", "controlnet_mid_block.weight"} <= set(changed)
    assert "controlnet_cond_embedding.conv_in.weight" in changed
    after = denoiser.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(
    tmp_path: Path, denoiser: UNet2DConditionModel, pair_set: PairSet
) -> None:
    stopped = tmp_path / "stopped.safetensors"
    first = take_steps(path=stopped, denoiser=denoiser, pair_set=pair_set, until=2)

    resumed = ControlNetRun(
        path=stopped, controlnet=build_controlnet(denoiser=denoiser), minutes=60
    )
    assert resumed.step == 2
    assert resumed.budget.is_over()
    assert are_equal(resumed.controlnet, first.controlnet)
    assert are_equal(resumed.average, first.average)

    went_on = take_steps(path=stopped, denoiser=denoiser, pair_set=pair_set, until=3)
    whole = take_steps(
        path=tmp_path / "whole.safetensors", denoiser=denoiser, pair_set=pair_set, until=3
    )
    assert len(went_on.losses) == 1
    assert are_equal(went_on.controlnet, whole.controlnet)
    assert are_equal(went_on.average, whole.average)


def test_a_step_that_is_not_finite_changes_nothing(
    tmp_path: Path, denoiser: UNet2DConditionModel
) -> None:
    run = ControlNetRun(
        path=tmp_path / CHECKPOINT, controlnet=build_controlnet(denoiser=denoiser), minutes=60
    )
    run.learn(loss=next(run.controlnet.parameters()).sum() * torch.nan)
    assert are_equal(run.controlnet, build_controlnet(denoiser=denoiser))
    assert are_equal(run.average, build_controlnet(denoiser=denoiser))


def test_the_export_is_small_and_loads_as_it_was(
    tmp_path: Path, denoiser: UNet2DConditionModel, pair_set: PairSet
) -> None:
    work_dir, target = tmp_path / "work", tmp_path / "shipped"
    run = take_steps(path=work_dir / CHECKPOINT, denoiser=denoiser, pair_set=pair_set, until=1)
    target.mkdir()
    (target / "README.md").write_text("Figures.\n", encoding="utf-8")

    size = export_controlnet(
        controlnet=load_average(model_dir=MODEL, work_dir=work_dir), target=target
    )

    assert size == (target / WEIGHTS_NAME).stat().st_size <= WEIGHTS_LIMIT
    assert {path.name for path in target.iterdir()} == {
        "README.md",
        "config.json",
        "easel.json",
        WEIGHTS_NAME,
    }
    assert (target / "README.md").read_text(encoding="utf-8") == "Figures.\n"
    assert {value.dtype for value in load_file(target / WEIGHTS_NAME).values()} == {torch.float16}
    reloaded = ControlNetModel.from_pretrained(
        target, torch_dtype=torch.float32, use_safetensors=True, local_files_only=True
    )
    expected = run.average.to(torch.float16).to(torch.float32)
    assert are_equal(reloaded, expected)
    assert [path.name for path in tmp_path.glob(".starter_controlnet_*")] == []


def test_nothing_is_exported_before_training(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run the command train first"):
        load_average(model_dir=MODEL, work_dir=tmp_path)
