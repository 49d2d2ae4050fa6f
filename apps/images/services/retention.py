"""Delete the pictures of those who are on no plan any more, and tell them before.

Their files go as those of any picture that is deleted do (`purges`).
"""

import uuid

import structlog
from django.db.models import Exists, Model, OuterRef, Q

from apps.core.audit import record_act
from apps.core.models import Act
from apps.core.tenancy import service_scope
from apps.images.kept_lists import note_library_change
from apps.images.models import Image, StorageUse
from apps.plans.models import NoticeKind
from apps.plans.products import RETENTION_DAYS
from apps.plans.retention import (
    ended_plans_past_retention,
    ended_plans_to_announce,
    lock_end_of_plan,
    moment_text,
)
from apps.plans.services.notices import note

logger = structlog.get_logger(__name__)

USERS_A_SWEEP = 100
PICTURES_A_BATCH = 500
# Of whose rows users are told before they go; without that they would stay for good.
_MODELS: list[type[Model]] = [Image]


def register_what_goes(model: type[Model]) -> None:
    """Have the users of these rows told too, from an `AppConfig.ready()` of an app above this."""
    if model not in _MODELS:
        _MODELS.append(model)


def note_pictures_that_will_go() -> int:
    """Have the users told whose pictures go soon, since they are on no plan any more."""
    with service_scope("find pictures that go soon"):
        has_any = Q()
        for model in _MODELS:
            has_any |= Q(Exists(model._default_manager.filter(user=OuterRef("user"))))
        found = list(ended_plans_to_announce().filter(has_any)[:USERS_A_SWEEP])
    return sum(
        note(
            user_id=plan.user_id,
            kind=NoticeKind.PICTURES_WILL_GO,
            key=moment_text(plan.valid_until),
            facts={"plan": plan.plan},
        )
        for plan in found
        if plan.valid_until is not None
    )


def delete_pictures_past_retention() -> int:
    """Delete the pictures of users who are on no plan for too long; return how many."""
    with service_scope("find pictures past retention"):
        theirs = Image.objects.filter(user=OuterRef("user"))
        found = list(ended_plans_past_retention().filter(Exists(theirs))[:USERS_A_SWEEP])
    deleted = 0
    for plan in found:
        try:
            deleted += delete_all_of(user_id=plan.user_id)
        except Exception:
            # The others' turn comes all the same, and this one's again.
            logger.exception("retention_failed", user_id=str(plan.user_id))
    return deleted


def delete_all_of(*, user_id: uuid.UUID) -> int:
    """Delete all pictures of a user whose plan has ended, as long as that is so.

    A batch at a time, each looked at anew, so that it can stop anywhere and be called again.
    Returns how many were deleted.
    """
    deleted = 0
    while batch := _delete_some_of(user_id):
        deleted += batch
    if deleted:
        logger.info("pictures_deleted_past_retention", user_id=str(user_id), count=deleted)
    return deleted


def _delete_some_of(user_id: uuid.UUID) -> int:
    with service_scope("delete pictures past retention"):
        if not lock_end_of_plan(user_id=user_id) or not _lock_storage_use(user_id):
            return 0
        images = Image.objects.filter(user=user_id).order_by("created_at", "id")
        free = images.select_for_update(skip_locked=True, of=("self",))
        batch = list(free.values_list("id", flat=True)[:PICTURES_A_BATCH])
        if batch:
            note_library_change(user_id)
            Image.objects.filter(id__in=batch).delete()
            record_act(
                act=Act.IMAGE_DELETED,
                user_id=user_id,
                actor_id=None,
                target=f"{len(batch)} pictures, {RETENTION_DAYS} days after the end of the plan",
            )
    return len(batch)


def _lock_storage_use(user_id: uuid.UUID) -> bool:
    """Lock what the deletion counts down; an upload has it, and later wants what we have locked."""
    uses = StorageUse.objects.filter(user=user_id)
    free = uses.select_for_update(skip_locked=True, of=("self",)).values_list("id")
    return len(free) == uses.count()
