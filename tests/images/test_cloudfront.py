"""Pictures behind CloudFront: whose cookies open what, until when, and what programs get."""

import base64
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.cookies import Morsel
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.credentials import SESSION
from apps.accounts.models import Scope, User
from apps.accounts.services.keys import create_key
from apps.accounts.services.users import end_all_sessions
from apps.boards.models import MemberRole
from apps.boards.services import create_board, move_images
from apps.boards.sharing_services import add_member, create_link
from apps.core.cloudfront import COOKIES
from apps.core.s3_storage import S3FileStorage
from apps.images.addresses import ServedFiles
from apps.images.middleware import MARK_COOKIE
from apps.images.models import Image
from apps.images.services.library import trash_images
from apps.images.services.purges import delete_purged_files
from apps.images.storage import thumbnail_key
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from config.settings.servers import file_storage_settings
from tests.cloudfront import CloudFront, new_private_key, public_half
from tests.factories import PASSWORD, delete_image, make_image
from tests.queries import counted_queries
from tests.stack import free_port

KEY_ID, NEXT_ID = "K2JCJMDEHXQW5F", "K3NEXT"
ALL = {*COOKIES, MARK_COOKIE}
PRIVATE, NEXT_PRIVATE = new_private_key(), new_private_key()


@pytest.fixture
def cdn(
    s3: S3FileStorage, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CloudFront]:
    """A distribution before the bucket that pictures are stored in."""
    default_storage.exists("x")
    monkeypatch.setattr(default_storage, "_wrapped", s3)
    keys = {KEY_ID: public_half(PRIVATE), NEXT_ID: public_half(NEXT_PRIVATE)}
    with CloudFront(folder=tmp_path, port=free_port(), bucket=s3.bucket, keys=keys) as running:
        settings.EASEL_PUBLIC_URL = running.url
        settings.EASEL_CDN_KEY_PAIR_ID = KEY_ID
        settings.EASEL_CDN_PRIVATE_KEY = PRIVATE
        yield running


@pytest.fixture
def image(cdn: CloudFront, user: User) -> Image:
    return make_image(user, prompt="a red circle")


def here(cdn: CloudFront) -> Any:
    return {"HTTP_HOST": urlsplit(cdn.url).netloc}


def signed_in(user: User, cdn: CloudFront) -> Client:
    """Return a browser that `user` has signed in with at the public address."""
    client = Client(**here(cdn))
    answer = client.post("/accounts/sign-in/", {"username": user.email, "password": PASSWORD})
    assert answer.status_code == 302
    return client


def shown_to_cloudfront(client: Client) -> dict[str, str]:
    return {name: client.cookies[name].value for name in COOKIES if name in client.cookies}


def fetch(cdn: CloudFront, address: str, cookies: dict[str, str]) -> int:
    answer = requests.get(
        address, cookies=cookies, verify=str(cdn.certificate), timeout=10, allow_redirects=False
    )
    assert answer.headers["Content-Type"].startswith("image/") == (answer.status_code == 200)
    return answer.status_code


def served(cdn: CloudFront, image: Image) -> str:
    return f"{cdn.url}/images/{image.s3_key}"


def test_a_sign_in_brings_cookies_that_open_ones_own_pictures(
    cdn: CloudFront, user: User, image: Image
) -> None:
    client = signed_in(user, cdn)

    for name in COOKIES:
        morsel: Morsel[str] = client.cookies[name]
        assert morsel["path"] == f"/images/users/{user.id}/"
        assert (morsel["secure"], morsel["httponly"], morsel["samesite"]) == (True, True, "Lax")
        assert morsel["domain"] == ""
        assert 24 * 3600 <= int(morsel["max-age"]) <= 48 * 3600
    cookies = shown_to_cloudfront(client)
    listed = client.get("/api/v1/images").json()["results"][0]
    assert listed["full_url"] == served(cdn, image)
    assert listed["thumbnail_urls"] == {
        str(size): cdn.url
        + "/images/"
        + thumbnail_key(user_id=user.id, image_name=image.image_name, size=size)
        for size in (256, 512)
    }
    for address in (listed["full_url"], *listed["thumbnail_urls"].values()):
        assert fetch(cdn, address, cookies) == 200
        assert fetch(cdn, address, {}) == 403


