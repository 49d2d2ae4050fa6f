"""Addresses and words of a picture, for templates."""

from django import template
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.images.models import Image

register = template.Library()


@register.simple_tag
def thumbnail_url(image: Image, size: int) -> str:
    """Return the address of the WebP whose longest side is `size` pixels."""
    return reverse("image-thumbnail", args=[image.image_name, size])


@register.simple_tag
def full_url(image: Image) -> str:
    """Return the address of the PNG."""
    return reverse("image-full", args=[image.image_name])


@register.filter
def picture_title(image: Image) -> str:
    """Return the words for a picture: its prompt, or what it is."""
    prompt = image.metadata.get("prompt")
    return str(prompt) if prompt else _("Uploaded picture")
