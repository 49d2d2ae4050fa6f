"""Reads on presets and wildcards."""

import uuid

from django.db.models import OuterRef, Q, QuerySet, Subquery

from apps.accounts.models import User
from apps.core.errors import NotFound
from apps.images.models import Image
from apps.workflows.models import StylePreset, Wildcard


def list_presets(*, user: User) -> QuerySet[StylePreset]:
    """List the presets that `user` sees, own ones first, each by name, with their `cover`."""
    shown = Image.objects.filter(
        user=OuterRef("user"),
        image_name=OuterRef("cover_name"),
        deleted_at=None,
        is_intermediate=False,
    )
    presets = StylePreset.objects.filter(Q(user=user) | Q(user=None))
    # PostgreSQL has what is null last.
    return presets.annotate(cover=Subquery(shown.values("image_name")[:1])).order_by("user", "name")


def get_preset(*, user: User, preset_id: uuid.UUID) -> StylePreset:
    """Return a preset that `user` sees.

    Raises:
        NotFound: there is none.
    """
    preset = list_presets(user=user).filter(id=preset_id).first()
    if preset is None:
        raise NotFound
    return preset


def list_wildcards(*, user: User) -> QuerySet[Wildcard]:
    """List the wildcards of `user` by name."""
    return Wildcard.objects.filter(user=user).order_by("name")


def get_wildcard(*, user: User, wildcard_id: uuid.UUID) -> Wildcard:
    """Return a wildcard of `user`.

    Raises:
        NotFound: there is none.
    """
    wildcard = list_wildcards(user=user).filter(id=wildcard_id).first()
    if wildcard is None:
        raise NotFound
    return wildcard


def wildcard_table(*, user: User) -> dict[str, list[str]]:
    """Return the values of all wildcards of `user` by name."""
    return dict(list_wildcards(user=user).values_list("name", "values"))
