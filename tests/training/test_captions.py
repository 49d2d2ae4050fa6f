"""Captions: many wordings, some reserved for evaluation, and a vocabulary for any text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gpu_tasks.training.starter.captions import (
    EVALUATION_SCENE_TEMPLATES,
    EVALUATION_SHAPE_TEMPLATES,
    SCENE_TEMPLATES,
    SHAPE_TEMPLATES,
    write_caption,
    write_evaluation_caption,
)
from gpu_tasks.training.starter.evaluation import sample_tasks
from gpu_tasks.training.starter.korean import write_korean_caption
from gpu_tasks.training.starter.tokenizer import MAX_TOKENS, load_tokenizer
from gpu_tasks.training.starter.world import ShapeSpec, is_held_out, sample_spec

TOKENIZER = Path(__file__).resolve().parents[2] / "gpu_tasks" / "starter_model" / "tokenizer"
RED_CIRCLE = ShapeSpec("circle", "red", "white", 1, "medium", "center")


def test_the_templates_of_evaluation_are_not_those_of_training() -> None:
    assert not set(EVALUATION_SHAPE_TEMPLATES) & set(SHAPE_TEMPLATES)
    assert not set(EVALUATION_SCENE_TEMPLATES) & set(SCENE_TEMPLATES)


def test_no_prompt_of_the_evaluation_occurs_among_training_captions() -> None:
    prompts = {task.prompt for task in sample_tasks(prompts=500)}
    rng = np.random.default_rng(1)
    captions = {write_caption(spec=sample_spec(rng=rng), rng=rng) for _ in range(20_000)}
    for task in sample_tasks(prompts=500):
        captions |= {write_caption(spec=task.spec, rng=rng) for _ in range(10)}
    assert not prompts & captions


def test_the_evaluation_asks_for_held_out_combinations_too() -> None:
    tasks = sample_tasks(prompts=500)
    held_out = [task for task in tasks if task.group == "held out"]
    assert 40 < len(held_out) < 120
    assert all(is_held_out(spec=task.spec) == (task.group == "held out") for task in tasks)


def test_one_picture_has_many_wordings() -> None:
    rng = np.random.default_rng(2)
    captions = {write_caption(spec=RED_CIRCLE, rng=rng) for _ in range(300)}
    assert len(captions) > 150
    assert "a red circle on a white background" in captions


def test_captions_have_neither_doubled_blanks_nor_stray_commas() -> None:
    rng = np.random.default_rng(3)
    for _ in range(500):
        spec = sample_spec(rng=rng)
        for caption in (
            write_caption(spec=spec, rng=rng),
            write_evaluation_caption(spec=spec, rng=rng),
            write_korean_caption(spec=spec, rng=rng),
        ):
            assert caption == caption.strip(" ,")
            assert "  " not in caption
            assert " ," not in caption
            assert "{" not in caption


def test_korean_captions_name_what_is_drawn() -> None:
    rng = np.random.default_rng(4)
    captions = {write_korean_caption(spec=RED_CIRCLE, rng=rng) for _ in range(300)}
    assert "흰 배경에 빨간 원" in captions


def test_captions_fit_into_the_text_encoder() -> None:
    tokenizer = load_tokenizer(directory=TOKENIZER)
    rng = np.random.default_rng(5)
    captions = [write_caption(spec=sample_spec(rng=rng), rng=rng) for _ in range(500)]
    assert max(len(ids) for ids in tokenizer(captions).input_ids) <= MAX_TOKENS


@pytest.mark.parametrize(
    "text", ["zebra riding a bicycle", "naïve café 漢字", "한국어 😀", "<xml/>"]
)
def test_any_text_tokenises_without_loss(text: str) -> None:
    tokenizer = load_tokenizer(directory=TOKENIZER)
    ids = tokenizer(text).input_ids
    inner = ids[1:-1]
    assert ids[0] == tokenizer.bos_token_id
    assert ids[-1] == tokenizer.eos_token_id
    assert tokenizer.eos_token_id not in inner
    assert tokenizer.decode(inner).replace(" ", "") == text.replace(" ", "")
