from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
from PIL import Image, ImageDraw

from gpu_tasks.engine import GenerationCancelled, InvalidRequest, ModelUnavailable
from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.pictures.canvas import check_size, largest_to_enlarge
from gpu_tasks.engine.pictures.upscalers import LoadedUpscaler, load_upscaler, upscale


def build_esrgan(path: Path, *, scale: int = 2, channels: int = 3, noise: float = 0.0) -> Path:
    """Write a tiny ESRGAN that repeats each pixel, with `noise` on all of its weights.

    Its first filters pass the picture on, its blocks are silent, and its last ones take it back.
    """
    # Imported by then, so that spandrel finds the places of what it cannot import taken.
    from spandrel.architectures.ESRGAN import ESRGAN

    torch.manual_seed(0)
    network = ESRGAN(in_nc=channels, out_nc=channels, num_filters=8, num_blocks=2, scale=scale)
    state = network.state_dict()
    for name, tensor in state.items():
        random = torch.randn_like(tensor) * noise
        tensor.copy_(random)
        if tensor.dim() == 4 and ".sub." not in name:
            for channel in range(channels):
                tensor[channel, channel, 1, 1] += 1
    safetensors.torch.save_file(state, path)
    return path


@pytest.fixture(scope="module")
def doubling(tmp_path_factory: pytest.TempPathFactory) -> LoadedUpscaler:
    return load_upscaler(build_esrgan(tmp_path_factory.mktemp("x2") / "x2.safetensors"))


def draw(width: int = 90, height: int = 70) -> Image.Image:
    picture = Image.new("RGB", (width, height), "navy")
    pen = ImageDraw.Draw(picture)
    pen.ellipse((10, 10, 50, 50), fill="gold")
    pen.rectangle((40, 30, 85, 60), fill="firebrick")
    return picture


def difference(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).mean())


def test_an_upscaler_says_what_it_is(doubling: LoadedUpscaler, tmp_path: Path) -> None:
    assert (doubling.architecture, doubling.scale, doubling.channels) == ("ESRGAN", 2, 3)
    four = load_upscaler(build_esrgan(tmp_path / "x4.safetensors", scale=4))
    assert four.scale == 4


@pytest.mark.parametrize("factor", [1, 1.5, 2, 3, 4])
def test_the_result_has_the_size_asked_for_and_the_content(
    doubling: LoadedUpscaler, factor: float
) -> None:
    picture = draw()

    larger = upscale(doubling, picture, factor=factor, tile=32)

    assert larger.size == (round(90 * factor), round(70 * factor))
    assert difference(larger.resize(picture.size, Image.Resampling.BOX), picture) < 3.0


def test_a_picture_that_the_network_would_make_too_large_is_made_smaller_first(
    tmp_path: Path,
) -> None:
    four = load_upscaler(build_esrgan(tmp_path / "x4.safetensors", scale=4))
    # Four times as wide it would be beyond what a picture may have.
    picture = Image.new("RGB", (4_500, 8), "navy")
    picture.paste("gold", (0, 0, 2_250, 8))

    larger = upscale(four, picture, factor=1.25, tile=2048)

    assert larger.size == (5_625, 10)
    assert difference(larger.resize(picture.size, Image.Resampling.BOX), picture) < 3.0


@pytest.mark.parametrize(
    ("size", "scale", "most"),
    [
        ((2048, 2048), 4, (2048, 2048)),
        ((3000, 2000), 4, (2508, 1672)),
        ((3000, 2000), 2, (3000, 2000)),
        ((16_384, 1), 2, (8192, 1)),
    ],
)
def test_as_much_of_a_size_as_can_be_enlarged_is_kept(
    size: tuple[int, int], scale: int, most: tuple[int, int]
) -> None:
    assert largest_to_enlarge(size, scale=scale) == most
    check_size((most[0] * scale, most[1] * scale))


def test_a_network_that_repeats_pixels_repeats_them_through_tiles(
    doubling: LoadedUpscaler,
) -> None:
    picture = draw()

    larger = upscale(doubling, picture, factor=2, tile=32)

    repeated = picture.resize((180, 140), Image.Resampling.NEAREST)
    assert larger.tobytes() == repeated.tobytes()


def test_tiles_make_what_the_whole_makes(tmp_path: Path) -> None:
    upscaler = load_upscaler(build_esrgan(tmp_path / "noisy.safetensors", noise=0.02))
    picture = draw()

    whole = upscale(upscaler, picture, factor=2, tile=512)
    tiled = upscale(upscaler, picture, factor=2, tile=64)

    assert whole.tobytes() != picture.resize((180, 140), Image.Resampling.NEAREST).tobytes()
    assert difference(whole, tiled) < 0.2


def test_the_same_is_made_twice_and_the_generator_of_others_is_left_alone(
    doubling: LoadedUpscaler,
) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()

    first = upscale(doubling, draw(), factor=2)
    second = upscale(doubling, draw(), factor=2)

    assert first.tobytes() == second.tobytes()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_grey_network_enlarges_each_colour(tmp_path: Path) -> None:
    upscaler = load_upscaler(build_esrgan(tmp_path / "grey.safetensors", channels=1))
    picture = draw()

    larger = upscale(upscaler, picture, factor=2, tile=32)

    assert upscaler.channels == 1
    assert larger.tobytes() == picture.resize((180, 140), Image.Resampling.NEAREST).tobytes()


