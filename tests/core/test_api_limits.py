"""Rate limits as a client of the API meets them."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpRequest
from redis.exceptions import TimeoutError as RedisTimeoutError
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core import rate_limits
from apps.core.rate_limits import LIMITS, Endpoint, Limit
from apps.generation.models import Job
from tests.factories import PASSWORD, make_image

MODELS = "/api/v1/models"
LimitTo = Callable[[Endpoint, int], None]


@pytest.fixture
def limit_to(monkeypatch: pytest.MonkeyPatch) -> LimitTo:
    """Return a function that sets how many requests a class admits in a minute."""

    def limit(endpoint: Endpoint, requests: int) -> None:
        limits: Mapping[Endpoint, Limit] = rate_limits.LIMITS
        changed = MappingProxyType({**limits, endpoint: Limit(requests, 60)})
        monkeypatch.setattr(rate_limits, "LIMITS", changed)

    return limit


def test_a_successful_answer_tells_the_limit_and_what_is_left(api: APIClient) -> None:
    response = api.get(MODELS)

    assert response.status_code == 200
    assert response["RateLimit-Policy"] == '"read";q=600;w=60'
    assert response["RateLimit"].startswith('"read";r=599;t=6')
    assert "Retry-After" not in response


def test_too_many_requests_are_refused_with_the_time_to_wait(
    api: APIClient, limit_to: LimitTo
) -> None:
    limit_to(Endpoint.READ, 2)
    assert [api.get(MODELS).status_code for _ in range(3)] == [200, 200, 429]

    response = api.get(MODELS)
    body = response.json()
    assert set(body) == {"detail", "code", "error_id", "retry_after", "limit"}
    assert body["code"] == "rate_limited"
    assert body["limit"] == 2
    assert body["detail"] == (
        f"Too many requests. Please try again in {body['retry_after']} seconds."
    )
    assert response["Retry-After"] == str(body["retry_after"])
    assert 55 <= body["retry_after"] <= 61
    assert response["RateLimit"] == f'"read";r=0;t={body["retry_after"]}'
    assert response["RateLimit-Policy"] == '"read";q=2;w=60'


def test_one_users_requests_never_limit_another(
    api: APIClient, stranger_api: APIClient, limit_to: LimitTo
) -> None:
    limit_to(Endpoint.READ, 1)
    api.get(MODELS)

    assert api.get(MODELS).status_code == 429
    assert stranger_api.get(MODELS).status_code == 200


def test_a_refused_generation_makes_no_job(
    api: APIClient, starter: GenerationModel, limit_to: LimitTo
) -> None:
    limit_to(Endpoint.GENERATE, 1)
    url, body = "/api/v1/generations", {"prompt": "a red circle"}

    assert api.post(url, body, format="json").status_code == 202
    response = api.post(url, body, format="json")

    assert response.status_code == 429
    assert response["RateLimit-Policy"] == '"generate";q=1;w=60'
    assert Job.objects.count() == 1
    # Reading the list of jobs is another class.
    assert api.get(url).status_code == 200


def test_files_and_changes_have_classes_of_their_own(api: APIClient, user: User) -> None:
    image = make_image(user)
    url = f"/api/v1/images/{image.image_name}"

    assert api.get(f"{url}/full")["RateLimit"].startswith('"file";')
    assert api.get(f"{url}/thumbnails/256")["RateLimit"].startswith('"file";')
    assert api.get(url)["RateLimit"].startswith('"read";')
    assert api.delete(url)["RateLimit"].startswith('"write";')


def test_errors_carry_the_limit_too(api: APIClient) -> None:
    response = api.post("/api/v1/generations", {}, format="json")

    assert response.status_code == 422
    assert response["RateLimit"].startswith('"generate";r=59;')


@pytest.mark.django_db
def test_requests_without_a_user_are_counted_by_address(limit_to: LimitTo) -> None:
    limit_to(Endpoint.ANONYMOUS, 2)
    here, there = {"REMOTE_ADDR": "203.0.113.1"}, {"REMOTE_ADDR": "203.0.113.2"}
    client = APIClient()

    assert [client.get(MODELS, **here).status_code for _ in range(3)] == [401, 401, 429]  # type: ignore[arg-type]
    assert client.get(MODELS, **there).status_code == 401  # type: ignore[arg-type]
    refused = client.get(MODELS, **here)  # type: ignore[arg-type]
    assert refused.json()["code"] == "rate_limited"
    assert int(refused["Retry-After"]) > 50
    assert refused["RateLimit-Policy"] == '"anonymous";q=2;w=60'


@pytest.mark.django_db
def test_a_forged_address_is_no_way_around_the_limit(limit_to: LimitTo) -> None:
    limit_to(Endpoint.ANONYMOUS, 2)
    client = APIClient()

    answers = [
        client.get(MODELS, HTTP_X_FORWARDED_FOR=f"198.51.100.{number}").status_code
        for number in range(4)
    ]
    assert answers == [401, 401, 429, 429]


@pytest.mark.django_db
def test_wrong_keys_end_in_a_wait_before_any_key_is_looked_up(
    limit_to: LimitTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_to(Endpoint.REFUSED_CREDENTIALS, 3)
    client = APIClient(HTTP_AUTHORIZATION="Bearer wrong")
    assert [client.get(MODELS).status_code for _ in range(4)] == [401, 401, 401, 429]

    def look_up(self: Any, request: HttpRequest) -> None:
        raise AssertionError("a key was looked up")

    monkeypatch.setattr("rest_framework.views.APIView.initialize_request", look_up)
    response = client.get(MODELS)

    assert response.status_code == 429
    assert response.json()["code"] == "rate_limited"
    assert 0 < int(response["Retry-After"]) <= 61


def test_a_session_from_an_address_with_wrong_keys_goes_on(
    api: APIClient, limit_to: LimitTo
) -> None:
    limit_to(Endpoint.REFUSED_CREDENTIALS, 1)
    wrong = APIClient(HTTP_AUTHORIZATION="Bearer wrong")
    assert [wrong.get(MODELS).status_code for _ in range(3)] == [401, 429, 429]

    assert api.get(MODELS).status_code == 200


def test_the_version_is_never_limited(limit_to: LimitTo) -> None:
    limit_to(Endpoint.ANONYMOUS, 1)

    answers = [APIClient().get("/api/v1/app/version") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert "RateLimit" not in answers[0]


def test_the_api_goes_on_without_its_limits_when_redis_is_away(
    api: APIClient, limit_to: LimitTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_to(Endpoint.READ, 1)

    def away(_alias: str) -> None:
        raise RedisTimeoutError("away")

    monkeypatch.setattr(rate_limits, "get_redis_connection", away)
    monkeypatch.setattr(rate_limits, "_outage", rate_limits._Outage())
    with capture_logs() as logs:
        answers = [api.get(MODELS) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert "RateLimit" not in answers[0]
    assert [line["event"] for line in logs if line["event"] == "rate_limits_off"] == [
        "rate_limits_off"
    ]


def test_the_table_of_limits_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        LIMITS[Endpoint.READ] = Limit(1, 1)  # type: ignore[index]


def test_the_page_on_the_api_tells_the_limits_in_force() -> None:
    page = (settings.BASE_DIR / "docs" / "api.md").read_text()
    shown = dict(re.findall(r"^\| `([a-z_]+)` \| (\d+) \| 60 \|", page, re.MULTILINE))

    assert {Endpoint(name): Limit(int(number), 60) for name, number in shown.items()} == {
        endpoint: limit for endpoint, limit in LIMITS.items() if limit.seconds == 60
    }


def test_requests_refused_before_the_view_are_counted_too(user: User, limit_to: LimitTo) -> None:
    limit_to(Endpoint.ANONYMOUS, 2)
    client = APIClient(enforce_csrf_checks=True)
    client.login(username=user.email, password=PASSWORD)
    url, body = "/api/v1/generations", {"prompt": "a red circle"}

    answers = [client.post(url, body, format="json").status_code for _ in range(4)]
    assert answers == [403, 403, 429, 429]


def test_a_failure_inside_the_view_is_counted_once(api: APIClient) -> None:
    missing = "/api/v1/generations/00000000-0000-0000-0000-000000000000"

    assert api.get(missing)["RateLimit"].startswith('"read";r=599;')
    assert api.get(missing)["RateLimit"].startswith('"read";r=598;')
