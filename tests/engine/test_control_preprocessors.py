from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from gpu_tasks.engine import InvalidRequest, ModelUnavailable
from gpu_tasks.engine.control.depth import LoadedDepthEstimator, load_depth_estimator
from gpu_tasks.engine.control.names import PREPROCESSOR_NAMES, complete_parameters
from gpu_tasks.engine.control.preprocessors import PREPROCESSORS, preprocess
from gpu_tasks.engine.libraries import torch, transformers

SIZE = (128, 96)


class Slope:
    """Say that a picture is the nearer the further to the right."""

    def estimate(self, picture: Image.Image) -> Any:
        return np.tile(np.linspace(-3, 5, picture.width, dtype=np.float32), (picture.height, 1))


def draw() -> Image.Image:
    """A white box with sharp edges on black; columns 32 to 95, rows 24 to 71."""
    picture = Image.new("RGB", SIZE)
    ImageDraw.Draw(picture).rectangle((32, 24, 95, 71), fill="white")
    return picture


def noise(seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def run(name: str, picture: Image.Image, **parameters: float) -> Any:
    made = preprocess(name, picture, size=picture.size, parameters=parameters, depth=Slope())
    return np.asarray(made).astype(int)


def test_each_name_has_a_function_and_each_function_a_name() -> None:
    assert list(PREPROCESSORS) == list(PREPROCESSOR_NAMES)


@pytest.mark.parametrize("name", PREPROCESSORS)
def test_each_makes_the_same_picture_of_the_size_asked_for(name: str) -> None:
    picture = noise()
    before = picture.tobytes()

    first, second = (
        preprocess(name, picture, size=(200, 72), parameters={}, depth=Slope()) for _ in range(2)
    )

    assert first.size == (200, 72)
    assert first.mode == "RGB"
    assert first.tobytes() == second.tobytes()
    assert picture.tobytes() == before


@pytest.mark.parametrize("name", PREPROCESSORS)
@pytest.mark.parametrize("size", [(1, 1), (3, 200), (64, 1)])
def test_each_bears_the_smallest_pictures(name: str, size: tuple[int, int]) -> None:
    for mode in ("L", "RGBA", "1", "P", "I;16", "CMYK"):
        made = preprocess(name, Image.new(mode, (1, 1)), size=size, parameters={}, depth=Slope())
        assert made.size == size


@pytest.mark.parametrize("name", ["canny", "lineart", "softedge", "scribble"])
def test_edges_are_found_where_they_are_and_nowhere_else(name: str) -> None:
    made = run(name, draw())[:, :, 0]

    assert made[48, 28:36].max() > 100
    assert made[20:28, 64].max() > 100
    # In the middle of the box, and far outside of it.
    assert made[46:50, 60:68].max() == 0
    assert made[:8, :12].max() == 0


def test_canny_edges_are_those_of_the_thresholds() -> None:
    faint = draw().point([100 + level // 10 for level in range(256)] * 3)

    assert run("canny", faint).max() == 0
    assert run("canny", faint, low=10, high=20).max() == 255


def test_soft_edges_of_a_smooth_picture_stay_faint() -> None:
    slope = Image.linear_gradient("L").resize(SIZE)

    assert run("softedge", slope).max() < run("softedge", draw()).max() == 255
    assert run("softedge", Image.new("RGB", SIZE, "teal")).max() == 0


def test_a_scribble_is_black_and_white() -> None:
    assert set(np.unique(run("scribble", draw()))) == {0, 255}


def test_none_keeps_the_picture_and_invert_turns_it_over() -> None:
    picture = noise()

    assert (run("none", picture) == np.asarray(picture)).all()
    assert (run("invert", picture) == 255 - np.asarray(picture).astype(int)).all()


def test_grayscale_is_the_brightness() -> None:
    made = run("grayscale", Image.new("RGB", SIZE, (255, 0, 0)))

    # 0.299 of 255.
    assert np.unique(made).tolist() == [76]


def test_the_threshold_belongs_to_white() -> None:
    slope = Image.fromarray(np.tile(np.arange(128, dtype=np.uint8), (96, 1)))

    made = run("threshold", slope, threshold=100)

    assert made[:, :100].max() == 0
    assert made[:, 100:].min() == 255


def test_blur_keeps_the_mean_and_takes_the_detail() -> None:
    picture = noise()

    made = run("blur", picture, sigma=4)

    assert made.std() < np.asarray(picture).std() / 5
    assert abs(made.mean() - np.asarray(picture).mean()) < 1


def test_a_mosaic_has_cells_of_the_mean_colour() -> None:
    picture = noise()

    made = run("colors", picture, cell=50)

    assert len(np.unique(made.reshape(-1, 3), axis=0)) == 6
    mean = np.asarray(picture)[:50, :50].reshape(-1, 3).mean(axis=0)
    assert made[0, 0].tolist() == np.rint(mean).astype(int).tolist()
    assert (made[:50, :50] == made[0, 0]).all()


def test_shuffle_moves_places_and_keeps_colours() -> None:
    picture = draw()

    first, other = run("shuffle", picture, grain=32), run("shuffle", picture, grain=32, seed=1)

    assert (first != other).any()
    assert (first != np.asarray(picture)).any()
    between = (first > 0) & (first < 255)
    assert between.mean() < 0.15
    assert {0, 255} <= set(np.unique(first))


def test_depth_is_spread_from_black_to_white() -> None:
    made = run("depth", draw())

    assert made[0, 0].tolist() == [0, 0, 0]
    assert made[0, -1].tolist() == [255, 255, 255]
    assert (np.diff(made[5, :, 0]) >= 0).all()


def test_what_is_transparent_is_white() -> None:
    made = run("none", Image.new("RGBA", SIZE, (9, 9, 9, 0)))

    assert made.min() == 255


@pytest.mark.parametrize(
    ("name", "parameters", "field"),
    [
        ("hed", {}, "preprocessor"),
        ("", {}, "preprocessor"),
        ("depth", {}, "preprocessor"),
        ("canny", {"sigma": 2}, "parameters"),
        ("invert", {"low": 2}, "parameters"),
        ("canny", {"low": 1001}, "low"),
        ("canny", {"low": 201}, "low"),
        ("canny", {"high": 99}, "low"),
        ("canny", {"high": 100.5}, "high"),
        ("canny", {"high": "100"}, "high"),
        ("blur", {"sigma": 0}, "sigma"),
        ("blur", {"sigma": float("nan")}, "sigma"),
        ("blur", {"sigma": float("inf")}, "sigma"),
        ("colors", {"cell": 1}, "cell"),
        ("shuffle", {"seed": -1}, "seed"),
        ("shuffle", {"grain": True}, "grain"),
    ],
)
def test_what_is_wrong_is_named(name: str, parameters: dict[str, float], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        preprocess(name, draw(), size=SIZE, parameters=parameters)

    assert set(caught.value.fields) == {field}


@pytest.mark.parametrize(
    ("size", "field"), [((0, 64), "width"), ((64, 20_000), "height"), ((9000, 9000), "width")]
)
def test_hostile_sizes_are_refused(size: tuple[int, int], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        preprocess("none", draw(), size=size, parameters={})

    assert field in caught.value.fields


def test_a_picture_too_large_is_refused_before_it_is_scaled() -> None:
    with pytest.raises(InvalidRequest) as caught:
        preprocess("none", Image.new("1", (20_000, 1)), size=SIZE, parameters={})

    assert set(caught.value.fields) == {"picture"}


def test_defaults_take_the_places_of_what_is_not_given_and_are_allowed() -> None:
    assert dict(complete_parameters("canny", {"high": 150})) == {"low": 100, "high": 150}
    for name, description in PREPROCESSOR_NAMES.items():
        assert set(complete_parameters(name, {})) == set(description.parameters)


def build_depth_model(path: Path, kind: str) -> Path:
    """Write a tiny depth model with random weights, and what prepares pictures for it."""
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2}
    if kind == "dpt":
        config = transformers.DPTConfig(
            **shape,
            intermediate_size=32,
            image_size=64,
            patch_size=16,
            backbone_out_indices=[0, 1, 2, 3],
            neck_hidden_sizes=[8, 8, 8, 8],
            fusion_hidden_size=8,
            is_hybrid=False,
        )
        model = transformers.DPTForDepthEstimation(config)
    else:
        backbone = transformers.Dinov2Config(
            **shape,
            mlp_ratio=2,
            image_size=56,
            patch_size=14,
            out_indices=[1, 2, 3, 4],
            reshape_hidden_states=False,
            apply_layernorm=True,
        )
        config = transformers.DepthAnythingConfig(
            backbone_config=backbone,
            reassemble_hidden_size=16,
            neck_hidden_sizes=[8, 8, 8, 8],
            fusion_hidden_size=8,
            head_hidden_size=8,
            patch_size=14,
        )
        model = transformers.DepthAnythingForDepthEstimation(config)
    model.save_pretrained(path)
    multiple = 16 if kind == "dpt" else 14
    transformers.DPTImageProcessorPil(
        size={"height": 4 * multiple, "width": 4 * multiple},
        keep_aspect_ratio=kind != "dpt",
        ensure_multiple_of=multiple,
    ).save_pretrained(path)
    return path


@pytest.fixture(scope="module", params=["dpt", "depth_anything"])
def estimator(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> LoadedDepthEstimator:
    return load_depth_estimator(build_depth_model(tmp_path_factory.mktemp("d"), request.param))


@pytest.mark.parametrize("size", [(100, 60), (64, 1024), (2000, 64)])
def test_a_depth_model_answers_for_each_pixel(
    estimator: LoadedDepthEstimator, size: tuple[int, int]
) -> None:
    picture = draw().resize(size)
    before = picture.tobytes()

    first = estimator.estimate(picture)
    made = preprocess("depth", picture, size=size, parameters={}, depth=estimator)

    assert first.shape == (size[1], size[0])
    assert np.isfinite(first).all()
    assert (first == estimator.estimate(picture)).all()
    assert made.getextrema() == ((0, 255),) * 3
    assert picture.tobytes() == before


def test_other_models_pickles_and_damaged_ones_are_not_loaded(tmp_path: Path) -> None:
    path = build_depth_model(tmp_path / "model", "dpt")
    config = (path / "config.json").read_text()
    weights = path / "model.safetensors"

    (path / "config.json").write_text(json.dumps(json.loads(config) | {"model_type": "clip"}))
    with pytest.raises(ModelUnavailable, match="does not estimate depth"):
        load_depth_estimator(path)
    (path / "config.json").write_text(config)
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ModelUnavailable, match="incomplete or damaged") as caught:
        load_depth_estimator(path)
    assert str(tmp_path) not in str(caught.value)
    weights.rename(path / "pytorch_model.bin")
    with pytest.raises(ModelUnavailable, match="pickle format"):
        load_depth_estimator(path)
    with pytest.raises(ModelUnavailable, match="incomplete or damaged"):
        load_depth_estimator(tmp_path / "nothing")


def test_a_depth_model_with_weights_missing_is_not_filled_with_random_ones(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = build_depth_model(tmp_path, "dpt")
    state = load_file(path / "model.safetensors")
    state.pop("head.head.0.weight")
    save_file(state, path / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ModelUnavailable, match="incomplete or damaged"):
        load_depth_estimator(path)
