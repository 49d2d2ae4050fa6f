"""Addresses, words and numbers, for templates."""

from typing import Any

from django import template
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.credits.selectors import Balance, balance_of
from apps.dashboard.selectors import Banner
from apps.dashboard.selectors import plan_banner as banner_of
from apps.images.listed import ListedImage
from apps.images.models import Image
from apps.images.placeholders import placeholder_url

register = template.Library()


@register.simple_tag
def thumbnail_url(image: Image, size: int) -> str:
    """Return the address of the WebP whose longest side is `size` pixels."""
    return reverse("image-thumbnail", args=[image.image_name, size])


@register.filter
def colours(image: Image | ListedImage) -> str:
    """Return a tiny picture of an image's colours, to be seen until its thumbnail is there."""
    return placeholder_url(image.placeholder)


@register.simple_tag(takes_context=True)
def plan_banner(context: template.Context) -> Banner | None:
    """Return what the page tells of the plan of its user, if anything."""
    user: Any = context["request"].user
    return banner_of(user=user) if isinstance(user, User) else None


@register.simple_tag
def full_url(image: Image | ListedImage) -> str:
    """Return the address of the PNG."""
    return reverse("image-full", args=[image.image_name])


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
