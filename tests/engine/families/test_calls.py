"""What calls of the families have in common, beyond what is asked of each capability."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gpu_tasks.engine import Engine, InvalidRequest, ModelSource, PassMember
from gpu_tasks.engine.family_facts import FAMILY_FACTS, Capability
from gpu_tasks.engine.forward_pass import ForwardPass
from gpu_tasks.engine.guides import Control, ImagePrompt, Mask
from gpu_tasks.engine.libraries import diffusers
from gpu_tasks.engine.passengers import Passenger
from gpu_tasks.engine.prompts.embedding_cache import EmbeddingCache
from tests.engine.families import add_on_files, builders
from tests.engine.families.asking import half, picture, plain
from tests.engine.families.conftest import Shop

pytestmark = pytest.mark.slow

FLOW = [base for base, facts in FAMILY_FACTS.items() if "ddim" not in facts.schedulers]


def having(capability: Capability) -> list[str]:
    return [base for base, facts in FAMILY_FACTS.items() if capability in facts.capabilities]


def make(engine: Engine, shop: Shop, base: str, **changes: Any) -> bytes:
    request = plain(base, **changes)
    return engine.generate(request, source=shop.model(base)).images[0].tobytes()


@pytest.mark.parametrize("base", FAMILY_FACTS)
def test_a_sparing_pass_makes_the_same_picture(engine: Engine, shop: Shop, base: str) -> None:
    source = shop.model(base)
    made: list[np.ndarray[Any, Any]] = []
    with engine.hold(source) as model:
        for sparing in (False, True):
            passenger = Passenger(PassMember(request=plain(base)))
            run = ForwardPass(model=model, passengers=[passenger], cache=EmbeddingCache())
            assert run.make_pictures(sparing=sparing) is None
            made.append(np.asarray(passenger.finished[0], dtype=np.int16))

        assert (model.components["vae"].use_tiling, model.components["vae"].use_slicing) == (
            False,
            False,
        )
    assert np.abs(made[0] - made[1]).max() <= 2


@pytest.mark.parametrize("base", FLOW)
def test_a_prompt_is_read_once(shop: Shop, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(device="cpu")
    source = shop.model(base)
    cache = engine.prompts
    engine.generate(plain(base, prompt="a dog"), source=source)
    read = cache.misses

    engine.generate(plain(base, prompt="a dog", seed=9), source=source)
    assert cache.misses == read
    engine.generate(plain(base, prompt="a bird"), source=source)
    assert cache.misses == read + 1


@pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated:FutureWarning")
@pytest.mark.parametrize("base", having(Capability.CONTROLNET))
def test_two_control_nets_steer_more_than_one(engine: Engine, shop: Shop, base: str) -> None:
    source = shop.add_on(base, add_on_files.build_controlnet)
    one = Control(source=source, image=picture())
    other = Control(source=source, image=picture().rotate(180), weight=0.7, end=0.5)
    if FAMILY_FACTS[base].limits.get("controls") == 1:
        with pytest.raises(InvalidRequest) as caught:
            make(engine, shop, base, controls=(one, other))
        assert set(caught.value.fields) == {"controls"}
        return

    pictures = {
        make(engine, shop, base, controls=controls) for controls in ((one,), (other,), (one, other))
    }

    assert len(pictures) == 3


@pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated:FutureWarning")
def test_a_control_net_steers_flux_within_masks_and_from_pictures(
    engine: Engine, shop: Shop
) -> None:
    control = Control(
        source=shop.add_on("flux-1", add_on_files.build_controlnet), image=picture().rotate(180)
    )
    for changes in (
        {"init_image": picture(), "strength": 0.5},
        {"init_image": picture(), "strength": 1.0, "mask": Mask(image=half())},
    ):
        steered = make(engine, shop, "flux-1", controls=(control,), **changes)
        assert steered != make(engine, shop, "flux-1", **changes)


@pytest.mark.parametrize("base", having(Capability.IP_ADAPTER))
def test_an_image_prompt_of_several_pictures(engine: Engine, shop: Shop, base: str) -> None:
    source = shop.add_on(base, add_on_files.build_ip_adapter)
    one = ImagePrompt(source=source, images=(picture(),))
    two = ImagePrompt(source=source, images=(picture(), Image.new("RGB", (40, 40), "red")))
    if FAMILY_FACTS[base].limits.get("image_prompt") == 1:
        with pytest.raises(InvalidRequest, match="image_prompt: must be at most 1"):
            make(engine, shop, base, image_prompt=two)
        return

    assert make(engine, shop, base, image_prompt=one) != make(engine, shop, base, image_prompt=two)


@pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated:FutureWarning")
def test_an_image_prompt_that_nothing_would_look_at_is_refused(engine: Engine, shop: Shop) -> None:
    adapter = shop.add_on("flux-1", add_on_files.build_ip_adapter)
    control = shop.add_on("flux-1", add_on_files.build_controlnet)

    with pytest.raises(InvalidRequest) as caught:
        make(
            engine,
            shop,
            "flux-1",
            init_image=picture(),
            image_prompt=ImagePrompt(source=adapter, images=(picture(),)),
            controls=(Control(source=control, image=picture()),),
        )

    assert set(caught.value.fields) == {"image_prompt"}


@pytest.mark.parametrize("base", ["flux-2", "flux-2-klein"])
def test_each_of_several_references_is_looked_at(engine: Engine, shop: Shop, base: str) -> None:
    red, blue = (Image.new("RGB", (64, 48), colour) for colour in ("red", "blue"))
    # Smaller than what the pipelines take.

    pictures = {
        make(engine, shop, base, references=references)
        for references in ((red,), (blue,), (red, blue), (blue, red))
    }

    assert len(pictures) == 4


def test_references_beside_a_start_are_looked_at_by_kontext_within_masks(
    engine: Engine, shop: Shop
) -> None:
    start = {"init_image": picture(), "strength": 1.0, "mask": Mask(image=half())}
    references = (Image.new("RGB", (64, 64), "red"),)

    alone = make(engine, shop, "flux-1-kontext", **start)
    assert make(engine, shop, "flux-1-kontext", references=references, **start) != alone
    with pytest.raises(InvalidRequest) as caught:
        make(engine, shop, "flux-2-klein", references=references, **start)
    assert set(caught.value.fields) == {"references"}


@pytest.mark.slow
def test_qwen_image_edit_looks_at_pictures_of_a_megapixel(
    engine: Engine, shop: Shop, tmp_path: Any
) -> None:
    """At the size that the pipelines scale to; see `small_pictures_for_qwen` for the others."""
    path = builders.build_tiny_qwen_image(tmp_path, pipeline_class=diffusers.QwenImageEditPipeline)
    single = ModelSource(key="qwen-image-edit", path=path, base="qwen-image-edit")
    request = plain("qwen-image-edit", steps=1)

    assert engine.generate(request, source=single).images[0].size == (96, 64)
    with pytest.raises(InvalidRequest) as caught:
        engine.generate(replace(request, references=(picture(), picture())), source=single)
    assert dict(caught.value.fields) == {"references": "must be at most 1 for this model"}
    masked = replace(
        request, references=(), init_image=picture(), strength=1.0, mask=Mask(image=half())
    )
    sizes: list[tuple[int, int]] = []
    result = engine.generate(
        masked, source=single, on_step=lambda one: sizes.append(one.preview().size)
    )
    assert result.images[0].size == (96, 64)
    # 1248 × 832, the nearest to a megapixel in steps of 32.
    assert sizes == [(156, 104)]
    engine.unload(single)
