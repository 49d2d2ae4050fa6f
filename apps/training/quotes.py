"""What a training will cost at most, told before it is asked for."""

import dataclasses
from dataclasses import dataclass

from apps.accounts.models import User
from apps.catalog.models import PLANNED_SECONDS, GenerationModel
from apps.credits.costs import (
    MARGIN,
    Basis,
    Quote,
    Shape,
    measured_as,
    quote_multiple,
    work,
)
from apps.credits.models import ActionType
from apps.credits.selectors import quote_shape
from apps.generation.quotes import BindingQuote, expired_quote, read_quote, sign_quote
from apps.plans.tiers import GpuTier
from gpu_tasks.training.lora.estimates import seconds_for
from gpu_tasks.training.lora.settings import TrainingSettings

_SALT = "easel.training.quote"
# What a training does beside its steps where nothing is said: its samples and pictures.
_USUAL_PROMPTS = ("", "")
_USUAL_SAMPLE_EVERY = 125
_USUAL_IMAGES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingLoad:
    """What decides how long a training takes: settings, pictures, and the steps that are done."""

    settings: TrainingSettings
    images: int
    done_steps: int = 0

    @property
    def left(self) -> TrainingSettings:
        """Return the settings of what is still to be done."""
        steps = max(self.settings.steps - self.done_steps, 1)
        return dataclasses.replace(self.settings, steps=steps)

    @property
    def shape(self) -> Shape:
        """Return what trainings are measured by; the steps are those that are left."""
        return shape_of(self.left)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryOffer:
    """A quote for the steps that are left, and the step that they go on after."""

    binding: BindingQuote
    checkpoint_step: int


def shape_of(settings: TrainingSettings) -> Shape:
    """Return the shape by which the seconds of trainings are kept."""
    side = settings.resolution
    return Shape(side, side, settings.steps, settings.batch_size)


def teaches(model: GenerationModel, load: TrainingLoad) -> bool:
    """Say whether a training tells what others of its shape take: only a usual one does."""
    return _times_the_usual(model, load) <= MARGIN


def quote_training(
    *, user: User, model: GenerationModel, tier: GpuTier, load: TrainingLoad
) -> BindingQuote:
    """Quote a training of `user` on `tier`; one query.

    Once enough trainings of the model were measured on the tier the quote follows their seconds a
    step, and before that the planning figure of the family.
    """
    quote = _quote(model, tier, load)
    token = sign_quote([*_subject(user, model, tier, load), quote.credits], kind=_SALT)
    return BindingQuote(quote=quote, token=token)


def credits_of_token(
    token: str, *, user: User, model: GenerationModel, tier: GpuTier, load: TrainingLoad
) -> int:
    """Return the credits that were quoted under `token`.

    Raises:
        Conflict: it is too old, or was for something else; ask for a new quote.
    """
    *subject, credits = read_quote(token, kind=_SALT)
    if subject != _subject(user, model, tier, load):
        raise expired_quote()
    return int(credits)


def _quote(model: GenerationModel, tier: GpuTier, load: TrainingLoad) -> Quote:
    seconds = seconds_for(load.left, load.images, PLANNED_SECONDS[model.base])
    quote = quote_shape(
        model=measured_as(ActionType.TRAINING, model.key),
        tier=tier,
        shape=load.shape,
        planned_seconds=seconds / work(load.shape),
    )
    factor = _times_the_usual(model, load)
    if quote.basis == Basis.PLANNED or factor == 1:
        return quote
    return quote_multiple(quote, factor=factor)


def _times_the_usual(model: GenerationModel, load: TrainingLoad) -> float:
    """Return by how much a training is estimated to take longer than the usual of its shape.

    Never below 1: a quote is the most that is charged, and the measured ones may have done less.
    """
    planned = PLANNED_SECONDS[model.base]
    usual = dataclasses.replace(
        load.left,
        preservation=0.0,
        trains_convolutions=False,
        trains_text_encoder=False,
        flip=False,
        sample_every=_USUAL_SAMPLE_EVERY,
        sample_prompts=_USUAL_PROMPTS,
    )
    seconds = seconds_for(load.left, load.images, planned)
    return max(seconds / seconds_for(usual, _USUAL_IMAGES, planned), 1.0)


def _subject(
    user: User, model: GenerationModel, tier: GpuTier, load: TrainingLoad
) -> list[str | int | float]:
    settings = load.settings
    shape = load.shape
    return [
        *(str(user.id), model.key, str(tier), shape.width, shape.steps, shape.batch_size),
        *(load.images, settings.rank, settings.preservation, settings.flip),
        *(settings.sample_every, len(settings.sample_prompts)),
        *(settings.trains_convolutions, settings.trains_text_encoder),
    ]
