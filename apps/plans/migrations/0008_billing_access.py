from django.db import migrations

from apps.core.operations import (
    AppendOnly,
    EnableTenancy,
    GrantAccess,
    KeepUpdatedAt,
    ServiceOnly,
    TenantReference,
)

# Every table of dj-stripe: copies of Stripe's objects of all customers.
MIRROR = [
    "account",
    "accountv2",
    "activeentitlement",
    "applicationfee",
    "applicationfeerefund",
    "balancetransaction",
    "bankaccount",
    "card",
    "charge",
    "countryspec",
    "coupon",
    "customer",
    "discount",
    "dispute",
    "djstripeinvoicedefaulttaxrate",
    "djstripeinvoiceitemtaxrate",
    "djstripepaymentmethod",
    "djstripesubscriptionitemtaxrate",
    "earlyfraudwarning",
    "event",
    "feature",
    "file",
    "filelink",
    "idempotencykey",
    "invoice",
    "invoiceitem",
    "issuing_authorization",
    "issuing_card",
    "issuing_cardholder",
    "issuing_dispute",
    "issuing_transaction",
    "lineitem",
    "mandate",
    "paymentintent",
    "paymentmethod",
    "payout",
    "price",
    "product",
    "productfeature",
    "promotioncode",
    "refund",
    "review",
    "scheduledqueryrun",
    "session",
    "setupintent",
    "shippingrate",
    "source",
    "sourcetransaction",
    "subscription",
    "subscriptionitem",
    "subscriptionschedule",
    "taxcode",
    "taxid",
    "taxrate",
    "transfer",
    "transferreversal",
    "upcominginvoice",
    "verificationreport",
    "verificationsession",
    "webhookeventtrigger",
]
# Here dj-stripe would store keys and secrets: nobody may.
WITH_SECRETS = ("apikey", "webhookendpoint")


class Migration(migrations.Migration):
    dependencies = [("plans", "0007_billing"), ("djstripe", "0001_dj_stripe_2_11")]

    operations = [
        KeepUpdatedAt("plans_billingaccount"),
        *(
            EnableTenancy(f"plans_{table}")
            for table in ("billingaccount", "payment", "paymentreversal")
        ),
        *(AppendOnly(f"plans_{table}") for table in ("payment", "paymentreversal")),
        GrantAccess("plans_billingaccount", web="SELECT, INSERT"),
        GrantAccess("plans_payment", web="SELECT"),
        GrantAccess("plans_paymentreversal", web="SELECT"),
        TenantReference("plans_paymentreversal", "payment_id", target="plans_payment"),
        ServiceOnly("plans_stripemark"),
        *(ServiceOnly(f"djstripe_{table}") for table in MIRROR),
        *(ServiceOnly(f"djstripe_{table}", access="SELECT") for table in WITH_SECRETS),
    ]
