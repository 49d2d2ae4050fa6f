"""Lists kept in the cache: never another's, and right after each change of one's own."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.credentials import SESSION
from apps.accounts.models import Scope, User
from apps.accounts.services.keys import create_key
from apps.boards.services import create_board, delete_board
from apps.images.kept_lists import kept_page, note_library_change
from apps.images.models import Image
from apps.images.services.pictures import add_results, store_picture
from apps.images.services.retention import (
    delete_pictures_past_retention,
    note_pictures_that_will_go,
)
from apps.plans.models import Notice, NoticeState, Subscription
from tests.factories import encode, make_image, make_picture
from tests.queries import counted_queries

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/v1/images"


@pytest.fixture(autouse=True)
def kept(settings: Any) -> None:
    settings.EASEL_LIST_CACHE_SECONDS = 60


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.com", "a password"))
    return client


def listed(api: APIClient, query: str = "") -> tuple[str, list[dict[str, Any]]]:
    answer = api.get(f"{URL}{query}")
    assert answer.status_code == 200, answer.content
    return answer["Cache-Status"], answer.json()["results"]


def test_the_second_time_nothing_is_read_of_the_pictures(api: APIClient, user: User) -> None:
    make_image(user)
    first = listed(api)
    with counted_queries() as queries:
        second = listed(api)

    assert first == ("easel; fwd=miss", second[1])
    assert second[0] == "easel; hit"
    assert not [query for query in queries if "images_image" in query]


def test_another_user_never_gets_it(api: APIClient, stranger_api: APIClient, user: User) -> None:
    make_image(user)
    assert len(listed(api)[1]) == 1

    assert listed(stranger_api) == ("easel; fwd=miss", [])
    assert listed(stranger_api) == ("easel; hit", [])


def test_each_question_is_kept_by_itself(api: APIClient, user: User) -> None:
    make_image(user, prompt="a castle")
    listed(api)

    assert listed(api, "?q=river") == ("easel; fwd=miss", [])
    assert listed(api, "?q=castle")[0] == "easel; fwd=miss"
    assert len(listed(api, "?q=castle")[1]) == 1


def test_a_key_gets_its_own_addresses(api: APIClient, enterprise_user: User) -> None:
    make_image(enterprise_user)
    (of_page,) = listed(api)[1]
    _key, secret = create_key(user=enterprise_user, granter=SESSION, name="k", scopes=[Scope.READ])
    program = APIClient(headers={"Authorization": f"Bearer {secret}"})

    status, (of_program,) = listed(program)

    assert status == "easel; fwd=miss"
    assert of_program["full_url"] != of_page["full_url"]


def star(api: APIClient, image: Image) -> Any:
    return api.patch(f"{URL}/{image.image_name}", {"starred": True}, format="json")


def throw_away(api: APIClient, image: Image) -> Any:
    return api.delete(f"{URL}/{image.image_name}")


def tag(api: APIClient, image: Image) -> Any:
    body = {"act": "tag", "images": [str(image.image_name)], "tags": ["sea"]}
    return api.post(f"{URL}/acts", body, format="json")


def move(api: APIClient, image: Image) -> Any:
    board = create_board(user=image.user, name="b")
    body = {"images": [str(image.image_name)]}
    return api.post(f"/api/v1/boards/{board.id}/images", body, format="json")


def upload(api: APIClient, image: Image) -> Any:
    del image
    return api.post(URL, {"file": encode(make_picture())})


@pytest.mark.parametrize("change", [star, throw_away, tag, move, upload])
def test_it_is_right_after_a_change(
    change: Callable[[APIClient, Image], Any], api: APIClient, user: User
) -> None:
    image = make_image(user)
    before = listed(api)[1]
    assert change(api, image).status_code < 300

    status, after = listed(api)

    assert status == "easel; fwd=miss"
    assert after != before


def test_new_results_end_it(api: APIClient, user: User) -> None:
    assert listed(api)[1] == []
    stored = store_picture(
        user_id=user.id, image_name=uuid.uuid4(), picture=make_picture(), metadata={}
    )
    add_results(user_id=user.id, job_id=uuid.uuid4(), pictures=[(0, stored)])

    assert len(listed(api)[1]) == 1


def test_a_board_that_goes_ends_it(api: APIClient, user: User) -> None:
    image = make_image(user)
    move(api, image)
    (on_board,) = listed(api)[1]
    delete_board(user=user, board_id=uuid.UUID(on_board["board"]), with_pictures=False)

    assert listed(api)[1][0]["board"] is None


def test_a_change_that_is_taken_back_ends_nothing(user: User) -> None:
    def ask() -> tuple[bytes, bool]:
        page = kept_page(user_id=user.id, asked="all", make=lambda: b"page")
        return page.content, page.is_hit

    assert ask() == (b"page", False)
    with transaction.atomic():
        note_library_change(user.id)
        transaction.set_rollback(True)

    assert ask() == (b"page", True)


def test_what_was_read_before_a_change_is_not_kept_after_it(user: User) -> None:
    def make() -> bytes:
        # Another request changes a picture after this one has read.
        with transaction.atomic():
            note_library_change(user.id)
        return b"old"

    assert kept_page(user_id=user.id, asked="all", make=make).content == b"old"

    page = kept_page(user_id=user.id, asked="all", make=lambda: b"new")
    assert (page.content, page.is_hit) == (b"new", False)


def test_without_redis_it_is_made_each_time(user: User, settings: Any) -> None:
    settings.CACHES = settings.CACHES | {
        "default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1"}
    }

    pages = [kept_page(user_id=user.id, asked="all", make=lambda: b"page") for _time in range(2)]

    assert [(page.content, page.is_hit) for page in pages] == [(b"page", False)] * 2


def test_it_is_kept_for_a_minute(user: User) -> None:
    kept_page(user_id=user.id, asked="all", make=lambda: b"page")
    (key,) = cache.keys(f"images:list:{user.id}:*")  # type: ignore[attr-defined]

    assert 55 <= cache.ttl(key) <= 60  # type: ignore[attr-defined]


def test_pictures_that_go_with_the_plan_end_it(api: APIClient, user: User) -> None:
    make_image(user)
    assert len(listed(api)[1]) == 1
    now = timezone.now()
    Subscription.objects.filter(user=user).update(
        valid_from=now - timedelta(days=60), valid_until=now - timedelta(days=50)
    )
    note_pictures_that_will_go()
    Notice.objects.update(state=NoticeState.SENT, sent_at=now - timedelta(days=7))
    assert delete_pictures_past_retention() == 1

    assert listed(api) == ("easel; fwd=miss", [])


@pytest.mark.parametrize("many", [False, True])
def test_pictures_that_staff_delete_end_it(
    many: bool, api: APIClient, user: User, staff: Client
) -> None:
    image = make_image(user)
    assert len(listed(api)[1]) == 1
    address, form = f"/admin/images/image/{image.pk}/delete/", {"post": "yes"}
    if many:
        address = "/admin/images/image/"
        form |= {"action": "delete_selected", "_selected_action": str(image.pk)}
    assert staff.post(address, form).status_code == 302

    assert listed(api) == ("easel; fwd=miss", [])
