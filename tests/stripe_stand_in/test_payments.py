"""Money: packs, declines and recovery, refunds, disputes."""

import pytest
import stripe

from tests.stripe_stand_in.payment_methods import FAILING_CARD
from tests.stripe_stand_in.shop import PACK, PRO, STARTER, Shop

DAY = 86400


def status(shop: Shop, subscription: str) -> str:
    return str(shop.get(subscription)["status"])


def charge_of(shop: Shop, session_or_intent: str) -> str:
    return str(shop.get(session_or_intent)["latest_charge"])


def test_a_pack_is_bought_once(shop: Shop) -> None:
    session = shop.buy_pack(
        metadata={"pack": "1000"}, payment_intent_data={"metadata": {"user": "1"}}
    )

    assert (session["payment_status"], session["invoice"]) == ("paid", None)
    intent = shop.v1.payment_intents.retrieve(
        session["payment_intent"], {"expand": ["latest_charge.balance_transaction"]}
    )
    assert (intent.amount_received, intent.metadata["user"]) == (PACK, "1")
    charge = intent.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert charge.metadata["user"] == "1"
    assert isinstance(charge.balance_transaction, stripe.BalanceTransaction)
    assert charge.balance_transaction.net == PACK - 45


def test_a_pack_has_an_invoice_where_that_is_asked_for(shop: Shop) -> None:
    session = shop.buy_pack(invoice_creation={"enabled": True})

    invoice = shop.v1.invoices.retrieve(session["invoice"], {"expand": ["payments"]})
    assert (invoice.status, invoice.amount_paid, invoice.billing_reason) == ("paid", PACK, "manual")
    assert invoice.parent is None
    assert invoice.payments is not None
    assert invoice.payments.data[0].payment.payment_intent == session["payment_intent"]


def test_a_stranger_becomes_a_customer_only_where_one_is_needed(shop: Shop) -> None:
    stranger = shop.buy_pack(customer_email="eve@example.com")
    subscriber = shop.checkout(shop.starter, customer_email="eve@example.com")
    shop.stand_in.pay_checkout(subscriber)

    assert stranger["customer"] is None
    assert stranger["customer_details"]["email"] == "eve@example.com"
    found = shop.v1.customers.list({"email": "eve@example.com"}).data
    assert [customer.id for customer in found] == [shop.get(subscriber)["customer"]]


@pytest.mark.parametrize("mode", ["payment", "subscription"])
def test_a_declined_checkout_stays_open(shop: Shop, mode: str) -> None:
    session = shop.checkout(shop.pack if mode == "payment" else shop.starter, mode)
    shop.told()

    assert not shop.stand_in.pay_checkout(session, card=FAILING_CARD)

    assert shop.get(session)["status"] == "open"
    assert shop.told() == [
        "payment_intent.created",
        "charge.failed",
        "payment_intent.payment_failed",
    ]
    assert shop.stand_in.pay_checkout(session)
    assert shop.get(session)["payment_status"] == "paid"


def test_a_checkout_expires(shop: Shop) -> None:
    session = shop.checkout(shop.pack, "payment")
    shop.told()

    shop.stand_in.advance(days=1)

    assert shop.told() == ["checkout.session.expired"]
    with pytest.raises(stripe.InvalidRequestError, match="expired"):
        shop.v1.checkout.sessions.expire(session)


def test_a_failed_renewal_is_tried_again_and_recovers(shop: Shop) -> None:
    subscription = shop.subscribe()
    shop.stand_in.fail_next_payment(shop.customer, times=2)
    shop.told()

    shop.stand_in.advance_to_renewal(subscription)

    invoice = shop.invoice_of(subscription)
    assert (invoice["status"], invoice["attempt_count"]) == ("open", 1)
    assert invoice["next_payment_attempt"] == shop.stand_in.now + 3 * DAY
    assert status(shop, subscription) == "past_due"
    told = shop.told()
    assert told.index("invoice.payment_failed") < len(told) - 1
    assert told[-1] == "customer.subscription.updated"
    shop.stand_in.advance(days=3)
    assert (shop.get(invoice["id"])["attempt_count"], status(shop, subscription)) == (2, "past_due")
    shop.stand_in.advance(days=5)
    assert shop.get(invoice["id"])["status"] == "paid"
    assert status(shop, subscription) == "active"


