"""What is left of a user: rows that name one anywhere, files, keys of the cache.

Every table is looked at as the database has it, with all of its columns as text: a table that
somebody forgot to delete from is found too. It reads every row of every table once.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import connection
from django_redis import get_redis_connection
from psycopg import sql

from apps.core.storage import file_store
from apps.core.tenancy import service_scope
from apps.privacy.selectors import user_prefixes

# What outlives an account, and why. None of it has a name or an address of the person.
STAYS: Mapping[str, str] = {
    "accounts_user": "the row that the books refer to, without a name, an address or a way in",
    "core_auditrecord": "what was done to the account, by whom, from which network address",
    "credits_account": "the books",
    "credits_grant": "the books",
    "credits_grantbalance": "the books",
    "credits_hold": "the books",
    "credits_posting": "the books",
    "credits_usagerecord": "the books: seconds of GPUs and what they cost, no prompt",
    "django_admin_log": "what staff did in the admin, by ids",
    "plans_billingaccount": "that the customer at Stripe was deleted, and when",
    "plans_payment": "the books: what was paid",
    "plans_paymentreversal": "the books: what was given back",
    "plans_testergrant": "who granted what to whom",
    "providers_providercall": "the books: what other image services cost us, no prompt",
    "privacy_datarequest": "that the deletion was asked for and done",
}
_TABLES = """
    SELECT relname FROM pg_class
    WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
        AND has_table_privilege(oid, 'SELECT')
    ORDER BY relname
"""
_COUNT = sql.SQL("SELECT count(*) FROM {table} one WHERE one::text ILIKE ANY (%s)")


@dataclass(frozen=True, slots=True)
class Traces:
    """Rows by table, keys of files, and keys of the cache that name a user."""

    rows: dict[str, int]
    files: list[str]
    cache_keys: list[str]

    @property
    def unexpected_rows(self) -> dict[str, int]:
        """Return the rows that no reason keeps."""
        return {table: count for table, count in self.rows.items() if table not in STAYS}

    @property
    def is_nothing_left(self) -> bool:
        """Say whether only that is left which outlives an account."""
        return not (self.unexpected_rows or self.files or self.cache_keys)


def find_traces(*, user_id: uuid.UUID, words: Sequence[str] = ()) -> Traces:
    """Look for all that names `user_id`, or holds one of `words`, such as the former address."""
    patterns = [f"%{_escaped(word)}%" for word in (str(user_id), *words)]
    files = [key for folder in user_prefixes(user_id) for key, _at in file_store.walk(folder)]
    keys = sorted(key.decode() for key in cached_keys(user_id=user_id))
    return Traces(_rows(patterns), sorted(files), keys)


def cached_keys(*, user_id: uuid.UUID) -> list[bytes]:
    """List the keys of Redis that name `user_id`; it goes through all keys, a thousand a step.

    Raises:
        RedisError: Redis is away.
    """
    redis = get_redis_connection("default")
    return list(redis.scan_iter(match=f"*{user_id}*", count=1000))


def _rows(patterns: list[str]) -> dict[str, int]:
    counts = {}
    with service_scope("look for what is left of a user"), connection.cursor() as cursor:
        cursor.execute(_TABLES)
        for (table,) in cursor.fetchall():
            cursor.execute(_COUNT.format(table=sql.Identifier(table)), [patterns])
            counts[table] = cursor.fetchone()[0]
    return {table: count for table, count in counts.items() if count}


def _escaped(word: str) -> str:
    return word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
