"""Writes on sets of pictures to learn from."""

import uuid
from collections.abc import Mapping, Sequence

from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.core.errors import Conflict, Invalid, NotFound
from apps.images.models import Image
from apps.plans.entitlements import Feature, require
from apps.training.models import (
    MAX_PICTURES,
    MAX_SETS,
    TrainingPicture,
    TrainingSet,
)
from apps.training.selectors import get_set, list_pictures, suggested_caption


def create_set(*, user: User, name: str) -> TrainingSet:
    """Make an empty set.

    Raises:
        Forbidden: the plan of `user` has no training.
        Conflict: `user` has as many sets as one may have.
    """
    require_training(user)
    with transaction.atomic():
        _wait_for_others(user)
        if TrainingSet.objects.filter(user=user).count() >= MAX_SETS:
            raise Conflict(
                _("You have as many sets as there may be. Delete one first."), limit=MAX_SETS
            )
        made = TrainingSet.objects.create(user=user, name=name)
    return get_set(user=user, set_id=made.id)


def rename_set(*, user: User, set_id: uuid.UUID, name: str) -> TrainingSet:
    """Give a set another name.

    Raises:
        NotFound: `user` has no such set.
    """
    TrainingSet.objects.filter(user=user, id=set_id).update(name=name)
    return get_set(user=user, set_id=set_id)


def delete_set(*, user: User, set_id: uuid.UUID) -> None:
    """Delete a set; its pictures stay in the gallery, and what was trained from it stays too.

    Raises:
        NotFound: `user` has no such set.
    """
    with transaction.atomic():
        found = TrainingSet.objects.filter(user=user, id=set_id).select_for_update().first()
        if found is None:
            raise NotFound
        found.delete()


def add_pictures(
    *, user: User, set_id: uuid.UUID, names: Sequence[uuid.UUID]
) -> list[TrainingPicture]:
    """Put pictures at the end of a set; return those that are new in it.

    A caption begins as the prompt that its picture was made with. A picture that is in the set
    already stays as it is.

    Raises:
        Forbidden: the plan of `user` has no training.
        NotFound: `user` has no such set.
        Invalid: a picture is not there.
        Conflict: there would be more than a set may have.
    """
    require_training(user)
    with transaction.atomic():
        _locked(user, set_id)
        images = _images(user, names)
        rows = TrainingPicture.objects.filter(user=user, training_set=set_id)
        known = set(rows.values_list("image_id", flat=True))
        new = [images[name] for name in dict.fromkeys(names) if images[name].id not in known]
        if len(known) + len(new) > MAX_PICTURES:
            raise Conflict(
                _("A set has at most %(limit)d pictures.") % {"limit": MAX_PICTURES},
                limit=MAX_PICTURES,
                used=len(known),
            )
        last = rows.aggregate(last=Max("position"))["last"] or 0
        return TrainingPicture.objects.bulk_create(
            TrainingPicture(
                user=user,
                training_set_id=set_id,
                image=image,
                caption=suggested_caption(image),
                position=last + number,
            )
            for number, image in enumerate(new, start=1)
        )


def write_captions(*, user: User, set_id: uuid.UUID, captions: Mapping[uuid.UUID, str]) -> int:
    """Give pictures of a set, by their names, other captions; return how many are in it.

    Raises:
        NotFound: `user` has no such set.
        Invalid: a picture is not in it.
    """
    with transaction.atomic():
        _locked(user, set_id)
        rows = _rows(user, set_id, list(captions), field="captions")
        for name, row in rows.items():
            row.caption = captions[name]
        TrainingPicture.objects.bulk_update(rows.values(), ["caption"])
    return len(rows)


def order_pictures(*, user: User, set_id: uuid.UUID, names: Sequence[uuid.UUID]) -> None:
    """Put the named pictures first, in this order; the others follow in theirs.

    Raises:
        NotFound: `user` has no such set.
        Invalid: a picture is not in it.
    """
    with transaction.atomic():
        _locked(user, set_id)
        named = _rows(user, set_id, names, field="order")
        first = [named[name] for name in dict.fromkeys(names)]
        moved = {row.id for row in first}
        rest = [row for row in list_pictures(user=user, set_id=set_id) if row.id not in moved]
        for position, row in enumerate([*first, *rest], start=1):
            row.position = position
        TrainingPicture.objects.bulk_update([*first, *rest], ["position"])


def remove_pictures(*, user: User, set_id: uuid.UUID, names: Sequence[uuid.UUID]) -> int:
    """Take pictures out of a set, those that are in it; return how many.

    Raises:
        NotFound: `user` has no such set.
    """
    with transaction.atomic():
        _locked(user, set_id)
        own = TrainingPicture.objects.filter(user=user, training_set=set_id)
        removed, _rows_by_model = own.filter(image__image_name__in=names).delete()
    return removed


def require_training(user: User) -> None:
    """Do nothing if `user` may train LoRAs.

    Raises:
        Forbidden: the plan does not include it; with the smallest one that does.
    """
    require(user_id=user.id, feature=Feature.LORA_TRAINING)


def _locked(user: User, set_id: uuid.UUID) -> None:
    if TrainingSet.objects.filter(user=user, id=set_id).select_for_update().first() is None:
        raise NotFound


def _images(user: User, names: Sequence[uuid.UUID]) -> dict[uuid.UUID, Image]:
    own = Image.objects.filter(user=user, image_name__in=names, deleted_at=None)
    found = {image.image_name: image for image in own.defer("workflow", "graph")}
    if not set(names) <= found.keys():
        raise Invalid(fields={"images": [_("You have no picture of this name.")]})
    return found


def _rows(
    user: User, set_id: uuid.UUID, names: Sequence[uuid.UUID], *, field: str
) -> dict[uuid.UUID, TrainingPicture]:
    own = list_pictures(user=user, set_id=set_id).filter(image__image_name__in=names)
    found = {row.image.image_name: row for row in own}
    if not set(names) <= found.keys():
        raise Invalid(fields={field: [_("There is no picture of this name in the set.")]})
    return found


def _wait_for_others(user: User) -> None:
    # Two at once would each see the room that there is for one.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"training:{user.id}"]
        )
