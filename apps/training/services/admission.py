"""Admit trainings: what a plan lets begin, how many at once, and the job with its hold."""

from collections.abc import Sequence
from dataclasses import replace

from django.conf import settings
from django.utils.translation import gettext as _

from apps.accounts.models import ApiKey, User
from apps.catalog.installs.requests import check_room, wait_for_others
from apps.catalog.models import GenerationModel, ModelKind
from apps.catalog.services import check_licence
from apps.core.errors import Conflict, ErrorCode, Invalid
from apps.credits.costs import Quote
from apps.credits.selectors import holds_of_jobs
from apps.generation.content import check_words
from apps.generation.models import TERMINAL_STATES, Job, JobKind
from apps.generation.parameters import GenerationParameters
from apps.generation.placing import tier_for
from apps.generation.services.jobs import accept_work
from apps.plans.entitlements import Entitlements, Feature, check, decide, require
from apps.plans.products import ModelAccess
from apps.plans.tiers import GpuTier
from apps.training.models import TrainingRun
from apps.training.quotes import TrainingLoad, credits_of_token, quote_training
from apps.training.selectors import list_bases
from gpu_tasks.training.lora.settings import TrainingSettings

# What a LoRA of a large model takes; the file itself is counted once it is there.
_EXPECTED_BYTES = 64 * 1024**2


def find_base(*, user: User, key: str | None) -> GenerationModel:
    """Return the model that a training is to learn upon; the first that can be without a key.

    Raises:
        Invalid: there is none.
    """
    bases = list_bases(user=user)
    found = next((model for model in bases if key in (None, model.key)), None)
    if found is None:
        message = _("There is no such model, or LoRAs cannot be trained for it.")
        raise Invalid(fields={"model": [message]})
    return found


def admit_models(
    *, user: User, model: GenerationModel, settings: TrainingSettings, captions: Sequence[str]
) -> Entitlements:
    """Return what the plan of `user` has, if it has such a training.

    Raises:
        Forbidden: it is paused, or lacks training or the model; or a caption or prompt has a
            blocked phrase.
    """
    has = require(user_id=user.id, feature=Feature.LORA_TRAINING)
    check(decide(has, feature=Feature.GENERATION))
    check(decide(has, feature=Feature.MODEL, access=ModelAccess(model.access)))
    check_licence(model)
    plain = _sketch(model, settings, prompt="")
    texts = [*captions, *settings.sample_prompts, settings.trigger]
    check_words(replace(plain, prompt=text) for text in texts)
    return has


def check_places(*, user: User, model: GenerationModel) -> None:
    """Do nothing if `user` may have one more open training; within the transaction of its job.

    Raises:
        Forbidden: there is no storage left for what comes of it.
        Conflict: there are as many open trainings, or models of one's own, as may be.
    """
    # Of two requests at once the second sees the first. What open trainings are to leave counts
    # as if it were there.
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


def accept_training(
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
    """Accept the job of a training and hold its quote, which is that of `token` if there is one.

    Raises:
        PaymentRequired: fewer credits are available than the quote.
        Conflict: the quote is above the cap of the training or has expired; or what `accept_work`
            raises.
    """
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
