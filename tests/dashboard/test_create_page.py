"""What the Create page is made with: models, boards, and whether this is the first time."""

import json
import re
from typing import Any

from django.test import Client

from apps.accounts.models import User
from apps.boards.models import Board
from apps.catalog.models import GenerationModel
from apps.generation.provided import enter_models_of_providers
from apps.images.services.library import trash_images
from gpu_tasks.providers.facts import ProviderName
from tests.factories import make_image, make_user
from tests.providers.factories import make_provider_key
from tests.queries import counted_queries

URL = "/create/"
SIGNED_IN_QUERIES = 2  # tenant, user


def data_of(body: str, element: str) -> object:
    """Return what the page hands to its scripts under an id."""
    found = re.search(rf'<script id="{element}" type="application/json">(.*?)</script>', body)
    assert found is not None
    return json.loads(found[1])


def test_the_first_time_examples_are_offered(browser_client: Client) -> None:
    body = browser_client.get(URL).content.decode()

    assert 'id="first-run"' in body
    assert "Your first picture is one press away" in body


def test_with_a_picture_the_easel_is_just_empty(browser_client: Client, user: User) -> None:
    make_image(user)

    body = browser_client.get(URL).content.decode()

    assert 'id="first-run"' not in body
    assert "The easel is empty" in body


def test_a_picture_in_the_trash_was_one_all_the_same(browser_client: Client, user: User) -> None:
    image = make_image(user)
    trash_images(user=user, names=[image.image_name])

    assert browser_client.get(URL).context["is_first"] is False


def test_pictures_and_boards_of_others_change_nothing(browser_client: Client, user: User) -> None:
    stranger = make_user("stranger@example.org")
    make_image(stranger)
    Board.objects.create(user=stranger, name="theirs")
    own = Board.objects.create(user=user, name="자연")
    Board.objects.create(user=user, name="put away", is_archived=True)

    response = browser_client.get(URL)

    assert response.context["is_first"] is True
    boards = data_of(response.content.decode(), "boards")
    assert boards == [{"id": str(own.id), "name": "자연"}]


def test_models_of_services_tell_the_price_of_a_picture(
    browser_client: Client, user: User, starter: GenerationModel, settings: Any
) -> None:
    settings.EASEL_HOUSE_PROVIDERS = ["openai", "stability"]
    enter_models_of_providers()
    make_provider_key(user, provider=ProviderName.OPENAI)

    models = data_of(browser_client.get(URL).content.decode(), "models")

    assert isinstance(models, list)
    prices = {model["key"]: model.get("credits_a_picture") for model in models}
    assert prices["starter"] is None
    assert prices["stable-image-core"] == 9
    assert prices["gpt-image-1-5-high"] == 1


def test_the_page_asks_as_often_however_much_there_is(
    browser_client: Client, user: User, starter: GenerationModel
) -> None:
    # The first time fills the caches of plan and balance.
    browser_client.get(URL)
    with counted_queries() as before:
        browser_client.get(URL)
    for number in range(3):
        Board.objects.create(user=user, name=f"board {number}")
        make_image(user)

    with counted_queries() as after:
        browser_client.get(URL)

    # Plan, models, counts, boards, own keys at other services; and whether there is a picture, for
    # the first steps.
    assert len(before) == len(after) == SIGNED_IN_QUERIES + 6


def test_the_page_names_its_module(browser_client: Client) -> None:
    body = browser_client.get(URL).content.decode()

    assert 'data-module="/static/js/create.js"' in body


def test_in_korean_nothing_of_it_is_english(browser_client: Client) -> None:
    headers = {"Accept-Language": "ko"}

    body = browser_client.get(URL, headers=headers).content.decode()

    for words in ("한 번만 누르면 첫 그림이 나와요", "네거티브", "대기 비우기", "비율 고정"):
        assert words in body
    for words in ("Your first picture", "Negative", "Clear waiting", "Keep the shape"):
        assert words not in body