def test_each_tile_is_told_of_and_a_cancel_is_seen_before_the_next(
    doubling: LoadedUpscaler,
) -> None:
    told: list[tuple[int, int]] = []
    upscale(doubling, draw(), factor=2, tile=64, on_tile=lambda *tile: told.append(tile))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]

    told.clear()
    with pytest.raises(GenerationCancelled) as caught:
        upscale(
            doubling,
            draw(),
            factor=4,
            tile=64,
            is_cancelled=lambda: len(told) == 3,
            on_tile=lambda *tile: told.append(tile),
        )
    assert told == [(1, 16), (2, 16), (3, 16)]
    assert caught.value.images == ()
    assert caught.value.compute_seconds > 0


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"factor": 0.5}, "factor"),
        ({"factor": 9}, "factor"),
        ({"factor": float("nan")}, "factor"),
        ({"factor": "2"}, "factor"),
        ({"factor": 2, "tile": 8}, "tile"),
        ({"factor": 2, "tile": 4096}, "tile"),
        ({"factor": 2, "picture": Image.new("L", (9000, 10))}, "width"),
        ({"factor": 2, "picture": Image.new("L", (5000, 5000))}, "height"),
        ({"factor": 2, "picture": Image.new("L", (20_000, 1))}, "picture"),
        ({"factor": 2, "picture": Image.new("L", (0, 9))}, "picture"),
    ],
)
def test_what_cannot_be_is_refused(
    doubling: LoadedUpscaler, arguments: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        upscale(doubling, **({"picture": draw()} | arguments))  # type: ignore[arg-type]

    assert field in caught.value.fields


def write(path: Path, **tensors: torch.Tensor) -> Path:
    safetensors.torch.save_file(
        {name.replace("__", "."): tensor for name, tensor in tensors.items()}, path
    )
    return path


def test_only_safetensors_are_opened(tmp_path: Path) -> None:
    for suffix in (".pth", ".pt", ".ckpt", ".bin", ""):
        path = tmp_path / f"upscaler{suffix}"
        path.write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
        with pytest.raises(ModelUnavailable, match="no other is read") as caught:
            load_upscaler(path)
        assert str(tmp_path) not in str(caught.value)


def test_a_pickle_by_another_name_is_not_opened_either(tmp_path: Path) -> None:
    path = tmp_path / "upscaler.safetensors"
    path.write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")

    with pytest.raises(ModelUnavailable, match="incomplete or damaged"):
        load_upscaler(path)
    with pytest.raises(ModelUnavailable, match="missing, incomplete"):
        load_upscaler(tmp_path / "nothing.safetensors")


def test_a_file_cut_short_is_damaged(tmp_path: Path) -> None:
    path = build_esrgan(tmp_path / "cut.safetensors")
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(ModelUnavailable, match="incomplete or damaged"):
        load_upscaler(path)


def test_tensors_of_something_else_are_refused(tmp_path: Path) -> None:
    for tensors in (
        {"unet": torch.zeros(3)},
        {"model__0__weight": torch.zeros(8, 3, 3, 3)},
        # It has the names of an ESRGAN, and not its other tensors.
        {
            "model__0__weight": torch.zeros(8, 3, 3, 3),
            "model__1__sub__0__RDB1__conv1__0__weight": torch.zeros(8, 8, 3, 3),
        },
    ):
        with pytest.raises(ModelUnavailable, match="no upscaler of a known kind"):
            load_upscaler(write(tmp_path / "other.safetensors", **tensors))


@pytest.mark.parametrize(
    "tensors",
    [
        # Blocks without number by a name, filters by an empty tensor, and gigabytes of weights
        # by one that is as thin as can be.
        {"model__1__sub__1000000000__RDB1__conv1__0__weight": torch.zeros(8, 8, 3, 3)},
        {"model__0__weight": torch.zeros(20_000, 0)},
        {"model__0__weight": torch.zeros(20_000, 1, 1, 1)},
    ],
    ids=["depth", "empty", "width"],
)
def test_a_file_that_asks_for_a_giant_network_is_refused_at_once(
    tmp_path: Path, tensors: dict[str, torch.Tensor]
) -> None:
    names = {
        "model__0__weight": torch.zeros(8, 3, 3, 3),
        "model__1__sub__0__RDB1__conv1__0__weight": torch.zeros(8, 8, 3, 3),
        "model__1__sub__0__RDB1__conv2__0__weight": torch.zeros(8, 8, 3, 3),
        "model__1__sub__1__weight": torch.zeros(8, 8, 3, 3),
        "model__10__weight": torch.zeros(3, 8, 3, 3),
    }

    before = peak_bytes()
    with pytest.raises(ModelUnavailable, match="no upscaler of a known kind"):
        load_upscaler(write(tmp_path / "giant.safetensors", **(names | tensors)))
    # What it asks for would have 14 GB or more.
    assert peak_bytes() - before < 1_000_000_000


def peak_bytes() -> int:
    """Return the most memory that this process ever had."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.slow
def test_torchvision_is_neither_needed_nor_stood_in_for() -> None:
    program = (
        "import sys, gpu_tasks.engine.pictures.upscalers, spandrel;"
        "print('torchvision' in sys.modules, len(spandrel.MAIN_REGISTRY))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )

    assert done.stdout == "False 42\n"
