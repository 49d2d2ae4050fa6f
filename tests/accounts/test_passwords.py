from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from django_redis import get_redis_connection

from apps.accounts.models import User
from apps.accounts.sessions import INDEX_SECONDS, live_sessions
from tests.accounts.conftest import Post
from tests.accounts.letters import link_in, newest_letter
from tests.factories import PASSWORD, make_user

FORGOTTEN = "/accounts/password/forgotten/"
SENT = "/accounts/password/forgotten/sent/"
CHANGE = "/accounts/password/"
SIGN_IN = "/accounts/sign-in/"
EVERYWHERE = "/accounts/sign-out/everywhere/"
NEW_PASSWORD = "another rather long one"

pytestmark = pytest.mark.django_db


def signed_in(user: User, password: str = PASSWORD) -> Client:
    """Sign in by the page, as another browser would."""
    client = Client()
    assert client.post(SIGN_IN, {"username": user.email, "password": password}).status_code == 302
    return client


def is_in(client: Client) -> bool:
    return client.get("/api/v1/images").status_code == 200


def test_a_forgotten_password_is_replaced_by_a_link(post: Post, user: User) -> None:
    elsewhere, client = signed_in(user), Client()
    assert post(FORGOTTEN, email="OWNER@example.com")["Location"] == SENT
    link = link_in(newest_letter(to=user.email))

    hidden = client.get(link)["Location"]
    assert link.split("/")[-2] not in hidden  # a Referer header would carry the token on
    answer = post(hidden, client, new_password=NEW_PASSWORD)

    assert answer["Location"] == SIGN_IN
    assert b"Your password is changed" in client.get(SIGN_IN).content
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)
    assert not is_in(elsewhere)
    assert "was changed" in newest_letter(to=user.email)


def test_known_and_unknown_addresses_are_answered_alike(post: Post, user: User) -> None:
    known = post(FORGOTTEN, email=user.email)
    unknown = post(FORGOTTEN, email="nobody@example.com")

    assert known.status_code == unknown.status_code == 302
    assert known["Location"] == unknown["Location"] == SENT
    assert [letter.to for letter in mail.outbox] == [[user.email], ["nobody@example.com"]]
    assert "there is no account" in newest_letter(to="nobody@example.com")
    assert User.objects.count() == 1


def test_a_reset_link_works_once(post: Post, user: User) -> None:
    post(FORGOTTEN, email=user.email)
    link = link_in(newest_letter(to=user.email))
    client = Client()
    hidden = client.get(link)["Location"]
    late = Client()
    late_hidden = late.get(link)["Location"]
    post(hidden, client, new_password=NEW_PASSWORD)

    for visitor, path in ((Client(), link), (late, late_hidden), (client, hidden)):
        assert visitor.get(path).status_code == 400
        assert post(path, visitor, new_password="and yet another one").status_code == 400
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)


def test_the_log_of_requests_has_no_tokens(
    post: Post, user: User, caplog: pytest.LogCaptureFixture
) -> None:
    post(FORGOTTEN, email=user.email)
    link = link_in(newest_letter(to=user.email))
    caplog.clear()

    Client().get(link)

    assert "/accounts/password/reset/" in caplog.text
    assert link.split("/")[-2] not in caplog.text


