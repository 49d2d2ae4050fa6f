"""The queries in runbooks find what they are for: in the log as it is written, in the database."""

import json
import logging.config
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from config import urls as project
from tests.stack import ROOT

Line = dict[str, Any]

RUNBOOKS = sorted((ROOT / "docs" / "operations" / "runbooks").glob("*.md"))
_CODE = re.compile(r"`([^`]+)`")


def explode(request: HttpRequest) -> HttpResponse:
    raise RuntimeError(request.path)


@api_view(["GET"])
@permission_classes([AllowAny])
def explode_in_the_api(request: Request) -> Response:
    raise RuntimeError(request.path)


class WithFaults:
    """The product's addresses, an address of the API that fails, and a page that does."""

    urlpatterns = (
        path("api/v1/faulty", explode_in_the_api),
        path("faulty", explode),
        *project.urlpatterns,
    )
    handler404 = staticmethod(project.handler404)
    handler500 = staticmethod(project.handler500)


def pieces(start: str) -> list[tuple[Path, str]]:
    return [
        (page, code)
        for page in RUNBOOKS
        for code in _CODE.findall(page.read_text(encoding="utf-8").replace("\n", " "))
        if code.startswith(start)
    ]


@pytest.fixture
def lines(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, db: None
) -> list[Line]:
    """Return what production logs of two requests that fail and of two that do not."""
    del db
    monkeypatch.setitem(sys.modules, "tests.docs.faults", WithFaults)
    settings.ROOT_URLCONF = "tests.docs.faults"
    client = Client(raise_request_exception=False)
    asked = ["/api/v1/faulty", "/faulty", "/api/v1/app/version", "/api/v1/nothing-here"]
    with caplog.at_level(logging.INFO):
        answers = [client.get(address).status_code for address in asked]
    assert answers == [500, 500, 200, 404]
    logging_settings: dict[str, Any] = django_settings.LOGGING
    spec = dict(logging_settings["formatters"]["json"])
    formatter = logging.config.DictConfigurator({"version": 1}).configure_formatter(spec)
    return [json.loads(formatter.format(record)) for record in caplog.records]


def groups(query: str, lines: list[Line]) -> set[str]:
    """Do what Logs Insights does with the few words of its language that the runbooks use."""
    wanted = re.fullmatch(
        r"filter (.+?) \| stats count\(\)(?: as (?P<name>\w+))? by (?P<by>\w+)"
        r"(?: \| sort (?P<sort>\w+) desc)?",
        query,
    )
    assert wanted, query
    assert wanted["sort"] == wanted["name"], query
    for condition in wanted[1].split(" and "):
        lines = [line for line in lines if holds(condition, line)]
    return {str(line[wanted["by"]]) for line in lines if wanted["by"] in line}


def holds(condition: str, line: Line) -> bool:
    if field := re.fullmatch(r"ispresent\((\w+)\)", condition):
        return field[1] in line
    found = re.fullmatch(r"(\w+) (=|>=) (\"\w+\"|\d+)", condition)
    assert found, condition
    value, other = line.get(found[1]), json.loads(found[3])
    if found[2] == "=":
        return bool(value == other)
    return isinstance(value, int) and value >= other


def found_by() -> Iterator[tuple[str, set[str]]]:
    yield "api-error-rate", {"internal", "500"}
    yield "slo-availability-burn", {"GET /api/v1/faulty", "GET /faulty"}


def test_queries_of_the_log_find_what_failed_and_nothing_else(lines: list[Line]) -> None:
    found = {page.stem: groups(code, lines) for page, code in pieces("filter ")}

    assert found == dict(found_by())


@pytest.mark.django_db
def test_queries_of_the_database_are_understood() -> None:
    found = pieces("SELECT ")
    assert len(found) > 3
    with connection.cursor() as cursor:
        for _page, code in found:
            cursor.execute("EXPLAIN " + code.replace("(PID)", "(0)").replace("%", "%%"))
