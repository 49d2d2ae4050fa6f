"""Models load from directories, shards, half-precision files and checkpoints of one file."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpu_tasks.engine import Engine, ModelSource, ModelUnavailable
from gpu_tasks.engine.families import find_family
from gpu_tasks.engine.libraries import torch
from tests.engine.families import builders
from tests.engine.families.asking import plain
from tests.engine.families.conftest import Shop
from tests.engine.families.original_layout import write_single_file

pytestmark = pytest.mark.slow


def make(engine: Engine, source: ModelSource) -> np.ndarray[Any, Any]:
    request = replace(plain(source.base), model_key=source.key)
    image = engine.generate(request, source=source).images[0]
    engine.unload(source)
    return np.asarray(image, dtype=np.int16)


def assert_same_picture(engine: Engine, one: ModelSource, other: ModelSource) -> None:
    # Where weights lie in memory decides how a processor adds up; one level of 255 is rounding.
    assert np.abs(make(engine, one) - make(engine, other)).max() <= 1


def copy_of(shop: Shop, base: str, directory: Path) -> ModelSource:
    path = directory / "copy"
    shutil.copytree(shop.model(base).path, path)
    return ModelSource(key="copy", path=path, base=base)


def save_again(source: ModelSource, name: str, **options: object) -> None:
    """Write the weights of a part in another form, and take away those that were there."""
    part = find_family(source.base).parts[name]
    module = part.part_class.from_pretrained(source.path, subfolder=name)
    (file,) = (source.path / name).glob("*.safetensors")
    file.unlink()
    module.save_pretrained(source.path / name, **options)


@pytest.mark.parametrize(
    ("base", "part"), [("flux-1", "transformer"), ("flux-1", "text_encoder_2"), ("sdxl", "unet")]
)
def test_shards_make_the_same_picture(
    engine: Engine, shop: Shop, tmp_path: Path, base: str, part: str
) -> None:
    source = copy_of(shop, base, tmp_path)
    save_again(source, part, max_shard_size="50KB")
    assert len(list((source.path / part).glob("*.safetensors"))) > 1

    assert_same_picture(engine, source, shop.model(base))


def test_files_in_half_precision_are_read(engine: Engine, shop: Shop, tmp_path: Path) -> None:
    source = copy_of(shop, "flux-1", tmp_path)
    save_again(source, "transformer", variant="fp16")

    assert_same_picture(engine, source, shop.model("flux-1"))


# Read whole, the library leaves the closing of the file to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("base", ["sd-1.5-class", "sd-3.5", "flux-2", "qwen-image", "z-image"])
def test_weights_read_without_a_memory_map_are_the_same(shop: Shop, base: str) -> None:
    # Of its own, without the LoRAs that lie in those of the other tests.
    engine = Engine(device="cpu")
    source = shop.model(base)

    whole = replace(source, key="read", memory_map=False)
    with engine.hold(whole) as read, engine.hold(source) as mapped:
        for name in mapped.family.parts:
            ours, theirs = (model.components[name].state_dict() for model in (read, mapped))
            assert ours.keys() == theirs.keys()
            assert all(torch.equal(ours[key], theirs[key]) for key in ours)


@pytest.mark.parametrize("beside", [(), ("text_encoder",), ("text_encoder", "vae")])
def test_a_checkpoint_of_one_file_makes_the_same_picture(
    engine: Engine, shop: Shop, tmp_path: Path, beside: tuple[str, ...]
) -> None:
    base = "sd-1.5-class"
    path = write_single_file(shop.model(base).path, tmp_path / "single", beside=beside)
    source = ModelSource(key="single", path=path, base=base)

    assert_same_picture(engine, source, shop.model(base))
    assert find_family(base).weights_of(source) == find_family(base).weights_of(shop.model(base))


def test_a_checkpoint_without_a_part_is_refused(engine: Engine, shop: Shop, tmp_path: Path) -> None:
    path = write_single_file(shop.model("sd-1.5-class").path, tmp_path / "single", beside=("vae",))
    (file,) = (path / "vae").glob("*.safetensors")
    file.unlink()

    with pytest.raises(ModelUnavailable):
        make(engine, ModelSource(key="single", path=path))


def test_sd_3_makes_pictures_without_t5(engine: Engine, shop: Shop, tmp_path: Path) -> None:
    source = copy_of(shop, "sd-3.5", tmp_path)
    for name in ("text_encoder_3", "tokenizer_3"):
        shutil.rmtree(source.path / name)

    assert np.abs(make(engine, source) - make(engine, shop.model("sd-3.5"))).max() > 1


def test_schnell_is_told_no_guidance(engine: Engine, tmp_path: Path) -> None:
    path = builders.build_tiny_flux_1(tmp_path, guidance_embeds=False)
    source = ModelSource(key="schnell", path=path, base="flux-1")
    request = replace(plain("flux-1"), model_key="schnell")

    pictures = {
        engine.generate(replace(request, guidance_scale=scale), source=source).images[0].tobytes()
        for scale in (1.0, 8.0)
    }

    assert len(pictures) == 1
    engine.unload(source)


@pytest.mark.parametrize(
    ("base", "build"),
    [("flux-1", builders.build_tiny_flux_1_fill), ("flux-1-fill", builders.build_tiny_flux_1)],
)
def test_another_kind_of_flux_is_refused(
    engine: Engine, tmp_path: Path, base: str, build: Callable[[Path], Path]
) -> None:
    source = ModelSource(key="other", path=build(tmp_path), base=base)

    with pytest.raises(ModelUnavailable, match=r"^This kind of model is not supported\.$"):
        engine.preload(source)


@pytest.mark.parametrize("base", ["flux-1", "flux-2", "qwen-image", "z-image"])
def test_previews_of_unknown_latents_are_in_colour(engine: Engine, shop: Shop, base: str) -> None:
    # Made now, where it was not: its random weights come of the same source of chance.
    source = shop.model(base)
    state = torch.random.get_rng_state()
    engine.unload(source)
    with engine.hold(source) as model:
        factors = model.preview.factors

    assert factors.shape[1] == 3
    assert not torch.allclose(factors[:, 0], factors[:, 1])
    assert torch.isfinite(factors).all()
    assert torch.equal(torch.random.get_rng_state(), state)
