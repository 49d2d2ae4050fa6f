"""Addresses, words and numbers, for templates."""

import uuid
from typing import Any

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.credits.selectors import Balance, balance_of
from apps.dashboard.selectors import Banner
from apps.dashboard.selectors import plan_banner as banner_of
from apps.images.addresses import PictureAddresses, addresses_for
from apps.images.listed import ListedImage
from apps.images.models import Image
from apps.images.placeholders import placeholder_url

register = template.Library()
_ADDRESSES = "picture_addresses"


@register.simple_tag(takes_context=True)
def thumbnail_url(context: template.Context, image: Image | ListedImage, size: int) -> str:
    """Return the address of the WebP whose longest side is `size` pixels."""
    return cover_url(context, image.user_id, image.image_name, size)


@register.simple_tag(takes_context=True)
def cover_url(
    context: template.Context, user_id: uuid.UUID, image_name: uuid.UUID, size: int
) -> str:
    """Return the address of the WebP of a picture of which the name and the owner are known."""
    addresses = _addresses(context)
    return addresses.thumbnail(user_id=user_id, image_name=image_name, size=size)


@register.filter
def colours(image: Image | ListedImage) -> str:
    """Return a tiny picture of an image's colours, to be seen until its thumbnail is there."""
    return placeholder_url(image.placeholder)


@register.simple_tag(takes_context=True)
def plan_banner(context: template.Context) -> Banner | None:
    """Return what the page tells of the plan of its user, if anything."""
    user: Any = context["request"].user
    return banner_of(user=user) if isinstance(user, User) else None


@register.simple_tag(takes_context=True)
def full_url(context: template.Context, image: Image | ListedImage) -> str:
    """Return the address of the PNG."""
    return _addresses(context).full(user_id=image.user_id, image_name=image.image_name)


def _addresses(context: template.Context) -> PictureAddresses:
    # A page shows hundreds of pictures to one reader.
    found: PictureAddresses | None = context.render_context.get(_ADDRESSES)
    if found is None:
        found = addresses_for(context.get("request"))
        context.render_context[_ADDRESSES] = found
    return found


@register.filter
def picture_title(image: Image | ListedImage) -> str:
    """Return the words for a picture: its prompt, or what it is."""
    prompt = image.metadata.get("prompt")
    return str(prompt) if prompt else _("Uploaded picture")


@register.simple_tag
def balance_shown(user: User) -> Balance:
    """Return the credits of who is signed in, as shown; mostly from the cache."""
    return balance_of(user_id=user.id)


@register.filter
def whole(number: int | None) -> str:
    """Write a number of credits or pictures; a dash where there is none."""
    return "–" if number is None else number_format(number, force_grouping=True)


@register.filter
def seconds(number: float | None) -> str:
    """Write measured seconds."""
    return "–" if number is None else number_format(number, decimal_pos=1, force_grouping=True)
