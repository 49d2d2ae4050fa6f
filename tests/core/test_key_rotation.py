"""A new secret key: what the former one signed goes on while it is a fallback, and ends after."""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.credentials import SESSION
from apps.accounts.models import Scope, User
from apps.accounts.services.keys import create_key
from apps.accounts.services.users import end_all_sessions
from apps.accounts.tokens import confirmation_tokens, reset_tokens
from apps.catalog.models import GenerationModel
from apps.core.errors import Conflict
from apps.credits.selectors import read_balance
from apps.generation.orders import Order
from apps.generation.parameters import complete_parameters
from apps.generation.quotes import quote_order, quote_orders
from apps.images.signing import signed_address
from apps.plans.models import Subscription, TrialPerson
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import person_digests, start_subscription
from apps.privacy.services.background import run_next_request
from apps.privacy.services.requests import request_deletion
from tests.factories import PASSWORD, make_image, make_user
from tests.stack import ROOT

pytestmark = pytest.mark.django_db


@pytest.fixture
def rotate(settings: Any) -> Callable[..., None]:
    """Return a function that sets a new key and keeps the former one, or does not."""

    def change(*, keep: bool = True) -> None:
        former = settings.SECRET_KEY
        settings.SECRET_KEY_FALLBACKS = [former] if keep else []
        settings.SECRET_KEY = secrets.token_urlsafe(50)

    return change


@pytest.fixture
def forget(settings: Any) -> Callable[[], None]:
    """Return a function that takes the former keys out."""

    def change() -> None:
        settings.SECRET_KEY_FALLBACKS = []

    return change


def signed_in(user: User) -> Client:
    client = Client()
    answer = client.post("/accounts/sign-in/", {"username": user.email, "password": PASSWORD})
    assert answer.status_code == 302
    return client


def is_in(client: Client) -> bool:
    return client.get("/api/v1/images").status_code == 200


def test_sessions_go_on_and_are_signed_anew(
    user: User, rotate: Callable[..., None], forget: Callable[[], None]
) -> None:
    client, idle = signed_in(user), signed_in(user)
    rotate()

    assert is_in(client)
    forget()
    # Whoever was here meanwhile is signed in by the new key; whoever was not signs in again.
    assert is_in(client)
    assert not is_in(idle)


def test_without_the_fallback_sessions_end(user: User, rotate: Callable[..., None]) -> None:
    client = signed_in(user)
    rotate(keep=False)

    assert not is_in(client)


def test_a_session_that_was_ended_stays_ended_under_a_former_key(
    user: User, rotate: Callable[..., None]
) -> None:
    client = signed_in(user)
    rotate()
    User.objects.filter(pk=user.pk).update(session_generation=user.session_generation + 1)

    assert not is_in(client)
    end_all_sessions(user=user)
    assert not is_in(client)


def test_addresses_of_files_go_on(
    user: User, rotate: Callable[..., None], forget: Callable[[], None]
) -> None:
    image = make_image(user)
    address = signed_address(user_id=user.id, image_name=image.image_name, variant="full")
    rotate()

    assert Client().get(address).status_code == 200
    forget()
    assert Client().get(address).status_code == 404
    again = signed_address(user_id=user.id, image_name=image.image_name, variant="full")
    assert Client().get(again).status_code == 200


def test_quotes_go_on(
    user: User,
    starter: GenerationModel,
    rotate: Callable[..., None],
    forget: Callable[[], None],
) -> None:
    parameters = complete_parameters(model=starter, prompt="a red circle", steps=2, seed=1)
    order = Order(model=starter, parameters=parameters)
    token = quote_order(user=user, order=order).token
    bound = Order(model=starter, parameters=parameters, quote=token)
    rotate()

    (quote,) = quote_orders(user=user, orders=[bound])
    assert quote.credits > 0
    forget()
    with pytest.raises(Conflict):
        quote_orders(user=user, orders=[bound])


def test_links_in_mails_go_on(
    user: User, rotate: Callable[..., None], forget: Callable[[], None]
) -> None:
    links = [(tokens, tokens.make_token(user)) for tokens in (reset_tokens, confirmation_tokens)]
    rotate()

    assert [tokens.check_token(user, token) for tokens, token in links] == [True, True]
    forget()
    assert [tokens.check_token(user, token) for tokens, token in links] == [False, False]


def leave(user: User) -> None:
    request_deletion(user=user, email=user.email)
    assert run_next_request() == 1


def has_trial(user: User) -> bool:
    started = Subscription.objects.filter(user=user).exists()
    assert read_balance(user_id=user.id).available == (500 if started else 0)
    return started


def test_whoever_left_under_a_former_key_gets_no_other_trial(
    rotate: Callable[..., None], forget: Callable[[], None]
) -> None:
    first = make_user("ada@example.com")
    assert has_trial(first)
    leave(first)
    rotate()

    second = make_user("ada+again@example.com")
    assert not has_trial(second)
    leave(second)
    forget()
    # Who came back meanwhile is known by the new key.
    assert not has_trial(make_user("ada@example.com"))


def test_everyone_with_an_account_can_be_made_known_by_the_new_key(
    rotate: Callable[..., None], forget: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    ada = make_user("ada@example.com")
    make_user("new@example.com", email_verified=False)
    rotate()

    call_command("rekey_trials")
    assert capsys.readouterr().out == "1 persons are known by the new key\n"
    call_command("rekey_trials")
    assert capsys.readouterr().out == "0 persons are known by the new key\n"
    forget()
    leave(ada)
    assert not has_trial(make_user("ada@example.com"))


def test_without_the_command_a_former_key_is_forgotten_with_its_persons(
    rotate: Callable[..., None],
) -> None:
    leave(make_user("ada@example.com"))
    rotate(keep=False)

    assert has_trial(make_user("ada@example.com"))
    digests = set(TrialPerson.objects.values_list("digest", flat=True))
    assert len(digests) == 2
    assert person_digests("ada@example.com")[0] in digests


def test_keys_of_programs_hang_on_no_secret(user: User, rotate: Callable[..., None]) -> None:
    start_subscription(user=user, plan=PLANS["pro"])
    _key, secret = create_key(user=user, granter=SESSION, name="k", scopes=[Scope.READ])
    rotate(keep=False)

    program = APIClient()
    program.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert program.get("/api/v1/images").status_code == 200


def test_two_tokens_open_the_metrics_while_a_scraper_is_given_a_new_one(
    client: Client, settings: Any
) -> None:
    settings.EASEL_METRICS_TOKEN = "former,next"

    for shown, status in (("former", 200), ("next", 200), ("former,next", 404), ("", 404)):
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {shown}"})
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("text", "keys"),
    [("", []), ("one", ["one"]), ("one,two", ["one", "two"]), (" one, two,\n", ["one", "two"])],
)
@pytest.mark.parametrize("as_file", [False, True])
def test_former_keys_are_read_from_the_environment_or_a_file(
    text: str, keys: list[str], *, as_file: bool, tmp_path: Path
) -> None:
    name, value = "EASEL_SECRET_KEY_FALLBACKS", text
    if as_file:
        (tmp_path / "keys").write_text(text)
        name, value = f"{name}_FILE", str(tmp_path / "keys")
    done = subprocess.run(
        [sys.executable, "-c", "from config import env; print(env.SECRET_KEY_FALLBACKS)"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], name: value},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert done.stdout.strip() == str(keys)
