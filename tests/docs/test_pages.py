"""Every page: what it links to, names and has people type is there."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands
from django.urls import Resolver404, resolve

from apps.generation.management.gpu import gpu
from tests.docs.pages import (
    DOCS,
    PAGES,
    commands_of,
    name_of,
    prose,
    sources,
    text_of,
    typed,
    variables,
)
from tests.stack import ROOT

# Read by the tests and by the pipelines alone.
OF_OTHERS = {"EASEL_CHROMIUM", "EASEL_RELEASE_API_KEY", "EASEL_URL"}
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_PATH = re.compile(
    r"(?:apps|config|docs|gpu_tasks|requirements|static|templates|terraform|tests)/[\w./-]+"
)
_EVENT = re.compile(r"[a-z]+(?:_[a-z]+)+")
_RULE = re.compile(r"\|(?: *:?-+:? *\|)+")


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", t.lower()).strip().replace(" ", "-") for t in titles}


def leads_somewhere(page: Path, link: str) -> bool:
    name, _hash, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    return target.is_file() and (not anchor or anchor in anchors(target))


def test_links_lead_somewhere() -> None:
    assert ROOT / "README.ko.md" in PAGES
    links = [(page, link) for page in PAGES for link in _LINK.findall(prose(page))]
    ours = [(page, link) for page, link in links if not link.startswith(("https://", "mailto:"))]
    assert len(ours) > 200

    assert [(name_of(p), link) for p, link in ours if not leads_somewhere(p, link)] == []


def test_files_that_are_named_are_there() -> None:
    named = [(page, path) for page in PAGES for code in typed(page) for path in _PATH.findall(code)]
    assert len(named) > 200

    assert [
        (name_of(p), path) for p, path in named if not (ROOT / path.rstrip("./")).exists()
    ] == []


def first_words(program: str) -> list[tuple[str, str]]:
    return [(name_of(page), words[0]) for page in PAGES for words in commands_of(page, program)]


def unknown(named: Iterable[tuple[str, str]], known: Iterable[str]) -> list[tuple[str, str]]:
    return [(page, word) for page, word in named if word not in known]


def test_commands_of_django_exist() -> None:
    assert unknown(first_words(r"manage\.py"), get_commands()) == []


def test_commands_for_the_fleet_exist() -> None:
    known = set(gpu.commands)
    assert {"status", "drain", "resume"} <= known

    assert unknown(first_words("celery -A config gpu"), known) == []


def is_module(name: str) -> bool:
    place = ROOT / name.replace(".", "/")
    return place.with_suffix(".py").is_file() or (place / "__main__.py").is_file()


def test_modules_that_are_run_exist() -> None:
    named = [(page, name) for page, name in first_words("python -m") if name != "pytest"]

    assert [(page, name) for page, name in named if not is_module(name)] == []


def test_targets_of_make_exist() -> None:
    targets = re.findall(r"^([a-z][a-z-]*):", text_of(ROOT / "Makefile"), re.MULTILINE)
    assert {"up", "test", "lint"} <= set(targets)
    named = [
        (name_of(page), word)
        for page in PAGES
        for code in typed(page)
        for word in re.findall(r"^(?:\$ )?make ([a-z][a-z-]*)", code)
    ]

    assert unknown(named, targets) == []


def test_a_page_is_written_by_a_program_that_is_there() -> None:
    """The shell empties a page before it looks for the program: `python` may be none."""
    written = [code for page in PAGES for code in typed(page) if "> docs/" in code]
    assert len(written) > 3

    assert [code for code in written if not code.startswith(".venv/bin/python -m ")] == []


def test_settings_exist() -> None:
    named = [
        (name_of(page), name.removesuffix("_FILE"))
        for page in PAGES
        for name in set(re.findall(r"\bEASEL_[A-Z0-9_]*[A-Z0-9]\b", text_of(page))) - OF_OTHERS
    ]

    assert [one for one in unknown(named, variables()) if not hasattr(settings, one[1])] == []


def test_events_of_the_log_exist() -> None:
    endings = ("_failed", "_away", "_late", "_lost", "_drifted", "_removed", "_received", "_grown")
    named = {
        (name_of(page), code)
        for page in PAGES
        for code in typed(page)
        if _EVENT.fullmatch(code) and (code.endswith(endings) or code == "dead_letter")
    }

    assert [one for one in named if not re.search(rf'"{one[1]}[":]', sources())] == []


def test_pages_of_ours_exist() -> None:
    for page in PAGES:
        for code in typed(page):
            address = re.sub(r"\bID\b", "00000000-0000-4000-8000-000000000000", code)
            if not re.fullmatch(r"/(?:admin|gallery|accounts|\.well-known)/[\w./-]*", address):
                continue
            try:
                resolve(address)
            except Resolver404:
                pytest.fail(f"{code} of {name_of(page)} is no page")


def test_rows_of_tables_stand_below_their_head() -> None:
    """Behind an empty line a row begins a table of its own, and is shown with its pipes."""
    astray = []
    for page in PAGES:
        lines = ["", *prose(page).splitlines(), ""]
        for before, line, after in zip(lines, lines[1:], lines[2:], strict=False):
            if line.startswith("|") and not before.startswith("|") and not _RULE.fullmatch(after):
                astray.append((name_of(page), line[:60]))

    assert astray == []


def test_both_readmes_lead_to_the_same_pages() -> None:
    english, korean = (
        [link for link in _LINK.findall(prose(ROOT / name)) if link.startswith(("docs/", "gpu_"))]
        for name in ("README.md", "README.ko.md")
    )

    assert [link.replace("-ko.webp", ".webp") for link in korean] == english


def test_every_picture_is_on_a_page() -> None:
    shown = {
        (page.parent / link).resolve()
        for page in PAGES
        for link in _LINK.findall(prose(page))
        if link.endswith((".webp", ".svg"))
    }

    assert set((DOCS / "images").iterdir()) - shown == set()


def test_every_decision_is_linked_from_another_page() -> None:
    linked = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in PAGES
        for link in _LINK.findall(prose(page))
    }

    assert set((DOCS / "decisions").iterdir()) - linked == set()
