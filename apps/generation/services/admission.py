"""Whether what is asked for may be made for this user: plan, licences, pictures, words."""

import uuid
from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.catalog.services import check_licence
from apps.core.errors import ErrorCode, FieldMessages, Forbidden, Invalid
from apps.core.tenancy import tenant_scope
from apps.generation.content import check_words
from apps.generation.models import Job
from apps.generation.orders import Order
from apps.generation.parameters.add_ons import find_by_keys
from apps.generation.provided import is_provided
from apps.images.selectors import missing_images
from apps.plans.entitlements import Entitlements, Feature, check, decide, require
from apps.plans.products import ModelAccess
from apps.plans.storage import used_bytes


def admit(*, user: User, orders: Sequence[Order]) -> Entitlements:
    """Do nothing if all of `orders` may be made, and return what the plan gives.

    The number of queries is the same for any number of orders, models and pictures.

    Raises:
        Invalid: a picture or a model is not there.
        Forbidden: the plan is paused, lacks a model or other people's services, or has no storage
            left; or the licence of a model does not allow it; or a prompt has a blocked phrase.
    """
    check_words(order.parameters for order in orders)
    _check_pictures(user=user, orders=orders)
    models = _models_of(user=user, orders=orders)
    has = require(user_id=user.id, feature=Feature.GENERATION)
    if any(is_provided(order.model.base) for order in orders):
        check(decide(has, feature=Feature.THIRD_PARTY_API))
    for access in sorted({model.access for model in models}):
        check(decide(has, feature=Feature.MODEL, access=ModelAccess(access)))
    for model in models:
        check_licence(model)
    check(decide(has, feature=Feature.STORAGE, used_bytes=used_bytes(user_id=user.id) + 1))
    return has


def check_entitled(job: Job) -> dict[str, GenerationModel]:
    """Do nothing if the user of a claimed job may still have it made; return its other models.

    Raises:
        Forbidden: the plan has ended or was paused since, or does not include a model any more;
            or a model is gone, or its licence was withdrawn.
    """
    wanted = job.models_wanted
    with tenant_scope(job.user_id):
        has = require(user_id=job.user_id, feature=Feature.GENERATION)
        found = find_by_keys(user_id=job.user_id, keys=wanted)
    own = [job.model] if job.needs_model else []
    is_gone = any(model.deleted_at is not None or not model.is_enabled for model in own)
    if is_gone or not wanted <= found.keys():
        raise Forbidden(
            _("A model of this job has been deleted or switched off."), code=ErrorCode.MODEL_GONE
        )
    if any(is_provided(model.base) for model in own):
        check(decide(has, feature=Feature.THIRD_PARTY_API))
    for model in (*own, *(found[key] for key in wanted)):
        check_licence(model)
        check(decide(has, feature=Feature.MODEL, access=ModelAccess(model.access)))
    return found


def _models_of(*, user: User, orders: Sequence[Order]) -> list[GenerationModel]:
    """Return every model of `orders` once; one query where some are not known yet."""
    models: dict[str, GenerationModel] = {}
    wanted: set[str] = set()
    for order in orders:
        models |= {model.key: model for model in order.models}
        wanted |= {key for _field, key, _kinds in order.parameters.models_named()}
    missing = wanted - models.keys()
    if missing:
        found = find_by_keys(user_id=user.id, keys=missing)
        if not missing <= found.keys():
            raise Invalid(fields=_gone(orders, missing - found.keys()))
        models |= {key: found[key] for key in missing}
    return list(models.values())


def _gone(orders: Sequence[Order], keys: set[str]) -> FieldMessages:
    message = _("There is no such model, or it is switched off.")
    return {
        field: [message]
        for order in orders
        for field, key, _kinds in order.parameters.models_named()
        if key in keys
    }


def _check_pictures(*, user: User, orders: Sequence[Order]) -> None:
    named: Mapping[uuid.UUID, str] = {
        uuid.UUID(name): field
        for order in orders
        for field, name in order.parameters.pictures_named()
    }
    missing = missing_images(user_id=user.id, names=set(named))
    if missing:
        message = _("You have no picture of this name.")
        raise Invalid(fields={named[name]: [message] for name in missing})
