"""Who may open the socket, and that it closes within seconds when that ends."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from blockbuster import blockbuster_ctx
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from apps.accounts import authentication
from apps.accounts.announcements import announce_access_changed
from apps.accounts.credentials import SESSION
from apps.accounts.models import ApiKey, Scope, User
from apps.accounts.provider_keys import ProviderUnavailable
from apps.accounts.provider_tokens import ProviderToken
from apps.accounts.services.keys import create_key, revoke_key, update_key
from apps.accounts.services.users import ensure_administrator, set_active
from apps.core.groups import sender
from apps.generation.events import publisher
from apps.plans.models import Subscription
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from config.asgi import application
from tests.database import in_thread
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)

ORIGIN = (b"origin", b"http://testserver")
EVIL = (b"origin", b"https://evil.example")
NOT_SIGNED_IN = {"type": "websocket.close", "code": 4401}
FORBIDDEN = {"type": "websocket.close", "code": 4403}


@pytest.fixture(autouse=True)
async def fresh_channel_layer() -> AsyncIterator[None]:
    yield
    layer = get_channel_layer()
    assert layer is not None
    await layer.flush()
    # Channels leaves connections open under its communicator; this closes that of the thread.
    await in_thread(lambda: None)()


@pytest.fixture
def pro_user(user: User) -> User:
    start_subscription(user=user, plan=PLANS["pro"])
    return user


@pytest.fixture
def key(pro_user: User) -> tuple[ApiKey, str]:
    return new_key(pro_user)


def new_key(user: User, *scopes: Scope) -> tuple[ApiKey, str]:
    return create_key(user=user, granter=SESSION, name="k", scopes=scopes or (Scope.READ,))


def bearer(token: str) -> tuple[bytes, bytes]:
    return (b"authorization", f"Bearer {token}".encode())


def signed_in(user: User) -> tuple[Client, tuple[bytes, bytes]]:
    client = Client()
    client.force_login(user)
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    return client, (b"cookie", f"{django_settings.SESSION_COOKIE_NAME}={cookie}".encode())


async def open_socket(*headers: tuple[bytes, bytes]) -> tuple[WebsocketCommunicator, bool]:
    socket = WebsocketCommunicator(
        application, "/ws/v1/events", headers=[(b"host", b"testserver"), *headers]
    )
    connected, _code = await socket.connect(timeout=10)
    return socket, connected


async def is_open(socket: WebsocketCommunicator) -> bool:
    """Take the snapshot that an open socket begins with."""
    output = await socket.receive_output(timeout=10)
    return "text" in output and bool(json.loads(output["text"])["type"] == "snapshot")


async def test_a_program_opens_it_with_a_key_and_no_origin(key: tuple[ApiKey, str]) -> None:
    socket, _connected = await open_socket(bearer(key[1]))

    assert await is_open(socket)
    await socket.disconnect()


async def test_a_key_with_our_origin_is_taken_and_with_a_foreign_one_refused(
    key: tuple[ApiKey, str],
) -> None:
    ours, _connected = await open_socket(bearer(key[1]), ORIGIN)
    assert await is_open(ours)
    await ours.disconnect()

    _theirs, connected = await open_socket(bearer(key[1]), EVIL)
    assert not connected


@pytest.mark.parametrize("headers", [(), (EVIL,)])
async def test_a_session_without_our_origin_opens_nothing(
    user: User, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    _client, cookie = await in_thread(signed_in)(user)

    _socket, connected = await open_socket(cookie, *headers)

    assert not connected


async def test_a_bad_key_is_not_mended_by_a_good_session(user: User) -> None:
    _client, cookie = await in_thread(signed_in)(user)
    socket, _connected = await open_socket(cookie, ORIGIN, bearer("ek_wrong"))

    assert await socket.receive_output(timeout=10) == NOT_SIGNED_IN


async def test_a_key_without_the_scope_is_refused(pro_user: User) -> None:
    _key, secret = await in_thread(new_key)(pro_user, Scope.GENERATE)
    socket, _connected = await open_socket(bearer(secret))

    assert await socket.receive_output(timeout=10) == FORBIDDEN


async def test_a_key_on_a_plan_without_api_access_is_refused(user: User) -> None:
    _key, secret = await in_thread(new_key)(user)
    socket, _connected = await open_socket(bearer(secret))

    assert await socket.receive_output(timeout=10) == FORBIDDEN


async def test_a_token_opens_it_until_it_ends(
    pro_user: User, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.EASEL_SOCKET_CHECK_SECONDS = 0.1
    end = timezone.now() + timedelta(seconds=1.5)
    monkeypatch.setattr(
        authentication,
        "read_provider_token",
        lambda token: ProviderToken(subject=token, expires_at=end),
    )
    await in_thread(User.objects.update)(oidc_subject="a.b.c")

    socket, _connected = await open_socket(bearer("a.b.c"))

    assert await is_open(socket)
    assert await socket.receive_output(timeout=5) == NOT_SIGNED_IN
    assert timezone.now() >= end


async def test_while_the_provider_is_away_a_token_is_asked_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(token: str) -> None:
        raise ProviderUnavailable

    monkeypatch.setattr(authentication, "read_provider_token", away)
    socket, _connected = await open_socket(bearer("a.b.c"))

    assert await socket.receive_output(timeout=10) == {"type": "websocket.close", "code": 1013}


def revoke(key: ApiKey) -> None:
    revoke_key(user=key.user, key_id=key.id)


def take_the_scope(key: ApiKey) -> None:
    update_key(user=key.user, key_id=key.id, granter=SESSION, changes={"scopes": [Scope.GENERATE]})


def deactivate(key: ApiKey) -> None:
    set_active(user=key.user, active=False)


@pytest.mark.parametrize("end", [revoke, take_the_scope, deactivate])
async def test_a_socket_closes_at_once_when_its_key_ends(
    key: tuple[ApiKey, str], pro_user: User, end: Callable[[ApiKey], None]
) -> None:
    _other, secret = await in_thread(new_key)(pro_user)
    socket, _connected = await open_socket(bearer(key[1]))
    other, _connected = await open_socket(bearer(secret))
    assert await is_open(socket)
    assert await is_open(other)

    await in_thread(end)(key[0])

    assert await socket.receive_output(timeout=5) == NOT_SIGNED_IN
    if end is deactivate:
        assert await other.receive_output(timeout=5) == NOT_SIGNED_IN
    else:
        assert await other.receive_nothing(timeout=0.3)
        await other.disconnect()


async def test_signing_out_closes_the_sockets_of_that_session_alone(user: User) -> None:
    client, cookie = await in_thread(signed_in)(user)
    _elsewhere, other_cookie = await in_thread(signed_in)(user)
    socket, _connected = await open_socket(cookie, ORIGIN)
    other, _connected = await open_socket(other_cookie, ORIGIN)
    assert await is_open(socket)
    assert await is_open(other)

    await in_thread(client.post)("/accounts/sign-out/")

    assert await socket.receive_output(timeout=5) == NOT_SIGNED_IN
    assert await other.receive_nothing(timeout=0.3)
    await other.disconnect()


async def test_deactivation_in_the_admin_closes_the_sockets(user: User) -> None:
    def deactivate_in_admin() -> int:
        admin, _created = ensure_administrator(email="a@example.com", password=PASSWORD, name="A")
        client = Client()
        client.force_login(admin)
        form = {"email": user.email, "language": "en", "name": "N"}
        return client.post(f"/admin/accounts/user/{user.pk}/change/", form).status_code

    _client, cookie = await in_thread(signed_in)(user)
    socket, _connected = await open_socket(cookie, ORIGIN)
    assert await is_open(socket)

    assert await in_thread(deactivate_in_admin)() == 302

    assert await socket.receive_output(timeout=5) == NOT_SIGNED_IN


def delete_the_session(user: User) -> None:
    Session.objects.all().delete()
    cache.clear()


def change_the_password(user: User) -> None:
    user.set_password("another long password")
    user.save()


def forbid_the_user(user: User) -> None:
    User.objects.update(is_active=False)


@pytest.mark.parametrize("end", [delete_the_session, change_the_password, forbid_the_user])
async def test_an_end_that_nobody_announced_is_found_by_the_timer(
    user: User, settings: Any, end: Callable[[User], None]
) -> None:
    settings.EASEL_SOCKET_CHECK_SECONDS = 0.2
    _client, cookie = await in_thread(signed_in)(user)
    socket, _connected = await open_socket(cookie, ORIGIN)
    assert await is_open(socket)
    assert await socket.receive_nothing(timeout=0.5)

    await in_thread(end)(user)

    assert await socket.receive_output(timeout=5) == NOT_SIGNED_IN


async def test_a_plan_that_loses_api_access_closes_the_sockets_of_keys(
    key: tuple[ApiKey, str], settings: Any
) -> None:
    settings.EASEL_SOCKET_CHECK_SECONDS = 0.2
    socket, _connected = await open_socket(bearer(key[1]))
    assert await is_open(socket)

    await in_thread(Subscription.objects.all().delete)()

    assert await socket.receive_output(timeout=5) == FORBIDDEN


async def test_strangers_are_not_disturbed(user: User, stranger: User) -> None:
    _client, cookie = await in_thread(signed_in)(stranger)
    theirs, _connected = await open_socket(cookie, ORIGIN)
    assert await is_open(theirs)

    await in_thread(set_active)(user=user, active=False)

    assert await theirs.receive_nothing(timeout=0.3)
    await theirs.disconnect()


async def test_nothing_blocks_the_event_loop(key: tuple[ApiKey, str], settings: Any) -> None:
    settings.EASEL_SOCKET_CHECK_SECONDS = 0.1
    with blockbuster_ctx() as watch:
        assert watch.functions
        socket, _connected = await open_socket(bearer(key[1]))
        assert await is_open(socket)
        assert await socket.receive_nothing(timeout=0.5)
        await in_thread(revoke)(key[0])
        assert await socket.receive_output(timeout=5) == NOT_SIGNED_IN
    await sync_to_async(sender.flush)(timeout=5)


async def test_a_socket_is_closed_once_and_nothing_follows(key: tuple[ApiKey, str]) -> None:
    user = key[0].user
    socket, _connected = await open_socket(bearer(key[1]))
    assert await is_open(socket)

    await in_thread(revoke)(key[0])
    announce_access_changed(user.id)
    publisher.publish(user.id, {"type": "started", "job_id": "j", "attempt": 1})

    assert await socket.receive_output(timeout=5) == NOT_SIGNED_IN
    assert await socket.receive_nothing(timeout=0.5)