def test_cookies_open_nothing_of_another_user_and_no_other_files(
    cdn: CloudFront, user: User, stranger: User, image: Image
) -> None:
    cookies = shown_to_cloudfront(signed_in(user, cdn))
    theirs = make_image(stranger)
    export = default_storage.save(
        f"users/{user.id}/exports/{uuid.uuid4()}.zip", ContentFile(b"zip")
    )

    assert fetch(cdn, served(cdn, image), cookies) == 200
    assert fetch(cdn, served(cdn, theirs), cookies) == 403
    assert fetch(cdn, f"{cdn.url}/images/{export}", cookies) == 403
    climbing = f"{cdn.url}/images/users/{user.id}/images/../../../{theirs.s3_key}"
    assert cdn.picture(climbing.removeprefix(cdn.url), cookies)[0] == 403


def test_cookies_end(cdn: CloudFront, user: User, image: Image) -> None:
    client = signed_in(user, cdn)
    cookies = shown_to_cloudfront(client)
    ends = int(client.cookies[MARK_COOKIE].value.rpartition(".")[2])

    cdn.clock = lambda: ends - 1.0
    assert fetch(cdn, served(cdn, image), cookies) == 200
    cdn.clock = lambda: float(ends)
    assert fetch(cdn, served(cdn, image), cookies) == 403


@pytest.mark.parametrize("name", COOKIES)
def test_an_altered_cookie_opens_nothing(
    name: str, cdn: CloudFront, user: User, stranger: User, image: Image
) -> None:
    cookies = shown_to_cloudfront(signed_in(user, cdn))
    others = shown_to_cloudfront(signed_in(stranger, cdn)) | {COOKIES[2]: NEXT_ID}

    assert fetch(cdn, served(cdn, image), cookies | {name: others[name]}) == 403
    left = {key: value for key, value in cookies.items() if key != name}
    assert fetch(cdn, served(cdn, image), left) == 403


