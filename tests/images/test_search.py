"""Lists by what pictures are like, page by page."""

import unicodedata
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.core.tenancy import tenant_scope
from apps.images.models import Image
from tests.factories import make_image

URL = "/api/v1/images"


def prompts(api: APIClient, **query: Any) -> list[str]:
    answer = api.get(URL, query)
    assert answer.status_code == 200, answer.content
    return [entry["metadata"]["prompt"] for entry in answer.json()["results"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("castle", ["A red castle", "castles"]),
        ("CASTLE red", ["A red castle"]),
        ("바다", ["노을 진 바다 위의 배"]),
        ("배", ["노을 진 바다 위의 배"]),
        ("노을 배", ["노을 진 바다 위의 배"]),
        # As macOS writes it: a letter for each part of a syllable.
        (unicodedata.normalize("NFD", "바다"), ["노을 진 바다 위의 배"]),
        ("100%", ["100% wool"]),
        ("1_0", []),
        ("\\", []),
        ("note", ["castles"]),
        ("", ["A red castle", "castles", "노을 진 바다 위의 배", "100% wool"]),
    ],
)
def test_words_are_found_in_prompts_and_notes(
    api: APIClient, user: User, stranger: User, query: str, found: list[str]
) -> None:
    for prompt in ("A red castle", "castles", "노을 진 바다 위의 배", "100% wool"):
        make_image(user, prompt=prompt)
        make_image(stranger, prompt=prompt)
    Image.objects.filter(user=user, metadata__prompt="castles").update(note="A note")

    assert sorted(prompts(api, q=query)) == sorted(found)


def test_filters_narrow_together(api: APIClient, user: User) -> None:
    for number in range(8):
        make_image(
            user,
            prompt=f"castle {number}",
            model="sdxl" if number % 2 else "flux",
            seed=number // 4,
            loras=[{"name": "ink", "weight": 1}] if number > 4 else [],
        )
    images = list(Image.objects.order_by("created_at"))
    Image.objects.filter(id__in=[images[1].id, images[5].id]).update(starred=True, rating=5)
    Image.objects.filter(id=images[5].id).update(tags=["print"])

    assert prompts(api, model="sdxl", starred="true") == ["castle 5", "castle 1"]
    assert prompts(api, model="sdxl", starred="true", order="oldest") == ["castle 1", "castle 5"]
    assert prompts(api, rating_from=4, seed=0) == ["castle 1"]
    assert prompts(api, lora="ink", model="flux") == ["castle 6"]
    assert prompts(api, tag=["print"], q="castle") == ["castle 5"]
    assert prompts(api, tag=["print", "cover"]) == []
    assert prompts(api, starred="false", q="castle", limit=2) == ["castle 7", "castle 6"]
    assert prompts(api, order="rating", limit=3) == ["castle 5", "castle 1", "castle 7"]
    assert prompts(api, width=64, height=48, since=images[7].created_at.isoformat()) == ["castle 7"]
    assert prompts(api, until=images[1].created_at.isoformat()) == ["castle 0"]
    assert prompts(api, category="user") == []


def test_pictures_with_the_same_settings_differ_by_their_seeds(
    api: APIClient, user: User, stranger: User
) -> None:
    settings: dict[str, Any] = {"prompt": "castle", "steps": 20, "model": "sdxl"}
    first = make_image(user, seed=1, **settings)
    make_image(user, seed=2, **settings)
    make_image(user, seed=1, **settings | {"steps": 30})
    theirs = make_image(stranger, seed=1, **settings)

    found = api.get(URL, {"like": str(first.image_name)}).json()["results"]

    assert [entry["metadata"]["seed"] for entry in found] == [2, 1]
    assert api.get(URL, {"like": str(theirs.image_name)}).status_code == 404


@pytest.mark.parametrize("order", ["newest", "oldest", "rating"])
@pytest.mark.parametrize("words", ["", "castle"])
def test_pages_follow_each_other_in_both_directions(
    api: APIClient, user: User, order: str, words: str
) -> None:
    for number in range(7):
        make_image(user, prompt=f"castle {number}")
    # All at one moment: only their ids say which is first.
    Image.objects.update(created_at="2026-01-01T00:00:00Z")
    whole = prompts(api, order=order, q=words, limit=100)
    assert len(set(whole)) == 7

    pages, address = [], f"{URL}?order={order}&limit=3&q={words}"
    while address:
        body = api.get(address).json()
        pages.append([entry["metadata"]["prompt"] for entry in body["results"]])
        last, address = body, body["next"]
    back = [entry["metadata"]["prompt"] for entry in api.get(last["previous"]).json()["results"]]

    assert pages == [whole[:3], whole[3:6], whole[6:]]
    assert back == whole[3:6]
    first = api.get(api.get(last["previous"]).json()["previous"]).json()
    assert [entry["metadata"]["prompt"] for entry in first["results"]] == whole[:3]
    assert first["previous"] is None


def test_what_comes_and_goes_shifts_no_page(api: APIClient, user: User) -> None:
    images = [make_image(user, prompt=str(number)) for number in range(6)]
    first = api.get(URL, {"limit": 2}).json()

    make_image(user, prompt="new")
    images[4].delete()
    images[3].delete()

    second = api.get(first["next"]).json()
    assert [entry["metadata"]["prompt"] for entry in second["results"]] == ["2", "1"]


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "x"},
        {"cursor": "WyJuZXdlc3QiXQ"},
        {"cursor": "WyJuZXdlc3QiLCJ4IiwieCIsMCwwXQ"},
        {"order": "best"},
        {"limit": "0"},
        {"limit": "101"},
        {"board": "x"},
        {"seed": str(2**63)},
        {"starred": "yes"},
        {"since": "yesterday"},
        {"until": ""},
        {"q": "a b c d e f g h i j k"},
        {"q": "\x00"},
    ],
)
def test_a_list_that_cannot_be_is_refused(api: APIClient, query: dict[str, str]) -> None:
    answer = api.get(URL, query)

    assert answer.status_code == 422
    assert answer.json()["invalid_fields"] == [next(iter(query))]


def test_a_cursor_is_good_for_its_order_alone(api: APIClient, user: User) -> None:
    for _number in range(2):
        make_image(user)
    address = api.get(URL, {"limit": 1}).json()["next"]

    assert api.get(address).status_code == 200
    assert api.get(f"{address}&order=oldest").status_code == 422


@pytest.mark.parametrize(
    "metadata",
    [
        {"prompt": 5, "seed": "x", "model": [], "loras": "ink"},
        {"prompt": None, "seed": 1.5, "loras": [5, {"name": 3}, {}]},
        {"prompt": "x" * 20_000, "seed": -1, "loras": [{"name": "n" * 5000}] * 500},
        {"prompt": {"a": "\u2028"}, "seed": 10**30, "model": "m" * 9000},
        {"seed": True},
    ],
)
def test_whatever_the_metadata_says_the_picture_is_kept_and_listed(
    api: APIClient, user: User, metadata: dict[str, Any]
) -> None:
    image = make_image(user, **metadata)

    found = api.get(URL).json()["results"]

    assert [entry["image_name"] for entry in found] == [str(image.image_name)]


def test_the_function_that_looks_beyond_the_policy_shows_nothing_of_others(
    user: User, stranger: User
) -> None:
    make_image(stranger, prompt="castle")
    mine = make_image(user, prompt="castle")

    def found() -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM easel_find_words(ARRAY['castle'], 10)")
            return [row[0] for row in cursor.fetchall()]

    with tenant_scope(user.id):
        assert found() == [mine.id]
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.current_user_id', '', true)")
    assert found() == []
