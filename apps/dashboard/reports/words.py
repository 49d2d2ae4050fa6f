"""Spans of time in words, for pages of staff."""

from django.utils.translation import gettext as _


def in_words(seconds: float) -> str:
    """Write a span as "42 s", "7 min", "3 h" or "5 d"."""
    for size, text in ((86_400, _("%(n)d d")), (3_600, _("%(n)d h")), (60, _("%(n)d min"))):
        # Two of a size, so that "1 h" never stands for nearly two.
        if seconds >= 2 * size:
            return text % {"n": int(seconds // size)}
    return _("%(n)d s") % {"n": int(max(seconds, 0))}
