"""Whose rows a transaction sees: one tenant's, or by an explicit service scope everybody's.

PostgreSQL enforces it by row-level security; here it is told. The tenant and the role are set
for one transaction each time, never for a session: poolers share connections. Outside of any
scope a query on a tenant table returns nothing.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction

logger = structlog.get_logger(__name__)

SERVICE_ROLE = "easel_service"
# "none" is the login itself, whatever role was set before.
_LOGIN = "none"


@dataclass(frozen=True, slots=True)
class Scope:
    """What the transaction may see: the tenant's rows, and everybody's in the service role."""

    tenant: str
    role: str


def current_scope() -> Scope:
    """Ask PostgreSQL for the scope of the running transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(current_setting('app.current_user_id', true), ''),"
            " current_setting('role')"
        )
        tenant, role = cursor.fetchone()
    return Scope(tenant=tenant, role=role)


def enter_tenant(user_id: uuid.UUID | str) -> None:
    """Make the rest of the running transaction that of a tenant; also from a service scope."""
    _set(Scope(tenant=str(uuid.UUID(str(user_id))), role=_LOGIN))


def enter_service(reason: str) -> None:
    """Let the rest of the running transaction see every tenant's rows."""
    logger.debug("service_scope_entered", reason=reason)
    _set(Scope(tenant="", role=SERVICE_ROLE))


@contextmanager
def tenant_scope(user_id: uuid.UUID | str) -> Iterator[None]:
    """Run a transaction that sees the rows of one tenant alone.

    Inside another scope it is a savepoint, and the other scope goes on after it.
    """
    with _scope():
        enter_tenant(user_id)
        yield


@contextmanager
def closed_scope() -> Iterator[None]:
    """Run a transaction that sees nobody's rows until it enters a tenant."""
    with _scope() as nested:
        if nested:
            _set(Scope(tenant="", role=_LOGIN))
        yield


@contextmanager
def service_scope(reason: str) -> Iterator[None]:
    """Run a transaction that sees every tenant's rows; `reason` goes to the log.

    Only logins of the operations side may: for the others PostgreSQL refuses the role.
    """
    with _scope():
        enter_service(reason)
        yield


@contextmanager
def left_scope() -> Iterator[None]:
    """Commit the scope so far, run the block without a transaction, and go on in the same scope.

    For what takes long and asks somebody else: a transaction would be idle meanwhile. Inside a
    savepoint nothing is committed, and the block runs in its transaction.
    """
    if not connection.in_atomic_block or connection.savepoint_ids:
        yield
        return
    scope = current_scope()
    # Django's own refuses inside of `atomic`, which goes on with the next query.
    connection.connection.commit()
    try:
        yield
    finally:
        _set(scope)


@contextmanager
def _scope() -> Iterator[bool]:
    outer = current_scope() if connection.in_atomic_block else None
    with transaction.atomic():
        yield outer is not None
        if outer is not None and not connection.needs_rollback:
            # An error rolls back to the savepoint, and with it to the outer scope; success
            # does not.
            _set(outer)


def _set(scope: Scope) -> None:
    if not connection.in_atomic_block:
        raise ImproperlyConfigured("A scope holds for a transaction; there is none.")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('app.current_user_id', %s, true), set_config('role', %s, true)",
            [scope.tenant, scope.role],
        )
