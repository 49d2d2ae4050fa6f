from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gpu_tasks.engine import Engine, InvalidRequest, ModelSource
from tests.engine.conftest import MakeRequest
from tests.engine.test_generate import gradient, pixels


@pytest.mark.parametrize(
    "picture",
    [
        gradient(300, 80),
        gradient().convert("RGBA"),
        gradient().convert("P"),
        gradient().convert("L"),
        Image.new("LA", (40, 40), (0, 0)),
        Image.new("I;16", (40, 40), 40_000),
        Image.new("1", (1, 1)),
    ],
    ids=["wide", "RGBA", "P", "L", "LA", "I;16", "1"],
)
def test_a_picture_of_any_size_and_mode_can_be_started_from(
    engine: Engine, source: ModelSource, make_request: MakeRequest, picture: Image.Image
) -> None:
    request = make_request(source, init_image=picture, strength=0.5, steps=2, width=136)

    assert engine.generate(request, source=source).images[0].size == (136, 128)


def test_more_strength_moves_further_from_the_picture(
    engine: Engine, starter_source: ModelSource, make_request: MakeRequest
) -> None:
    start = gradient()
    distances = []
    for strength in (0.1, 0.5, 1.0):
        request = make_request(starter_source, init_image=start, strength=strength, steps=10)
        picture = engine.generate(request, source=starter_source).images[0]
        distances.append(float(np.abs(pixels(picture) - pixels(start)).mean()))

    assert distances == sorted(distances)


def test_transparent_parts_are_white(
    engine: Engine, tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    def from_picture(picture: Image.Image) -> bytes:
        request = make_request(tiny_source, init_image=picture, strength=0.5)
        return engine.generate(request, source=tiny_source).images[0].tobytes()

    assert from_picture(Image.new("RGBA", (128, 128), (0, 0, 0, 0))) == from_picture(
        Image.new("RGB", (128, 128), "white")
    )


def test_a_torn_picture_is_refused(
    engine: Engine, tiny_source: ModelSource, make_request: MakeRequest, tmp_path: Path
) -> None:
    whole = tmp_path / "whole.png"
    Image.effect_noise((128, 128), 50).save(whole)
    torn = tmp_path / "torn.png"
    torn.write_bytes(whole.read_bytes()[:2000])

    with Image.open(torn) as picture, pytest.raises(InvalidRequest) as caught:
        engine.generate(
            make_request(tiny_source, init_image=picture, strength=0.5), source=tiny_source
        )

    assert dict(caught.value.fields) == {"init_image": "is not a complete picture"}
