"""Whose account a sign-in at the provider opens, and which rights come with it."""

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.plans.models import Subscription
from tests.accounts.provider_visits import (
    EMAIL,
    SUBJECT,
    come_in,
    is_in,
    know,
    refused,
)
from tests.factories import make_user
from tests.oidc_provider import STAFF_GROUP, OidcProvider

pytestmark = pytest.mark.django_db


def test_a_confirmed_local_account_is_linked(provider: OidcProvider) -> None:
    user = make_user("ADA@example.com", name="Countess")
    know(provider)

    come_in(Client())

    linked = User.objects.get()
    assert (linked.pk, linked.oidc_subject, linked.name) == (user.pk, SUBJECT, "Countess")
    # The trial it had; no second one.
    assert Subscription.objects.count() == 1


@pytest.mark.parametrize("verified", [False, "false", None, "yes", 1.5])
def test_an_address_the_provider_did_not_confirm_opens_nothing(
    provider: OidcProvider, verified: Any
) -> None:
    make_user(EMAIL)
    know(provider, email_verified=verified)
    client = Client()

    answer = come_in(client)

    refused(answer, 403)
    assert b"Your e-mail is not confirmed yet" in answer.content
    assert not is_in(client)
    assert User.objects.get().oidc_subject is None


def test_an_unconfirmed_address_makes_no_account_either(provider: OidcProvider) -> None:
    know(provider, email_verified=False)

    refused(come_in(Client()), 403)

    assert not User.objects.exists()


def test_a_local_account_nobody_confirmed_is_not_linked(provider: OidcProvider) -> None:
    make_user(EMAIL, email_verified=False)
    know(provider)
    client = Client()

    refused(come_in(client), 403)

    user = User.objects.get()
    assert (user.oidc_subject, user.email_verified) == (None, False)
    assert not is_in(client)


def test_an_account_of_another_subject_is_not_taken_over(provider: OidcProvider) -> None:
    make_user(EMAIL, oidc_subject="someone-else")
    know(provider)

    refused(come_in(Client()), 403)

    assert User.objects.get().oidc_subject == "someone-else"


def test_an_address_of_another_account_does_not_move(provider: OidcProvider) -> None:
    know(provider)
    come_in(Client())
    make_user("taken@example.com")
    know(provider, email="taken@example.com")

    client = Client()
    come_in(client)

    assert is_in(client)
    assert User.objects.get(oidc_subject=SUBJECT).email == EMAIL


def test_an_unconfirmed_change_of_address_is_not_followed(provider: OidcProvider) -> None:
    know(provider)
    come_in(Client())
    know(provider, email="unproved@example.com", email_verified=False)

    come_in(Client())

    assert User.objects.get().email == EMAIL


def test_an_address_that_only_looks_like_another_is_not_linked(provider: OidcProvider) -> None:
    user = make_user("kim@example.com")
    know(provider, email="kım@example.com")

    come_in(Client())

    user.refresh_from_db()
    assert user.oidc_subject is None


def test_a_blocked_account_stays_out(provider: OidcProvider) -> None:
    make_user(EMAIL, oidc_subject=SUBJECT, is_active=False)
    know(provider)
    client = Client()

    refused(come_in(client), 403)

    assert not is_in(client)


def test_the_userinfo_completes_a_token_without_an_address(provider: OidcProvider) -> None:
    know(provider)
    provider.dropped_claims = {"email", "email_verified"}
    provider.answers_with["/userinfo"] = (
        200,
        f'{{"sub": "{SUBJECT}", "email": "{EMAIL}", "email_verified": "true"}}',
    )
    client = Client()

    come_in(client)

    assert is_in(client)
    assert User.objects.get().email == EMAIL


def test_userinfo_about_another_is_refused(provider: OidcProvider) -> None:
    know(provider)
    provider.dropped_claims = {"email"}
    provider.answers_with["/userinfo"] = (
        200,
        f'{{"sub": "another", "email": "{EMAIL}", "email_verified": true}}',
    )

    refused(come_in(Client()), 400)

    assert not User.objects.exists()


def test_the_group_makes_staff_and_its_end_unmakes_it(provider: OidcProvider) -> None:
    know(provider, cognito_groups=["painters", STAFF_GROUP])
    client = Client()
    come_in(client)
    assert User.objects.get().is_staff
    assert client.get("/admin/").status_code == 200
    assert client.session.get_expiry_age() <= 8 * 3600

    know(provider, cognito_groups=["painters"])
    come_in(client)
    assert not User.objects.get().is_staff
    assert client.get("/admin/", follow=True).status_code == 403

    know(provider, cognito_groups=[STAFF_GROUP])
    come_in(client)
    know(provider)
    come_in(client)
    assert not User.objects.get().is_staff


def test_a_superuser_without_the_group_keeps_no_rights(provider: OidcProvider) -> None:
    make_user(EMAIL, is_staff=True, is_superuser=True)
    know(provider)

    come_in(Client())

    user = User.objects.get()
    assert (user.is_staff, user.is_superuser) == (False, False)


def test_without_a_group_setting_staff_is_left_alone(provider: OidcProvider, settings: Any) -> None:
    settings.EASEL_OIDC_STAFF_GROUP = None
    make_user(EMAIL, is_staff=True)
    know(provider, cognito_groups=[])

    come_in(Client())

    assert User.objects.get().is_staff


def test_a_person_who_had_a_trial_gets_no_second_one_from_the_provider(
    provider: OidcProvider,
) -> None:
    make_user("ada@example.com")
    know(provider, email="Ada+other@example.com")

    come_in(Client())

    user = User.objects.get(oidc_subject=SUBJECT)
    assert not Subscription.objects.filter(user=user).exists()
