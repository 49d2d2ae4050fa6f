"""Which models may be used here by their licence."""

import uuid

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.audit import record_act
from apps.core.errors import ErrorCode, Forbidden, Invalid
from apps.core.models import Act

LEAST_NOTE = 10
MOST_NOTE = 2000


def check_licence(model: GenerationModel) -> None:
    """Do nothing if `model` may be used here.

    Raises:
        Forbidden: its licence does not allow commercial use, and no other one is on record.
    """
    if not settings.EASEL_REQUIRE_COMMERCIAL_LICENSE:
        return
    if model.commercial_use or model.license_recorded_at is not None:
        return
    raise Forbidden(
        _(
            "The licence of “%(model)s” does not allow commercial use. It can be used here once "
            "an administrator has recorded a licence for it."
        )
        % {"model": model.name},
        code=ErrorCode.LICENSE_REQUIRED,
        model=model.key,
    )


def record_license(*, key: str, staff: User, note: str) -> GenerationModel:
    """Put on record that there is a licence for `key`, and which; in a service scope.

    Raises:
        Invalid: the note says nothing, or too much.
        GenerationModel.DoesNotExist: there is no such model.
    """
    note = note.strip()
    if not LEAST_NOTE <= len(note) <= MOST_NOTE:
        message = _(
            "Say which licence it is and where it is kept, in %(least)s to %(most)s characters."
        )
        raise Invalid(fields={"note": [message % {"least": LEAST_NOTE, "most": MOST_NOTE}]})
    return _record(key, staff=staff, by=staff.id, note=note)


def withdraw_license(*, key: str, staff: User) -> GenerationModel:
    """Take a recorded licence back: the model's own counts again; in a service scope.

    Raises:
        GenerationModel.DoesNotExist: there is no such model.
    """
    return _record(key, staff=staff, by=None, note="")


def _record(key: str, *, staff: User, by: uuid.UUID | None, note: str) -> GenerationModel:
    with transaction.atomic():
        model = GenerationModel.objects.select_for_update().get(key=key)
        model.license_recorded_by = by
        model.license_recorded_at = None if by is None else timezone.now()
        model.license_note = note
        model.save(update_fields=["license_recorded_by", "license_recorded_at", "license_note"])
        record_act(
            act=Act.LICENSE_WITHDRAWN if by is None else Act.LICENSE_RECORDED,
            user_id=model.user_id,
            actor_id=staff.id,
            target=model.key,
        )
    return model
