"""Fail requests that ask the same of the database again and again, in tests and while developing.

A query in a loop costs little with three rows and everything with a thousand. Where
`EASEL_MAX_REPEATED_QUERIES` is 0, as in production, nothing of this runs.
"""

from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest, HttpResponseBase

from apps.core.slow_queries import Execute
from apps.core.sql_shapes import caller, shape

# Of a savepoint or a scope: as many as there are blocks, and none asks for rows.
_OF_TRANSACTIONS = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT", "SET ")
_OF_SCOPES = ("set_config(", "current_setting(")

_counts: ContextVar[Counter[tuple[str, str]] | None] = ContextVar("query_counts", default=None)


class RepeatedQueriesError(AssertionError):
    """A request ran one query many times from one line; the message names both."""


class RepeatedQueryMiddleware:
    """Fail a request in which one line of ours ran one shape of SQL too often.

    It is said when the request is over, so that no handler of errors on the way takes it for an
    answer, and the count is the whole one. An answer that is an error anyway stays as it is.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if not settings.EASEL_MAX_REPEATED_QUERIES:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        counts: Counter[tuple[str, str]] = Counter()
        token = _counts.set(counts)
        try:
            response = self.get_response(request)
        finally:
            _counts.reset(token)
        if response.status_code < 500 and request.path not in settings.EASEL_MAY_REPEAT_QUERIES:
            _refuse_repeats(counts, f"{request.method} {request.path}")
        return response


def watch(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Have the queries of requests on `connection` counted; for `connection_created`."""
    if settings.EASEL_MAX_REPEATED_QUERIES and _count not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, _count)


def _count(execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:  # noqa: FBT001  (Django calls it so)
    counts = _counts.get()
    if counts is not None and not _is_of_transactions(sql):
        counts[shape(sql), caller()] += 1
    return execute(sql, params, many, context)


def _is_of_transactions(sql: Any) -> bool:
    text = sql if isinstance(sql, str) else ""
    return text.startswith(_OF_TRANSACTIONS) or any(word in text for word in _OF_SCOPES)


def _refuse_repeats(counts: Counter[tuple[str, str]], request: str) -> None:
    lines = [
        f"{count} times from {place}: {sql}"
        for (sql, place), count in counts.most_common()
        if count > settings.EASEL_MAX_REPEATED_QUERIES
    ]
    if lines:
        raise RepeatedQueriesError("\n".join([f"{request} ran one query again and again:", *lines]))
