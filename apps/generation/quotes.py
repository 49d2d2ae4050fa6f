"""What a generation will cost at most, told before it is asked for."""

import uuid
from dataclasses import dataclass

from django.core import signing
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.catalog.models import PLANNED_SECONDS, GenerationModel
from apps.core.errors import Conflict, ErrorCode
from apps.credits.costs import Quote, Shape
from apps.credits.selectors import quote_shape
from apps.generation.parameters import GenerationParameters
from apps.plans.tiers import GpuTier

QUOTE_SECONDS = 10 * 60
_SALT = "easel.quote"


@dataclass(frozen=True, slots=True)
class BindingQuote:
    """A quote with the token by which a request holds us to it for `QUOTE_SECONDS`."""

    quote: Quote
    token: str


def shape_of(parameters: GenerationParameters) -> Shape:
    """Return what decides the cost of a generation; of a start picture only a part is denoised."""
    steps = parameters.steps
    if parameters.strength is not None:
        steps = max(int(steps * parameters.strength), 1)
    return Shape(parameters.width, parameters.height, steps, parameters.num_images)


def quote_generation(
    *, user: User, model: GenerationModel, tier: GpuTier, parameters: GenerationParameters
) -> BindingQuote:
    """Quote a generation of `user` on `tier`."""
    shape = shape_of(parameters)
    quote = quote_shape(
        model=model.key,
        tier=tier,
        shape=shape,
        planned_seconds=PLANNED_SECONDS[model.base],
    )
    token = signing.dumps([*_subject(user.id, model, tier, shape), quote.credits], salt=_SALT)
    return BindingQuote(quote=quote, token=token)


def credits_of_token(
    token: str, *, user: User, model: GenerationModel, tier: GpuTier, shape: Shape
) -> int:
    """Return the credits that were quoted under `token`.

    Raises:
        Conflict: it is too old, or was for something else; ask for a new quote.
    """
    try:
        *subject, credits = signing.loads(token, salt=_SALT, max_age=QUOTE_SECONDS)
    except signing.BadSignature as error:
        raise _expired() from error
    if subject != _subject(user.id, model, tier, shape):
        raise _expired()
    return int(credits)


def _subject(
    user_id: uuid.UUID, model: GenerationModel, tier: GpuTier, shape: Shape
) -> list[str | int]:
    size = (shape.width, shape.height, shape.steps, shape.batch_size)
    return [str(user_id), model.key, str(tier), *size]


def _expired() -> Conflict:
    return Conflict(
        _("This quote does not hold any more, or was for other settings; ask for a new one."),
        code=ErrorCode.QUOTE_EXPIRED,
    )
