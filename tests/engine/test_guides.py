"""What a request refuses of its parts, and what it asks of a family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gpu_tasks.engine import InvalidRequest, ModelSource
from gpu_tasks.engine.family_facts import FAMILY_FACTS, Capability
from gpu_tasks.engine.guides import (
    AddOn,
    Control,
    ControlKind,
    HighRes,
    ImagePrompt,
    Lora,
    Mask,
    Outpaint,
    Region,
    TextualInversion,
    Upscale,
    Variation,
)
from tests.engine.test_request import PICTURE, make

FILE = AddOn(key="a", path=Path("/a.safetensors"))
CONTROL = Control(source=FILE, image=PICTURE)
ADAPTER = Control(source=FILE, image=PICTURE, kind=ControlKind.T2I_ADAPTER)


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"mask": Mask(image=PICTURE)}, "mask", "needs a picture to start from"),
        ({"outpaint": Outpaint(left=8)}, "outpaint", "needs a picture to start from"),
        ({"upscale": Upscale()}, "upscale", "needs a picture to start from"),
        (
            {"init_image": PICTURE, "high_res": HighRes()},
            "high_res",
            "is for pictures that start from nothing",
        ),
        (
            {"init_image": PICTURE, "variation": Variation(seed=1, strength=0.5)},
            "variation",
            "is for pictures that start from nothing",
        ),
        (
            {"init_image": PICTURE, "mask": Mask(image=PICTURE), "upscale": Upscale()},
            "mask",
            "mask, outpaint and upscale exclude each other",
        ),
        (
            {"init_image": PICTURE, "outpaint": Outpaint(left=256, right=256)},
            "outpaint",
            "leaves no room for the picture to start from",
        ),
        (
            {"init_image": PICTURE, "outpaint": Outpaint()},
            "outpaint",
            "needs a margin on at least one side",
        ),
        (
            {"init_image": PICTURE, "mask": Mask(image=PICTURE, feather=-1)},
            "mask",
            "feather must be between 0 and 128",
        ),
        ({"high_res": HighRes(scale=1.0)}, "high_res", "scale must be between 1.1 and 4"),
        ({"loras": [Lora(source=FILE)] * 9}, "loras", "must be at most 8"),
        ({"loras": [Lora(source=FILE, weight=9)]}, "loras", "weight must be between -4 and 4"),
        (
            {"embeddings": [TextualInversion(source=FILE, token=" ")]},
            "embeddings",
            "token must have 1 to 64 characters",
        ),
        ({"controls": [CONTROL] * 5}, "controls", "must be at most 4"),
        (
            {"controls": [CONTROL, ADAPTER]},
            "controls",
            "ControlNets and T2I adapters exclude each other",
        ),
        (
            {"controls": [Control(source=FILE, image=PICTURE, start=0.5, end=0.5)]},
            "controls",
            "start must lie before end",
        ),
        (
            {"image_prompt": ImagePrompt(source=FILE, images=())},
            "image_prompt",
            "must have 1 to 4 pictures",
        ),
        ({"references": [PICTURE] * 5}, "references", "must be at most 4"),
        (
            {
                "init_image": PICTURE,
                "upscale": Upscale(),
                "regions": [Region(prompt="", mask=PICTURE)],
            },
            "regions",
            "are for pictures that are made as a whole",
        ),
        ({"seamless": frozenset("z")}, "seamless", "knows the axes x and y alone"),
        ({"clip_skip": 5}, "clip_skip", "must be between 0 and 4"),
    ],
)
def test_a_wrong_part_is_named(changes: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        make(**changes)

    assert dict(caught.value.fields) == {field: message}


@pytest.mark.parametrize(
    ("base", "changes", "field", "message"),
    [
        (
            "flux-1",
            {"scheduler": "euler", "seamless": frozenset("x")},
            "seamless",
            "FLUX.1 cannot do this: it is a change of convolutions, and the model has none",
        ),
        ("flux-1", {"scheduler": "ddim"}, "scheduler", "FLUX.1 knows euler, lcm, unipc alone"),
        ("flux-1", {"scheduler": "euler", "width": 520}, "width", "must be a multiple of 16"),
        (
            "sdxl-refiner",
            {},
            "init_image",
            (
                "Stable Diffusion XL refiner cannot do this: it changes pictures and makes none "
                "from nothing"
            ),
        ),
        (
            "sd-1.5-class",
            {"references": [PICTURE]},
            "references",
            "Stable Diffusion 1.5 cannot do this: it was not trained to look at reference pictures",
        ),
    ],
)
def test_what_a_family_lacks_is_named_with_the_reason(
    base: str, changes: dict[str, Any], field: str, message: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        make(**changes).check(FAMILY_FACTS[base])

    assert dict(caught.value.fields) == {field: message}


def test_a_request_says_what_it_needs() -> None:
    plain = make()
    rich = make(
        init_image=PICTURE,
        mask=Mask(image=PICTURE),
        loras=[Lora(source=FILE)],
        negative_prompt="rain",
        refiner=ModelSource(key="r", path=Path("/r")),
    )

    assert [capability for capability, _ in plain.needs()] == [Capability.TXT2IMG]
    assert {capability for capability, _ in rich.needs()} == {
        Capability.INPAINT,
        Capability.LORA,
        Capability.NEGATIVE_PROMPT,
        Capability.REFINER,
    }


def test_only_plain_requests_have_a_shape_that_others_may_have() -> None:
    assert make().shape == make(prompt="a wolf", seed=2).shape
    special = {"loras": [Lora(source=FILE)]}
    assert make(**special).shape != make(**special).shape
    assert make(init_image=Image.new("RGB", (8, 8))).is_plain
    assert not make(clip_skip=1).is_plain
