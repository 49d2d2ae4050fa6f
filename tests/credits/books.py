"""What DESIGN §5 says of the books, asked by SQL that shares nothing with the product's code."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from tests.database import login_url, session_database_url

# Each query returns the ids of what breaks the rule.
RULES = {
    "a balance is what the postings of its grant add up to": """
        SELECT coalesce(balance.grant_id, moved.grant_id)
        FROM credits_grantbalance balance
        FULL JOIN (
            SELECT user_id, grant_id, sum(available) AS available, sum(held) AS held,
                sum(spent) AS spent, sum(closed) AS closed
            FROM credits_posting GROUP BY user_id, grant_id
        ) moved USING (user_id, grant_id)
        WHERE (balance.available, balance.held, balance.spent, balance.closed)
            IS DISTINCT FROM (moved.available, moved.held, moved.spent, moved.closed)
    """,
    "a grant is somewhere, whole": """
        SELECT given.id FROM credits_grant given
        LEFT JOIN credits_grantbalance balance
            ON balance.grant_id = given.id AND balance.user_id = given.user_id
        WHERE given.total IS DISTINCT FROM
            balance.available + balance.held + balance.spent + balance.closed
    """,
    "no heap is negative": """
        SELECT grant_id FROM credits_grantbalance WHERE least(available, held, spent, closed) < 0
    """,
    "a hold is made whole": """
        SELECT hold.id FROM credits_hold hold
        WHERE hold.amount IS DISTINCT FROM (
            SELECT sum(held) FROM credits_posting part
            WHERE part.hold_id = hold.id AND part.user_id = hold.user_id AND part.kind = 'hold')
    """,
    "a hold is resolved whole, at most once, and never charged above it": """
        SELECT hold.id FROM credits_hold hold
        JOIN (
            SELECT hold_id, sum(held) AS held, sum(spent) AS spent
            FROM credits_posting WHERE kind IN ('settle', 'release') GROUP BY hold_id
        ) ended ON ended.hold_id = hold.id
        WHERE ended.held <> -hold.amount OR ended.spent NOT BETWEEN 0 AND hold.amount
    """,
    "what is held now is held by holds that are open": """
        SELECT balance.grant_id FROM credits_grantbalance balance
        WHERE balance.held <> coalesce((
            SELECT sum(part.held) FROM credits_posting part
            WHERE part.grant_id = balance.grant_id AND part.kind = 'hold' AND NOT EXISTS (
                SELECT FROM credits_posting ended
                WHERE ended.hold_id = part.hold_id AND ended.kind IN ('settle', 'release'))), 0)
    """,
    "no more is given back than was charged": """
        SELECT hold_id FROM credits_posting WHERE kind IN ('settle', 'refund')
        GROUP BY hold_id, grant_id HAVING sum(spent) < 0
    """,
    "credits that are given back are given anew": """
        SELECT entered.user_id FROM (
            SELECT user_id, sum(closed) AS credits FROM credits_posting WHERE kind = 'refund'
            GROUP BY user_id
        ) entered
        FULL JOIN (
            SELECT user_id, sum(total) AS credits FROM credits_grant WHERE source = 'refund'
            GROUP BY user_id
        ) given USING (user_id)
        WHERE entered.credits IS DISTINCT FROM given.credits
    """,
    "no grant lives longer than a week after its end": """
        SELECT balance.grant_id FROM credits_grantbalance balance
        JOIN credits_grant given ON given.id = balance.grant_id
        WHERE balance.usable_until > given.valid_until + interval '7 days'
    """,
}


def broken_rules(raw: psycopg.Connection[Any]) -> dict[str, list[Any]]:
    """Return the rules that do not hold, with the ids of what breaks them."""
    found = {}
    with raw.transaction():
        raw.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        raw.execute("SET LOCAL ROLE easel_service")
        for rule, query in RULES.items():
            ids = [row[0] for row in raw.execute(query).fetchall()]
            if ids:
                found[rule] = ids
    return found


@contextmanager
def connected_as(login: str) -> Iterator[psycopg.Connection[Any]]:
    url = login_url(login, url=session_database_url())
    with psycopg.connect(url, autocommit=True) as raw:
        yield raw


@contextmanager
def without_lock() -> Iterator[None]:
    """Let `easel_lock_credits`, which every movement begins with, lock nothing."""
    with connected_as("owner") as raw:
        was: str = raw.execute(
            "SELECT pg_get_functiondef('easel_lock_credits(uuid)'::regprocedure)"
        ).fetchone()[0]  # type: ignore[index]
        head, _begin, _body = was.partition("BEGIN")
        _replace(raw, f"{head}BEGIN END $function$")
        try:
            yield
        finally:
            _replace(raw, was)


def _replace(raw: psycopg.Connection[Any], definition: str) -> None:
    service = sql.Identifier("easel_service")
    with raw.transaction():
        raw.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(service))
        raw.execute("SET LOCAL ROLE easel_service")
        raw.execute(definition)
        raw.execute("RESET ROLE")
        raw.execute(sql.SQL("REVOKE CREATE ON SCHEMA public FROM {}").format(service))
