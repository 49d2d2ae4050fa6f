"""Whoever chose a language reads it on every device, and in the mails to them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as configured
from django.core import mail
from django.test import Client

from apps.accounts.models import User
from apps.accounts.services.users import ensure_administrator
from tests.factories import PASSWORD, make_user

SWITCH = "/i18n/setlang/"
PAGE = "/settings/"
Post = Callable[..., Any]


def client_in(language: str, user: User | None = None) -> Client:
    client = Client(headers={"accept-language": language})
    if user is not None:
        client.force_login(user)
    return client


def language_of(client: Client, path: str = PAGE) -> str:
    answer = client.get(path)
    assert f'<html lang="{answer["Content-Language"]}">' in answer.content.decode()
    return str(answer["Content-Language"])


def test_a_choice_is_kept_for_this_browser_and_for_every_other_one(user: User) -> None:
    here, elsewhere = client_in("en", user), client_in("en", user)

    answer = here.post(SWITCH, {"language": "ko"}, headers={"referer": f"http://testserver{PAGE}"})

    assert (answer.status_code, answer["Location"]) == (302, f"http://testserver{PAGE}")
    assert here.cookies[configured.LANGUAGE_COOKIE_NAME].value == "ko"
    user.refresh_from_db()
    assert user.language == "ko"
    assert language_of(elsewhere) == "ko"


@pytest.mark.parametrize("language", ["ko-aaaaaaaa", "de", "", "\0"])
def test_a_language_that_is_not_offered_is_not_kept(user: User, language: str) -> None:
    before = user.language

    answer = client_in("en", user).post(SWITCH, {"language": language})

    assert answer.status_code == 302
    user.refresh_from_db()
    assert user.language == before


def test_the_page_one_was_on_keeps_what_it_was_asked(user: User) -> None:
    asked = "http://testserver/gallery/?q=sea&order=oldest"

    answer = client_in("en", user).post(SWITCH, {"language": "ko"}, headers={"referer": asked})

    assert answer["Location"] == asked


def test_nobody_is_led_to_another_site(db: None) -> None:
    answer = client_in("en").post(
        SWITCH,
        {"language": "ko", "next": "https://elsewhere.example.com/"},
        headers={"referer": "https://elsewhere.example.com/"},
    )

    assert answer["Location"] == "/"


def test_what_was_chosen_counts_before_what_the_browser_prefers(user: User) -> None:
    User.objects.update(language="en")

    assert language_of(client_in("ko", user)) == "en"


@pytest.mark.parametrize("unknown", ["", "xx"])
def test_without_a_known_choice_the_browser_is_followed(user: User, unknown: str) -> None:
    User.objects.update(language=unknown)

    assert language_of(client_in("ko", user)) == "ko"


@pytest.mark.parametrize("language", ["", "xx", "../ko"])
def test_a_language_that_is_none_changes_nothing(user: User, language: str) -> None:
    client = client_in("en", user)

    client.post(SWITCH, {"language": language})

    assert configured.LANGUAGE_COOKIE_NAME not in client.cookies
    user.refresh_from_db()
    assert user.language == ""


def test_a_visitor_changes_the_language_of_the_browser_alone(user: User) -> None:
    visitor = client_in("en")

    visitor.post(SWITCH, {"language": "ko"})

    assert language_of(visitor, "/accounts/sign-in/") == "ko"
    user.refresh_from_db()
    assert user.language == ""


def test_a_form_without_a_token_is_enough(db: None) -> None:
    strict = Client(enforce_csrf_checks=True)

    assert strict.post(SWITCH, {"language": "ko"}).status_code == 302
    assert strict.cookies[configured.LANGUAGE_COOKIE_NAME].value == "ko"


def test_the_language_is_changed_by_posts_alone(user: User) -> None:
    assert client_in("en", user).get(SWITCH, {"language": "ko"}).status_code == 405
    user.refresh_from_db()
    assert user.language == ""


@pytest.mark.parametrize(
    ("language", "subject"),
    [
        ("ko", "Easel 새 비밀번호 안내"),
        ("en", "A new password for Easel"),
        ("", "Easel 새 비밀번호 안내"),
    ],
)
def test_a_mail_is_in_the_language_of_its_reader(
    post: Post, db: None, language: str, subject: str
) -> None:
    make_user("reader@example.com", language=language)

    post("/accounts/password/forgotten/", client_in("ko"), email="reader@example.com")

    (letter,) = mail.outbox
    assert subject in letter.subject


def test_an_administrator_made_in_a_terminal_has_no_language_yet(db: None) -> None:
    admin, made = ensure_administrator(email="admin@example.com", password=PASSWORD, name="")

    assert (made, admin.language, admin.mail_language) == (True, "", "en")
