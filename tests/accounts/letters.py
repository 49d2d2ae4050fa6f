"""Mails as the person who gets them sees them."""

import re
from urllib.parse import urlsplit

from django.core import mail


def newest_letter(*, to: str) -> str:
    """Return the text of the newest mail, which must have gone to `to` alone."""
    letter = mail.outbox[-1]
    assert letter.to == [to]
    return str(letter.body)


def link_in(letter: str) -> str:
    """Return the path of the first link of `letter`, as a browser asks for it."""
    found = re.search(r"https?://\S+", letter)
    assert found is not None, letter
    return urlsplit(found[0]).path