def test_a_new_card_pays_what_is_open(shop: Shop) -> None:
    subscription = shop.subscribe()
    session = shop.v1.billing_portal.sessions.create({"customer": shop.customer})
    shop.stand_in.use_portal(session.id, "change_card", card=FAILING_CARD)
    shop.stand_in.advance_to_renewal(subscription)
    invoice = shop.invoice_of(subscription)["id"]
    with pytest.raises(stripe.CardError) as declined:
        shop.v1.invoices.pay(invoice)
    assert declined.value.code == "card_declined"

    shop.stand_in.use_portal(session.id, "change_card", card="pm_card_visa")
    paid = shop.v1.invoices.pay(invoice)

    assert (paid.status, paid.attempt_count) == ("paid", 3)
    assert (status(shop, subscription), shop.get(shop.customer)["delinquent"]) == ("active", False)


@pytest.mark.parametrize(
    ("after", "left"), [("cancel", "canceled"), ("unpaid", "unpaid"), ("past_due", "past_due")]
)
def test_retries_come_to_an_end(shop: Shop, after: str, left: str) -> None:
    setattr(shop.stand_in.settings, "after_retries", after)  # noqa: B010  a word for a Literal
    subscription = shop.subscribe()
    shop.stand_in.fail_next_payment(shop.customer, times=9)
    shop.stand_in.advance_to_renewal(subscription)
    invoice = shop.invoice_of(subscription)["id"]
    shop.told()

    shop.stand_in.advance(days=15)

    assert status(shop, subscription) == left
    assert (shop.get(invoice)["status"], shop.get(invoice)["attempt_count"]) == ("open", 4)
    assert shop.get(invoice)["next_payment_attempt"] is None
    assert ("customer.subscription.deleted" in shop.told()) == (left == "canceled")
    if left == "canceled":
        assert shop.get(subscription)["cancellation_details"]["reason"] == "payment_failed"


def test_a_declined_upgrade_changes_nothing_where_it_is_an_error(shop: Shop) -> None:
    subscription = shop.subscribe()
    price = shop.pro
    before = shop.v1.subscriptions.retrieve(subscription)
    shop.stand_in.fail_next_payment(shop.customer)
    shop.told()

    with pytest.raises(stripe.CardError):
        shop.change(
            subscription,
            price,
            payment_behavior="error_if_incomplete",
            proration_behavior="always_invoice",
        )

    assert shop.v1.subscriptions.retrieve(subscription) == before
    assert shop.told() == []
    assert len(shop.v1.invoices.list({"subscription": subscription}).data) == 1


def test_a_declined_upgrade_is_pending_until_it_is_paid(shop: Shop) -> None:
    subscription = shop.subscribe()
    shop.stand_in.fail_next_payment(shop.customer)

    changed = shop.change(
        subscription,
        shop.pro,
        payment_behavior="pending_if_incomplete",
        proration_behavior="always_invoice",
    )

    assert (changed.status, changed["items"].data[0].price.id) == ("active", shop.starter)
    assert changed.pending_update is not None
    shop.v1.invoices.pay(str(changed.latest_invoice))
    found = shop.v1.subscriptions.retrieve(subscription)
    assert (found.pending_update, found["items"].data[0].price.id) == (None, shop.pro)
    assert "customer.subscription.pending_update_applied" in shop.told()


def test_a_pending_upgrade_expires(shop: Shop) -> None:
    subscription = shop.subscribe()
    shop.stand_in.fail_next_payment(shop.customer)
    changed = shop.change(
        subscription,
        shop.pro,
        payment_behavior="pending_if_incomplete",
        proration_behavior="always_invoice",
    )

    shop.stand_in.advance(days=1)

    found = shop.v1.subscriptions.retrieve(subscription)
    assert (found.pending_update, found["items"].data[0].price.id) == (None, shop.starter)
    assert shop.get(str(changed.latest_invoice))["status"] == "void"


