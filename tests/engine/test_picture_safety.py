from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gpu_tasks.engine import ModelUnavailable
from gpu_tasks.engine.libraries import diffusers, torch, transformers
from gpu_tasks.engine.pictures.safety import load_safety_checker

GOOD = Image.new("RGB", (64, 64), "skyblue")


def noise(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (48, 80, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def build_checker(path: Path, *, refuses: Image.Image | None = None) -> Path:
    """Write a tiny safety checker whose only concept within reach is a picture, if one is given."""
    torch.manual_seed(0)
    config = transformers.CLIPConfig(
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 32,
            "patch_size": 8,
            "projection_dim": 16,
        },
        projection_dim=16,
    )
    checker = diffusers.pipelines.stable_diffusion.safety_checker.StableDiffusionSafetyChecker
    model = checker(config).eval()
    processor = transformers.CLIPImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    )
    with torch.no_grad():
        # No cosine is above 1.
        model.concept_embeds_weights.fill_(1.1)
        model.special_care_embeds_weights.fill_(1.1)
        if refuses is not None:
            pixels = processor(images=refuses, return_tensors="pt")["pixel_values"]
            seen = model.visual_projection(model.vision_model(pixels)[1])
            model.concept_embeds[0] = seen[0]
            model.concept_embeds_weights[0] = 0.998
    model.save_pretrained(path)
    processor.save_pretrained(path)
    return path


def test_the_picture_near_a_concept_is_refused_and_no_other(tmp_path: Path) -> None:
    bad = noise(1)
    checker = load_safety_checker(build_checker(tmp_path, refuses=bad))

    assert checker.check([GOOD, bad, noise(2).convert("RGBA"), bad]) == [False, True, False, True]
    assert checker.check([bad]) == [True]
    assert checker.check([]) == []


def test_pictures_stay_as_they_are(tmp_path: Path) -> None:
    bad = noise(1)
    before = bad.tobytes()

    assert load_safety_checker(build_checker(tmp_path, refuses=bad)).check([bad]) == [True]
    assert bad.tobytes() == before


def test_without_a_concept_near_all_may_be_shown(tmp_path: Path) -> None:
    checker = load_safety_checker(build_checker(tmp_path))

    assert checker.check([GOOD, noise(1), noise(2)]) == [False, False, False]


def test_it_is_found_in_the_directory_of_a_whole_model(tmp_path: Path) -> None:
    bad = noise(1)
    flat = build_checker(tmp_path / "flat", refuses=bad)
    model = tmp_path / "model"
    (model / "feature_extractor").mkdir(parents=True)
    flat.rename(model / "safety_checker")
    settings = model / "safety_checker" / "preprocessor_config.json"
    settings.rename(model / "feature_extractor" / "preprocessor_config.json")

    assert load_safety_checker(model).check([GOOD, bad]) == [False, True]


def test_what_is_missing_damaged_or_a_pickle_is_not_loaded(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    with pytest.raises(ModelUnavailable, match="missing"):
        load_safety_checker(tmp_path / "nothing")
    path = build_checker(tmp_path / "checker")
    weights = path / "model.safetensors"
    state = load_file(weights)
    # Its concepts would be made up.
    state.pop("concept_embeds")
    save_file(state, weights, metadata={"format": "pt"})
    with pytest.raises(ModelUnavailable, match="incomplete or damaged") as caught:
        load_safety_checker(path)
    assert str(tmp_path) not in str(caught.value)
    weights.rename(path / "pytorch_model.bin")
    with pytest.raises(ModelUnavailable, match="pickle format"):
        load_safety_checker(path)


def test_without_the_settings_of_its_eyes_it_is_not_loaded(tmp_path: Path) -> None:
    path = build_checker(tmp_path)
    (path / "preprocessor_config.json").unlink()

    with pytest.raises(ModelUnavailable, match="incomplete or damaged"):
        load_safety_checker(path)
