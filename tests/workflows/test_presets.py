"""Styles: own ones, those that everybody has, and what they make of a prompt."""

import importlib
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.core.errors import Conflict
from apps.core.models import Act, AuditRecord
from apps.core.tenancy import service_scope, tenant_scope
from apps.workflows.models import MAX_PRESETS, PLACEHOLDER, SHIPPED_NAMES, StylePreset
from apps.workflows.presets import apply_preset
from apps.workflows.services import create_preset, prompts
from tests.factories import make_image, make_user

URL = "/api/v1/style-presets"

shipped = importlib.import_module("apps.workflows.migrations.0002_default_presets")


@pytest.fixture
def shared(db: None) -> StylePreset:
    """A style of administrators, the only one."""
    with service_scope("a test"):
        StylePreset.objects.filter(user=None).delete()
        return StylePreset.objects.create(name="Noir", prompt="noir, {prompt}")


def listed(api: APIClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(URL).json()["results"]
    return found


@pytest.mark.parametrize(
    ("template", "text", "made"),
    [
        ("photo of {prompt}, sharp", "a cat", "photo of a cat, sharp"),
        ("{prompt} and {prompt}", "a cat", "a cat and a cat"),
        ("sharp", "a cat", "a cat, sharp"),
        ("sharp", "", "sharp"),
        ("", "a cat", "a cat"),
        ("", "", ""),
        ("photo of {prompt}", "{prompt} {a|b}", "photo of {prompt} {a|b}"),
    ],
)
def test_a_prompt_is_put_where_the_style_says(template: str, text: str, made: str) -> None:
    preset = StylePreset(prompt=template, negative_prompt=template)

    assert apply_preset(preset=preset, prompt=text, negative_prompt=text) == (made, made)


def test_a_style_is_made_changed_and_deleted(api: APIClient, user: User) -> None:
    body = {"name": "바다", "prompt": "sea, {prompt}", "negative_prompt": "land"}
    made = api.post(URL, body, format="json")
    address = f"{URL}/{made.json()['id']}"

    changed = api.patch(address, {"name": "산", "negative_prompt": ""}, format="json")

    assert made.status_code == 201
    assert made.json() | body == made.json()
    assert (made.json()["is_shared"], made.json()["cover"]) == (False, None)
    expected = made.json() | {"name": "산", "negative_prompt": ""}
    assert (changed.status_code, changed.json()) == (200, expected)
    assert api.get(address).json() == expected
    assert api.delete(address).status_code == 204
    assert not StylePreset.objects.filter(user=user).exists()
    assert api.get(address).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": 5}, "name"),
        ({"name": "a", "prompt": "x" * 2001}, "prompt"),
        ({"name": "a", "prompt": None}, "prompt"),
        ({"name": "a", "negative_prompt": "\0"}, "negative_prompt"),
        ({"name": "a", "cover": "b"}, "cover"),
    ],
)
def test_what_is_no_style_is_refused(
    api: APIClient, user: User, body: dict[str, Any], field: str
) -> None:
    answer = api.post(URL, body, format="json")

    assert (answer.status_code, answer.json()["invalid_fields"]) == (422, [field])
    assert not StylePreset.objects.filter(user=user).exists()


def test_a_name_is_taken_once(
    api: APIClient, user: User, stranger_api: APIClient, shared: StylePreset
) -> None:
    api.post(URL, {"name": "a"}, format="json")
    other = api.post(URL, {"name": "b"}, format="json").json()

    again = api.post(URL, {"name": "a"}, format="json")
    renamed = api.patch(f"{URL}/{other['id']}", {"name": "a"}, format="json")
    kept = api.patch(f"{URL}/{other['id']}", {"name": "b"}, format="json")

    assert [again.status_code, renamed.status_code, kept.status_code] == [409, 409, 200]
    assert sorted(StylePreset.objects.filter(user=user).values_list("name", flat=True)) == [
        "a",
        "b",
    ]
    # What others and administrators have takes no name away.
    assert stranger_api.post(URL, {"name": "a"}, format="json").status_code == 201
    assert api.post(URL, {"name": shared.name}, format="json").status_code == 201


def test_there_are_so_many_and_no_more(user: User) -> None:
    StylePreset.objects.bulk_create(
        StylePreset(user=user, name=str(number)) for number in range(MAX_PRESETS)
    )

    with pytest.raises(Conflict) as caught:
        create_preset(user=user, name="more")

    assert caught.value.numbers == {"limit": MAX_PRESETS}
    assert StylePreset.objects.filter(user=user).count() == MAX_PRESETS


