"""Prove the books: every rule asked of what is there, by SQL that shares nothing with the services.

One statement a part, so that each sees one moment however much is going on.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connection

from apps.core.tenancy import service_scope

SHOWN = 20

# The name of a drift and a query of the ids that show it.
BOOKS: Mapping[str, str] = {
    "balance_differs_from_postings": """
        SELECT coalesce(balance.grant_id, moved.grant_id) FROM credits_grantbalance balance
        FULL JOIN (
            SELECT user_id, grant_id, sum(available) AS available, sum(held) AS held,
                sum(spent) AS spent, sum(closed) AS closed
            FROM credits_posting GROUP BY user_id, grant_id
        ) moved ON moved.user_id = balance.user_id AND moved.grant_id = balance.grant_id
        WHERE (balance.available, balance.held, balance.spent, balance.closed)
            IS DISTINCT FROM (moved.available, moved.held, moved.spent, moved.closed)
    """,
    "heap_is_negative": """
        SELECT grant_id FROM credits_grantbalance
        WHERE available < 0 OR held < 0 OR spent < 0 OR closed < 0
    """,
    "grant_is_not_what_it_began_with": """
        SELECT given.id FROM credits_grant given LEFT JOIN credits_posting first
            ON first.user_id = given.user_id AND first.grant_id = given.id AND first.kind = 'grant'
        GROUP BY given.id, given.total
        HAVING count(first.id) <> 1 OR sum(first.available) <> given.total
    """,
    "hold_is_not_its_parts": """
        SELECT hold.id FROM credits_hold hold LEFT JOIN credits_posting part
            ON part.user_id = hold.user_id AND part.hold_id = hold.id AND part.kind = 'hold'
        GROUP BY hold.id, hold.amount HAVING coalesce(sum(part.held), 0) <> hold.amount
    """,
    "hold_is_not_resolved_whole": """
        SELECT hold.id FROM credits_hold hold JOIN credits_posting part
            ON part.user_id = hold.user_id AND part.hold_id = hold.id
            AND part.kind IN ('settle', 'release')
        GROUP BY hold.id, hold.amount
        HAVING sum(part.held) <> -hold.amount OR count(DISTINCT part.kind) > 1
    """,
    "part_is_not_resolved_whole": """
        SELECT hold_id FROM (
            SELECT part.hold_id, sum(part.held) AS open FROM credits_posting part
            WHERE part.kind IN ('hold', 'settle', 'release') AND EXISTS (
                SELECT FROM credits_posting resolution
                WHERE resolution.user_id = part.user_id AND resolution.hold_id = part.hold_id
                    AND resolution.kind IN ('settle', 'release'))
            GROUP BY part.user_id, part.hold_id, part.grant_id
        ) parts WHERE open <> 0
    """,
    "charge_is_above_the_hold": """
        SELECT hold.id FROM credits_hold hold JOIN credits_posting part
            ON part.user_id = hold.user_id AND part.hold_id = hold.id
            AND part.kind IN ('settle', 'refund')
        GROUP BY hold.id, hold.amount
        HAVING sum(part.spent) FILTER (WHERE part.kind = 'settle') > hold.amount
            OR sum(part.spent) < 0
    """,
    "held_outside_the_time_of_the_grant": """
        SELECT part.id FROM credits_posting part JOIN credits_grantbalance balance
            ON balance.user_id = part.user_id AND balance.grant_id = part.grant_id
        JOIN credits_grant given ON given.id = part.grant_id
        WHERE part.kind = 'hold' AND part.created_at NOT BETWEEN
            given.valid_from - interval '1 minute'
            AND greatest(balance.usable_until, given.valid_until) + interval '1 minute'
    """,
    "expired_before_its_end": """
        SELECT part.id FROM credits_posting part JOIN credits_grant given
            ON given.user_id = part.user_id AND given.id = part.grant_id
        WHERE part.kind = 'expire' AND part.created_at < given.valid_until - interval '1 minute'
    """,
    "grant_is_prolonged_too_long": """
        SELECT given.id FROM credits_grantbalance balance
        JOIN credits_grant given ON given.id = balance.grant_id
        WHERE balance.usable_until > given.valid_until + interval '7 days'
    """,
}


@dataclass(frozen=True, slots=True)
class Drift:
    """A rule that is broken: how often, and the first few ids of what breaks it."""

    rule: str
    count: int
    ids: tuple[str, ...]


def find_drift(rules: Mapping[str, str]) -> list[Drift]:
    """Ask all of `rules` at one moment; return those that are broken."""
    parts = [
        f"SELECT '{rule}', count(*), (array_agg(id::text ORDER BY id::text))[1:{SHOWN}]"  # noqa: S608  # nosec B608  (our own words)
        f" FROM ({query}) AS found (id)"
        for rule, query in rules.items()
    ]
    with service_scope("audit credits"), connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        rows = cursor.fetchall()
    return [Drift(rule, count, tuple(ids)) for rule, count, ids in rows if count]
