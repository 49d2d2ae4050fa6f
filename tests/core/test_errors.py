import json
from collections.abc import Iterator

import pytest
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.urls import path
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from apps.core.errors import ErrorCode, Invalid
from config import urls as project

SECRET = "SELECT secret FROM /srv/easel"


def explode(request: HttpRequest) -> HttpResponse:
    raise RuntimeError(SECRET)


class WithExplosions:
    """The project's addresses and some that fail."""

    urlpatterns = (path("api/explode", explode), path("explode", explode), *project.urlpatterns)
    handler400 = staticmethod(project.handler400)
    handler403 = staticmethod(project.handler403)
    handler404 = staticmethod(project.handler404)
    handler500 = staticmethod(project.handler500)


@pytest.fixture
def explosions(settings: object) -> Iterator[None]:
    import sys

    sys.modules["tests.core.explosions"] = WithExplosions  # type: ignore[assignment]
    settings.ROOT_URLCONF = "tests.core.explosions"  # type: ignore[attr-defined]
    yield
    del sys.modules["tests.core.explosions"]


def test_an_unknown_api_address_answers_with_the_envelope() -> None:
    response = Client().get("/api/v1/nothing-here")

    assert response.status_code == 404
    body = response.json()
    assert body["code"] == "not_found"
    assert set(body) == {"detail", "code", "error_id"}


def test_an_unknown_page_answers_with_html() -> None:
    response = Client().get("/nothing-here")

    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


@pytest.mark.usefixtures("explosions")
def test_a_crash_tells_nothing_but_an_error_id_which_is_in_the_log() -> None:
    with capture_logs() as logs:
        response = Client(raise_request_exception=False).get("/api/explode")

    assert response.status_code == 500
    assert SECRET not in response.content.decode()
    body = response.json()
    assert body["code"] == "internal"
    assert [line["error_id"] for line in logs if line["event"] == "request_failed"] == [
        body["error_id"]
    ]


@pytest.mark.usefixtures("explosions", "db")
def test_a_crash_of_a_page_answers_with_a_calm_page() -> None:
    response = Client(raise_request_exception=False).get("/explode")

    assert response.status_code == 500
    assert SECRET not in response.content.decode()
    assert response["Content-Type"].startswith("text/html")


def test_a_method_that_an_address_does_not_take_is_refused(api: APIClient) -> None:
    response = api.put("/api/v1/models")

    assert response.status_code == 405
    assert response.json()["code"] == ErrorCode.METHOD_NOT_ALLOWED


@pytest.mark.parametrize("body", ["{", '{"prompt": NaN}', "\xff", "[1, 2"])
def test_a_body_that_is_no_json_is_refused(api: APIClient, body: str) -> None:
    response = api.post(
        "/api/v1/generations", body.encode("latin-1"), content_type="application/json"
    )

    assert response.status_code == 400
    assert response.json()["code"] == ErrorCode.MALFORMED


def test_a_body_that_is_too_large_is_refused(api: APIClient) -> None:
    body = json.dumps({"prompt": "x" * 3_000_000})
    response = api.post("/api/v1/generations", body, content_type="application/json")

    assert response.status_code == 413
    assert response.json()["code"] == ErrorCode.TOO_LARGE


def test_another_content_type_is_refused(api: APIClient) -> None:
    response = api.post("/api/v1/generations", "prompt=x", content_type="text/plain")

    assert response.status_code == 415


def test_a_session_without_its_csrf_token_is_refused(user: object) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.login(username="owner@example.com", password="a long enough password")
    response = client.post("/api/v1/generations", {"prompt": "x"}, format="json")

    assert response.status_code == 403
    assert response.json()["code"] == ErrorCode.PERMISSION_DENIED


def test_fields_and_numbers_stand_in_the_envelope() -> None:
    from apps.core.errors import envelope

    error = Invalid(fields={"width": ["Too large."]}, limit=5)

    assert envelope(error, error_id="abc") == {
        "detail": "Some values need to be changed.",
        "code": "invalid",
        "error_id": "abc",
        "invalid_fields": ["width"],
        "fields": {"width": ["Too large."]},
        "limit": 5,
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "status", "event"),
    [("/explode", 500, "request_failed"), ("/nothing-here", 404, "request_refused")],
)
@pytest.mark.usefixtures("explosions")
def test_an_error_page_shows_the_id_that_is_in_the_log(
    address: str, status: int, event: str
) -> None:
    with capture_logs() as logs:
        response = Client(raise_request_exception=False).get(address)

    assert response.status_code == status
    (line,) = [line for line in logs if line["event"] == event and "error_id" in line]
    assert line["error_id"] in response.content.decode()
    assert event == "request_refused" or isinstance(line["exc_info"], RuntimeError)


@pytest.mark.usefixtures("explosions")
def test_a_crash_without_a_database_still_shows_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_arguments: object, **_options: object) -> None:
        raise OperationalError("away")

    monkeypatch.setattr("apps.core.views.render", away)
    with capture_logs() as logs:
        response = Client(raise_request_exception=False).get("/explode")

    assert response.status_code == 500
    assert response["Content-Type"] == "text/plain"
    (line,) = [line for line in logs if line.get("error_id") and "exc_info" in line]
    assert line["error_id"] in response.content.decode()


@pytest.mark.usefixtures("explosions")
async def test_the_exception_is_in_the_log_under_asgi_too() -> None:
    with capture_logs() as logs:
        response = await AsyncClient(raise_request_exception=False).get("/explode")

    assert response.status_code == 500
    (line,) = [line for line in logs if line.get("error_id")]
    assert isinstance(line["exc_info"], RuntimeError)
    assert line["error_id"] in response.content.decode()
