"""Train a LoRA: one step after the other, each as if nothing could interrupt it."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gpu_tasks.engine.engine import Engine
from gpu_tasks.engine.errors import GenerationCancelled, InvalidRequest, OutOfMemory
from gpu_tasks.engine.families import LoadedModel
from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.memory import is_out_of_memory, release_memory
from gpu_tasks.engine.request import IsCancelled, ModelSource
from gpu_tasks.training.lora.adapter import Adapter
from gpu_tasks.training.lora.checkpoint import Checkpoint
from gpu_tasks.training.lora.descent import Descent
from gpu_tasks.training.lora.draws import Draws, rows_of_step
from gpu_tasks.training.lora.errors import TrainingCancelled, TrainingDiverged
from gpu_tasks.training.lora.examples import (
    Example,
    Latents,
    digest_training,
    encode_examples,
    prepare_examples,
)
from gpu_tasks.training.lora.objective import Objective
from gpu_tasks.training.lora.outcomes import TrainedLora, TrainingProgress, TrainingSample
from gpu_tasks.training.lora.reading import CaptionReader
from gpu_tasks.training.lora.sampling import make_samples
from gpu_tasks.training.lora.settings import TrainingImage, TrainingSettings
from gpu_tasks.training.lora.trainable import find_trainable

# Of the exponential mean of the losses: what is left of the mean so far at each step.
_SMOOTHING: Final = 0.98

OnProgress = Callable[[TrainingProgress], None]
OnCheckpoint = Callable[[Checkpoint], None]
OnSample = Callable[[TrainingSample], None]


def train_lora(
    source: ModelSource,
    images: Sequence[TrainingImage],
    settings: TrainingSettings,
    *,
    engine: Engine,
    resume: Path | bytes | None = None,
    on_progress: OnProgress | None = None,
    on_checkpoint: OnCheckpoint | None = None,
    on_sample: OnSample | None = None,
    is_cancelled: IsCancelled | None = None,
    save_seconds: float = math.inf,
) -> TrainedLora:
    """Train a LoRA for a model, on a copy of it that is loaded for that alone.

    The engine makes no pictures meanwhile. All callbacks come in this thread. `resume` is a
    checkpoint of the same training, which goes on as if it had not stopped: bit by bit where
    torch computes the same way twice, as on a processor with as many threads. Besides every
    `save_every` steps a checkpoint is made after a step when `save_seconds` have passed since the
    last one, which changes nothing of what is learnt.

    Raises:
        InvalidRequest: what is wrong, by field: `model`, `images` or `images.3`, or `resume`.
        ModelUnavailable: the model cannot be loaded.
        OutOfMemory: the training does not fit in memory.
        TrainingCancelled: `is_cancelled` said so, between two steps or within a sample.
        TrainingDiverged: the loss is no number any more.
    """
    trainable = find_trainable(source.base)
    examples = prepare_examples(images, settings)
    digest = digest_training(source, examples, settings)
    checkpoint = None if resume is None else Checkpoint.read(resume)
    if checkpoint is not None and checkpoint.digest != digest:
        raise InvalidRequest(
            {"resume": "belongs to a training with other settings, pictures or another model"}
        )
    listeners = _Listeners(on_progress, on_checkpoint, on_sample, is_cancelled, save_seconds)
    try:
        with engine.lend(source, dtype=training_dtype(engine.device)) as model:
            listeners.started = listeners.saved = time.perf_counter()
            if trainable.recomputes:
                model.components[model.family.denoiser].enable_gradient_checkpointing()
            with _shortage_told():
                training = _Training.begin(model, examples, settings, digest, listeners)
                if checkpoint is not None:
                    training.restore(checkpoint)
                training.run()
            weights = training.adapter.export(settings, trainable, base=source.base)
            return TrainedLora(
                weights=weights,
                losses=tuple(training.losses),
                compute_seconds=listeners.seconds,
            )
    except Exception as error:
        _let_go_of_frames(error)
        raise
    finally:
        # What was lent is referred to from here until now.
        model = training = None  # type: ignore[assignment]
        release_memory()


def training_dtype(device: torch.device) -> torch.dtype:
    """Return what the frozen model computes in; a T4 has no bfloat16, and a processor no need."""
    if device.type != "cuda":
        return torch.float32
    with torch.cuda.device(device):
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if has_bfloat16 else torch.float16


def _let_go_of_frames(error: BaseException | None) -> None:
    """Empty the frames of an error: who keeps it would keep the model and all activations."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__


