"""What visitors see at the door, what caches may keep of it, and the first steps behind it."""

import re
from typing import Any

import pytest
from django.contrib.staticfiles.finders import find
from django.test import Client

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.dashboard.exhibits import EXHIBITS
from apps.images.models import Image
from tests.factories import make_image
from tests.queries import counted_queries

CLOSE = "/welcome/close/"
PICTURES_AT_MOST = 200_000
PAGE_AT_MOST = 150_000
FIRST_STEPS = b'id="first-steps"'


def visit(language: str = "en", **options: Any) -> Any:
    return Client(headers={"accept-language": language}).get("/", **options)


@pytest.mark.django_db
def test_who_is_signed_in_goes_on_to_create(browser_client: Client) -> None:
    answer = browser_client.get("/")

    assert (answer.status_code, answer["Location"]) == (302, "/create/")
    assert answer["Cache-Control"] == "private, no-store"


@pytest.mark.django_db
def test_a_visitor_costs_no_query_and_gets_what_caches_may_keep() -> None:
    with counted_queries() as queries:
        answer = visit()

    assert queries == []
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "public, max-age=300"
    assert {name.strip() for name in answer["Vary"].split(",")} >= {"Accept-Language", "Cookie"}
    assert answer.cookies == {}
    assert b"csrf" not in answer.content


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            ["Describe a picture. Watch it appear.", "$25 a month", "15,000 a month", "500, once"],
        ),
        ("ko", ["말로 쓰면, 그림이 나타나요.", "월 $25", "매달 15,000", "한 번 500"]),
    ],
)
def test_the_page_has_the_plans_in_the_language_of_the_visitor(
    language: str, words: list[str]
) -> None:
    page = visit(language).content.decode()

    for word in [*words, *(one.prompts[language] for one in EXHIBITS)]:
        assert word in page
    assert re.findall(r'class="offer__name">(\w+)<', page) == [
        "Trial",
        "Starter",
        "Pro",
        "Studio",
        "Enterprise",
    ]


@pytest.mark.django_db
def test_with_a_provider_there_is_one_way_in(settings: Any) -> None:
    settings.EASEL_OIDC_ISSUER = "https://provider.example.com"

    page = visit().content.decode()

    assert "/accounts/sign-in/" in page
    assert "/accounts/sign-up/" not in page


@pytest.mark.django_db
def test_the_page_is_light() -> None:
    answer = visit()
    files = re.findall(r'(?:href|src)="/static/([^"]+\.(?:css|js|svg))"', answer.content.decode())
    sizes = [found.stat().st_size for name in files if (found := _file(name))]

    assert len(sizes) == len(files) > 5
    assert len(answer.content) + sum(sizes) < PAGE_AT_MOST


def test_the_pictures_are_there_and_small() -> None:
    files = [_file(one.path(language)) for one in EXHIBITS for language in one.prompts]

    sizes = [file.stat().st_size for file in files if file]
    assert len(sizes) == 2 * len(EXHIBITS)
    assert sum(sizes) < PICTURES_AT_MOST


def _file(name: str) -> Any:
    from pathlib import Path

    found = find(name)
    return Path(found) if found else None


def test_who_has_no_picture_yet_is_shown_the_first_steps(
    browser_client: Client, user: User, starter: GenerationModel
) -> None:
    assert FIRST_STEPS in browser_client.get("/create/").content

    make_image(user)

    assert FIRST_STEPS not in browser_client.get("/create/").content


def test_the_first_steps_are_closed_for_good(
    browser_client: Client, user: User, starter: GenerationModel
) -> None:
    answer = browser_client.post(CLOSE)

    assert (answer.status_code, answer["Location"]) == (302, "/create/")
    user.refresh_from_db()
    assert user.first_steps_closed
    elsewhere = Client()
    elsewhere.force_login(user)
    assert FIRST_STEPS not in elsewhere.get("/create/").content


def test_htmx_takes_the_first_steps_off_the_page_itself(browser_client: Client) -> None:
    answer = browser_client.post(CLOSE, headers={"hx-request": "true"})

    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("method", ["get", "post"])
def test_closing_is_for_who_is_signed_in_and_asks_to(
    user: User, browser_client: Client, method: str
) -> None:
    client = browser_client if method == "get" else Client()

    answer = getattr(client, method)(CLOSE)

    assert answer.status_code == (405 if method == "get" else 302)
    user.refresh_from_db()
    assert not user.first_steps_closed


def test_the_first_steps_of_a_stranger_stay(
    browser_client: Client, stranger: User, user: User
) -> None:
    browser_client.post(CLOSE)

    stranger.refresh_from_db()
    assert not stranger.first_steps_closed
    assert Image.objects.count() == 0
