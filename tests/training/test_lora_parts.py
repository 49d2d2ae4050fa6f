"""The parts of a training: what is drawn, what captions say, how noise is weighed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from gpu_tasks.engine import ModelSource
from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.libraries import torch
from gpu_tasks.training.lora.checkpoint import Checkpoint
from gpu_tasks.training.lora.descent import rate_at
from gpu_tasks.training.lora.draws import Draws, rows_of_step
from gpu_tasks.training.lora.examples import digest_training, prepare_examples
from gpu_tasks.training.lora.objective import Objective
from gpu_tasks.training.lora.reading import with_trigger, without_trigger
from gpu_tasks.training.lora.settings import RateSchedule, TrainingImage, TrainingSettings

SCHEDULE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
}


def test_all_pictures_come_by_before_one_comes_again() -> None:
    rows = [
        row for step in range(6) for row in rows_of_step(seed=3, step=step, batch_size=5, images=10)
    ]

    for epoch in (rows[:10], rows[10:20], rows[20:]):
        assert sorted(epoch) == list(range(10))
    assert rows[:10] != rows[10:20]
    assert rows_of_step(seed=3, step=4, batch_size=5, images=10) == rows[20:25]
    assert len(rows_of_step(seed=3, step=0, batch_size=7, images=2)) == 7


def test_a_step_draws_the_same_whatever_was_drawn_before() -> None:
    def draw(step: int, seed: int = 5) -> Draws:
        return Draws.of_step(
            seed=seed, step=step, shape=(64, 4, 2, 2), timesteps=1000, dropout=0.25
        )

    first = draw(7)
    draw(8)
    again = draw(7)

    assert torch.equal(first.noise, again.noise)
    assert torch.equal(first.timesteps, again.timesteps)
    assert not torch.equal(first.noise, first.blur)
    assert not torch.equal(first.noise, draw(8).noise)
    assert not torch.equal(first.noise, draw(7, seed=6).noise)
    assert int(first.timesteps.min()) >= 0
    assert int(first.timesteps.max()) < 1000
    silent = sum(int(draw(step).silent.sum()) for step in range(40))
    assert 0.2 < silent / (40 * 64) < 0.3


@pytest.mark.parametrize(
    ("caption", "full", "plain"),
    [
        ("a red house", "zorn style, a red house", "a red house"),
        ("red, Zorn Style, at night", "red, Zorn Style, at night", "red, at night"),
        ("a zorn style house", "a zorn style house", "a house"),
        ("zorn styles", "zorn style, zorn styles", "zorn styles"),
        ("zorn style", "zorn style", ""),
        ("  ", "zorn style", ""),
    ],
    ids=["put before", "said already", "within", "a part of a word", "alone", "empty"],
)
def test_captions_say_the_trigger_once(caption: str, full: str, plain: str) -> None:
    settings = TrainingSettings(trigger=" zorn style ")

    assert with_trigger(caption, settings) == full
    assert without_trigger(full, settings) == plain
    assert with_trigger(caption, TrainingSettings()) == caption.strip()


def test_pictures_are_cropped_to_the_middle_with_their_proportions() -> None:
    array = np.zeros((100, 300, 3), np.uint8)
    array[:, 100:200] = 255
    settings = TrainingSettings(resolution=64)

    wide, tall = prepare_examples(
        [
            TrainingImage(Image.fromarray(array), "wide"),
            TrainingImage(Image.fromarray(array.transpose(1, 0, 2)), "tall"),
        ],
        settings,
    )

    assert wide.picture.size == tall.picture.size == (64, 64)
    assert np.asarray(wide.picture).min() > 240
    assert wide.place == (100, 300, 0, 64, 64, 64)
    assert tall.place == (300, 100, 64, 0, 64, 64)


def test_transparent_and_turned_pictures_are_laid_as_they_are_seen() -> None:
    turned = Image.new("RGB", (40, 80), "red")
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.info["exif"] = exif.tobytes()

    clear, upright = prepare_examples(
        [TrainingImage(Image.new("RGBA", (64, 64), (255, 0, 0, 0))), TrainingImage(turned)],
        TrainingSettings(resolution=64),
    )

    assert clear.picture.getpixel((5, 5)) == (255, 255, 255)
    assert upright.place[:2] == (40, 80)


def test_torn_pictures_and_captions_are_named_by_their_place() -> None:
    good = TrainingImage(Image.new("RGB", (64, 64)), "a")
    settings = TrainingSettings(resolution=64)

    with pytest.raises(InvalidRequest) as refused:
        prepare_examples([good, TrainingImage(good.picture, "x" * 2001)], settings)
    assert refused.value.fields == {
        "images.1": "has a caption that must have at most 2000 characters"
    }
    with pytest.raises(InvalidRequest) as refused:
        prepare_examples([], settings)
    assert list(refused.value.fields) == ["images"]


def test_the_digest_tells_trainings_apart() -> None:
    source = ModelSource(key="m", path=Image.__file__, sha256="1")  # type: ignore[arg-type]
    settings = TrainingSettings(resolution=64)
    images = [TrainingImage(Image.new("RGB", (64, 64), color), color) for color in ("red", "blue")]

    def digest(
        images: list[TrainingImage], settings: TrainingSettings, source: ModelSource = source
    ) -> str:
        return digest_training(source, prepare_examples(images, settings), settings)

    others = {
        digest(images[:1], settings),
        digest(images[::-1], settings),
        digest([images[0], TrainingImage(images[1].picture, "green")], settings),
        digest([images[0], TrainingImage(Image.new("RGB", (64, 64), "lime"), "blue")], settings),
        digest(images, replace(settings, seed=1)),
        digest(images, settings, replace(source, sha256="2")),
    }
    assert digest(images, settings) == digest(list(images), replace(settings))
    assert digest(images, settings) not in others
    assert len(others) == 6


def test_the_rate_rises_and_then_stays_or_falls() -> None:
    settings = TrainingSettings(steps=110, warmup_steps=9, learning_rate=1e-3)

    assert rate_at(0, settings) == pytest.approx(1e-4)
    assert rate_at(8, settings) == pytest.approx(9e-4)
    assert rate_at(9, settings) == rate_at(109, settings) == 1e-3
    falling = replace(settings, schedule=RateSchedule.COSINE, warmup_steps=10)
    assert rate_at(10, falling) == 1e-3
    assert rate_at(60, falling) == pytest.approx(5e-4)
    assert 0 < rate_at(109, falling) < 1e-6
    assert rate_at(3, replace(settings, steps=4, warmup_steps=50)) == pytest.approx(8e-4)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_noise_is_weighed_by_min_snr(prediction: str) -> None:
    objective = Objective.for_model(SCHEDULE | {"prediction_type": prediction}, gamma=5.0)
    steps = torch.tensor([1, 400, 990])
    kept = objective.scheduler.alphas_cumprod[steps]
    snr = kept / (1 - kept)
    assert float(snr[0]) > 5 > float(snr[2])

    expected = torch.minimum(snr, torch.tensor(5.0)) / (snr + (prediction == "v_prediction"))
    assert torch.allclose(objective.weights(steps), expected)
    plain = Objective.for_model(SCHEDULE | {"prediction_type": prediction}, gamma=0.0)
    assert plain.weights(steps).tolist() == [1, 1, 1]


def test_the_target_is_what_the_scheduler_predicts() -> None:
    latents, noise = torch.randn(2, 4, 4, 4), torch.randn(2, 4, 4, 4)
    steps = torch.tensor([10, 900])
    noise_model = Objective.for_model(SCHEDULE, gamma=0.0)
    velocity_model = Objective.for_model(SCHEDULE | {"prediction_type": "v_prediction"}, gamma=0.0)
    kept = noise_model.scheduler.alphas_cumprod[steps][:, None, None, None]

    noisy = noise_model.add_noise(latents, noise, steps)
    assert torch.allclose(noisy, kept.sqrt() * latents + (1 - kept).sqrt() * noise)
    assert torch.equal(noise_model.target(latents, noise, steps), noise)
    velocity = velocity_model.target(latents, noise, steps)
    assert torch.allclose(velocity, kept.sqrt() * noise - (1 - kept).sqrt() * latents, atol=1e-5)
    assert float(noise_model.loss(noise, noise, steps)) == 0
    assert float(noise_model.loss(noise + 2, noise, steps)) == pytest.approx(4)


def test_a_model_that_predicts_pictures_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        Objective.for_model(SCHEDULE | {"prediction_type": "sample"}, gamma=5.0)

    assert list(refused.value.fields) == ["model"]


def make_checkpoint() -> Checkpoint:
    return Checkpoint(
        step=2,
        smoothed_loss=0.1 + 0.2,
        losses=(1 / 3, 0.1),
        digest="d" * 64,
        weights={"unet.a.lora_A.weight": torch.randn(2, 3)},
        moments={"unet.a.lora_A.weight/exp_avg": torch.randn(2, 3)},
        scaler={"scale": torch.tensor(65536.0, dtype=torch.float64)},
    )


def test_a_checkpoint_survives_as_bytes_to_the_last_bit() -> None:
    checkpoint = make_checkpoint()

    again = Checkpoint.from_bytes(checkpoint.to_bytes())

    for name in ("step", "smoothed_loss", "losses", "digest"):
        assert getattr(again, name) == getattr(checkpoint, name)
    for part in ("weights", "moments", "scaler"):
        kept, made = getattr(again, part), getattr(checkpoint, part)
        assert kept.keys() == made.keys()
        assert all(torch.equal(kept[name], made[name]) for name in made)


def test_what_is_no_checkpoint_is_refused() -> None:
    whole = make_checkpoint().to_bytes()
    other = whole.replace(b"easel-lora-checkpoint-1", b"easel-lora-checkpoint-9")
    pickled = b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00}\x94."

    for content in (b"", b"x" * 40, whole[:-5], whole[: len(whole) // 3], other, pickled):
        with pytest.raises(InvalidRequest) as refused:
            Checkpoint.from_bytes(content)
        assert list(refused.value.fields) == ["resume"]
