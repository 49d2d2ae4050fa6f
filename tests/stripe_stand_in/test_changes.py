"""Changes of a subscription: at once, with the next invoice, at the end of a period."""

import pytest
import stripe

from tests.stripe_stand_in.money import later, share
from tests.stripe_stand_in.shop import PRO, PRO_YEARLY, STARTER, Shop

DAY = 86400


def test_an_upgrade_is_billed_to_the_second(shop: Shop) -> None:
    subscription = shop.subscribe()
    start, end = shop.period(subscription)
    shop.stand_in.advance_to(start + 10 * DAY + 1)
    moment = start + 10 * DAY + 1
    shop.told()

    changed = shop.change(
        subscription, shop.pro, proration_behavior="always_invoice", proration_date=moment
    )

    credit = -share(STARTER, end - moment, end - start)
    rest = share(PRO, end - moment, end - start)
    invoice = shop.invoice_of(subscription)
    assert changed["items"].data[0].price.id == shop.pro
    assert shop.lines(subscription) == [credit, rest]
    assert invoice["amount_paid"] == rest + credit
    assert invoice["billing_reason"] == "subscription_update"
    details = invoice["lines"]["data"][0]["parent"]["subscription_item_details"]
    assert details["proration"]
    first = shop.v1.invoices.list({"subscription": subscription}).data[1]
    assert details["proration_details"]["credited_items"]["invoice"] == first.id
    assert shop.period(subscription) == (start, end)
    told = shop.told()
    assert told.index("customer.subscription.updated") < told.index("invoice.paid")


def test_a_preview_says_what_an_upgrade_then_costs(shop: Shop) -> None:
    subscription = shop.subscribe()
    start, end = shop.period(subscription)
    shop.stand_in.advance_to((start + end) // 2)
    moment = shop.stand_in.now
    item = shop.get(subscription)["items"]["data"][0]["id"]
    known = len(shop.stand_in.world.objects)

    seen = shop.v1.invoices.create_preview(
        {
            "subscription": subscription,
            "subscription_details": {
                "items": [{"id": item, "price": shop.pro}],
                "proration_behavior": "always_invoice",
                "proration_date": moment,
            },
        }
    )

    assert len(shop.stand_in.world.objects) == known + 4  # the new price, its product, their events
    shop.change(subscription, shop.pro, proration_behavior="always_invoice", proration_date=moment)
    assert seen.amount_due == shop.invoice_of(subscription)["amount_paid"] == (PRO - STARTER) // 2


def test_prorations_wait_for_the_next_invoice(shop: Shop) -> None:
    subscription = shop.subscribe()
    start, end = shop.period(subscription)
    shop.stand_in.advance_to((start + end) // 2)

    shop.change(subscription, shop.pro, proration_date=(start + end) // 2)
    assert shop.invoice_of(subscription)["billing_reason"] == "subscription_create"
    shop.stand_in.advance_to_renewal(subscription)

    invoice = shop.invoice_of(subscription)
    assert shop.lines(subscription) == [-STARTER // 2, PRO // 2, PRO]
    assert invoice["amount_paid"] == (PRO - STARTER) // 2 + PRO


def test_a_change_without_proration_costs_nothing_until_renewal(shop: Shop) -> None:
    subscription = shop.subscribe(shop.pro)
    shop.change(subscription, shop.starter, proration_behavior="none")
    shop.stand_in.advance_to_renewal(subscription)

    assert shop.lines(subscription) == [STARTER]


def test_what_was_not_billed_is_not_credited(shop: Shop) -> None:
    subscription = shop.subscribe()
    start, _ = shop.period(subscription)
    shop.change(subscription, shop.pro, proration_behavior="none")

    shop.change(
        subscription, shop.starter, proration_behavior="always_invoice", proration_date=start
    )

    assert shop.lines(subscription) == [-STARTER, STARTER]


def test_a_downgrade_with_proration_becomes_credit(shop: Shop) -> None:
    subscription = shop.subscribe(shop.pro)
    start, _ = shop.period(subscription)

    shop.change(
        subscription, shop.starter, proration_behavior="always_invoice", proration_date=start
    )

    assert shop.v1.customers.retrieve(shop.customer).balance == STARTER - PRO
    shop.stand_in.advance_to_renewal(subscription)
    invoice = shop.invoice_of(subscription)
    assert (invoice["total"], invoice["amount_due"], invoice["status"]) == (STARTER, 0, "paid")
    assert shop.get(shop.customer)["balance"] == 2 * STARTER - PRO


def test_another_interval_begins_a_new_period(shop: Shop) -> None:
    subscription = shop.subscribe(shop.pro)
    start, _ = shop.period(subscription)

    shop.change(
        subscription, shop.pro_yearly, proration_behavior="always_invoice", proration_date=start
    )

    assert shop.lines(subscription) == [-PRO, PRO_YEARLY]
    begun, end = shop.period(subscription)
    assert end == later(begun, {"interval": "year"})


def test_a_schedule_downgrades_at_the_periods_end(shop: Shop) -> None:
    subscription = shop.subscribe(shop.pro)
    _, end = shop.period(subscription)

    schedule = shop.change_at_period_end(subscription, shop.starter)

    assert shop.get(subscription)["schedule"] == schedule
    assert shop.get(subscription)["items"]["data"][0]["price"]["id"] == shop.pro
    shop.told()
    shop.stand_in.advance_to_renewal(subscription)
    assert shop.get(subscription)["items"]["data"][0]["price"]["id"] == shop.starter
    assert shop.lines(subscription) == [STARTER]
    assert shop.get(schedule)["current_phase"]["start_date"] == end
    shop.stand_in.advance_to_renewal(subscription)
    assert shop.get(schedule)["status"] == "released"
    assert shop.get(subscription)["schedule"] is None
    assert shop.lines(subscription) == [STARTER]
    assert "subscription_schedule.released" in shop.told()


def test_a_schedule_is_released_before_it_does_anything(shop: Shop) -> None:
    subscription = shop.subscribe(shop.pro)
    schedule = shop.change_at_period_end(subscription, shop.starter)
    with pytest.raises(stripe.InvalidRequestError, match="managed by the subscription schedule"):
        shop.v1.subscriptions.update(subscription, {"cancel_at_period_end": True})

    shop.v1.subscription_schedules.release(schedule)
    shop.stand_in.advance_to_renewal(subscription)

    assert shop.lines(subscription) == [PRO]