def test_a_reset_link_ends_after_a_day(
    post: Post, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(FORGOTTEN, email=user.email)
    link = link_in(newest_letter(to=user.email))
    later = timezone.now().replace(tzinfo=None) + timedelta(hours=25)
    monkeypatch.setattr("apps.accounts.tokens.reset_tokens._now", lambda: later)

    assert Client().get(link).status_code == 400


def test_a_link_of_one_person_does_not_reset_another(
    post: Post, user: User, stranger: User
) -> None:
    post(FORGOTTEN, email=stranger.email)
    theirs = link_in(newest_letter(to=stranger.email)).split("/")
    post(FORGOTTEN, email=user.email)
    mine = link_in(newest_letter(to=user.email)).split("/")
    mine[-2] = theirs[-2]

    assert Client().get("/".join(mine)).status_code == 400


def test_a_reset_confirms_the_address_and_opens_the_account_once(post: Post) -> None:
    user = make_user("late@example.com", email_verified=False)
    post(FORGOTTEN, email=user.email)
    client = Client()
    hidden = client.get(link_in(newest_letter(to=user.email)))["Location"]

    post(hidden, client, new_password=NEW_PASSWORD)

    user.refresh_from_db()
    assert user.email_verified
    assert is_in(signed_in(user, NEW_PASSWORD))


def test_a_blocked_account_gets_no_link(post: Post) -> None:
    user = make_user("blocked@example.com", is_active=False)

    assert post(FORGOTTEN, email=user.email)["Location"] == SENT
    assert "there is no account" in newest_letter(to=user.email)


def test_a_link_to_an_account_blocked_since_opens_nothing(post: Post, user: User) -> None:
    post(FORGOTTEN, email=user.email)
    client = Client()
    hidden = client.get(link_in(newest_letter(to=user.email)))["Location"]
    User.objects.filter(pk=user.pk).update(is_active=False)

    assert post(hidden, client, new_password=NEW_PASSWORD).status_code == 400
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_an_address_that_only_looks_like_a_known_one_gets_no_link_to_it(
    post: Post,
) -> None:
    make_user("kim@example.com")

    post(FORGOTTEN, email="kım@example.com")

    assert "there is no account" in newest_letter(to="kım@example.com")


def test_a_weak_password_is_refused_beside_its_field(post: Post, user: User) -> None:
    post(FORGOTTEN, email=user.email)
    client = Client()
    hidden = client.get(link_in(newest_letter(to=user.email)))["Location"]

    answer = post(hidden, client, new_password="short")

    assert set(answer.context["form"].errors) == {"new_password"}
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_changing_the_password_keeps_this_session_and_ends_the_others(
    post: Post, user: User
) -> None:
    here, elsewhere = signed_in(user), signed_in(user)
    key = here.cookies["sessionid"].value

    answer = post(CHANGE, here, old_password=PASSWORD, new_password=NEW_PASSWORD)

    assert answer["Location"] == "/settings/"
    assert here.cookies["sessionid"].value != key
    assert is_in(here)
    assert not is_in(elsewhere)
    assert live_sessions(user_id=user.pk) == {here.cookies["sessionid"].value}
    assert Session.objects.filter(session_key=key).count() == 0
    assert b"signed out everywhere else" in here.get("/settings/").content
    assert "was changed" in newest_letter(to=user.email)


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"old_password": "wrong", "new_password": NEW_PASSWORD}, "old_password"),
        ({"old_password": PASSWORD, "new_password": "short"}, "new_password"),
    ],
)
def test_a_refused_change_changes_nothing(
    post: Post, user: User, form: dict[str, str], field: str
) -> None:
    here, elsewhere = signed_in(user), signed_in(user)

    answer = post(CHANGE, here, **form)

    assert set(answer.context["form"].errors) == {field}
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    assert is_in(here)
    assert is_in(elsewhere)
    assert mail.outbox == []


@pytest.mark.parametrize("path", [CHANGE, "/settings/"])
def test_a_visitor_is_asked_to_sign_in(path: str) -> None:
    assert Client().get(path)["Location"] == f"{SIGN_IN}?next={path}"


def test_signing_in_rotates_the_session(user: User) -> None:
    client = Client()
    session = client.session
    session["planted"] = True
    session.save()
    planted = session.session_key
    client.cookies["sessionid"] = str(planted)

    client.post(SIGN_IN, {"username": user.email, "password": PASSWORD})

    assert client.cookies["sessionid"].value != planted
    assert is_in(client)
    intruder = Client()
    intruder.cookies["sessionid"] = str(planted)
    assert not is_in(intruder)


def test_the_index_lists_live_sessions_for_an_hour(user: User) -> None:
    one, two = signed_in(user), signed_in(user)
    keys = {client.cookies["sessionid"].value for client in (one, two)}

    assert live_sessions(user_id=user.pk) == keys
    index = cache.make_key(f"session:{user.pk}")
    assert INDEX_SECONDS - 60 < get_redis_connection("default").ttl(index) <= INDEX_SECONDS

    one.post("/accounts/sign-out/")
    assert live_sessions(user_id=user.pk) == {two.cookies["sessionid"].value}


def test_signing_out_everywhere_ends_all_sessions_and_no_strangers(
    user: User, stranger: User
) -> None:
    here, elsewhere, other = signed_in(user), signed_in(user), signed_in(stranger)

    answer = here.post(EVERYWHERE)

    assert answer["Location"] == SIGN_IN
    assert not is_in(here)
    assert not is_in(elsewhere)
    assert is_in(other)
    assert Session.objects.count() == 1
    assert is_in(signed_in(user))


def test_signing_out_everywhere_needs_no_index(user: User) -> None:
    here, elsewhere = signed_in(user), signed_in(user)
    cache.clear()

    here.post(EVERYWHERE)

    assert not is_in(here)
    assert not is_in(elsewhere)


def test_signing_out_everywhere_is_no_link_and_not_for_visitors(user: User) -> None:
    client = signed_in(user)

    assert client.get(EVERYWHERE).status_code == 405
    assert Client().post(EVERYWHERE).status_code == 302
    assert is_in(client)


def test_sessions_outlive_a_change_of_the_secret_key(user: User, settings: Any) -> None:
    client = signed_in(user)

    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the next one, which signs from now on, and is as long"

    assert is_in(client)
    settings.SECRET_KEY_FALLBACKS = []
    assert is_in(client)


def test_a_blocked_user_is_out_at_once(user: User) -> None:
    client = signed_in(user)

    User.objects.filter(pk=user.pk).update(is_active=False)

    assert not is_in(client)


def test_the_admin_has_no_sign_in_of_its_own(user: User) -> None:
    answer = Client().get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0] == f"{SIGN_IN}?next=/admin/"

    assert signed_in(user).get("/admin/", follow=True).status_code == 403
