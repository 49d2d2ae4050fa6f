"""Find the users whose credits are running out, and have them told."""

import uuid

from django.db import connection
from django.utils import timezone

from apps.core.tenancy import service_scope
from apps.plans.models import NoticeKind
from apps.plans.services.notices import NEWS, note

LOW_CREDITS = 10
USERS_A_SWEEP = 500

# Credits that ended with their time are the business of other notices: whoever has none left
# that could be used now has a plan that ended, or one that is being renewed at this moment. The
# key is the newest grant: after another one, running out is news again.
_FIND = """
SELECT low.user_id, low.available, newest.id
FROM (
    SELECT user_id, sum(available) AS available
    FROM credits_grantbalance
    WHERE usable_from <= %(now)s AND usable_until > %(now)s
    GROUP BY user_id
    HAVING sum(available) < %(low)s
) low
CROSS JOIN LATERAL (
    SELECT id FROM credits_grant
    WHERE user_id = low.user_id
    ORDER BY created_at DESC, id DESC
    LIMIT 1
) newest
WHERE NOT EXISTS (
    SELECT FROM plans_notice told
    WHERE told.user_id = low.user_id AND told.kind = %(kind)s AND told.key = newest.id::text
)
LIMIT %(most)s
"""


def note_low_credits() -> int:
    """Note whose available credits have fallen below ten since they last got some."""
    now = timezone.now()
    with service_scope("find credits that run out"), connection.cursor() as cursor:
        cursor.execute(
            _FIND,
            {
                "now": now,
                "low": LOW_CREDITS,
                "kind": NoticeKind.LOW_CREDITS.value,
                "most": USERS_A_SWEEP,
            },
        )
        found: list[tuple[uuid.UUID, int, uuid.UUID]] = cursor.fetchall()
    return sum(
        note(
            user_id=user_id,
            kind=NoticeKind.LOW_CREDITS,
            key=str(grant_id),
            facts={"available": int(available)},
            useful_until=now + NEWS,
        )
        for user_id, available, grant_id in found
    )
