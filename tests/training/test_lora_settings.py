"""What a training of a LoRA is told, what is refused of it, and how long it may take."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.family_facts import FAMILY_FACTS
from gpu_tasks.training.lora.estimates import seconds_for
from gpu_tasks.training.lora.settings import RateSchedule, TrainingSettings
from gpu_tasks.training.lora.trainable import TRAINABLE, Trainable, find_trainable

WITHOUT_TORCH = """
import sys
import gpu_tasks.training.lora
import gpu_tasks.training.lora.estimates
import gpu_tasks.training.lora.settings
import gpu_tasks.training.lora.trainable
heavy = {"torch", "diffusers", "transformers", "peft", "numpy", "django"}
print(sorted(heavy & {name.split(".")[0] for name in sys.modules}))
"""

WRONG: dict[str, tuple[str, object]] = {
    "a trigger of two lines": ("trigger", "a\nb"),
    "a long trigger": ("trigger", "a" * 101),
    "no rank": ("rank", 0),
    "a rank that is no number": ("rank", True),
    "a huge rank": ("rank", 257),
    "no alpha": ("alpha", 0),
    "a flag that is none": ("trains_text_encoder", 1),
    "convolutions that are no flag": ("trains_convolutions", "yes"),
    "no learning rate": ("learning_rate", 0.0),
    "a learning rate that is no number": ("learning_rate", float("nan")),
    "an unknown schedule": ("schedule", "stairs"),
    "a negative warm-up": ("warmup_steps", -1),
    "a negative decay": ("weight_decay", -0.1),
    "no gradients": ("gradient_limit", 0.0),
    "no steps": ("steps", 0),
    "too many steps": ("steps", 20_001),
    "no batch": ("batch_size", 0),
    "an odd resolution": ("resolution", 513),
    "a small resolution": ("resolution", 56),
    "a seed of more than 32 bits": ("seed", 2**32),
    "a negative gamma": ("min_snr_gamma", -1.0),
    "more captions dropped than there are": ("caption_dropout", 1.1),
    "preservation without a trigger": ("preservation", 1.0),
    "a flip that is no flag": ("flip", None),
    "never saved": ("save_every", 0),
    "samples before the beginning": ("sample_every", -1),
    "too many prompts": ("sample_prompts", ("a",) * 9),
    "a prompt that is no text": ("sample_prompts", ("a", 3)),
    "prompts in a list": ("sample_prompts", ["a"]),
    "samples without steps": ("sample_steps", 0),
    "guidance without end": ("sample_guidance", float("inf")),
}


@pytest.mark.parametrize(("name", "value"), WRONG.values(), ids=WRONG)
def test_a_wrong_setting_is_named(name: str, value: object) -> None:
    with pytest.raises(InvalidRequest) as refused:
        TrainingSettings(**{name: value})  # type: ignore[arg-type]

    assert list(refused.value.fields) == [name]


def test_every_wrong_setting_is_named_at_once() -> None:
    with pytest.raises(InvalidRequest) as refused:
        TrainingSettings(rank=0, steps=0, flip="no", trigger="a\tb")  # type: ignore[arg-type]

    assert refused.value.fields.keys() == {"rank", "steps", "flip", "trigger"}


def test_settings_survive_json() -> None:
    settings = TrainingSettings(
        trigger="zorn",
        schedule=RateSchedule.COSINE,
        preservation=0.5,
        sample_prompts=("a", "b"),
    )

    again = TrainingSettings.from_dict(json.loads(json.dumps(settings.as_dict())))

    assert again == settings
    assert TrainingSettings.from_dict({}) == TrainingSettings()


def test_a_setting_that_does_not_exist_is_named() -> None:
    with pytest.raises(InvalidRequest) as refused:
        TrainingSettings.from_dict({"rank": 4, "ranks": 4})

    assert refused.value.fields == {"ranks": "is not a setting"}


def test_the_table_answers_for_every_family() -> None:
    assert TRAINABLE.keys() == FAMILY_FACTS.keys()
    trained = [base for base, found in TRAINABLE.items() if isinstance(found, Trainable)]
    assert trained == ["sd-1.5-class", "sd-2", "sdxl"]


@pytest.mark.parametrize("base", ["sdxl-refiner", "flux-1", "z-image", "of-tomorrow"])
def test_other_families_are_refused_with_a_reason(base: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        find_trainable(base)

    assert "cannot be trained: " in refused.value.fields["model"]


def test_seconds_grow_with_what_is_to_be_done() -> None:
    settings = TrainingSettings(steps=1000, batch_size=1, resolution=1024)
    # A pass is 1/40 of the picture: 0.1 s. Four a step, two an image, five seconds to begin.
    assert seconds_for(settings, 10, 4.0) == pytest.approx(5 + 0.1 * (4000 + 20))
    assert seconds_for(replace(settings, flip=True), 10, 4.0) == pytest.approx(5 + 0.1 * 4040)
    assert seconds_for(replace(settings, resolution=512), 10, 4.0) == pytest.approx(
        5 + 0.025 * 4020
    )
    preserving = replace(settings, preservation=1.0, trigger="zorn")
    assert seconds_for(preserving, 10, 4.0) == pytest.approx(5 + 0.1 * 9020)
    deep = replace(settings, trains_convolutions=True, trains_text_encoder=True)
    assert seconds_for(deep, 10, 4.0) == pytest.approx(5 + 0.1 * 6420)
    sampling = replace(
        settings, sample_every=250, sample_prompts=("a", "b"), sample_steps=20, batch_size=2
    )
    # Four rounds of two pictures of 20 steps, the model twice for each.
    assert seconds_for(sampling, 10, 4.0) == pytest.approx(5 + 0.1 * (8000 + 20 + 320))


def test_what_the_web_process_needs_is_free_of_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert done.stdout == "[]\n"