@contextmanager
def _shortage_told() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if isinstance(error, OutOfMemory) or not is_out_of_memory(error):
            raise
        raise OutOfMemory(
            "There is not enough memory for this training. "
            "Try a smaller resolution, batch or rank.",
            reason=str(error) or type(error).__name__,
        ) from None


@dataclass(slots=True, eq=False)
class _Listeners:
    on_progress: OnProgress | None
    on_checkpoint: OnCheckpoint | None
    on_sample: OnSample | None
    is_cancelled: IsCancelled | None
    save_seconds: float
    started: float = 0.0
    # The seconds that those who listen took.
    aside: float = 0.0
    saved: float = 0.0
    step: int = 0

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started - self.aside

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """Take the time that a listener needs off the seconds of the training."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.aside += time.perf_counter() - began

    def pause(self) -> None:
        """Raise TrainingCancelled if that is wanted."""
        if self.is_cancelled is not None and self.is_cancelled():
            raise self.cancelled()

    def cancelled(self) -> TrainingCancelled:
        return TrainingCancelled(step=self.step, compute_seconds=self.seconds)


@dataclass(slots=True, eq=False, kw_only=True)
class _Training:
    """A training under way: a lent model with an adapter, and all that a step needs."""

    model: LoadedModel
    settings: TrainingSettings
    digest: str
    listeners: _Listeners
    adapter: Adapter
    descent: Descent
    objective: Objective
    reader: CaptionReader
    examples: Sequence[Example]
    latents: Latents
    step: int = 0
    smoothed_loss: float = 0.0
    losses: list[float] = field(default_factory=list)
    # Those of the last step were begun and not ended.
    lacks_samples: bool = False

    @classmethod
    def begin(
        cls,
        model: LoadedModel,
        examples: Sequence[Example],
        settings: TrainingSettings,
        digest: str,
        listeners: _Listeners,
    ) -> _Training:
        """Turn pictures into latents, read captions, and put an adapter in."""
        if model.components["unet"].config.time_cond_proj_dim is not None:
            raise InvalidRequest({"model": "cannot be trained: it is distilled to a few steps"})
        objective = Objective.for_model(model.scheduler_config, gamma=settings.min_snr_gamma)
        latents = encode_examples(model, examples, flip=settings.flip, pause=listeners.pause)
        reader = CaptionReader(model, learns=settings.trains_text_encoder)
        reader.prepare(
            ["", *(text for one in examples for text in (one.caption, one.plain_caption))]
        )
        adapter = Adapter.put_in(model, settings)
        return cls(
            model=model,
            settings=settings,
            digest=digest,
            listeners=listeners,
            adapter=adapter,
            descent=Descent.of(adapter, settings, model),
            objective=objective,
            reader=reader,
            examples=examples,
            latents=latents,
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on after the last step of a checkpoint."""
        self.adapter.restore(checkpoint.weights)
        self.descent.restore(checkpoint)
        self.step = checkpoint.step
        self.smoothed_loss = checkpoint.smoothed_loss
        self.losses = list(checkpoint.losses)
        self.lacks_samples = checkpoint.lacks_samples

    def run(self) -> None:
        """Take all steps that are left; one that is stopped leaves a checkpoint of its last."""
        try:
            self._take_steps()
        except TrainingCancelled:
            if self.listeners.on_checkpoint is not None and self.step:
                self.listeners.on_checkpoint(self._checkpoint())
            raise

    def _take_steps(self) -> None:
        settings, tell = self.settings, self.listeners
        if self.lacks_samples:
            self._sample()
        while self.step < settings.steps:
            tell.step = self.step
            tell.pause()
            self._take_step()
            if tell.on_progress is not None:
                # Its seconds are told before those who listen take theirs.
                progress = self._progress()
                with tell.uncounted():
                    tell.on_progress(progress)
            # Samples first: what is resumed from the checkpoint makes none for its step then.
            if settings.sample_every and self.step % settings.sample_every == 0:
                self._sample()
            if tell.on_checkpoint is not None and self._is_checkpoint_due():
                with tell.uncounted():
                    tell.on_checkpoint(self._checkpoint())
                tell.saved = time.perf_counter()

    def _is_checkpoint_due(self) -> bool:
        if self.step % self.settings.save_every == 0:
            return True
        waited = time.perf_counter() - self.listeners.saved
        return waited >= self.listeners.save_seconds and self.step < self.settings.steps

    def _take_step(self) -> None:
        settings = self.settings
        rows = rows_of_step(
            seed=settings.seed,
            step=self.step,
            batch_size=settings.batch_size,
            images=len(self.examples),
        )
        draws = Draws.of_step(
            seed=settings.seed,
            step=self.step,
            shape=(len(rows), *self.latents.middle.shape[2:]),
            timesteps=self.objective.timesteps,
            dropout=settings.caption_dropout,
        )
        loss = 0.0
        with self.descent.step(self.step) as descend:
            for part in self._losses(rows, draws):
                value = part.item()
                if not math.isfinite(value):
                    raise TrainingDiverged(step=self.step + 1)
                descend(part)
                loss += value
        self.step += 1
        self.losses.append(loss)
        self.smoothed_loss = (
            _SMOOTHING * self.smoothed_loss + (1 - _SMOOTHING) * loss if self.step > 1 else loss
        )

    def _losses(self, rows: Sequence[int], draws: Draws) -> Iterator[torch.Tensor]:
        """Yield what is to become smaller, part by part: the way back frees each one's memory."""
        settings, objective, device = self.settings, self.objective, self.model.device
        timesteps = draws.timesteps.to(device)
        noise = draws.noise.to(device)
        latents = self.latents.take(rows, draws.flipped, draws.blur).to(device)
        noisy = objective.add_noise(latents, noise, timesteps)
        examples = [self.examples[row] for row in rows]
        captions = [
            "" if silent else one.caption
            for one, silent in zip(examples, draws.silent.tolist(), strict=True)
        ]
        with self.descent.autocast():
            predicted = self._predict(noisy, timesteps, self.reader.now(captions), examples)
        yield objective.loss(predicted, objective.target(latents, noise, timesteps), timesteps)
        if not settings.preservation:
            return
        # What it said before is what it should go on saying of what is not meant
        # (Li and Hoiem 2016, "Learning without Forgetting", arXiv:1606.09282).
        plain = [one.plain_caption for one in examples]
        with self.descent.autocast():
            with torch.no_grad(), self.adapter.switched_off():
                former = self._predict(noisy, timesteps, self.reader.before(plain), examples)
            predicted = self._predict(noisy, timesteps, self.reader.now(plain), examples)
        yield objective.loss(predicted, former, timesteps) * settings.preservation

    def _predict(
        self,
        noisy: torch.Tensor,
        timesteps: torch.Tensor,
        told: Any,
        examples: Sequence[Example],
    ) -> torch.Tensor:
        unet, dtype = self.model.components["unet"], self.model.dtype
        added: dict[str, torch.Tensor] | None = None
        if unet.config.addition_embed_type == "text_time":
            places = torch.tensor([one.place for one in examples], device=self.model.device)
            added = {"text_embeds": told.pooled.to(dtype), "time_ids": places.to(dtype)}
        predicted: torch.Tensor = unet(
            noisy.to(dtype),
            timesteps,
            encoder_hidden_states=told.prompt_embeds.to(dtype),
            added_cond_kwargs=added,
            return_dict=False,
        )[0]
        return predicted

    def _progress(self) -> TrainingProgress:
        return TrainingProgress(
            step=self.step,
            total=self.settings.steps,
            loss=self.losses[-1],
            smoothed_loss=self.smoothed_loss,
            seconds=self.listeners.seconds,
        )

    def _sample(self) -> None:
        tell = self.listeners
        self.lacks_samples = tell.on_sample is not None
        if tell.on_sample is None:
            return
        tell.step = self.step
        try:
            for sample in make_samples(
                self.model, self.settings, step=self.step, is_cancelled=tell.is_cancelled
            ):
                with tell.uncounted():
                    tell.on_sample(sample)
        except GenerationCancelled:
            raise tell.cancelled() from None
        self.lacks_samples = False

    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(
            step=self.step,
            smoothed_loss=self.smoothed_loss,
            losses=tuple(self.losses),
            digest=self.digest,
            weights={
                name: weight.detach().cpu().clone() for name, weight in self.adapter.weights.items()
            },
            moments=self.descent.moments(),
            scaler=self.descent.scale(),
            lacks_samples=self.lacks_samples,
        )
