"""Count the queries of a request as they are where it has the connection to itself."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.tenancy import SERVICE_ROLE

# Inside a test's own transaction, that of a request is a savepoint, which has to put back the
# scope of the test.
_OF_THE_TEST = (
    "SAVEPOINT",
    "RELEASE SAVEPOINT",
    "ROLLBACK TO",
    "SELECT coalesce(current_setting",
    "SELECT set_config('app.current_user_id', '',",
)


@contextmanager
def counted_queries() -> Iterator[list[str]]:
    """Collect the queries of a block, without those that only a surrounding transaction needs.

    The list is filled once the block is left; the query that enters the tenant counts.
    """
    queries: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield queries
    made = [query["sql"] for query in captured]
    queries += [sql for sql in made if not (sql.startswith(_OF_THE_TEST) or SERVICE_ROLE in sql)]