def test_cookies_are_renewed_on_the_next_day_and_not_before(
    cdn: CloudFront, user: User, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    at = {"now": noon}
    monkeypatch.setattr("apps.images.delivery.timezone.now", lambda: at["now"])
    client = signed_in(user, cdn)
    first = shown_to_cloudfront(client)
    client.get("/gallery/")

    with counted_queries() as before:
        again = client.get("/gallery/")
    assert not ALL & set(again.cookies)
    at["now"] = noon + timedelta(days=1)
    with counted_queries() as after:
        renewed = client.get("/gallery/")

    assert set(renewed.cookies) >= ALL
    assert len(after) == len(before)
    second = shown_to_cloudfront(client)
    assert second != first
    cdn.clock = lambda: (noon + timedelta(days=2)).timestamp()
    assert fetch(cdn, served(cdn, image), first) == 403
    assert fetch(cdn, served(cdn, image), second) == 200


def test_a_new_key_brings_new_cookies_while_the_old_ones_are_good(
    cdn: CloudFront, user: User, image: Image, settings: Any
) -> None:
    client = signed_in(user, cdn)
    old = shown_to_cloudfront(client)

    settings.EASEL_CDN_KEY_PAIR_ID, settings.EASEL_CDN_PRIVATE_KEY = NEXT_ID, NEXT_PRIVATE
    client.get("/gallery/")

    new = shown_to_cloudfront(client)
    assert new[COOKIES[2]] == NEXT_ID
    assert [fetch(cdn, served(cdn, image), cookies) for cookies in (old, new)] == [200, 200]
    del cdn.keys[KEY_ID]
    assert [fetch(cdn, served(cdn, image), cookies) for cookies in (old, new)] == [403, 200]


def assert_taken_back(client: Client, user: User) -> None:
    for name in COOKIES:
        morsel = client.cookies[name]
        assert (morsel.value, morsel["max-age"]) == ("", 0)
        assert morsel["path"] == f"/images/users/{user.id}/"
    assert (client.cookies[MARK_COOKIE].value, client.cookies[MARK_COOKIE]["max-age"]) == ("", 0)


def test_a_sign_out_takes_the_cookies_back(cdn: CloudFront, user: User) -> None:
    client = signed_in(user, cdn)
    client.post("/accounts/sign-out/")

    assert_taken_back(client, user)


def test_a_session_that_was_ended_elsewhere_takes_them_back(cdn: CloudFront, user: User) -> None:
    client = signed_in(user, cdn)
    end_all_sessions(user=user)

    client.get("/gallery/")

    assert_taken_back(client, user)


@pytest.mark.parametrize(
    "mark", ["", "x", "..", "1b4e28ba-2fa1-4d1f-883f-b9a761bde3fb.K.x", "a.b.1", "é.ü.²"]
)
def test_a_mark_that_is_none_only_brings_the_cookies_again(
    mark: str, cdn: CloudFront, user: User
) -> None:
    client = signed_in(user, cdn)
    client.cookies[MARK_COOKIE] = mark

    answer = client.get("/gallery/")

    assert answer.status_code == 200
    assert set(answer.cookies) >= ALL


def test_a_key_gets_the_one_file_it_asks_for(
    cdn: CloudFront, user: User, image: Image, settings: Any
) -> None:
    program = key_client(user, cdn)
    settings.EASEL_CDN_KEY_PAIR_ID = ""
    program.get("/api/v1/images")
    with counted_queries() as without:
        program.get("/api/v1/images")
    settings.EASEL_CDN_KEY_PAIR_ID = KEY_ID
    with counted_queries() as queries:
        listed = program.get("/api/v1/images").json()["results"][0]
    # The list costs no signature of RSA, and no query more than elsewhere.
    assert listed["full_url"].startswith(f"/files/{user.id}/{image.image_name}/full?")
    assert len(queries) == len(without) > 0

    answer = Client(**here(cdn)).get(listed["full_url"])

    assert (answer.status_code, answer.content) == (302, b"")
    assert answer["Cache-Control"].startswith("private, max-age=")
    target = answer["Location"]
    assert target.startswith(f"{served(cdn, image)}?Expires=")
    assert Client(**here(cdn)).get(listed["full_url"])["Location"] == target
    assert fetch(cdn, target, {}) == 200
    other = make_image(user)
    assert fetch(cdn, target.replace(str(image.image_name), str(other.image_name)), {}) == 403
    ends = int(target.partition("Expires=")[2].partition("&")[0])
    assert fetch(cdn, target.replace(str(ends), str(ends + 1)), {}) == 403
    cdn.clock = lambda: float(ends)
    assert fetch(cdn, target, {}) == 403


def test_altered_and_unknown_addresses_of_files_lead_nowhere(
    cdn: CloudFront, user: User, image: Image
) -> None:
    listed = key_client(user, cdn).get("/api/v1/images").json()["results"][0]
    for wrong in (
        listed["full_url"].replace("/full?", "/256?"),
        listed["full_url"].replace("signature=", "signature=x"),
    ):
        assert Client(**here(cdn)).get(wrong).status_code == 404


def key_client(user: User, cdn: CloudFront) -> APIClient:
    start_subscription(user=user, plan=PLANS["pro"])
    _key, secret = create_key(user=user, granter=SESSION, name="k", scopes=[Scope.READ])
    client = APIClient(**here(cdn))
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}", **here(cdn))
    return client


def test_a_key_brings_no_cookies(cdn: CloudFront, user: User) -> None:
    assert not key_client(user, cdn).get("/api/v1/images").cookies


def test_pages_show_the_same_addresses(cdn: CloudFront, user: User, image: Image) -> None:
    board = create_board(user=user, name="Sea")
    move_images(user=user, names=[image.image_name], board_id=board.id)
    client = signed_in(user, cdn)
    small = f"{cdn.url}/images/users/{user.id}/images/thumbnails/{image.image_name}"

    gallery = client.get("/gallery/").content.decode()
    large = client.get(f"/gallery/{image.image_name}/").content.decode()
    boards = client.get("/boards/").content.decode()

    assert f'src="{small}.webp"' in gallery
    assert f'src="{served(cdn, image)}"' in large
    assert f'href="/api/v1/images/{image.image_name}/full?download=1"' in large
    assert f'src="{small}_512.webp"' in boards


