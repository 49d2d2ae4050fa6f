"""The page of plan and payments, and the same by the API."""

import os
import subprocess
import sys
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.credentials import SESSION
from apps.accounts.models import Scope, User
from apps.accounts.services.keys import create_key
from apps.plans.models import BillingAccount
from tests.payments.life import Shop, credits_by_grant, session_of
from tests.stack import ROOT

URL = "/account/plan/"


@pytest.fixture
def page(browser_client: Client) -> Any:
    def get(address: str = URL) -> str:
        response = browser_client.get(address)
        assert response.status_code == 200
        return str(response.content.decode())

    return get


def test_without_payments_the_page_says_so_and_sells_nothing(page: Any, settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = ""
    shown = page()

    assert "Payments are off here" in shown
    assert "500 credits" in shown
    assert "$75 a month" in shown
    assert 'action="/account/plan/' not in shown


def test_the_way_from_the_page_to_a_paid_plan(
    shop: Shop, browser_client: Client, page: Any
) -> None:
    assert 'aria-label="Take Pro"' in page()
    response = browser_client.post(f"{URL}subscribe/", {"plan": "pro", "interval": "month"})
    assert response.status_code == 303
    session = shop.stripe.get(session_of(response["Location"]))
    back = session["success_url"].removeprefix("http://testserver")

    assert "waiting for the payment provider" in page(back)
    assert credits_by_grant(shop.user) == []
    assert shop.stripe.pay_checkout(session["id"])
    assert "Thank you, it is paid." in page(back)

    shown = page()
    assert "Your plan" in shown
    assert "Renews on" in shown
    assert 'aria-label="Upgrade to Studio"' in shown
    assert 'aria-label="Change to Starter"' in shown
    assert shop.payments()[0].number in shown


def test_an_upgrade_shows_its_price_first_and_is_done_when_confirmed(
    shop: Shop, browser_client: Client, page: Any
) -> None:
    shop.subscribe("starter")
    shown = page(f"{URL}change/?plan=pro&interval=month")
    assert "$50.00" in shown
    assert "10,000 credits more at once" in shown
    assert shop.payments()[-1].plan == "starter"

    response = browser_client.post(f"{URL}change/", {"plan": "pro", "interval": "month"})

    assert response["Location"].startswith("/account/plan/waiting/?after=1")
    shop.tell()
    assert shop.row().plan == "pro"


def test_a_declined_upgrade_says_so_on_the_page(shop: Shop, browser_client: Client) -> None:
    shop.subscribe("starter")
    shop.stripe.fail_next_payment(shop.customer)

    response = browser_client.post(f"{URL}change/", {"plan": "pro", "interval": "month"})

    assert response.status_code == 402
    assert "Your card was declined" in response.content.decode()
    assert shop.row().plan == "starter"


def test_downgrade_cancel_and_going_on_are_said_on_the_page(
    shop: Shop, browser_client: Client, page: Any
) -> None:
    shop.subscribe("pro")
    assert "nothing is charged now" in page(f"{URL}change/?plan=starter")
    browser_client.post(f"{URL}change/", {"plan": "starter"})
    shop.tell()
    assert "Becomes Starter on" in page()
    browser_client.post(f"{URL}reactivate/")
    shop.tell()
    assert "Renews on" in page()
    browser_client.post(f"{URL}cancel/")
    shop.tell()
    assert "as you asked" in page()


def test_unpaid_and_paused_plans_say_what_to_do(shop: Shop, page: Any) -> None:
    subscription = shop.subscribe("pro")
    shop.refund(shop.payments()[0])
    shown = page()
    assert "Your last payment was given back" in shown
    assert "$75.00 went back" in shown
    assert 'aria-label="Take Pro"' in shown
    shop.stripe.advance_to_renewal(subscription)
    shop.stripe.fail_next_payment(shop.customer, times=9)
    shop.stripe.advance_to_renewal(subscription)
    assert "Your last payment failed. The plan goes on until" in page()


def test_the_portal_is_opened_for_ones_own_customer(shop: Shop, browser_client: Client) -> None:
    shop.subscribe("pro")
    response = browser_client.post(f"{URL}portal/")

    assert response.status_code == 303
    (made,) = shop.stripe.world.every("billing_portal.session")
    assert made["customer"] == shop.customer
    assert made["url"] == response["Location"]


def test_buttons_need_the_token_of_our_own_form(shop: Shop) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(shop.user)
    for act in ("subscribe", "packs", "portal", "change", "cancel", "reactivate"):
        assert client.post(f"{URL}{act}/", {"plan": "pro"}).status_code == 403

    assert not BillingAccount.objects.exists()


def test_a_stranger_sees_nothing_of_another_billing(
    shop: Shop, stranger: User, stranger_api: APIClient
) -> None:
    shop.subscribe("pro")
    client = Client()
    client.force_login(stranger)

    shown = client.get(URL).content.decode()

    assert shop.payments()[0].number not in shown
    assert "Nothing was paid yet." in shown
    assert stranger_api.get("/api/v1/billing/payments").json()["results"] == []
    assert stranger_api.get("/api/v1/billing/plan").json()["plan"] == "trial"
    assert stranger_api.post("/api/v1/billing/cancel").status_code == 409
    assert shop.row().cancels_at is None


def test_the_api_tells_the_plan_and_the_payments(shop: Shop, api: APIClient) -> None:
    shop.subscribe("pro")
    told = api.get("/api/v1/billing/plan").json()
    (payment,) = api.get("/api/v1/billing/payments").json()["results"]

    assert (told["payments_on"], told["plan"], told["pause"]) == (True, "pro", None)
    assert told["subscription"]["plan"] == "pro"
    assert [each["slug"] for each in told["packs"]] == ["pack-1000", "pack-5000", "pack-15000"]
    assert (payment["amount_cents"], payment["credits"], payment["reversed_cents"]) == (
        7500,
        15_000,
        0,
    )


def test_the_api_buys_changes_and_cancels(shop: Shop, api: APIClient) -> None:
    def post(address: str, body: Any = None) -> Any:
        response = api.post(f"/api/v1/billing/{address}", body, format="json")
        shop.tell()
        return response

    made = post("checkout", {"plan": "starter"})
    assert made.status_code == 201
    assert shop.stripe.pay_checkout(session_of(made.json()["url"]))
    assert post("checkout", {"plan": "pro"}).status_code == 409
    preview = post("change/preview", {"plan": "pro"}).json()
    assert (preview["is_upgrade"], preview["cents"], preview["credits"]) == (True, 5000, 10_000)
    assert post("change", {"plan": "pro"}).json() == {"is_upgrade": True}
    assert shop.row().plan == "pro"
    assert post("cancel").status_code == 204
    assert shop.row().cancels_at is not None
    assert post("reactivate").status_code == 204
    assert shop.row().cancels_at is None
    assert post("packs", {"pack": "pack-1000"}).status_code == 201
    assert post("portal").status_code == 201
    wrong = post("packs", {"pack": "pack-7"})
    assert (wrong.status_code, wrong.json()["invalid_fields"]) == (422, ["pack"])


def test_a_key_reads_and_never_buys(shop: Shop) -> None:
    shop.subscribe("pro")
    _key, secret = create_key(user=shop.user, granter=SESSION, name="all", scopes=list(Scope))
    program = APIClient()
    program.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    seen = len(shop.stripe.requests)

    assert program.get("/api/v1/billing/plan").status_code == 200
    for act in ("checkout", "packs", "portal", "change", "change/preview", "cancel", "reactivate"):
        body = {"plan": "studio", "pack": "pack-1000"}
        assert program.post(f"/api/v1/billing/{act}", body, format="json").status_code == 403

    assert len(shop.stripe.requests) == seen


def test_while_stripe_is_away_the_page_works_and_says_so(
    shop: Shop, browser_client: Client, page: Any
) -> None:
    shop.stripe.break_next("POST", "/v1/", times=9)
    response = browser_client.post(f"{URL}packs/", {"pack": "pack-1000"})

    assert response.status_code == 503
    assert "Our payment provider cannot be reached." in response.content.decode()
    assert not BillingAccount.objects.exists()
    assert "Credit packs" in page()


@pytest.mark.parametrize(
    ("variables", "allowed"),
    [
        ({}, ["'self'"]),
        (
            {"EASEL_STRIPE_SECRET_KEY": "sk_test_of_nobody"},
            ["'self'", "https://checkout.stripe.com", "https://billing.stripe.com"],
        ),
        (
            {"EASEL_STRIPE_SECRET_KEY": "sk_test_x", "EASEL_STRIPE_API_URL": "http://127.0.0.1:9"},
            ["'self'", "http://127.0.0.1:9"],
        ),
    ],
)
def test_a_form_may_lead_on_to_stripe_only_where_payments_are_on(
    variables: dict[str, str], allowed: list[str]
) -> None:
    code = (
        "from config.settings import base;"
        "print(*base.CONTENT_SECURITY_POLICY['DIRECTIVES']['form-action'])"
    )
    known = {name: value for name, value in os.environ.items() if "STRIPE" not in name}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=known | variables,
        capture_output=True,
        check=True,
        text=True,
    )

    assert done.stdout.split() == allowed
