"""The page of settings and the page of help."""

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.core.errors import ErrorCode
from apps.dashboard.help_texts import help_sections
from tests.dashboard.test_pages import SIGNED_IN_QUERIES
from tests.queries import counted_queries

URL = "/settings/"


@pytest.mark.django_db
@pytest.mark.parametrize("path", [URL, "/help/"])
def test_a_visitor_is_sent_to_sign_in(path: str) -> None:
    answer = Client().get(path)

    assert (answer.status_code, answer["Location"]) == (302, f"/accounts/sign-in/?next={path}")


def test_the_page_asks_once_for_what_was_done_lately(browser_client: Client) -> None:
    with counted_queries() as queries:
        answer = browser_client.get(URL)

    assert len(queries) == SIGNED_IN_QUERIES + 1  # the acts
    assert answer["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"


def test_the_help_asks_for_nothing_of_its_own(browser_client: Client) -> None:
    with counted_queries() as queries:
        answer = browser_client.get("/help/")

    assert len(queries) == SIGNED_IN_QUERIES
    page = answer.content.decode()
    for section in help_sections():
        assert f'id="{section.slug}"' in page
        assert f'href="#{section.slug}"' in page


def test_the_account_is_found_where_it_was(browser_client: Client) -> None:
    answer = browser_client.get("/accounts/")

    assert (answer.status_code, answer["Location"]) == (302, URL)


def test_a_name_is_saved_and_gives_the_initial(browser_client: Client, user: User) -> None:
    answer = browser_client.post(URL, {"name": "  다빈치 "}, follow=True)

    assert answer.redirect_chain == [(URL, 302)]
    user.refresh_from_db()
    assert (user.name, user.initial) == ("다빈치", "다")
    assert "Your name is saved." in answer.content.decode()
    assert "Your name is saved." not in browser_client.get(URL).content.decode()


def test_without_a_name_the_initial_is_that_of_the_address(user: User) -> None:
    assert (user.name, user.initial) == ("", "o")


def test_a_name_that_is_too_long_changes_nothing(browser_client: Client, user: User) -> None:
    answer = browser_client.post(URL, {"name": "n" * 151})

    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {"name"}
    user.refresh_from_db()
    assert user.name == ""


def test_a_provider_names_people_itself(browser_client: Client, user: User, settings: Any) -> None:
    settings.EASEL_OIDC_ISSUER = "https://provider.example.com"

    answer = browser_client.post(URL, {"name": "somebody else"})

    assert answer.status_code == 200
    user.refresh_from_db()
    assert user.name == ""
    page = answer.content.decode()
    assert "come from where you sign in" in page
    assert "/accounts/password/" not in page


def test_a_name_of_a_stranger_stays(browser_client: Client, stranger: User) -> None:
    browser_client.post(URL, {"name": "somebody else"})

    stranger.refresh_from_db()
    assert stranger.name == ""


def test_every_refusal_of_the_help_is_a_code_that_programs_get() -> None:
    (trouble,) = [one for one in help_sections() if one.slug == "trouble"]

    assert all(row.code in set(ErrorCode) for row in trouble.rows)
    assert len({row.code for row in trouble.rows}) == len(trouble.rows) == 12
