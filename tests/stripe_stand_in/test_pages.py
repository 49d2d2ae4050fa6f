"""The pages, as a person and a browser use them, and the control of other processes."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.stripe_stand_in.browsing import fetch
from tests.stripe_stand_in.shop import Shop
from tests.stripe_stand_in.stand_in import StripeStandIn


def test_a_person_pays(shop: Shop) -> None:
    session = shop.checkout(shop.starter)
    url = shop.get(session)["url"]

    status, _, page = fetch(url)
    assert status == 200
    assert "Subscribe for $25.00" in page
    assert fetch(url, {"action": "pay"})[:2] == (
        303,
        f"http://testserver/done/?session={session}",
    )
    assert shop.get(session)["status"] == "complete"
    assert "This page is done with." in fetch(url)[2]


def test_a_person_is_declined_and_goes_back(shop: Shop) -> None:
    session = shop.checkout(shop.pack, "payment", locale="ko")
    url = shop.get(session)["url"]

    status, _, page = fetch(url, {"action": "fail"})

    assert status == 200
    assert "카드가 거절되었습니다." in page
    assert "$5.00 결제" in page
    assert fetch(url, {"action": "back"})[:2] == (303, "http://testserver/plans/")
    assert shop.get(session)["status"] == "open"


def portal(shop: Shop, **more: Any) -> str:
    params: Any = {"customer": shop.customer, "return_url": "http://testserver/account/"} | more
    return str(shop.v1.billing_portal.sessions.create(params).url)


def test_a_person_looks_after_a_subscription(shop: Shop) -> None:
    subscription = shop.subscribe()
    price = shop.pro
    url = portal(shop)

    assert "Change to Pro, $75.00 / month" in fetch(url)[2]
    assert fetch(url, {"action": "change_plan", "price": price})[:2] == (303, url)
    assert shop.get(subscription)["items"]["data"][0]["price"]["id"] == price
    fetch(url, {"action": "cancel"})
    assert shop.get(subscription)["cancel_at_period_end"]
    assert "유지" in fetch(url, language="ko-KR,ko")[2]
    fetch(url, {"action": "reactivate"})
    assert not shop.get(subscription)["cancel_at_period_end"]
    assert fetch(url, {"action": "back"})[1] == "http://testserver/account/"


def test_a_person_pays_an_open_invoice_with_another_card(shop: Shop) -> None:
    subscription = shop.subscribe()
    url = portal(shop)
    fetch(url, {"action": "card_failing"})
    shop.stand_in.advance_to_renewal(subscription)
    invoice = shop.invoice_of(subscription)

    declined = fetch(url, {"action": "pay", "invoice": invoice["id"]})
    assert declined[0] == 200
    assert "Your card was declined." in declined[2]
    fetch(url, {"action": "card_good"})
    assert fetch(invoice["hosted_invoice_url"], {"action": "pay"})[0] == 200

    assert shop.get(subscription)["status"] == "active"


def test_a_flow_shows_its_part_and_leads_back(shop: Shop) -> None:
    subscription = shop.subscribe()
    url = portal(
        shop,
        flow_data={
            "type": "subscription_cancel",
            "subscription_cancel": {"subscription": subscription},
            "after_completion": {
                "type": "redirect",
                "redirect": {"return_url": "http://testserver/canceled/"},
            },
        },
    )

    assert "Invoices" not in fetch(url)[2]
    assert fetch(url, {"action": "cancel"})[1] == "http://testserver/canceled/"


def test_a_confirmation_says_what_is_due_today(shop: Shop) -> None:
    subscription = shop.subscribe()
    item = shop.get(subscription)["items"]["data"][0]["id"]
    url = portal(
        shop,
        flow_data={
            "type": "subscription_update_confirm",
            "subscription_update_confirm": {
                "subscription": subscription,
                "items": [{"id": item, "price": shop.pro, "quantity": 1}],
            },
        },
    )

    assert "Due today: $50.00" in fetch(url)[2] or "Due today: $49." in fetch(url)[2]


@pytest.mark.parametrize(
    "path", ["/c/pay/cs_test_none", "/p/session/bps_none", "/x", "/invoices/x"]
)
def test_there_is_no_other_page(stand_in: StripeStandIn, path: str) -> None:
    assert fetch(stand_in.url + path)[0] == 404


def test_a_person_moves_time(shop: Shop) -> None:
    subscription = shop.subscribe()

    assert "Ada" not in fetch(shop.stand_in.url)[2]
    fetch(f"{shop.stand_in.url}/", {"action": "advance_month"})

    assert shop.invoice_of(subscription)["billing_reason"] == "subscription_cycle"


def test_another_process_controls_it(shop: Shop) -> None:
    control = f"{shop.stand_in.url}/_control"
    session = shop.checkout(shop.starter)

    status, _, paid = fetch(f"{control}/pay_checkout", as_json={"session": session})
    assert (status, json.loads(paid)) == (200, {"result": True})
    assert fetch(f"{control}/advance", as_json={"days": 2})[0] == 200
    assert fetch(f"{control}/settings", as_json={"retry_days": [1]})[0] == 200
    state = json.loads(fetch(f"{control}/state")[2])
    assert state["now"] == pytest.approx(shop.stand_in.now, abs=2)
    assert state["settings"]["retry_days"] == [1]
    assert state["events"][-1]["type"] == "checkout.session.completed"
    assert fetch(f"{control}/pay_checkout", as_json={"session": session})[0] == 400
    assert fetch(f"{control}/__exit__", as_json={})[0] == 404
    assert fetch(f"{control}/advance", {"days": "2"})[0] == 415


def test_it_runs_as_a_program() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.stripe_stand_in", "--port", "0", "--secret-key", "sk_test_x"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    url = process.stdout.readline().split()[-1]
    client = stripe.StripeClient("sk_test_x", base_addresses={"api": url})

    assert client.v1.customers.list().data == []
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    process.stdout.close()
