"""Wildcards, and prompts made of templates that name them."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.core.errors import Conflict
from apps.core.tenancy import service_scope
from apps.generation.models import Job
from apps.workflows.models import MAX_WILDCARDS, StylePreset, Wildcard
from apps.workflows.services import create_preset, create_wildcard

URL = "/api/v1/wildcards"
EXPAND = "/api/v1/prompts/expand"


def expand(api: APIClient, **body: Any) -> Any:
    return api.post(EXPAND, body, format="json")


def prompts(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.json()
    return [one["prompt"] for one in answer.json()["prompts"]]


def test_a_wildcard_is_made_changed_and_deleted(api: APIClient, user: User) -> None:
    made = api.post(URL, {"name": "Hair_Style/색", "values": ["빨강 ", "{a|b}", ""]}, format="json")
    address = f"{URL}/{made.json()['id']}"

    changed = api.patch(address, {"values": ["x"]}, format="json")

    assert made.status_code == 201
    assert made.json()["name"] == "hair_style/색"
    assert made.json()["values"] == ["빨강 ", "{a|b}", ""]
    assert changed.json() == made.json() | {"values": ["x"]}
    assert api.get(address).json() == changed.json()
    assert api.get(URL).json() == {"results": [changed.json()]}
    assert api.delete(address).status_code == 204
    assert not Wildcard.objects.exists()
    assert api.patch(address, {"name": "y"}, format="json").status_code == 404
    assert api.delete(address).status_code == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "_a"}, "name"),
        ({"name": "a_"}, "name"),
        ({"name": "a__b"}, "name"),
        ({"name": "a|b"}, "name"),
        ({"name": "a" * 65}, "name"),
        ({"name": 5}, "name"),
        ({"values": []}, "values"),
        ({"values": "a"}, "values"),
        ({"values": ["a"] * 1001}, "values"),
        ({"values": ["a" * 500] * 41}, "values"),
        ({"values": ["a", "b" * 501]}, "values.1"),
        ({"values": [5]}, "values.0"),
        ({"values": ["\0"]}, "values.0"),
    ],
)
def test_what_is_no_wildcard_is_refused(
    api: APIClient, changes: dict[str, Any], field: str
) -> None:
    answer = api.post(URL, {"name": "a", "values": ["x"]} | changes, format="json")

    assert (answer.status_code, answer.json()["invalid_fields"]) == (422, [field])
    assert not Wildcard.objects.exists()


@pytest.mark.parametrize("name", ["a", "hair_style", "a-b/c_d", "색", "ab1"])
def test_every_name_that_is_taken_can_be_written(api: APIClient, user: User, name: str) -> None:
    api.post(URL, {"name": name, "values": ["found"]}, format="json")

    assert prompts(expand(api, prompt=f"a__{name}__b")) == ["afoundb"]


def test_a_name_is_taken_once(api: APIClient, user: User, stranger: User) -> None:
    create_wildcard(user=stranger, name="a", values=["x"])
    create_wildcard(user=user, name="a", values=["x"])
    other = create_wildcard(user=user, name="b", values=["x"])

    again = api.post(URL, {"name": "A", "values": ["y"]}, format="json")
    renamed = api.patch(f"{URL}/{other.id}", {"name": "a"}, format="json")

    assert [again.status_code, renamed.status_code] == [409, 409]
    assert list(Wildcard.objects.filter(user=user).order_by("name").values_list("name")) == [
        ("a",),
        ("b",),
    ]


def test_there_are_so_many_and_no_more(user: User) -> None:
    Wildcard.objects.bulk_create(
        Wildcard(user=user, name=str(number), values=["x"]) for number in range(MAX_WILDCARDS)
    )

    with pytest.raises(Conflict) as caught:
        create_wildcard(user=user, name="more", values=["x"])

    assert caught.value.numbers == {"limit": MAX_WILDCARDS}
    assert Wildcard.objects.filter(user=user).count() == MAX_WILDCARDS


def test_a_stranger_finds_nothing(stranger_api: APIClient, user: User) -> None:
    wildcard = create_wildcard(user=user, name="secret", values=["x"])
    address = f"{URL}/{wildcard.id}"

    answers = [
        stranger_api.get(address),
        stranger_api.patch(address, {"values": ["y"]}, format="json"),
        stranger_api.delete(address),
    ]
    named = expand(stranger_api, prompt="__secret__")

    assert [answer.status_code for answer in answers] == [404] * 3
    assert stranger_api.get(URL).json() == {"results": []}
    assert (named.status_code, named.json()["invalid_fields"]) == (422, ["prompt"])
    wildcard.refresh_from_db()
    assert wildcard.values == ["x"]


def test_prompts_are_made_of_templates_and_put_into_a_style(api: APIClient, user: User) -> None:
    create_wildcard(user=user, name="pet", values=["cat", "dog"])
    preset = create_preset(
        user=user, name="p", prompt="photo of {prompt}", negative_prompt="blurry"
    )

    answer = expand(
        api,
        prompt="a {red|blue} __pet__",
        negative_prompt="{low|bad} quality",
        preset=str(preset.id),
        mode="all",
    )

    made = [(one["prompt"], one["negative_prompt"]) for one in answer.json()["prompts"]]
    assert answer.status_code == 200
    assert made == [
        (f"photo of a {colour} {pet}", f"{word} quality, blurry")
        for colour in ("red", "blue")
        for pet in ("cat", "dog")
        for word in ("low", "bad")
    ]
    assert not Job.objects.exists()


def test_the_seed_of_an_answer_makes_it_again(api: APIClient) -> None:
    body = {"prompt": "{a|b|c|d|e} {f|g|h|i|j}", "count": 20}
    first = expand(api, **body)

    again = expand(api, **body, seed=first.json()["seed"])

    assert again.json() == first.json()
    assert len(set(prompts(first))) > 1
    assert prompts(expand(api, **body, seed=1)) != prompts(expand(api, **body, seed=2))


def test_a_style_of_everybody_is_used_by_anybody(api: APIClient) -> None:
    with service_scope("a test"):
        preset = StylePreset.objects.create(name="A style of the test", prompt="in oil")

    assert prompts(expand(api, prompt="a cat", preset=str(preset.id))) == ["a cat, in oil"]


def test_a_style_of_somebody_else_is_not_there(stranger_api: APIClient, user: User) -> None:
    preset = create_preset(user=user, name="secret", prompt="secret words")

    answer = expand(stranger_api, prompt="a cat", preset=str(preset.id))

    assert answer.status_code == 404
    assert "secret" not in answer.content.decode()


def test_a_prompt_too_long_with_its_style_is_refused(api: APIClient, user: User) -> None:
    preset = create_preset(user=user, name="p", negative_prompt="{prompt} {prompt}")

    answer = expand(api, prompt="a", negative_prompt="x" * 1500, preset=str(preset.id))

    assert (answer.status_code, answer.json()["invalid_fields"]) == (422, ["negative_prompt"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": "{a|b"}, "prompt"),
        ({"prompt": "a", "negative_prompt": "__nobody__"}, "negative_prompt"),
        ({"prompt": "a", "count": 0}, "count"),
        ({"prompt": "a", "count": 257}, "count"),
        ({"prompt": "a", "seed": -1}, "seed"),
        ({"prompt": "a", "seed": 2**32}, "seed"),
        ({"prompt": "a", "mode": "some"}, "mode"),
        ({"prompt": "a", "preset": "b"}, "preset"),
    ],
)
def test_what_cannot_be_expanded_is_refused(
    api: APIClient, body: dict[str, Any], field: str
) -> None:
    answer = expand(api, **body)

    assert (answer.status_code, answer.json()["invalid_fields"]) == (422, [field])


def test_too_many_are_counted(api: APIClient) -> None:
    answer = expand(api, prompt="{a|b|c|d}" * 5, mode="all")

    assert answer.status_code == 422
    assert (answer.json()["possible"], answer.json()["limit"]) == (1024, 256)
