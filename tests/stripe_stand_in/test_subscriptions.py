"""Subscriptions: begun, renewed, ended."""

import pytest
import stripe

from tests.stripe_stand_in.money import later
from tests.stripe_stand_in.shop import PRO, STARTER, Shop
from tests.stripe_stand_in.stand_in import StripeStandIn

DAY = 86400


def test_checkout_begins_a_subscription(shop: Shop) -> None:
    session = shop.checkout(
        shop.starter,
        client_reference_id="user-1",
        metadata={"plan": "starter"},
        subscription_data={"metadata": {"user": "1"}},
    )
    shop.told()

    assert shop.stand_in.pay_checkout(session)

    found = shop.v1.checkout.sessions.retrieve(session, {"expand": ["subscription", "line_items"]})
    assert (found.status, found.payment_status, found.url) == ("complete", "paid", None)
    assert (found.client_reference_id, found.amount_total) == ("user-1", STARTER)
    subscription = found.subscription
    assert isinstance(subscription, stripe.Subscription)
    assert (subscription.status, subscription.metadata["user"]) == ("active", "1")
    assert found.line_items is not None
    assert [item.amount_total for item in found.line_items.data] == [STARTER]
    start, end = shop.period(subscription.id)
    assert end == later(start, {"interval": "month"})
    assert shop.told() == [
        "payment_method.attached",
        "customer.subscription.created",
        "invoice.created",
        "customer.updated",
        "payment_intent.created",
        "invoice.finalized",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.updated",
        "invoice_payment.paid",
        "invoice.paid",
        "invoice.payment_succeeded",
        "customer.subscription.updated",
        "checkout.session.completed",
    ]


def test_an_invoice_leads_to_its_charge(shop: Shop) -> None:
    subscription = shop.subscribe()

    found = shop.v1.subscriptions.retrieve(
        subscription, {"expand": ["latest_invoice.payments.data.payment.payment_intent"]}
    )

    invoice = found.latest_invoice
    assert isinstance(invoice, stripe.Invoice)
    assert invoice.parent is not None
    assert invoice.parent.subscription_details is not None
    assert invoice.parent.subscription_details.subscription == subscription
    assert (invoice.status, invoice.billing_reason) == ("paid", "subscription_create")
    assert invoice.payments is not None
    intent = invoice.payments.data[0].payment.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    charge = shop.v1.charges.retrieve(str(intent.latest_charge))
    assert (charge.amount, charge.paid) == (STARTER, True)
    payments = shop.v1.invoice_payments.list(
        {"payment": {"type": "payment_intent", "payment_intent": intent.id}}
    )
    assert [payment.invoice for payment in payments.data] == [invoice.id]


def test_a_subscription_is_made_without_checkout(shop: Shop) -> None:
    customer = shop.v1.customers.create(
        {
            "payment_method": "pm_card_visa",
            "invoice_settings": {"default_payment_method": "pm_card_visa"},
        }
    )

    made = shop.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": shop.starter, "quantity": 2}]}
    )

    assert made.status == "active"
    assert shop.invoice_of(made.id)["amount_paid"] == 2 * STARTER


def test_a_customer_without_a_card_cannot_subscribe(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        shop.v1.subscriptions.create(
            {"customer": shop.customer, "items": [{"price": shop.starter}]}
        )
    assert shop.v1.subscriptions.list({"status": "all"}).data == []


def test_it_renews_with_an_invoice_that_is_a_draft_for_an_hour(shop: Shop) -> None:
    subscription = shop.subscribe()
    start, end = shop.period(subscription)
    shop.told()

    shop.stand_in.advance_to(end)

    assert shop.period(subscription) == (end, later(start, {"interval": "month"}, 2))
    assert shop.invoice_of(subscription)["status"] == "draft"
    assert shop.told() == [
        "invoice.upcoming",
        "invoice.created",
        "customer.subscription.updated",
    ]
    shop.stand_in.advance(seconds=3600)
    invoice = shop.invoice_of(subscription)
    assert (invoice["status"], invoice["billing_reason"]) == ("paid", "subscription_cycle")
    assert (invoice["period_start"], invoice["period_end"]) == (start, end)
    assert invoice["lines"]["data"][0]["period"]["start"] == end
    assert "invoice.paid" in shop.told()


def test_it_renews_on_its_day_of_the_month(shop: Shop) -> None:
    anchor = 1769860800  # 31 January 2026, noon
    clock = shop.v1.test_helpers.test_clocks.create({"frozen_time": anchor})
    customer = shop.v1.customers.create(
        {
            "test_clock": clock.id,
            "payment_method": "pm_card_visa",
            "invoice_settings": {"default_payment_method": "pm_card_visa"},
        }
    )
    made = shop.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": shop.starter}]}
    )
    ends = []
    for _ in range(3):
        ends.append(shop.period(made.id)[1])
        shop.v1.test_helpers.test_clocks.advance(clock.id, {"frozen_time": ends[-1] + 7200})

    assert ends == [anchor + 28 * DAY, anchor + 59 * DAY, anchor + 89 * DAY]
    invoices = shop.v1.invoices.list({"subscription": made.id}).data
    assert [invoice.status for invoice in invoices] == ["paid"] * 4
    paid = [event["created"] for event in shop.stand_in.events if event["type"] == "invoice.paid"]
    assert paid == [anchor, *(end + 3600 for end in ends)]


