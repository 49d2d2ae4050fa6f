"""The page of the API names every code and every event that programs may meet."""

import re
from typing import get_args, get_type_hints, is_typeddict

from apps.core.errors import ErrorCode
from apps.generation import events
from apps.generation.failures import FAILURE_DETAILS
from tests.docs.pages import DOCS, text_of


def section(title: str) -> str:
    return text_of(DOCS / "api.md").partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_cells(text: str, column: int = 1) -> set[str]:
    """Return what stands as code in one column of the tables of `text`."""
    rows = [line.split("|") for line in text.splitlines() if line.startswith("|")]
    return {code for row in rows for code in re.findall(r"`(\w+)`", row[column])}


def of_providers() -> set[str]:
    """Return the codes of other services, which have a page of their own."""
    assert "](providers.md#for-users-of-the-api)" in section("Errors")
    answers = text_of(DOCS / "providers.md").partition("\n## For users of the API\n")[2]
    return set(re.findall(r"`(image_provider_\w+)`", answers.partition("\n## ")[0]))


def test_every_code_is_told() -> None:
    of_answers, _line, of_jobs = section("Errors").partition("\nA job that was accepted and failed")
    told = first_cells(of_answers, column=2) | first_cells(of_jobs) | of_providers()

    assert {code.value for code in ErrorCode} == told


def test_every_code_of_a_failed_job_is_told_as_one() -> None:
    of_jobs = section("Errors").partition("\nA job that was accepted and failed")[2]

    assert {code.value for code in FAILURE_DETAILS} == first_cells(of_jobs) | of_providers()


def test_every_live_event_is_told() -> None:
    payloads = [thing for thing in vars(events).values() if is_typeddict(thing)]
    kinds = [get_type_hints(payload).get("type") for payload in payloads]
    types = {name for kind in kinds if kind for name in get_args(kind)}
    assert len(types) > 10

    assert first_cells(section("Live events")) == types
