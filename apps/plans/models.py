"""Who is on which plan and until when, by which tester grants, and what they were told of it."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.core.models import TenantModel
from apps.plans.products import PLANS, TESTER_DAYS


class SubscriptionSource(models.TextChoices):
    """Who put somebody on a plan."""

    TRIAL = "trial", _("trial")
    STRIPE = "stripe", _("paid by card")
    TESTER = "tester", _("tester grant")
    MANUAL = "manual", _("set by hand")


class BillingInterval(models.TextChoices):
    """How long a paid period is."""

    MONTH = "month", _("month")
    YEAR = "year", _("year")


class PauseReason(models.TextChoices):
    """Why nothing new is made for somebody."""

    NO_PLAN = "no_plan", _("the plan has ended")
    PAYMENT_FAILED = "payment_failed", _("a payment failed")
    REFUNDED = "refunded", _("the payment was given back")
    DISPUTED = "disputed", _("the payment is disputed")
    STAFF = "staff", _("stopped by staff")


class Subscription(TenantModel):
    """A user's time on a plan; without an end it runs until it is ended.

    One row for each subscription at the payment provider, changed by what the provider says: it
    is paid until `renews_at`, which `valid_until` exceeds a little while the next payment is on
    its way, and was over for the provider at `ended_at`. The `custom_…` columns are an enterprise
    customer's own values, set by hand.
    """

    plan = models.CharField(max_length=32, choices=[(slug, slug) for slug in PLANS])
    source = models.CharField(
        max_length=16, choices=SubscriptionSource.choices, default=SubscriptionSource.MANUAL
    )
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)

    stripe_subscription_id = models.CharField(max_length=255, null=True, blank=True)
    interval = models.CharField(max_length=8, choices=BillingInterval.choices, blank=True)
    next_plan = models.CharField(max_length=32, blank=True)
    renews_at = models.DateTimeField(null=True, blank=True)
    cancels_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    past_due_since = models.DateTimeField(null=True, blank=True)
    pause_reason = models.CharField(max_length=16, choices=PauseReason.choices, blank=True)

    custom_dollars_a_month = models.PositiveIntegerField(null=True, blank=True)
    custom_credits_a_month = models.PositiveIntegerField(null=True, blank=True)
    custom_parallel_queues = models.PositiveIntegerField(null=True, blank=True)
    custom_storage_gb = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gt=F("valid_from")),
                name="plans_subscription_ends_after_start",
            ),
            models.CheckConstraint(
                condition=Q(plan="enterprise")
                | Q(
                    custom_dollars_a_month__isnull=True,
                    custom_credits_a_month__isnull=True,
                    custom_parallel_queues__isnull=True,
                    custom_storage_gb__isnull=True,
                ),
                name="plans_subscription_custom_is_enterprise",
            ),
            models.UniqueConstraint(
                fields=["user", "stripe_subscription_id"], name="plans_subscription_of_stripe"
            ),
            models.UniqueConstraint(fields=["user", "id"], name="plans_subscription_tenant_key"),
        )
        indexes = (
            models.Index(fields=["user", "valid_from"], name="plans_subscription_user"),
            models.Index(fields=["valid_until"], name="plans_subscription_ending"),
        )

    def __str__(self) -> str:
        return f"{self.plan} from {self.valid_from:%Y-%m-%d}"


class TesterGrant(TenantModel):
    """That an administrator put a user on the tester plan, with credits, for a while.

    `granted_by` and `revoked_by` are ids of administrators; the record outlives their accounts.
    """

    private_fields: ClassVar[tuple[str, ...]] = ("granted_by", "revoked_by")
    outlives_account: ClassVar[bool] = True

    subscription = models.ForeignKey(
        Subscription,
        on_delete=models.SET_NULL,
        null=True,
        db_constraint=False,
        related_name="+",
    )
    credits = models.PositiveIntegerField()
    days = models.PositiveIntegerField()
    reason = models.TextField()
    granted_by = models.UUIDField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.UUIDField(null=True, blank=True)
    revoke_reason = models.TextField(blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(days__gte=TESTER_DAYS[0], days__lte=TESTER_DAYS[-1]),
                name="plans_tester_grant_days",
            ),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True, revoked_by__isnull=True)
                | Q(revoked_at__isnull=False, revoked_by__isnull=False),
                name="plans_tester_grant_revoked_by_somebody",
            ),
        )
        indexes = (models.Index(fields=["user", "-created_at"], name="plans_tester_grant_user"),)

    def __str__(self) -> str:
        return f"{self.credits} credits for {self.days} days"


class TrialPerson(models.Model):
    """That a person has had a trial; a keyed digest, so that it says nothing of who it was."""

    digest = models.CharField(primary_key=True, max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.digest


class NoticeKind(models.TextChoices):
    """What a user is told by mail."""

    LOW_CREDITS = "low_credits", _("few credits left")
    PAYMENT_FAILED = "payment_failed", _("payment failed")
    TRIAL_ENDING = "trial_ending", _("trial ends soon")
    PAUSED = "paused", _("account paused")
    PICTURES_WILL_GO = "pictures_will_go", _("pictures will be deleted")


class NoticeState(models.TextChoices):
    """How far a notice is.

    `UNSURE` is one whose sender died, or lost the mail server, in the middle: it may have gone
    out, so it is not sent again by itself. `DROPPED` is one that was no longer true.
    """

    PENDING = "pending", _("waiting")
    SENDING = "sending", _("being sent")
    SENT = "sent", _("sent")
    DROPPED = "dropped", _("no longer true")
    UNSURE = "unsure", _("perhaps sent")
    FAILED = "failed", _("could not be sent")


OPEN_NOTICES = frozenset({NoticeState.PENDING, NoticeState.SENDING})


class Notice(TenantModel):
    """One mail about one fact, named by `key`; written before it is sent, so that it is sent once.

    `facts` is what the text says; after `useful_until` it is not worth sending any more.
    """

    kind = models.CharField(max_length=20, choices=NoticeKind.choices)
    key = models.CharField(max_length=100)
    facts = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=8, choices=NoticeState.choices, default=NoticeState.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    useful_until = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "kind", "key"], name="plans_notice_once"),
            models.CheckConstraint(
                condition=Q(state="sent", sent_at__isnull=False)
                | (~Q(state="sent") & Q(sent_at__isnull=True)),
                name="plans_notice_sent_at_some_time",
            ),
        )
        indexes = (
            models.Index(
                fields=["due_at"],
                name="plans_notice_open",
                condition=Q(state__in=sorted(OPEN_NOTICES)),
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} ({self.state})"


class BillingAccount(TenantModel):
    """Which customer at Stripe a user is; made before the first payment and never changed.

    The row is locked while events of the customer are applied. `closing_at` is when the account
    was deleted here, `closed_at` when Stripe knew of it.
    """

    outlives_account: ClassVar[bool] = True

    stripe_customer_id = models.CharField(max_length=255, unique=True)
    closing_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user"], name="plans_billing_account_of_user"),
        )

    def __str__(self) -> str:
        return self.stripe_customer_id


class PaymentKind(models.TextChoices):
    """What somebody paid for."""

    SUBSCRIPTION = "subscription", _("first period of a plan")
    RENEWAL = "renewal", _("renewal of a plan")
    UPGRADE = "upgrade", _("upgrade")
    PACK = "pack", _("credit pack")


PERIOD_PAYMENTS = (PaymentKind.SUBSCRIPTION, PaymentKind.RENEWAL)


class Payment(TenantModel):
    """Money that came in, once for each `key`, and the credits it gave; never changed.

    `key` is that of the grant as well. Without credits the payment was not what it should have
    been, and the log says why.
    """

    outlives_account: ClassVar[bool] = True

    key = models.CharField(max_length=255)
    kind = models.CharField(max_length=16, choices=PaymentKind.choices)
    stripe_subscription_id = models.CharField(max_length=255, blank=True)
    stripe_invoice_id = models.CharField(max_length=255, blank=True)
    stripe_payment_intent_id = models.CharField(max_length=255, blank=True)
    number = models.CharField(max_length=100, blank=True)
    amount_cents = models.PositiveIntegerField()
    currency = models.CharField(max_length=3)
    plan = models.CharField(max_length=32, blank=True)
    interval = models.CharField(max_length=8, choices=BillingInterval.choices, blank=True)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    credits = models.PositiveIntegerField()
    hosted_invoice_url = models.URLField(max_length=2000, blank=True)
    invoice_pdf = models.URLField(max_length=2000, blank=True)
    paid_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "key"], name="plans_payment_once"),
            models.UniqueConstraint(fields=["user", "id"], name="plans_payment_tenant_key"),
        )
        indexes = (
            models.Index(fields=["user", "-created_at", "-id"], name="plans_payment_newest"),
            models.Index(fields=["stripe_payment_intent_id"], name="plans_payment_of_intent"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.number or self.key}"

    @property
    def reversed_cents(self) -> int:
        """Say how much has gone back and not come again."""
        signs = {ReversalKind.REFUND: 1, ReversalKind.DISPUTE: 1, ReversalKind.RETURNED: -1}
        return sum(
            each.amount_cents * signs.get(ReversalKind(each.kind), 0)
            for each in self.reversals.all()
            if each.part == 0
        )


class ReversalKind(models.TextChoices):
    """What became of money that had come in."""

    REFUND = "refund", _("given back")
    DISPUTE = "dispute", _("disputed")
    DISPUTE_LOST = "dispute_lost", _("dispute lost")
    RETURNED = "returned", _("came back")


DISPUTE_IS_OVER = frozenset({ReversalKind.RETURNED, ReversalKind.DISPUTE_LOST})


class PaymentReversal(TenantModel):
    """That money of a payment went back, wholly or in part, or came again; never changed.

    `stripe_id` is that of the refund or the dispute. `credits` were withdrawn by it, or, when the
    money came again, given once more. Credits that were held at the time and came back later are
    withdrawn in a further `part`.
    """

    outlives_account: ClassVar[bool] = True

    payment = models.ForeignKey(
        Payment, on_delete=models.PROTECT, db_constraint=False, related_name="reversals"
    )
    kind = models.CharField(max_length=16, choices=ReversalKind.choices)
    stripe_id = models.CharField(max_length=255)
    part = models.PositiveIntegerField(default=0)
    amount_cents = models.PositiveIntegerField()
    credits = models.PositiveIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["user", "stripe_id", "kind", "part"], name="plans_reversal_once"
            ),
        )
        indexes = (
            models.Index(fields=["user", "payment"], name="plans_reversal_of_payment"),
            models.Index(fields=["-created_at"], name="plans_reversal_newest"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.stripe_id}"


class StripeMark(models.Model):
    """Until when every event of Stripe is known to have come; one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    known_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.known_until:%Y-%m-%d %H:%M}"
