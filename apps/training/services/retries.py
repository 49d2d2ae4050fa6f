"""Go on with trainings that failed or were cancelled."""

import uuid

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import ApiKey, User
from apps.core.errors import Conflict
from apps.generation.failures import can_be_tried_again
from apps.generation.models import Job, JobState
from apps.generation.placing import tier_for
from apps.generation.services.jobs import earlier_job
from apps.images.selectors import missing_images
from apps.plans.entitlements import Feature, require
from apps.training.models import TrainingRun
from apps.training.quotes import RetryOffer, TrainingLoad, quote_training
from apps.training.selectors import get_run
from apps.training.services.admission import (
    accept_training,
    admit_models,
    check_places,
    find_base,
)
from apps.training.services.checkpoints import forget_samples
from gpu_tasks.training.lora.settings import TrainingSettings


def quote_retry(*, user: User, run_id: uuid.UUID) -> RetryOffer:
    """Quote what is left of a training, as `retry_run` would now.

    Raises:
        NotFound: `user` has no such training.
        Forbidden: the plan of `user` has no training.
        Invalid: its model is gone.
    """
    run = get_run(user=user, run_id=run_id)
    model = find_base(user=user, key=run.base_model)
    has = require(user_id=user.id, feature=Feature.LORA_TRAINING)
    tier = tier_for(model.base, at_least=has.plan.gpu_tier)
    binding = quote_training(user=user, model=model, tier=tier, load=_load(run))
    return RetryOffer(binding=binding, checkpoint_step=run.checkpoint_step)


def retry_run(
    *,
    user: User,
    run_id: uuid.UUID,
    quote: str | None = None,
    idempotency_key: str | None = None,
    api_key: ApiKey | None = None,
) -> TrainingRun:
    """Go on with a training that failed or was cancelled, from its last checkpoint if there is one.

    It is another job for the steps that are left. `quote` is the token of one for these; without it
    they are quoted now. `max_credits` is for all jobs of the training together.

    Raises:
        NotFound: `user` has no such training.
        Conflict: it has neither failed nor been cancelled; it diverged, and would again; or the
            quote does not hold any more, since it is too old or other steps are left.
        EaselError: what `start_run` raises.
    """
    digest = f"training:{run_id}"
    earlier = earlier_job(user=user, key=idempotency_key, digest=digest)
    if earlier is not None:
        return get_run(user=user, run_id=run_id)
    run = get_run(user=user, run_id=run_id)
    settings = TrainingSettings.from_dict(run.settings)
    model = find_base(user=user, key=run.base_model)
    with transaction.atomic():
        run = TrainingRun.objects.select_for_update().get(user=user, id=run.id)
        if earlier_job(user=user, key=idempotency_key, digest=digest) is not None:
            # Another request with the same key was faster.
            return run
        former = Job.objects.get(user=user, id=run.job_id)
        if former.state not in {JobState.FAILED, JobState.CANCELLED}:
            raise Conflict(_("Only a training that failed or was cancelled can be tried again."))
        if not can_be_tried_again(former):
            raise Conflict(
                _(
                    "This training would go wrong again; "
                    "begin another one with a lower learning rate."
                )
            )
        if missing_images(user_id=user.id, names=run.picture_names):
            raise Conflict(_("Pictures of this training were deleted; begin another one."))
        has = admit_models(user=user, model=model, settings=settings, captions=_captions(run))
        check_places(user=user, model=model)
        job = accept_training(
            run,
            user=user,
            model=model,
            load=_load(run),
            has=has,
            token=quote,
            idempotency_key=idempotency_key,
            digest=digest,
            api_key=api_key,
        )
        run.job_id, run.attempt, run.step = job.id, 0, run.checkpoint_step
        run.losses = [point for point in run.losses if point[0] <= run.checkpoint_step]
        run.save(update_fields=["job_id", "attempt", "step", "losses"])
        forget_samples(run, beyond=run.checkpoint_step)
    return run


def _load(run: TrainingRun) -> TrainingLoad:
    return TrainingLoad(
        settings=TrainingSettings.from_dict(run.settings),
        images=len(run.pictures),
        done_steps=run.checkpoint_step,
    )


def _captions(run: TrainingRun) -> list[str]:
    return [picture["caption"] for picture in run.pictures]
