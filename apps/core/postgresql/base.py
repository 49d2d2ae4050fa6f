"""Django's PostgreSQL backend, with a check of pooled connections that costs no round trip."""

import select
from typing import Any

from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    """As Django's; a connection that the server has closed is replaced when it is taken."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        pool: ConnectionPool[Any] | None = self.pool
        while pool is not None and _was_closed(connection):
            connection.close()
            pool.putconn(connection)
            connection = super().get_new_connection(conn_params)
        return connection


def _was_closed(connection: Any) -> bool:
    """Say whether something came on an idle connection: the server's farewell, or its end."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
