"""Book what came in, and let credits be given for it: the only place where payments become credits.

Amounts, currency and price must be those of our table; else the money is booked without credits,
and the log says so loudly.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import stripe
import structlog

from apps.core.audit import record_act
from apps.core.models import Act
from apps.plans import stripe_gateway
from apps.plans.models import BillingAccount, Payment, PaymentKind
from apps.plans.offers import CURRENCY, RENEWAL_SLACK, Offer
from apps.plans.products import PACK_DAYS, CreditSource
from apps.plans.signals import credits_due
from apps.plans.stripe_objects import cents_of, id_of, moment_of, offer_of, subscription_of

logger = structlog.get_logger(__name__)

_KINDS = {
    "subscription_create": PaymentKind.SUBSCRIPTION,
    "subscription_cycle": PaymentKind.RENEWAL,
    "subscription_update": PaymentKind.UPGRADE,
}
_SOURCES = {
    PaymentKind.SUBSCRIPTION: CreditSource.PLAN,
    PaymentKind.RENEWAL: CreditSource.PLAN,
    PaymentKind.UPGRADE: CreditSource.UPGRADE,
    PaymentKind.PACK: CreditSource.PACK,
}


@dataclass(frozen=True, slots=True)
class _Bought:
    """What an invoice is for; `problem` says why no credits may be given."""

    credits: int
    start: datetime
    end: datetime
    plan: str = ""
    interval: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines of an invoice for a period: what it charges and what it takes back."""

    charged: stripe.InvoiceLineItem | None
    credited: stripe.InvoiceLineItem | None


def book_invoice(*, account: BillingAccount, invoice: stripe.Invoice) -> None:
    """Book a paid invoice of a subscription, once."""
    kind = _KINDS.get(invoice.billing_reason or "")
    key = f"stripe:invoice:{invoice.id}"
    if invoice.status != "paid" or kind is None or _is_booked(account, key):
        return
    if invoice.amount_paid <= 0 and invoice.total <= 0:
        return
    bought = _bought_by_invoice(invoice, kind)
    payment = Payment(
        user_id=account.user_id,
        key=key,
        kind=kind,
        stripe_subscription_id=subscription_of(invoice),
        stripe_invoice_id=invoice.id,
        stripe_payment_intent_id=_intent_of(invoice),
        number=invoice.number or "",
        amount_cents=invoice.amount_paid,
        currency=invoice.currency,
        plan=bought.plan,
        interval=bought.interval,
        period_start=bought.start,
        period_end=bought.end,
        credits=0 if bought.problem else bought.credits,
        hosted_invoice_url=invoice.hosted_invoice_url or "",
        invoice_pdf=invoice.invoice_pdf or "",
        paid_at=moment_of(invoice.status_transitions.paid_at or invoice.created),
    )
    _book(payment, problem=bought.problem, until=bought.end + RENEWAL_SLACK)


def book_checkout(*, account: BillingAccount, session: stripe.checkout.Session) -> None:
    """Book a paid checkout of a credit pack, once."""
    key = f"stripe:checkout:{session.id}"
    if (
        session.mode != "payment"
        or session.payment_status != "paid"
        or id_of(session.customer) != account.stripe_customer_id
        or _is_booked(account, key)
    ):
        return
    invoice = session.invoice if isinstance(session.invoice, stripe.Invoice) else None
    paid_at = session.created
    if invoice is not None:
        paid_at = invoice.status_transitions.paid_at or invoice.created
    start = moment_of(paid_at)
    bought = _bought_by_checkout(session, start)
    payment = Payment(
        user_id=account.user_id,
        key=key,
        kind=PaymentKind.PACK,
        stripe_invoice_id=id_of(session.invoice),
        stripe_payment_intent_id=id_of(session.payment_intent),
        number=(invoice.number if invoice else None) or "",
        amount_cents=session.amount_total or 0,
        currency=session.currency or "",
        period_start=bought.start,
        period_end=bought.end,
        credits=0 if bought.problem else bought.credits,
        hosted_invoice_url=(invoice.hosted_invoice_url if invoice else None) or "",
        invoice_pdf=(invoice.invoice_pdf if invoice else None) or "",
        paid_at=start,
    )
    _book(payment, problem=bought.problem, until=bought.end)


def _is_booked(account: BillingAccount, key: str) -> bool:
    return Payment.objects.filter(user=account.user_id, key=key).exists()