def test_a_declined_upgrade_is_past_due_where_that_is_allowed(shop: Shop) -> None:
    subscription = shop.subscribe()
    shop.stand_in.fail_next_payment(shop.customer)

    changed = shop.change(subscription, shop.pro, proration_behavior="always_invoice")

    assert (changed.status, changed["items"].data[0].price.id) == ("past_due", shop.pro)


def test_a_first_payment_that_fails_leaves_an_incomplete_subscription(shop: Shop) -> None:
    customer = shop.v1.customers.create(
        {
            "payment_method": FAILING_CARD,
            "invoice_settings": {"default_payment_method": FAILING_CARD},
        }
    )
    made = shop.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": shop.starter}]}
    )
    assert made.status == "incomplete"

    shop.stand_in.advance(days=1)

    assert status(shop, made.id) == "incomplete_expired"


def test_a_charge_is_refunded_in_parts(shop: Shop) -> None:
    session = shop.buy_pack()
    intent = session["payment_intent"]
    shop.told()

    refund = shop.v1.refunds.create(
        {"payment_intent": intent, "amount": 200, "reason": "requested_by_customer"}
    )

    charge = shop.v1.charges.retrieve(charge_of(shop, intent), {"expand": ["refunds"]})
    assert (refund.amount, refund.status) == (200, "succeeded")
    assert (charge.amount_refunded, charge.refunded) == (200, False)
    assert charge.refunds is not None
    assert [one.id for one in charge.refunds.data] == [refund.id]
    assert shop.told() == [
        "charge.refunded",
        "refund.created",
        "refund.updated",
        "charge.refund.updated",
    ]
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        shop.v1.refunds.create({"payment_intent": intent, "amount": 301})
    shop.v1.refunds.create({"charge": charge.id, "amount": 300})
    assert shop.get(charge.id)["refunded"]


def test_a_whole_refund_happens_once(shop: Shop) -> None:
    subscription = shop.subscribe()
    charge = shop.v1.charges.list({"customer": shop.customer}).data[0]

    shop.v1.refunds.create({"charge": charge.id})

    assert shop.get(charge.id)["amount_refunded"] == STARTER
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.v1.refunds.create({"charge": charge.id})
    assert refused.value.code == "charge_already_refunded"
    assert len(shop.v1.refunds.list({"charge": charge.id}).data) == 1
    assert status(shop, subscription) == "active"


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("won", ["charge.dispute.closed", "charge.dispute.funds_reinstated"]),
        ("lost", ["charge.dispute.closed"]),
    ],
)
def test_a_dispute_is_decided(shop: Shop, end: str, told: list[str]) -> None:
    charge = charge_of(shop, shop.buy_pack()["payment_intent"])
    shop.told()
    dispute = shop.stand_in.open_dispute(charge)["id"]
    assert shop.told() == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    assert shop.v1.charges.retrieve(charge).disputed
    with pytest.raises(stripe.InvalidRequestError, match="charged back"):
        shop.v1.refunds.create({"charge": charge})

    found = shop.stand_in.close_dispute(dispute, "won" if end == "won" else "lost")

    assert (found["status"], shop.told()) == (end, told)
    moved = [one["net"] for one in found["balance_transactions"]]
    assert moved == [-PACK - 1500] + ([PACK] if end == "won" else [])


def test_a_dispute_is_answered_and_given_up(shop: Shop) -> None:
    charge = charge_of(shop, shop.buy_pack()["payment_intent"])
    dispute = shop.stand_in.open_dispute(charge)["id"]

    answered = shop.v1.disputes.update(
        dispute, {"evidence": {"uncategorized_text": "It was used."}}
    )
    closed = shop.v1.disputes.close(dispute)

    assert (answered.status, closed.status) == ("under_review", "lost")
    assert [one.id for one in shop.v1.disputes.list({"charge": charge}).data] == [dispute]


def test_an_upgrade_after_a_refund_still_credits_the_period(shop: Shop) -> None:
    subscription = shop.subscribe()
    start = shop.get(subscription)["items"]["data"][0]["current_period_start"]
    charge = shop.v1.charges.list({"customer": shop.customer}).data[0]
    shop.v1.refunds.create({"charge": charge.id})

    shop.change(subscription, shop.pro, proration_behavior="always_invoice", proration_date=start)

    assert shop.invoice_of(subscription)["amount_paid"] == PRO - STARTER
