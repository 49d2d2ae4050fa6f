"""Take requests for installs, and give them up."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.catalog.installs.sources import kind_of_source
from apps.catalog.installs.uploads import delete_parts
from apps.catalog.models import (
    KINDS_OF_USERS,
    OPEN_INSTALLS,
    InstallSource,
    InstallStatus,
    ModelInstall,
    access_of_family,
)
from apps.catalog.selectors import announced_bytes, list_installs, own_model_count
from apps.core.errors import Conflict, Forbidden, NotFound, TooLarge
from apps.plans.entitlements import Feature, check, decide, entitlements_of
from apps.plans.products import ModelAccess
from apps.plans.storage import used_bytes

# Of one user, those that wait included.
MOST_OPEN = 10


def request_install(
    *,
    user: User,
    source: str,
    wanted: Mapping[str, Any],
    expected_sha256: str = "",
    is_shared: bool = False,
) -> ModelInstall:
    """Ask for a model from a hub, an address or a bucket; a shared one in a service scope.

    Raises:
        Invalid: the source is no place that Easel installs from.
        Forbidden: the plan does not include such models, or its storage is full; or the source is
            for administrators.
        Conflict: the user has as many models, or open installs, as there may be.
    """
    kind = kind_of_source(source)
    if kind == InstallSource.S3 and not is_shared:
        raise Forbidden(_("Only administrators install from a bucket."))
    with transaction.atomic():
        if not is_shared:
            check_room(user=user, more_bytes=1, wanted=wanted)
        return ModelInstall.objects.create(
            user=user,
            source_kind=kind,
            source=source,
            wanted=dict(wanted),
            expected_sha256=expected_sha256.lower(),
            is_shared=is_shared,
        )


def request_upload(
    *,
    user: User,
    file_name: str,
    size: int,
    wanted: Mapping[str, Any],
    expected_sha256: str = "",
    is_shared: bool = False,
) -> ModelInstall:
    """Announce an upload of `size` bytes, whose parts follow; raises as `request_install`.

    Raises:
        TooLarge: it is larger than any model may be.
    """
    if size > settings.EASEL_INSTALL_MAX_BYTES:
        raise TooLarge(
            _("The file is larger than a model may be."), limit=settings.EASEL_INSTALL_MAX_BYTES
        )
    with transaction.atomic():
        if not is_shared:
            check_room(user=user, more_bytes=size, wanted=wanted)
        return ModelInstall.objects.create(
            user=user,
            source_kind=InstallSource.UPLOAD,
            source="upload",
            file_name=file_name,
            total_bytes=size,
            status=InstallStatus.UPLOADING,
            wanted=dict(wanted),
            expected_sha256=expected_sha256.lower(),
            is_shared=is_shared,
        )


def cancel_install(*, user: User, install_id: uuid.UUID) -> ModelInstall:
    """Give an install up; one that has ended stays as it is. Whoever makes it stops.

    Raises:
        NotFound: `user` has no such install.
    """
    with transaction.atomic():
        install = list_installs(user=user).select_for_update().filter(id=install_id).first()
        if install is None:
            raise NotFound
        if install.status in OPEN_INSTALLS:
            is_made = install.status == InstallStatus.RUNNING
            install.status = InstallStatus.CANCELLED
            install.finished_at, install.lease_until = timezone.now(), None
            install.save(update_fields=["status", "finished_at", "lease_until"])
            if not is_made:
                # Else they would lie there, uncounted, until they are swept.
                transaction.on_commit(lambda: delete_parts(install))
    return install


def check_room(
    *,
    user: User,
    more_bytes: int,
    wanted: Mapping[str, Any],
    more_models: int = 1,
    is_new: bool = True,
) -> None:
    """Refuse what the plan of `user` has no room for; one at a time of a user.

    `is_new` is an install that is only asked for, so that open ones count, and what they announce.

    Raises:
        Forbidden: the plan does not include such models, or its storage is full.
        Conflict: the user has as many models, or open installs, as there may be.
    """
    wait_for_others(user.id)
    has = entitlements_of(user_id=user.id)
    check(decide(has, feature=Feature.GENERATION))
    check(decide(has, feature=Feature.MODEL, access=access_needed(wanted)))
    used = used_bytes(user_id=user.id) + (announced_bytes(user=user) if is_new else 0)
    check(decide(has, feature=Feature.STORAGE, used_bytes=used + more_bytes))
    limit = settings.EASEL_OWN_MODELS_MAX
    open_count = list_installs(user=user).filter(status__in=sorted(OPEN_INSTALLS)).count()
    waiting = open_count if is_new else 0
    if own_model_count(user_id=user.id) + waiting + more_models > limit:
        raise Conflict(
            _("You have as many models of your own as there may be. Delete one first."), limit=limit
        )
    if waiting >= MOST_OPEN:
        raise Conflict(_("Wait until one of your installs has ended."), limit=MOST_OPEN)


def access_needed(wanted: Mapping[str, Any]) -> ModelAccess:
    """Return what a plan must include for an own model of this kind and family.

    Weights of one's own are for Enterprise, but LoRAs and embeddings for all who have the family.
    What is not said yet is looked at again when it is known.
    """
    kind = wanted.get("kind")
    if kind and kind not in KINDS_OF_USERS:
        return ModelAccess.FULL
    return access_of_family(str(wanted.get("base") or ""))


def wait_for_others(user_id: uuid.UUID) -> None:
    """Be the only one until the end of the transaction who takes room for models of a user."""
    # Two at once would each see the room that there is for one.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"models:{user_id}"]
        )
