"""Every family with every capability: what it has works, and what it lacks is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gpu_tasks.engine import (
    Engine,
    GenerationCancelled,
    GenerationRequest,
    InvalidRequest,
    StepProgress,
)
from gpu_tasks.engine.families import FAMILIES
from gpu_tasks.engine.family_facts import FAMILY_FACTS, Capability
from gpu_tasks.engine.guides import AddOn
from tests.engine.families.asking import ASK, plain
from tests.engine.families.conftest import Shop

# Where the additions lie that a family has no use for.
NOWHERE = "/nowhere"
# What its absence is not told by: a prompt with weights is one with brackets.
_NEVER_REFUSED = frozenset({Capability.PROMPT_WEIGHTS})

HAS = [
    (base, one)
    for base, facts in FAMILY_FACTS.items()
    for one in Capability
    if one in facts.capabilities
]
LACKS = [
    (base, one)
    for base, facts in FAMILY_FACTS.items()
    for one in Capability
    if one in facts.lacks and one not in _NEVER_REFUSED
]


class Maker:
    """Make pictures of tiny models, and remember the plain ones."""

    def __init__(self, engine: Engine, shop: Shop) -> None:
        self.engine = engine
        self.shop = shop
        self.plain: dict[str, bytes] = {}

    def make(self, request: GenerationRequest, **hooks: Any) -> bytes:
        source = self.shop.model(request.model_key)
        result = self.engine.generate(request, source=source, **hooks)
        (image,) = result.images
        assert image.size == (request.width, request.height)
        return image.tobytes()

    def make_plain(self, base: str) -> bytes:
        if base not in self.plain:
            self.plain[base] = self.make(plain(base))
        return self.plain[base]


@pytest.fixture(scope="module")
def maker(engine: Engine, shop: Shop) -> Maker:
    return Maker(engine, shop)


@pytest.fixture(autouse=True)
def small_pictures_for_qwen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Qwen-Image Edit look at pictures in a 256th of the area; at a megapixel it is slow."""
    from diffusers.pipelines.qwenimage import (
        pipeline_qwenimage_edit_inpaint,
        pipeline_qwenimage_edit_plus,
    )

    calculate = pipeline_qwenimage_edit_inpaint.calculate_dimensions
    monkeypatch.setattr(
        pipeline_qwenimage_edit_inpaint,
        "calculate_dimensions",
        lambda area, ratio: calculate(area // 256, ratio),
    )
    monkeypatch.setattr(pipeline_qwenimage_edit_plus, "VAE_IMAGE_SIZE", 64 * 64)
    monkeypatch.setattr("gpu_tasks.engine.families.qwen_image._TRAINED_AREA", 64 * 64)


def test_each_family_is_described() -> None:
    assert set(FAMILIES) == set(FAMILY_FACTS)


# The library's ControlNet of FLUX.1 and its T2I adapters use what it calls outdated itself.
@pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated:FutureWarning")
@pytest.mark.filterwarnings("ignore:The decode_latents method is deprecated:FutureWarning")
@pytest.mark.parametrize(("base", "capability"), HAS)
def test_what_a_family_has_works(maker: Maker, base: str, capability: Capability) -> None:
    before = maker.make_plain(base)
    request = plain(base, **ASK[capability](maker.shop, base))
    steps: list[tuple[int, int]] = []

    made = maker.make(request, on_step=lambda one: steps.append((one.step, one.total)))

    total = len(steps)
    assert total > 0
    assert steps == [(step, total) for step in range(1, total + 1)]
    assert maker.make(request) == made
    assert maker.make(replace(request, seed=8)) != made
    if request != plain(base):
        assert made != before
    _cancel_after_first_step(maker, request)
    # Nothing of it is left behind.
    assert maker.make(plain(base)) == before


def _cancel_after_first_step(maker: Maker, request: GenerationRequest) -> None:
    seen: list[StepProgress] = []
    with pytest.raises(GenerationCancelled) as caught:
        maker.make(request, on_step=seen.append, is_cancelled=lambda: bool(seen))
    assert [one.step for one in seen] == [1]
    assert caught.value.images == ()


@pytest.mark.parametrize("base", [b for b, one in HAS if one is Capability.LORA])
def test_a_lora_works_by_its_weight(maker: Maker, base: str) -> None:
    request = plain(base, **ASK[Capability.LORA](maker.shop, base))

    def weighing(weight: float) -> bytes:
        return maker.make(replace(request, loras=(replace(request.loras[0], weight=weight),)))

    assert weighing(0.0) == maker.make_plain(base)
    assert len({weighing(0.0), weighing(1.0), weighing(-1.0), weighing(0.5)}) == 4


@pytest.mark.parametrize("base", [b for b, one in HAS if one is Capability.LORA])
def test_a_lora_of_another_family_is_refused(maker: Maker, base: str) -> None:
    other = "z-image" if base != "z-image" else "flux-1"
    lora = ASK[Capability.LORA](maker.shop, other)["loras"][0]

    with pytest.raises(InvalidRequest) as caught:
        maker.make(plain(base, loras=(lora,)))

    assert set(caught.value.fields) == {"loras"}
    assert maker.make(plain(base)) == maker.make_plain(base)


class EmptyShop(Shop):
    """Have additions that nobody built: what is refused must not be looked for."""

    def __init__(self) -> None:
        pass

    def add_on(self, base: str, build: Any) -> AddOn:
        return AddOn(key="nothing", path=NOWHERE)  # type: ignore[arg-type]

    def model(self, base: str) -> Any:
        return None


@pytest.mark.parametrize(("base", "capability"), LACKS)
def test_what_a_family_lacks_is_refused_before_anything_is_loaded(
    shop: Shop, base: str, capability: Capability
) -> None:
    facts = FAMILY_FACTS[base]
    engine = Engine(device="cpu")
    source = shop.model(base)
    asked = ASK[capability](shop if capability is Capability.REFINER else EmptyShop(), base)
    request = plain(base, **asked)

    with pytest.raises(InvalidRequest) as caught:
        engine.generate(request, source=source)

    reason = f"{facts.name} cannot do this: {facts.lacks[capability]}"
    (needed,) = {field for one, field in request.needs() if one is capability}
    assert caught.value.fields[needed] == reason
    assert engine.loaded_models == []


@pytest.mark.parametrize("base", FAMILY_FACTS)
def test_pictures_of_a_batch_are_those_made_alone(maker: Maker, base: str) -> None:
    request = plain(base, num_images=2)

    batch = maker.engine.generate(request, source=maker.shop.model(base)).images

    for image, seed in zip(batch, request.seeds, strict=True):
        alone = np.frombuffer(maker.make(replace(request, num_images=1, seed=seed)), dtype=np.uint8)
        together = np.frombuffer(image.tobytes(), dtype=np.uint8)
        # Sums are added up in another order for a batch; two levels of 255 is rounding.
        assert np.abs(alone.astype(int) - together.astype(int)).max() <= 2


def _schedulers() -> Iterator[tuple[str, str]]:
    for base, facts in FAMILY_FACTS.items():
        if "ddim" not in facts.schedulers:
            yield from ((base, key) for key in facts.schedulers)


@pytest.mark.parametrize(("base", "scheduler"), _schedulers())
def test_flow_families_know_their_schedulers(maker: Maker, base: str, scheduler: str) -> None:
    requests = [plain(base, scheduler=scheduler, steps=3)]
    if Capability.IMG2IMG in FAMILY_FACTS[base].capabilities:
        changes = ASK[Capability.IMG2IMG](maker.shop, base) | {"strength": 0.7}
        requests.append(plain(base, scheduler=scheduler, steps=3, **changes))
    if Capability.INPAINT in FAMILY_FACTS[base].capabilities:
        changes = ASK[Capability.INPAINT](maker.shop, base) | {"strength": 0.7}
        requests.append(plain(base, scheduler=scheduler, steps=3, **changes))

    for request in requests:
        assert maker.make(request) == maker.make(request)
        if scheduler != "euler":
            assert maker.make(request) != maker.make(replace(request, scheduler="euler"))
