"""Guessing passwords is slow: per e-mail, per address, with Redis and without."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.hashers import check_password
from django.test import Client
from django_redis import get_redis_connection
from redis.exceptions import ConnectionError as RedisConnectionError

from apps.accounts import attempts
from apps.accounts.attempts import begin_attempt
from apps.accounts.models import User
from apps.accounts.services.users import ensure_administrator
from apps.core import rate_limits
from apps.core.rate_limits import LIMITS, Endpoint, LocalWindows
from tests.factories import PASSWORD, make_user

SIGN_IN = "/accounts/sign-in/"
PER_EMAIL = LIMITS[Endpoint.SIGN_IN_EMAIL].requests
PER_ADDRESS = LIMITS[Endpoint.SIGN_IN_ADDRESS].requests


@pytest.fixture
def without_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_alias: str) -> Any:
        raise RedisConnectionError("away")

    monkeypatch.setattr(rate_limits, "get_redis_connection", away)
    monkeypatch.setattr(rate_limits, "_outage", rate_limits._Outage())


@pytest.fixture(autouse=True)
def own_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "_local_windows", LocalWindows())


def sign_in(email: str, password: str, address: str = "203.0.113.1") -> Any:
    return Client(REMOTE_ADDR=address).post(SIGN_IN, {"username": email, "password": password})


def fail(email: str, times: int, address: str = "203.0.113.1") -> list[int]:
    return [sign_in(email, "wrong", address).status_code for _ in range(times)]


def test_after_many_failures_even_the_right_password_has_to_wait(user: User) -> None:
    assert fail(user.email, PER_EMAIL) == [200] * PER_EMAIL

    response = sign_in(user.email, PASSWORD, address="198.51.100.7")

    assert response.status_code == 429
    assert "_auth_user_id" not in response.client.session
    assert 290 <= int(response["Retry-After"]) <= 306
    assert response["Content-Type"].startswith("text/html")
    page = response.content.decode()
    assert "Too many attempts. Please try again in 5 minutes." in page or (
        "Too many attempts. Please try again in 6 minutes." in page
    )
    assert 'role="alert"' in page


def test_a_refused_try_never_looks_at_the_password(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(user.email, PER_EMAIL)
    looked: list[int] = []

    def look(*arguments: Any, **options: Any) -> bool:
        looked.append(1)
        return check_password(*arguments, **options)

    monkeypatch.setattr("django.contrib.auth.base_user.check_password", look)
    monkeypatch.setattr("django.contrib.auth.base_user.acheck_password", look)
    assert sign_in(user.email, PASSWORD).status_code == 429
    assert looked == []


def test_an_unknown_e_mail_is_limited_like_a_known_one(user: User) -> None:
    fail("nobody@example.com", PER_EMAIL)

    unknown = sign_in("nobody@example.com", "wrong")
    fail(user.email, PER_EMAIL)
    known = sign_in(user.email, "wrong")
    assert unknown.status_code == known.status_code == 429
    # The minute may have changed between the two.
    said = [re.sub(r"\d+", "5", str(answer.context["form"].errors)) for answer in (unknown, known)]
    assert said[0] == said[1]


def test_another_case_of_the_e_mail_is_the_same_e_mail(user: User) -> None:
    fail("Owner@Example.com", PER_EMAIL // 2)
    fail(" owner@example.COM ", PER_EMAIL - PER_EMAIL // 2)

    assert sign_in(user.email, PASSWORD).status_code == 429


def test_an_address_that_tries_many_e_mails_has_to_wait(user: User) -> None:
    for number in range(PER_ADDRESS):
        assert sign_in(f"{number}@example.com", "wrong").status_code == 200

    assert sign_in(user.email, PASSWORD).status_code == 429
    assert sign_in(user.email, PASSWORD, address="198.51.100.7").status_code == 302


def test_successes_do_not_count(user: User) -> None:
    assert {sign_in(user.email, PASSWORD).status_code for _ in range(PER_ADDRESS + 5)} == {302}


def test_one_users_failures_do_not_keep_others_out(user: User) -> None:
    make_user("other@example.com")
    fail(user.email, PER_EMAIL)

    assert sign_in("other@example.com", PASSWORD).status_code == 302


def test_an_incomplete_form_is_no_try(user: User) -> None:
    for _ in range(PER_EMAIL):
        assert sign_in(user.email, "").status_code == 200

    assert sign_in(user.email, PASSWORD).status_code == 302


@pytest.mark.django_db
def test_no_e_mail_address_is_written_into_a_key() -> None:
    fail("secret.name@example.com", 1)

    keys = b" ".join(get_redis_connection("default").keys("ratelimit:*"))
    assert keys.count(b"ratelimit:") == 2
    assert b"secret" not in keys.lower()
    assert b"ratelimit:203.0.113.1:sign_in_address" in keys


def test_tries_at_the_same_time_are_all_counted() -> None:
    start = threading.Barrier(8)

    def hammer(_number: int) -> int:
        start.wait()
        return sum(
            begin_attempt(email="a@example.com", address="203.0.113.1").retry_after == 0
            for _ in range(5)
        )

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(hammer, range(8))) == PER_EMAIL


@pytest.mark.usefixtures("without_redis")
def test_without_redis_the_process_counts_by_itself(user: User) -> None:
    assert fail(user.email, PER_EMAIL) == [200] * PER_EMAIL
    assert sign_in(user.email, PASSWORD).status_code == 429


@pytest.mark.usefixtures("without_redis")
def test_without_redis_successes_do_not_count_either(user: User) -> None:
    assert {sign_in(user.email, PASSWORD).status_code for _ in range(PER_EMAIL + 5)} == {302}


@pytest.mark.django_db
def test_the_admin_has_no_door_of_its_own() -> None:
    response = Client().get("/admin/", follow=True)
    assert response.redirect_chain[-1][0] == "/accounts/sign-in/?next=/admin/"

    ensure_administrator(email="a@example.com", password=PASSWORD, name="A")
    form = {"username": "a@example.com", "password": PASSWORD}
    client = Client()
    client.post("/admin/login/?next=/admin/", form)
    assert "_auth_user_id" not in client.session
    response = client.post("/accounts/sign-in/?next=/admin/", form, follow=True)
    assert response.status_code == 200
    assert response.request["PATH_INFO"] == "/admin/"


def test_a_user_who_is_no_staff_is_told_so_at_the_admin(browser_client: Client) -> None:
    assert browser_client.get("/admin/", follow=True).status_code == 403


@pytest.mark.django_db
def test_the_way_into_the_admin_leads_to_no_other_site() -> None:
    response = Client().get("/admin/login/?next=https://evil.example/")

    assert response["Location"] == "/accounts/sign-in/?next=/admin/"
