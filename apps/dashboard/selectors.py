"""What the pages show, read from the apps below."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.boards.models import Board
from apps.boards.selectors import board_names
from apps.catalog.serializers import render_models
from apps.credits.selectors import holds_of_jobs
from apps.dashboard.guide_facts import Fact, guide_facts
from apps.dashboard.workflow_selectors import has_own_document
from apps.images.models import Image, ImageOrigin
from apps.images.selectors import get_image, list_images, picture_counts
from apps.plans.entitlements import Feature, decide, entitlements_of, refusal
from apps.plans.products import TRIAL_NOTICE_DAYS, PlanType
from apps.plans.selectors import known_entitlements
from apps.providers.models import KeyOwner
from apps.providers.selectors import terms_of, usable_services
from gpu_tasks.providers.facts import ProviderName

_FACT_NAMES = {
    "negative_prompt": _("Negative prompt"),
    "model_name": _("Model"),
    "seed": _("Seed"),
    "steps": _("Steps"),
    "scheduler_name": _("Scheduler"),
    "guidance_scale": _("Guidance scale"),
    "strength": _("Strength"),
}


@dataclass(frozen=True, slots=True)
class Composer:
    """The models in the JSON form of the API, and why nothing is made, if so.

    `boards` are those a result can be put on; `is_first` says that there was no picture ever yet.
    `services` are the others that there is a key of, without which their models are left out; those
    models tell beside what the API does `credits_a_picture`, in their default size.
    """

    models: Sequence[dict[str, Any]]
    boards: Sequence[dict[str, str]]
    services: dict[str, dict[str, str]]
    is_first: bool
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Banner:
    """What is said on top of every page; `is_pause` says that nothing new is made."""

    text: str
    is_pause: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture with its facts and the names of its neighbours in the gallery.

    `cost` is what was charged for the job that made it, and perhaps others; `None` if none did.
    `opens` tells whether a workflow of Easel made it, which can be opened.
    """

    image: Image
    opens: bool
    cost: int | None
    facts: Sequence[Fact]
    boards: Sequence[Board]
    newer: uuid.UUID | None
    older: uuid.UUID | None


def composer_of(*, user: User) -> Composer:
    """Return what `user` can make pictures with; five queries."""
    has = entitlements_of(user_id=user.id)
    generation = decide(has, feature=Feature.GENERATION)
    counts = picture_counts(user_id=user.id)
    boards = board_names(user=user)
    services = usable_services(user_id=user.id)
    return Composer(
        models=[
            model | _price(model, services)
            for model in render_models(user=user, has=has)
            if model["provider"] is None or model["provider"] in services
        ],
        services=services,
        boards=[{"id": str(board.id), "name": board.name} for board in boards],
        is_first=counts["image_count"] + counts["trash_count"] == 0,
        refusal=None if generation.allowed else refusal(generation),
    )


def _price(model: Mapping[str, Any], services: Mapping[str, Mapping[str, str]]) -> dict[str, int]:
    if model["provider"] is None:
        return {}
    sizes = [(width, height) for width, height in model["sizes"]]
    usual = (model["default_width"], model["default_height"])
    own = [ProviderName(name) for name, one in services.items() if one["key_owner"] == KeyOwner.OWN]
    # The default size can be edited by staff; what has no price cannot be asked for.
    size = usual if usual in sizes else sizes[0]
    terms = terms_of(base=model["base"], size=size, looks=0, own=own)
    return {"credits_a_picture": terms.credits_a_picture}


def wants_first_steps(*, user: User) -> bool:
    """Say whether `user` is new here: no picture yet, and the first steps not closed."""
    return not user.first_steps_closed and not Image.objects.filter(user=user).exists()


def plan_banner(*, user: User) -> Banner | None:
    """Return what a page tells of the plan: a pause, or the end of the trial; at most one query."""
    has = known_entitlements(user_id=user.id)
    if has.pause is not None:
        return Banner(refusal(decide(has, feature=Feature.GENERATION)), is_pause=True)
    if has.plan.plan_type != PlanType.TRIAL or has.ends_at is None:
        return None
    if has.ends_at > timezone.now() + timedelta(days=TRIAL_NOTICE_DAYS):
        return None
    day = date_format(has.ends_at.astimezone(UTC), "DATE_FORMAT")
    return Banner(
        gettext("Your trial ends on %(date)s. Take a plan to go on after it.") % {"date": day},
        is_pause=False,
    )


def get_picture(*, user: User, image_name: uuid.UUID) -> Picture:
    """Return a picture of `user` with all that its page shows; at most six queries.

    Raises:
        NotFound: there is none of that name, or it is somebody else's.
    """
    image = get_image(user_id=user.id, image_name=image_name)
    images = list_images(user=user)
    newer = (
        images.filter(created_at__gte=image.created_at)
        .filter(Q(created_at__gt=image.created_at) | Q(id__gt=image.id))
        .order_by("created_at", "id")
    )
    older = _older_than(images, image.created_at, image.id)
    return Picture(
        image=image,
        opens=image.has_workflow and has_own_document(user=user, image_name=image_name),
        cost=_cost(image),
        facts=_facts(image),
        boards=list(board_names(user=user)),
        newer=newer.values_list("image_name", flat=True).first(),
        older=older.values_list("image_name", flat=True).first(),
    )


def _older_than(
    images: QuerySet[Image], created_at: datetime, image_id: uuid.UUID
) -> QuerySet[Image]:
    # The first condition alone lets the index on (user, created_at, id) start at the right row.
    return images.filter(created_at__lte=created_at).filter(
        Q(created_at__lt=created_at) | Q(id__lt=image_id)
    )


def _cost(image: Image) -> int | None:
    if image.session_id is None or image.image_origin != ImageOrigin.INTERNAL:
        return None
    hold = holds_of_jobs(user_id=image.user_id, job_ids=[image.session_id]).get(image.session_id)
    return None if hold is None else hold.charged


def _facts(image: Image) -> list[Fact]:
    metadata = image.metadata
    facts = [
        Fact(name, metadata[key])
        for key, name in _FACT_NAMES.items()
        if metadata.get(key) not in (None, "")
    ]
    facts += guide_facts(metadata)
    facts.append(Fact(_("Size"), f"{image.width} × {image.height}"))
    seconds = metadata.get("compute_seconds")
    if seconds is not None:
        facts.append(Fact(_("Seconds"), f"{float(seconds):.1f}"))
    return facts
