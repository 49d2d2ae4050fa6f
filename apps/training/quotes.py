"""What a training will cost at most, told before it is asked for."""

import dataclasses
from dataclasses import dataclass

from django.core import signing
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.catalog.models import PLANNED_SECONDS, GenerationModel
from apps.core.errors import Conflict, ErrorCode
from apps.credits.costs import Quote, Shape, measured_as, quote_multiple, work
from apps.credits.models import ActionType
from apps.credits.selectors import quote_shape
from apps.generation.quotes import QUOTE_SECONDS, BindingQuote
from apps.plans.tiers import GpuTier
from gpu_tasks.training.lora.estimates import seconds_for
from gpu_tasks.training.lora.settings import TrainingSettings

_SALT = "easel.training.quote"


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


def shape_of(settings: TrainingSettings) -> Shape:
    """Return the shape by which the seconds of trainings are kept."""
    side = settings.resolution
    return Shape(side, side, settings.steps, settings.batch_size)


def teaches(settings: TrainingSettings) -> bool:
    """Say whether a training tells what others of its shape take: only a plain one does."""
    return not settings.preservation


def quote_training(
    *, user: User, model: GenerationModel, tier: GpuTier, load: TrainingLoad
) -> BindingQuote:
    """Quote a training of `user` on `tier`; one query.

    Once enough trainings of the model were measured on the tier the quote follows their seconds a
    step, and before that the planning figure of the family.
    """
    quote = _quote(model, tier, load)
    token = signing.dumps([*_subject(user, model, tier, load), quote.credits], salt=_SALT)
    return BindingQuote(quote=quote, token=token)


def credits_of_token(
    token: str, *, user: User, model: GenerationModel, tier: GpuTier, load: TrainingLoad
) -> int:
    """Return the credits that were quoted under `token`.

    Raises:
        Conflict: it is too old, or was for something else; ask for a new quote.
    """
    try:
        *subject, credits = signing.loads(token, salt=_SALT, max_age=QUOTE_SECONDS)
    except signing.BadSignature as error:
        raise _expired() from error
    if subject != _subject(user, model, tier, load):
        raise _expired()
    return int(credits)


def _quote(model: GenerationModel, tier: GpuTier, load: TrainingLoad) -> Quote:
    planned = PLANNED_SECONDS[model.base]
    plain = dataclasses.replace(load.left, preservation=0.0)
    seconds = seconds_for(plain, load.images, planned)
    quote = quote_shape(
        model=measured_as(ActionType.TRAINING, model.key),
        tier=tier,
        shape=load.shape,
        planned_seconds=seconds / work(load.shape),
    )
    if teaches(load.settings):
        return quote
    return quote_multiple(quote, factor=seconds_for(load.left, load.images, planned) / seconds)


def _subject(
    user: User, model: GenerationModel, tier: GpuTier, load: TrainingLoad
) -> list[str | int | float]:
    settings = load.settings
    shape = load.shape
    return [
        *(str(user.id), model.key, str(tier), shape.width, shape.steps, shape.batch_size),
        *(load.images, settings.rank, settings.preservation, settings.flip),
        *(settings.sample_every, len(settings.sample_prompts)),
    ]


def _expired() -> Conflict:
    return Conflict(
        _("This quote does not hold any more, or was for other settings; ask for a new one."),
        code=ErrorCode.QUOTE_EXPIRED,
    )
