"""Korean says all that English does: every marked text is translated, and nothing is left over."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.pofile import read_po
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation.template import templatize

from config.messages import LOCALES
from tests.stack import ROOT

DOMAINS: Final = ("django", "djangojs")
MARKS: Final[dict[str, Any]] = {
    **DEFAULT_KEYWORDS,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
}
# What a translation takes over as it stands: values to be filled in, and tags.
FIXED: Final = re.compile(r"%\(\w+\)[a-z]|%[a-z%]|<[^>]+>")
# How a sentence ends in the formal tone; all of Easel speaks in the polite one (해요체).
FORMAL: Final = re.compile(r"니다|니까|십시오")


class Text(NamedTuple):
    """What stands for one text in the sources and in the catalogue."""

    context: str | None
    forms: tuple[str, ...]


def _text(context: str | None, forms: str | list[str] | tuple[str, ...]) -> Text:
    return Text(context, (forms,) if isinstance(forms, str) else tuple(forms))


def _sources(domain: str) -> Iterator[tuple[str, str, str]]:
    """Yield path, language and text of each file that may have something to translate."""
    folders = (
        {"static/js": "*.js"}
        if domain == "djangojs"
        else {"apps": "*.py", "config": "*.py", "templates": "*.*"}
    )
    for folder, pattern in folders.items():
        for file in sorted((ROOT / folder).rglob(pattern)):
            path, source = str(file.relative_to(ROOT)), file.read_text(encoding="utf-8")
            if folder == "templates":
                yield path, "python", templatize(source)
            else:
                yield path, "javascript" if domain == "djangojs" else "python", source


@cache
def marked(domain: str) -> dict[Text, list[str]]:
    """Return the marked texts with the places, `path:line`, where they stand."""
    found: dict[Text, list[str]] = defaultdict(list)
    for path, language, source in _sources(domain):
        options = {"parse_template_string": True} if language == "javascript" else {}
        lines = extract(language, BytesIO(source.encode()), MARKS, options=options)
        for line, forms, _comments, context in lines:
            found[_text(context, forms)].append(f"{path}:{line}")
    return found


def _file(domain: str) -> Path:
    return LOCALES / "ko" / "LC_MESSAGES" / f"{domain}.po"


@cache
def catalogue(domain: str) -> Catalog:
    with _file(domain).open("rb") as file:
        return read_po(file, locale="ko")


def translations(domain: str) -> dict[Text, Message]:
    return {_text(each.context, each.id): each for each in catalogue(domain) if each.id}


def _said(message: Message) -> tuple[str, ...]:
    said = message.string or ""
    return (said,) if isinstance(said, str) else tuple(said)


def _listed(lines: Sequence[object]) -> str:
    return "\n".join(["", *map(str, lines)])


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_text_is_translated(domain: str) -> None:
    korean = translations(domain)

    lacking = [
        f"{places[0]}: {text.forms[0]}"
        for text, places in marked(domain).items()
        if text not in korean or not all(_said(korean[text]))
    ]

    assert not lacking, _listed(lacking)


@pytest.mark.parametrize("domain", DOMAINS)
def test_no_translation_is_left_over_or_unsure(domain: str) -> None:
    korean = translations(domain)

    left_over = [text.forms[0] for text in korean if text not in marked(domain)]
    unsure = [text.forms[0] for text, message in korean.items() if message.fuzzy]
    obsolete = list(catalogue(domain).obsolete)

    assert not left_over, _listed(left_over)
    assert not unsure, _listed(unsure)
    assert not obsolete, _listed(obsolete)


@pytest.mark.parametrize("domain", DOMAINS)
def test_no_text_is_translated_twice(domain: str) -> None:
    written = re.findall(r"^msgid ", _file(domain).read_text(encoding="utf-8"), re.MULTILINE)

    assert len(written) == len(translations(domain)) + 1  # the head


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_translation_has_the_values_and_tags_of_its_original(domain: str) -> None:
    # Korean has one form, which stands for the plural too.
    wrong = [
        f"{text.forms[-1]} -> {said}"
        for text, message in translations(domain).items()
        for said in _said(message)
        if set(FIXED.findall(said)) != set(FIXED.findall(text.forms[-1]))
    ]

    assert not wrong, _listed(wrong)


@pytest.mark.parametrize("domain", DOMAINS)
def test_korean_has_one_tone(domain: str) -> None:
    formal = [
        said
        for message in translations(domain).values()
        for said in _said(message)
        if FORMAL.search(said)
    ]

    assert not formal, _listed(formal)


def test_a_time_is_written_as_in_korean() -> None:
    with translation.override("ko"):
        written = date_format(datetime(2026, 11, 26, 17, 5, tzinfo=UTC), "DATETIME_FORMAT")

    assert written == "2026년 11월 26일 오후 5:05"
