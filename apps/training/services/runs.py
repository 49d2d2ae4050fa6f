"""Begin trainings, try them again, cancel them."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import ApiKey, User
from apps.catalog.installs.requests import check_room, wait_for_others
from apps.catalog.models import GenerationModel, ModelKind
from apps.catalog.services import check_licence
from apps.core.errors import Conflict, ErrorCode, Invalid
from apps.credits.costs import Quote
from apps.credits.selectors import holds_of_jobs
from apps.generation.content import check_words
from apps.generation.failures import can_be_tried_again
from apps.generation.models import TERMINAL_STATES, Job, JobKind, JobState
from apps.generation.parameters import GenerationParameters
from apps.generation.placing import tier_for
from apps.generation.quotes import BindingQuote
from apps.generation.services.jobs import accept_work, cancel_job, earlier_job
from apps.images.selectors import missing_images
from apps.plans.entitlements import Entitlements, Feature, check, decide, require
from apps.plans.products import ModelAccess
from apps.plans.tiers import GpuTier
from apps.training.models import LEAST_PICTURES, MAX_NAME_LENGTH, TrainingPicture, TrainingRun
from apps.training.quotes import TrainingLoad, credits_of_token, quote_training
from apps.training.requests import complete_settings
from apps.training.selectors import get_run, get_set, list_bases, list_pictures
from apps.training.services.checkpoints import forget_checkpoint, forget_samples
from gpu_tasks.training.lora.settings import TrainingSettings

# What a LoRA of a large model takes; the file itself is counted once it is there.
_EXPECTED_BYTES = 64 * 1024**2


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
    model = _model(user, values.pop("model", None))
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
        _check_room(user=user, model=order.model)
        job = _accept(
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


def quote_retry(*, user: User, run_id: uuid.UUID) -> Quote:
    """Quote what is left of a training, as `retry_run` would now.

    Raises:
        NotFound: `user` has no such training.
        Forbidden: the plan of `user` has no training.
        Invalid: its model is gone.
    """
    run = get_run(user=user, run_id=run_id)
    model = _model(user, run.base_model)
    load = TrainingLoad(
        settings=TrainingSettings.from_dict(run.settings),
        images=len(run.pictures),
        done_steps=run.checkpoint_step,
    )
    has = require(user_id=user.id, feature=Feature.LORA_TRAINING)
    tier = tier_for(model.base, at_least=has.plan.gpu_tier)
    return quote_training(user=user, model=model, tier=tier, load=load).quote


def retry_run(
    *,
    user: User,
    run_id: uuid.UUID,
    idempotency_key: str | None = None,
    api_key: ApiKey | None = None,
) -> TrainingRun:
    """Go on with a training that failed or was cancelled, from its last checkpoint if there is one.

    It is another job, quoted as of now for the steps that are left. `max_credits` is for all jobs
    of the training together.

    Raises:
        NotFound: `user` has no such training.
        Conflict: it has neither failed nor been cancelled; or it diverged, and would again.
        EaselError: what `start_run` raises.
    """
    digest = f"training:{run_id}"
    earlier = earlier_job(user=user, key=idempotency_key, digest=digest)
    if earlier is not None:
        return get_run(user=user, run_id=run_id)
    run = get_run(user=user, run_id=run_id)
    settings = TrainingSettings.from_dict(run.settings)
    model = _model(user, run.base_model)
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
        has = _admit_models(user=user, model=model, settings=settings, captions=_captions(run))
        _check_room(user=user, model=model)
        job = _accept(
            run,
            user=user,
            model=model,
            load=TrainingLoad(
                settings=settings, images=len(run.pictures), done_steps=run.checkpoint_step
            ),
            has=has,
            token=None,
            idempotency_key=idempotency_key,
            digest=digest,
            api_key=api_key,
        )
        run.job_id, run.attempt, run.step = job.id, 0, run.checkpoint_step
        run.losses = [point for point in run.losses if point[0] <= run.checkpoint_step]
        run.save(update_fields=["job_id", "attempt", "step", "losses"])
        forget_samples(run, beyond=run.checkpoint_step)
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


def _model(user: User, key: str | None) -> GenerationModel:
    bases = list_bases(user=user)
    found = next((model for model in bases if key in (None, model.key)), None)
    if found is None:
        message = _("There is no such model, or LoRAs cannot be trained for it.")
        raise Invalid(fields={"model": [message]})
    return found


def _admit(*, user: User, order: TrainingOrder) -> Entitlements:
    has = _admit_models(
        user=user,
        model=order.model,
        settings=order.settings,
        captions=[picture.caption for picture in order.pictures],
    )
    if len(order.pictures) < LEAST_PICTURES:
        message = _("A training needs at least %(least)d pictures.") % {"least": LEAST_PICTURES}
        raise Invalid(fields={"set": [message]})
    return has


def _admit_models(
    *, user: User, model: GenerationModel, settings: TrainingSettings, captions: Sequence[str]
) -> Entitlements:
    has = require(user_id=user.id, feature=Feature.LORA_TRAINING)
    check(decide(has, feature=Feature.GENERATION))
    check(decide(has, feature=Feature.MODEL, access=ModelAccess(model.access)))
    check_licence(model)
    plain = _sketch(model, settings, prompt="")
    texts = [*captions, *settings.sample_prompts, settings.trigger]
    check_words(replace(plain, prompt=text) for text in texts)
    return has


def _check_room(*, user: User, model: GenerationModel) -> None:
    # Within the transaction that inserts the job: of two requests at once the second sees the
    # first. What open trainings are to leave counts as if it were there.
    wait_for_others(user.id)
    jobs = Job.objects.filter(user=user, kind=JobKind.TRAINING)
    open_count = jobs.exclude(state__in=sorted(TERMINAL_STATES)).count()
    limit = settings.EASEL_OPEN_TRAININGS_MAX
    if open_count >= limit:
        raise Conflict(
            _("There may be %(limit)d trainings at once. Wait until one has ended, or cancel one.")
            % {"limit": limit},
            limit=limit,
            open=open_count,
        )
    check_room(
        user=user,
        more_bytes=_EXPECTED_BYTES * (open_count + 1),
        more_models=open_count + 1,
        wanted={"kind": ModelKind.LORA, "base": model.base},
    )


def _check_cap(run: TrainingRun, quote: Quote) -> None:
    if run.max_credits is None:
        return
    jobs = Job.objects.filter(user=run.user_id, kind=JobKind.TRAINING, work__run=str(run.id))
    holds = holds_of_jobs(user_id=run.user_id, job_ids=jobs.values_list("id", flat=True))
    spent = sum(hold.charged or 0 for hold in holds.values())
    required = quote.credits + spent
    if required <= run.max_credits:
        return
    text = (
        _(
            "With the %(spent)d credits that it has cost so far this is quoted %(required)d "
            "credits, more than the %(limit)d that you allow."
        )
        if spent
        else _("This is quoted %(required)d credits, more than the %(limit)d that you allow.")
    )
    raise Conflict(
        text % {"required": required, "limit": run.max_credits, "spent": spent},
        code=ErrorCode.QUOTE_ABOVE_CAP,
        required=required,
        limit=run.max_credits,
    )


def _accept(
    run: TrainingRun,
    *,
    user: User,
    model: GenerationModel,
    load: TrainingLoad,
    has: Entitlements,
    token: str | None,
    idempotency_key: str | None,
    digest: str,
    api_key: ApiKey | None,
) -> Job:
    tier = tier_for(model.base, at_least=has.plan.gpu_tier)
    quote = _binding(user=user, model=model, tier=tier, load=load, token=token)
    _check_cap(run, quote)
    return accept_work(
        user=user,
        kind=JobKind.TRAINING,
        work={
            "run": str(run.id),
            "models": [model.key],
            "pictures": [str(name) for name in run.picture_names],
        },
        model=model,
        sketch=_sketch(model, load.settings, prompt=run.name),
        tier=tier,
        parallel_limit=has.plan.parallel_queues,
        quote=quote,
        idempotency_key=idempotency_key,
        digest=digest,
        api_key=api_key,
    )


def _binding(
    *, user: User, model: GenerationModel, tier: GpuTier, load: TrainingLoad, token: str | None
) -> Quote:
    quote = quote_training(user=user, model=model, tier=tier, load=load).quote
    if token is None:
        return quote
    promised = credits_of_token(token, user=user, model=model, tier=tier, load=load)
    return replace(quote, credits=promised)


def _sketch(
    model: GenerationModel, settings: TrainingSettings, *, prompt: str
) -> GenerationParameters:
    return GenerationParameters(
        prompt=prompt,
        negative_prompt="",
        width=settings.resolution,
        height=settings.resolution,
        steps=settings.steps,
        guidance_scale=model.default_guidance,
        scheduler=model.default_scheduler,
        seed=settings.seed,
        num_images=1,
        init_image=None,
        strength=None,
    )


def _captions(run: TrainingRun) -> list[str]:
    return [picture["caption"] for picture in run.pictures]


def _run_id(job: Job) -> uuid.UUID:
    if job.kind != JobKind.TRAINING or job.work is None:
        raise Conflict(
            _("This Idempotency-Key was used for another request; choose a new one."),
            code=ErrorCode.IDEMPOTENCY_CONFLICT,
        )
    return uuid.UUID(job.work["run"])
