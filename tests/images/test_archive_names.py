"""Names of files in a zip: readable, each once, and good on every system."""

import unicodedata
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.images.archives import MOST_BYTES, MOST_CHARACTERS, file_name
from apps.images.listed import ListedImage

NAME = uuid.UUID("3f9c0000-1111-4222-8333-444455556666")
DAY = datetime(2026, 11, 26, 23, 30, tzinfo=UTC)


def name_of(prompt: Any, *, taken: set[str] | None = None, image_name: uuid.UUID = NAME) -> str:
    facts: dict[str, Any] = dict.fromkeys(ListedImage._fields)
    facts |= {"image_name": image_name, "created_at": DAY, "metadata": {"prompt": prompt}}
    image = ListedImage(**facts)
    return file_name(image, suffix="png", taken=set() if taken is None else taken)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a red circle", "a red circle "),
        ("", ""),
        (None, "None "),
        ("../../etc/passwd", ".. .. etc passwd "),
        ("C:\\Windows\\x", "C Windows x "),
        ('a<b>c:d"e|f?g*h', "a b c d e f g h "),
        ("a\nb\tc\x00d\x1be", "a b c d e "),
        ("invoice\u202egnp.exe", "invoice gnp.exe "),
        ("\ud800 lone", "lone "),
        ("빨간 원", "빨간 원 "),
        (unicodedata.normalize("NFD", "빨간 원"), "빨간 원 "),
        ("café (50 %), #1", "café (50 %), #1 "),
    ],
)
def test_a_name_has_the_day_the_prompt_and_digits(prompt: Any, words: str) -> None:
    assert name_of(prompt) == f"2026-11-26 {words}3f9c.png"


@pytest.mark.parametrize("prompt", ["long words " * 50, "바다" * 200, "🎨" * 200, "𠀀" * 200])
def test_a_long_prompt_is_cut(prompt: str) -> None:
    name = name_of(prompt)

    assert len(name) <= MOST_CHARACTERS
    assert len(name.encode()) <= MOST_BYTES
    assert name.endswith(" 3f9c.png")
    assert "  " not in name


def test_each_name_is_there_once_also_where_case_does_not_count() -> None:
    taken: set[str] = set()
    others = [uuid.UUID(int=NAME.int + number) for number in range(3)]

    names = [name_of("A", taken=taken, image_name=others[0])]
    names += [name_of("a", taken=taken, image_name=other) for other in others[1:]]

    assert names == [
        "2026-11-26 A 3f9c.png",
        "2026-11-26 a 3f9c0000.png",
        f"2026-11-26 a {others[2].hex}.png",
    ]