def create_at_once(user: User) -> list[str]:
    """Take one name twice at the same moment; return what became of each."""
    start = threading.Barrier(2)

    def create() -> str:
        start.wait()
        try:
            with tenant_scope(user.id):
                return create_preset(user=user, name="a").name
        except (Conflict, IntegrityError) as error:
            return type(error).__name__
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        return sorted(future.result() for future in [pool.submit(create) for _ in range(2)])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("locked", "refusal"), [(True, "Conflict"), (False, "IntegrityError")])
def test_who_comes_second_to_a_name_is_told_so(
    locked: bool, refusal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = make_user("owner@example.com")
    check = prompts._require_free_name

    def check_slowly(is_taken: bool) -> None:
        check(is_taken)
        time.sleep(0.3)

    monkeypatch.setattr(prompts, "_require_free_name", check_slowly)
    if not locked:
        monkeypatch.setattr(prompts, "lock_library", lambda **_: None)

    assert create_at_once(user) == sorted([refusal, "a"])
    assert StylePreset.objects.filter(user=user).count() == 1


def test_own_styles_come_before_those_of_everybody(
    api: APIClient, stranger: User, shared: StylePreset
) -> None:
    create_preset(user=stranger, name="theirs")
    for name in ("Z", "A"):
        api.post(URL, {"name": name}, format="json")

    assert [(one["name"], one["is_shared"]) for one in listed(api)] == [
        ("A", False),
        ("Z", False),
        ("Noir", True),
    ]


def test_what_everybody_has_is_read_and_not_changed(api: APIClient, shared: StylePreset) -> None:
    address = f"{URL}/{shared.id}"

    read = api.get(address)
    answers = [api.patch(address, {"name": "mine"}, format="json"), api.delete(address)]

    assert (read.status_code, read.json()["prompt"]) == (200, "noir, {prompt}")
    assert [answer.status_code for answer in answers] == [404, 404]
    shared.refresh_from_db()
    assert shared.name == "Noir"


def test_a_stranger_finds_nothing(stranger_api: APIClient, user: User) -> None:
    preset = create_preset(user=user, name="mine")
    address = f"{URL}/{preset.id}"

    answers = [
        stranger_api.get(address),
        stranger_api.patch(address, {"name": "theirs"}, format="json"),
        stranger_api.delete(address),
    ]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert preset.name not in [one["name"] for one in listed(stranger_api)]
    preset.refresh_from_db()
    assert preset.name == "mine"


def test_a_cover_is_a_picture_of_ones_own(api: APIClient, user: User, stranger: User) -> None:
    mine, theirs = make_image(user), make_image(stranger)
    made = [
        api.post(URL, {"name": str(name), "cover": str(name)}, format="json").json()
        for name in (mine.image_name, theirs.image_name, uuid.uuid4())
    ]

    assert [one["cover"] for one in made] == [str(mine.image_name), None, None]
    assert str(mine.image_name) in made[0]["cover_url"]
    assert [one["cover_url"] for one in made[1:]] == [None, None]


def test_the_shipped_styles_are_whole_and_have_translated_names(api: APIClient, user: User) -> None:
    with service_scope("a test"):
        StylePreset.objects.filter(user=None).delete()
        shipped.add_presets(apps, None)
        shipped.add_presets(apps, None)

    found = listed(api)
    korean = api.get(URL, headers={"accept-language": "ko"}).json()["results"]

    assert sorted(one["name"] for one in found) == sorted(SHIPPED_NAMES)
    assert len(found) == 8
    assert all(one["is_shared"] and PLACEHOLDER in one["prompt"] for one in found)
    assert all(PLACEHOLDER in one["negative_prompt"] for one in found)
    names = {one["id"]: one["name"] for one in found}
    assert all(one["name"] != names[one["id"]] for one in korean)


def test_staff_make_and_change_styles_for_everybody(api: APIClient, user: User) -> None:
    own = create_preset(user=user, name="mine")
    staff = make_user("staff@example.com", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(staff)
    address = "/admin/workflows/stylepreset/"

    made = client.post(f"{address}add/", {"name": "New", "prompt": "new, {prompt}"})

    assert made.status_code == 302
    preset = StylePreset.objects.get(user=None, name="New")
    assert "New" in [one["name"] for one in listed(api)]
    client.post(f"{address}{preset.id}/change/", {"name": "Newer", "prompt": "new"})
    assert "Newer" in [one["name"] for one in listed(api)]
    assert AuditRecord.objects.filter(act=Act.ADMIN_CHANGE, actor_id=staff.id).count() == 2
    # Styles of users are theirs.
    assert b"mine" not in client.get(address).content
    assert client.get(f"{address}{own.id}/change/").status_code == 302
