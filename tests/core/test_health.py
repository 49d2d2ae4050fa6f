import pytest
from django.core.cache import cache
from django.test import Client

from apps.core import health


def test_healthz_asks_no_part() -> None:
    response = Client().get("/healthz")

    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


@pytest.mark.django_db
def test_readyz_names_the_parts() -> None:
    response = Client().get("/readyz")

    assert response.status_code == 200
    assert response.json() == {"status": "ok", "parts": {"database": "ok", "cache": "ok"}}


@pytest.mark.django_db
def test_readyz_is_503_when_the_cache_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "get", lambda _key: None)

    response = Client().get("/readyz")

    assert response.status_code == 503
    assert response.json()["parts"] == {"database": "ok", "cache": "unavailable"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "check",
    [
        health.check_database,
        health.check_migrations,
        health.check_cache,
        health.check_broker,
        health.check_storage,
    ],
)
def test_every_part_is_well_here(check: object) -> None:
    found = check()  # type: ignore[operator]

    assert found.ok, found


def test_a_failed_check_says_what_to_do() -> None:
    def look() -> str:
        raise RuntimeError("it is away")

    check = health.run_check("part", look, advice="Start it.")

    assert not check.ok
    assert check.found == "RuntimeError: it is away"
    assert check.advice == "Start it."
