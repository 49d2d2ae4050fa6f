"""Reads on the books of all users, for staff; within a service scope."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery, Sum

from apps.accounts.models import User
from apps.core.errors import NotFound
from apps.credits.models import (
    RESOLUTIONS,
    Grant,
    GrantBalance,
    Hold,
    Posting,
    PostingKind,
    UsageRecord,
)


@dataclass(frozen=True, slots=True)
class Charge:
    """What a job was quoted, held and charged, and what of it was given back, in credits."""

    hold: Hold
    quoted: int
    charged: int
    refunded: int

    @property
    def refundable(self) -> int:
        return self.charged - self.refunded


def list_all_grants() -> QuerySet[Grant]:
    """List the grants of everybody with what is left of them and who gave them."""
    balance = GrantBalance.objects.filter(user=OuterRef("user"), grant=OuterRef("id"))
    return Grant.objects.select_related("user").annotate(
        granted_by_email=_email_of("granted_by"),
        **{heap: Subquery(balance.values(heap)) for heap in ("available", "held", "spent")},
        ended=Subquery(balance.values("closed")),
    )


def list_all_holds() -> QuerySet[Hold]:
    """List the holds of everybody; `charged` is `None` while a job runs."""
    resolved = Posting.objects.filter(kind__in=RESOLUTIONS)
    refunds = Posting.objects.filter(kind=PostingKind.REFUND)
    return Hold.objects.select_related("user").annotate(
        charged=_sum_of(resolved, "spent"), refunded=_sum_of(refunds, "closed")
    )


def list_all_postings() -> QuerySet[Posting]:
    """List the movements of everybody's credits."""
    return Posting.objects.select_related("user", "grant", "hold").annotate(
        actor_email=_email_of("actor_id")
    )


def get_charge(*, job_id: uuid.UUID) -> Charge:
    """Return what a job was charged.

    Raises:
        NotFound: nothing was held for it.
    """
    hold: Any = list_all_holds().filter(job_id=job_id).first()
    if hold is None:
        raise NotFound
    quoted = UsageRecord.objects.filter(user=hold.user_id, job_id=job_id)
    return Charge(
        hold=hold,
        quoted=quoted.values_list("credits_quoted", flat=True).first() or hold.amount,
        charged=hold.charged or 0,
        refunded=hold.refunded or 0,
    )


def _email_of(column: str) -> Subquery:
    return Subquery(User.objects.filter(id=OuterRef(column)).values("email"))


def _sum_of(postings: QuerySet[Posting], column: str) -> Subquery:
    # For each row that is shown; joined, all holds would be summed up for each page of them.
    of_hold = postings.filter(user=OuterRef("user"), hold=OuterRef("id")).order_by()
    return Subquery(of_hold.values("hold").annotate(sum=Sum(column)).values("sum"))
