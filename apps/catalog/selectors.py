"""Reads on the catalog."""

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.errors import Invalid


def list_models(*, user: User) -> QuerySet[GenerationModel]:
    """List the models that `user` can see, the default one first; plans decide about using them."""
    del user
    return GenerationModel.objects.filter(is_enabled=True)


def get_model(*, user: User, key: str | None) -> GenerationModel:
    """Return the model `key`, or the default one for `None`.

    Raises:
        Invalid: there is no such model for `user`.
    """
    models = list_models(user=user)
    model = models.filter(key=key).first() if key is not None else models.first()
    if model is None:
        raise Invalid(
            fields={"model": [_("There is no such model; GET /api/v1/models lists all.")]}
        )
    return model