def test_a_shared_board_stays_with_our_own_routes(
    cdn: CloudFront, user: User, stranger: User, image: Image
) -> None:
    start_subscription(user=user, plan=PLANS["enterprise"])
    board = create_board(user=user, name="Sea")
    move_images(user=user, names=[image.image_name], board_id=board.id)
    add_member(user=user, board_id=board.id, email=stranger.email, role=MemberRole.VIEWER)
    _link, token = create_link(user=user, board_id=board.id)

    member = signed_in(stranger, cdn)
    listed = member.get(f"/api/v1/boards/shared/{board.id}/images").json()["results"][0]
    guest = Client(**here(cdn)).get(f"/shared/{token}/")

    assert listed["full_url"].startswith("/api/v1/boards/shared/")
    assert member.get(listed["thumbnail_url"]).status_code == 200
    for page in (guest.content.decode(), member.get("/boards/").content.decode()):
        assert "/images/users/" not in page
        assert "Signature" not in page
    assert not set(guest.cookies) & set(COOKIES)
    assert str(user.id) not in json.dumps(shown_policy(member))


def shown_policy(client: Client) -> Any:
    text = client.cookies[COOKIES[0]].value.translate(str.maketrans("-_~", "+=/"))
    return json.loads(base64.b64decode(text))


def test_pictures_of_others_are_never_addressed_at_cloudfront(
    cdn: CloudFront, user: User, stranger: User
) -> None:
    addresses, name = ServedFiles(user.id), uuid.uuid4()

    assert addresses.full(user_id=user.id, image_name=name).startswith(cdn.url)
    full = addresses.full(user_id=stranger.id, image_name=name)
    small = addresses.thumbnail(user_id=stranger.id, image_name=name, size=256)
    assert full == f"/api/v1/images/{name}/full"
    assert small == f"/api/v1/images/{name}/thumbnails/256"


def test_a_thrown_picture_is_still_its_owners_and_a_deleted_one_is_gone(
    cdn: CloudFront, user: User, image: Image
) -> None:
    client = signed_in(user, cdn)
    cookies = shown_to_cloudfront(client)
    trash_images(user=user, names=[image.image_name])

    (thrown,) = client.get("/api/v1/images/trash").json()["results"]
    assert fetch(cdn, thrown["full_url"], cookies) == 200
    delete_image(user=user, image_name=image.image_name)
    delete_purged_files()
    assert fetch(cdn, thrown["full_url"], cookies) == 403


def test_at_another_host_all_is_as_without_cloudfront(cdn: CloudFront, user: User) -> None:
    image = make_image(user)
    client = Client(HTTP_HOST="testserver")
    answer = client.post("/accounts/sign-in/", {"username": user.email, "password": PASSWORD})

    assert not ALL & set(answer.cookies)
    (listed,) = client.get("/api/v1/images").json()["results"]
    assert listed["full_url"] == f"/api/v1/images/{image.image_name}/full"


@pytest.mark.parametrize("missing", ["EASEL_CDN_KEY_PAIR_ID", "EASEL_CDN_PRIVATE_KEY"])
def test_without_the_settings_all_is_as_before(
    missing: str, cdn: CloudFront, user: User, image: Image, settings: Any
) -> None:
    setattr(settings, missing, "")
    client = signed_in(user, cdn)

    assert not ALL & set(client.cookies)
    (listed,) = client.get("/api/v1/images").json()["results"]
    assert listed["full_url"] == f"/api/v1/images/{image.image_name}/full"
    assert client.get(listed["full_url"]).status_code == 200


def test_what_is_stored_says_that_it_may_be_kept(
    s3: S3FileStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.env.S3_BUCKET", "easel-test")
    options = file_storage_settings(Path("/nowhere"))["default"]["OPTIONS"]
    endpoint = s3.connection.meta.client.meta.endpoint_url
    store = S3FileStorage(**options | {"endpoint_url": endpoint})

    store.save("users/a/images/x.png", ContentFile(b"png"))

    found = s3.bucket.Object("users/a/images/x.png").get()
    assert (found["CacheControl"], found["ContentType"]) == (
        "max-age=31536000, immutable",
        "image/png",
    )
