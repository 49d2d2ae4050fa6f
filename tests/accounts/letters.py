"""Mails as the person who gets them sees them."""

import re
from email import message_from_bytes
from pathlib import Path
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


def newest_written_letter(directory: Path) -> str:
    """Read the text of the newest mail that a process wrote to `directory`."""
    newest = max(directory.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    letter = message_from_bytes(newest.read_bytes().split(b"-" * 79)[-2].lstrip())
    text = next(part for part in letter.walk() if not part.is_multipart())
    body = text.get_payload(decode=True)
    assert isinstance(body, bytes)
    return body.decode()
