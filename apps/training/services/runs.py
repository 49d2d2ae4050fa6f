"""Begin trainings, cancel them, take them off the list."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import ApiKey, User
from apps.catalog.installs.requests import wait_for_others
from apps.catalog.models import GenerationModel
from apps.core.errors import Conflict, ErrorCode, Invalid
from apps.generation.models import TERMINAL_STATES, Job, JobKind, JobState
from apps.generation.placing import tier_for
from apps.generation.quotes import BindingQuote
from apps.generation.services.jobs import cancel_job, earlier_job
from apps.plans.entitlements import Entitlements, Feature, require
from apps.training.models import LEAST_PICTURES, MAX_NAME_LENGTH, TrainingPicture, TrainingRun
from apps.training.quotes import TrainingLoad, quote_training
from apps.training.requests import complete_settings
from apps.training.selectors import get_run, get_set, list_pictures
from apps.training.services.admission import (
    accept_training,
    admit_models,
    check_places,
    find_base,
)
from apps.training.services.checkpoints import forget_checkpoint
from gpu_tasks.training.lora.settings import TrainingSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOrder:
    """What a request asks for, with all that it names: found and checked, not accepted yet."""

    set_id: uuid.UUID
    set_name: str
    model: GenerationModel
    pictures: Sequence[TrainingPicture]
    settings: TrainingSettings

    @property
    def load(self) -> TrainingLoad:
        return TrainingLoad(settings=self.settings, images=len(self.pictures))


def draw_up_training(*, user: User, asked: Mapping[str, Any]) -> TrainingOrder:
    """Return what one validated request asks for; three queries.

    Raises:
        NotFound: `user` has no such set.
        Invalid: the model is not there or cannot be trained so; each field with what helps.
    """
    values = dict(asked)
    found = get_set(user=user, set_id=values.pop("set"))
    model = find_base(user=user, key=values.pop("model", None))
    pictures = list(list_pictures(user=user, set_id=found.id))
    settings = complete_settings(
        model=model, captions=[picture.caption for picture in pictures], asked=values
    )
    return TrainingOrder(
        set_id=found.id, set_name=found.name, model=model, pictures=pictures, settings=settings
    )


def quote_order(*, user: User, order: TrainingOrder) -> BindingQuote:
    """Quote what was drawn up, on the GPUs that it would run on for `user` now.

    Raises:
        Forbidden: the plan of `user` has no training.
    """
    has = require(user_id=user.id, feature=Feature.LORA_TRAINING)
    tier = tier_for(order.model.base, at_least=has.plan.gpu_tier)
    return quote_training(user=user, model=order.model, tier=tier, load=order.load)


def start_run(
    *,
    user: User,
    asked: Mapping[str, Any],
    name: str | None = None,
    max_credits: int | None = None,
    quote: str | None = None,
    idempotency_key: str | None = None,
    digest: str = "",
    api_key: ApiKey | None = None,
) -> TrainingRun:
    """Accept a training, hold what it was quoted, and wake a worker once both are committed.

    `asked` is a validated request, as `draw_up_training` takes it. The same `idempotency_key` with
    the same `digest` returns the training that it began before, whatever has changed since.
    `quote` is the token of one; without it the training is quoted now.

    Raises:
        NotFound: `user` has no such set.
        Forbidden: the plan is paused, lacks training or the model, or has no storage left; or a
            caption or prompt has a blocked phrase.
        Invalid: the set has too few pictures, or what `draw_up_training` raises.
        PaymentRequired: fewer credits are available than the quote.
        Conflict: the quote is above `max_credits` or has expired; too many jobs wait; there are
            as many open trainings, or models of one's own, as may be; or the key was used for
            another request.
    """
    earlier = earlier_job(user=user, key=idempotency_key, digest=digest)
    if earlier is not None:
        return get_run(user=user, run_id=_run_id(earlier))
    order = draw_up_training(user=user, asked=asked)
    has = _admit(user=user, order=order)
    run = TrainingRun(
        user=user,
        training_set_id=order.set_id,
        name=(name or order.set_name)[:MAX_NAME_LENGTH],
        base_model=order.model.key,
        settings=order.settings.as_dict(),
        pictures=[
            {"image": str(picture.image.image_name), "caption": picture.caption}
            for picture in order.pictures
        ],
        max_credits=max_credits,
    )
    with transaction.atomic():
        wait_for_others(user.id)
        earlier = earlier_job(user=user, key=idempotency_key, digest=digest)
        if earlier is not None:
            # Another request with the same key was faster.
            return get_run(user=user, run_id=_run_id(earlier))
        check_places(user=user, model=order.model)
        job = accept_training(
            run,
            user=user,
            model=order.model,
            load=order.load,
            has=has,
            token=quote,
            idempotency_key=idempotency_key,
            digest=digest,
            api_key=api_key,
        )
        run.job_id = job.id
        run.save(force_insert=True)
    return run


def cancel_run(*, user: User, run_id: uuid.UUID) -> TrainingRun:
    """Cancel a waiting training at once, ask a running one to stop; nothing of it is kept.

    Raises:
        NotFound: `user` has no such training.
    """
    run = get_run(user=user, run_id=run_id)
    with transaction.atomic():
        job = cancel_job(user=user, job_id=run.job_id)
        if job.state == JobState.CANCELLED:
            forget_checkpoint(run)
    return run


def delete_run(*, user: User, run_id: uuid.UUID) -> None:
    """Take an ended training off the list, with its samples; the LoRA and the receipts stay.

    Raises:
        NotFound: `user` has no such training.
        Conflict: it has not ended.
    """
    with transaction.atomic():
        run = get_run(user=user, run_id=run_id)
        if not Job.objects.filter(
            user=user, id=run.job_id, state__in=sorted(TERMINAL_STATES)
        ).exists():
            raise Conflict(_("Cancel this training first."))
        forget_checkpoint(run, samples=True)
        run.delete()


def _admit(*, user: User, order: TrainingOrder) -> Entitlements:
    has = admit_models(
        user=user,
        model=order.model,
        settings=order.settings,
        captions=[picture.caption for picture in order.pictures],
    )
    if len(order.pictures) < LEAST_PICTURES:
        message = _("A training needs at least %(least)d pictures.") % {"least": LEAST_PICTURES}
        raise Invalid(fields={"set": [message]})
    return has


def _run_id(job: Job) -> uuid.UUID:
    if job.kind != JobKind.TRAINING or job.work is None:
        raise Conflict(
            _("This Idempotency-Key was used for another request; choose a new one."),
            code=ErrorCode.IDEMPOTENCY_CONFLICT,
        )
    return uuid.UUID(job.work["run"])