def test_it_is_canceled_at_the_periods_end(shop: Shop) -> None:
    subscription = shop.subscribe()
    _, end = shop.period(subscription)

    found = shop.v1.subscriptions.update(subscription, {"cancel_at_period_end": True})

    assert (found.status, found.cancel_at) == ("active", end)
    shop.told()
    shop.stand_in.advance_to(end)
    found = shop.v1.subscriptions.retrieve(subscription)
    assert (found.status, found.ended_at) == ("canceled", end)
    assert shop.told() == ["customer.subscription.deleted"]
    assert len(shop.v1.invoices.list({"subscription": subscription}).data) == 1


def test_a_cancellation_is_taken_back(shop: Shop) -> None:
    subscription = shop.subscribe()
    shop.v1.subscriptions.update(subscription, {"cancel_at_period_end": True})

    found = shop.v1.subscriptions.update(subscription, {"cancel_at_period_end": False})
    shop.stand_in.advance_to_renewal(subscription)

    assert (found.cancel_at, found.canceled_at) == (None, None)
    assert shop.get(subscription)["status"] == "active"


def test_it_is_canceled_at_once(shop: Shop) -> None:
    subscription = shop.subscribe()

    found = shop.v1.subscriptions.cancel(subscription)

    assert found.status == "canceled"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.v1.subscriptions.cancel(subscription)
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    assert shop.v1.subscriptions.list({"customer": shop.customer}).data == []
    assert len(shop.v1.subscriptions.list({"status": "all"}).data) == 1


@pytest.mark.parametrize("button", ["cancel", "change_plan"])
def test_the_portal_changes_a_subscription_and_takes_it_back(shop: Shop, button: str) -> None:
    subscription = shop.subscribe(shop.pro)
    session = shop.v1.billing_portal.sessions.create(
        {"customer": shop.customer, "return_url": "http://testserver/account/"}
    )
    fields = {"price": shop.starter} if button == "change_plan" else {}

    shop.stand_in.use_portal(session.id, button, **fields)
    changed = shop.v1.subscriptions.retrieve(subscription)
    shop.stand_in.use_portal(session.id, "reactivate")
    shop.stand_in.advance_to_renewal(subscription)

    assert changed.cancel_at_period_end == (button == "cancel")
    assert (changed.schedule is not None) == (button == "change_plan")
    assert shop.lines(subscription) == [PRO]


def test_the_portal_upgrades_at_once(shop: Shop) -> None:
    subscription = shop.subscribe()
    session = shop.v1.billing_portal.sessions.create(
        {
            "customer": shop.customer,
            "flow_data": {
                "type": "subscription_update_confirm",
                "subscription_update_confirm": {
                    "subscription": subscription,
                    "items": [
                        {
                            "id": shop.get(subscription)["items"]["data"][0]["id"],
                            "price": shop.pro,
                        }
                    ],
                },
            },
        }
    )

    shop.stand_in.use_portal(session.id, "change_plan", price=shop.pro)

    assert shop.get(subscription)["items"]["data"][0]["price"]["id"] == shop.pro
    assert shop.invoice_of(subscription)["billing_reason"] == "subscription_update"


def test_a_deleted_customer_has_no_subscription(shop: Shop) -> None:
    subscription = shop.subscribe()

    shop.v1.customers.delete(shop.customer)

    assert shop.get(subscription)["status"] == "canceled"
    assert shop.v1.customers.retrieve(shop.customer).deleted


def test_other_tests_may_move_only_a_clock_of_their_own(
    shop: Shop, stand_in: StripeStandIn
) -> None:
    clock = shop.v1.test_helpers.test_clocks.create({"frozen_time": stand_in.now})
    subscription = shop.subscribe()
    before = stand_in.now

    shop.v1.test_helpers.test_clocks.advance(
        clock.id, {"frozen_time": stand_in.now + 30 * DAY + 7200}
    )

    assert stand_in.now - before < DAY
    assert shop.invoice_of(subscription)["billing_reason"] == "subscription_create"
