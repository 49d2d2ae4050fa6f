"""What pictures of other services cost us, against what was paid for them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Count, Q, Sum

from apps.plans.products import DOLLARS_A_CREDIT
from apps.providers.models import CallOutcome, KeyOwner, ProviderCall
from apps.providers.prices import MICROS_A_DOLLAR
from gpu_tasks.providers.facts import PROVIDER_FACTS, PROVIDER_TITLES, ProviderName

# Charges less what was given back of them, of credits that were paid for, by job. A charge is
# posted in the transaction of its usage record, a moment before it.
PAID = """
WITH paid AS (
    SELECT hold.user_id, hold.job_id, sum(posting.spent) AS credits
    FROM credits_posting posting
    JOIN credits_hold hold ON hold.user_id = posting.user_id AND hold.id = posting.hold_id
    JOIN credits_grant source ON source.user_id = posting.user_id AND source.id = posting.grant_id
    WHERE posting.kind IN ('settle', 'refund') AND source.paid_cents > 0
        AND posting.created_at >= %(since)s - interval '1 hour'
    GROUP BY hold.user_id, hold.job_id
)
"""
# Of jobs that other services carried out.
_BY_MODEL = f"""
{PAID}
SELECT usage.model_used, sum(usage.credits_consumed), coalesce(sum(paid.credits), 0)
FROM credits_usagerecord usage
LEFT JOIN paid ON paid.user_id = usage.user_id AND paid.job_id = usage.job_id
WHERE usage.created_at >= %(since)s AND usage.action_type = 'provided'
GROUP BY usage.model_used
"""  # noqa: S608  # nosec B608  (our own words)
_PROVIDERS = {facts.key: facts.provider for facts in PROVIDER_FACTS.values()}
# The provider may have made pictures that nobody ever got.
_LOST = (CallOutcome.BEGUN, CallOutcome.UNSURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderLine:
    """The calls of a provider by our key: what they cost, and what was charged and paid for them.

    `pictures` and credits are of users' own keys too; those cost us nothing.
    """

    provider: ProviderName
    calls: int
    pictures: int
    cost: Decimal
    lost: Decimal
    charged: int
    paid: int

    @property
    def name(self) -> str:
        return PROVIDER_TITLES[self.provider]

    @property
    def income(self) -> Decimal:
        """Return the dollars that the paid credits were sold for."""
        return self.paid * DOLLARS_A_CREDIT

    @property
    def margin(self) -> Decimal:
        return self.income - self.cost


def provider_lines(*, since: datetime) -> list[ProviderLine]:
    """Return a line for each provider; two queries."""
    calls = {
        row["provider"]: row
        for row in ProviderCall.objects.filter(created_at__gte=since)
        .values("provider")
        .order_by()
        .annotate(
            calls=Count("id", filter=Q(key_owner=KeyOwner.HOUSE)),
            pictures=Sum("pictures_made"),
            cost=Sum("cost_micros"),
            lost=Sum("cost_micros", filter=Q(outcome__in=_LOST), default=0),
        )
    }
    charged = dict.fromkeys(ProviderName, 0)
    paid = dict.fromkeys(ProviderName, 0)
    with connection.cursor() as cursor:
        cursor.execute(_BY_MODEL, {"since": since})
        for model, credits, paid_credits in cursor.fetchall():
            charged[_PROVIDERS[model]] += int(credits)
            paid[_PROVIDERS[model]] += int(paid_credits)
    return [
        ProviderLine(
            provider=name,
            calls=calls[name]["calls"] if name in calls else 0,
            pictures=calls[name]["pictures"] if name in calls else 0,
            cost=_dollars(calls[name]["cost"]) if name in calls else Decimal(0),
            lost=_dollars(calls[name]["lost"]) if name in calls else Decimal(0),
            charged=charged[name],
            paid=paid[name],
        )
        for name in ProviderName
    ]


def _dollars(micros: int) -> Decimal:
    return Decimal(micros) / MICROS_A_DOLLAR
