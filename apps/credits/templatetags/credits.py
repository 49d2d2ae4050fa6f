"""Credits of a user, for pages of staff."""

import uuid

from django import template

from apps.credits.selectors import Balance, read_balance

register = template.Library()


@register.simple_tag
def credits_of(user_id: uuid.UUID) -> Balance:
    """Return the credits of a user as the books have them."""
    return read_balance(user_id=user_id)