def _book(payment: Payment, *, problem: str, until: datetime) -> None:
    payment.save(force_insert=True)
    logger.info("payment_booked", key=payment.key, kind=payment.kind, credits=payment.credits)
    if problem:
        logger.error("payment_not_as_sold", key=payment.key, problem=problem)
    elif payment.credits:
        credits_due.send(
            sender=Payment,
            user_id=payment.user_id,
            source=_SOURCES[PaymentKind(payment.kind)],
            amount=payment.credits,
            valid_from=payment.period_start,
            valid_until=until,
            key=payment.key,
            paid_cents=payment.amount_cents,
            plan=payment.plan,
            reason="",
            granted_by=None,
        )
    money = f"{payment.amount_cents / 100:.2f} {payment.currency} for {payment.kind}"
    record_act(
        act=Act.PAYMENT_RECEIVED,
        user_id=payment.user_id,
        actor_id=None,
        target=f"{money}, {payment.credits} credits" + (f"; {problem}" if problem else ""),
    )


def _bought_by_invoice(invoice: stripe.Invoice, kind: PaymentKind) -> _Bought:
    lines = _lines_of(invoice, is_upgrade=kind == PaymentKind.UPGRADE)
    moment = moment_of(invoice.created)
    if lines.charged is None:
        return _Bought(0, moment, moment + timedelta(seconds=1), problem="no line of a period")
    start, end = moment_of(lines.charged.period.start), moment_of(lines.charged.period.end)
    offer = _offer_of_line(lines.charged)
    if offer is None or offer.interval is None:
        return _Bought(0, start, end, problem="unknown price")
    credits_given = offer.credits
    problem = _problem(invoice, lines.charged, offer, kind)
    if kind == PaymentKind.UPGRADE:
        before = _offer_of_line(lines.credited) if lines.credited else None
        if before is None:
            problem = problem or "unknown price before"
        else:
            credits_given = max(0, offer.credits - before.credits)
    return _Bought(credits_given, start, end, offer.plan, offer.interval, problem)


def _lines_of(invoice: stripe.Invoice, *, is_upgrade: bool) -> _Lines:
    charged = [line for line in invoice.lines.data if line.amount > 0]
    credited = [line for line in invoice.lines.data if line.amount < 0]
    if not is_upgrade:
        # What was prorated and waited is on the bill of a period too.
        charged = [line for line in charged if not _is_proration(line)]
    return _Lines(
        charged=max(charged, key=lambda line: line.period.end, default=None),
        credited=max(credited, key=lambda line: line.period.end, default=None),
    )


def _is_proration(line: stripe.InvoiceLineItem) -> bool:
    details = line.parent.subscription_item_details if line.parent else None
    return bool(details and details.proration)


def _offer_of_line(line: stripe.InvoiceLineItem) -> Offer | None:
    details = line.pricing.price_details if line.pricing else None
    if details is None:
        return None
    return offer_of(stripe_gateway.fetch_price(id_of(details.price)))


def _problem(
    invoice: stripe.Invoice, line: stripe.InvoiceLineItem, offer: Offer, kind: PaymentKind
) -> str:
    if invoice.currency != CURRENCY:
        return f"currency {invoice.currency}"
    if line.quantity != 1:
        return f"quantity {line.quantity}"
    if any(each.amount for each in invoice.total_discount_amounts or []):
        return "discounted"
    whole = cents_of(line)
    part_of_period = kind == PaymentKind.UPGRADE and _is_proration(line)
    if line.amount > whole or (line.amount < whole and not part_of_period):
        return f"{line.amount} cents for {offer.lookup_key}"
    return ""


def _bought_by_checkout(session: stripe.checkout.Session, start: datetime) -> _Bought:
    end = start + timedelta(days=PACK_DAYS)
    lines = session.line_items.data if session.line_items else []
    price = lines[0].price if lines else None
    offer = offer_of(price) if price else None
    problem = ""
    if len(lines) != 1 or price is None or offer is None or not offer.pack:
        return _Bought(0, start, end, problem="unknown price")
    if session.currency != CURRENCY:
        problem = f"currency {session.currency}"
    elif lines[0].quantity != 1 or session.amount_total != price.unit_amount:
        problem = f"{session.amount_total} cents for {offer.lookup_key}"
    return _Bought(offer.credits, start, end, problem=problem)


def _intent_of(invoice: stripe.Invoice) -> str:
    for each in invoice.payments.data if invoice.payments else []:
        if each.status == "paid":
            return id_of(each.payment.payment_intent)
    return ""
