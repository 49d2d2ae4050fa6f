import pytest
from django.db import IntegrityError
from django.test import Client

from apps.accounts.models import User
from apps.accounts.services.users import ensure_administrator
from tests.factories import PASSWORD, make_user

SIGN_IN = "/accounts/sign-in/"


@pytest.mark.django_db
def test_a_page_asks_a_visitor_to_sign_in() -> None:
    response = Client().get("/create/")

    assert response.status_code == 302
    assert response["Location"] == f"{SIGN_IN}?next=/create/"


def test_signing_in_and_out(user: User) -> None:
    client = Client()
    form = {"username": "OWNER@example.com", "password": PASSWORD}

    response = client.post(SIGN_IN, form)
    assert response.status_code == 302
    assert response["Location"] == "/create/"
    assert client.get("/api/v1/images").status_code == 200

    client.post("/accounts/sign-out/")
    assert client.get("/api/v1/images").status_code == 401


def test_a_wrong_password_and_an_unknown_address_answer_alike(user: User) -> None:
    wrong = Client().post(SIGN_IN, {"username": user.email, "password": "wrong"})
    unknown = Client().post(SIGN_IN, {"username": "nobody@example.com", "password": "wrong"})

    assert wrong.status_code == unknown.status_code == 200
    assert wrong.context["form"].errors == unknown.context["form"].errors


def test_signing_in_never_leads_to_another_site(user: User) -> None:
    response = Client().post(
        f"{SIGN_IN}?next=https://evil.example/", {"username": user.email, "password": PASSWORD}
    )

    assert response["Location"] == "/create/"


def test_an_address_is_one_account_whatever_its_case(user: User) -> None:
    with pytest.raises(IntegrityError):
        make_user("OWNER@EXAMPLE.COM")


@pytest.mark.django_db
def test_an_administrator_is_made_once_and_keeps_the_password() -> None:
    first, created = ensure_administrator(email="a@example.com", password=PASSWORD, name="A")
    again, created_again = ensure_administrator(email="A@example.com", password="new", name="B")

    assert (created, created_again) == (True, False)
    assert first == again
    assert again.is_superuser
    assert again.check_password(PASSWORD)


def test_staff_alone_get_into_the_admin(browser_client: Client) -> None:
    assert browser_client.get("/admin/").status_code == 302


def test_the_admin_lists_every_table(db: None) -> None:
    admin, _created = ensure_administrator(email="a@example.com", password=PASSWORD, name="A")
    client = Client()
    client.force_login(admin)

    for table in (
        "accounts/user",
        "accounts/apikey",
        "catalog/generationmodel",
        "images/image",
        "generation/job",
    ):
        assert client.get(f"/admin/{table}/").status_code == 200
