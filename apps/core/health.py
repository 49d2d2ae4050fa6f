"""Checks of the parts, for `/readyz` and for `manage.py doctor`."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from kombu import Connection

from apps.core.replica import measure_lag
from apps.core.tenancy import service_scope


@dataclass(frozen=True, slots=True)
class Check:
    """What was found about one part, and what to do if it is not well."""

    name: str
    ok: bool
    found: str
    advice: str = ""


def run_check(name: str, look: Callable[[], str], *, advice: str) -> Check:
    """Run `look` and turn what it raises into a failed check."""
    started = time.perf_counter()
    try:
        found = look()
    except Exception as error:  # noqa: BLE001  (any fault of a part is what is asked for)
        return Check(name, ok=False, found=f"{type(error).__name__}: {error}", advice=advice)
    return Check(name, ok=True, found=f"{found} ({(time.perf_counter() - started) * 1e3:.0f} ms)")


def check_database() -> Check:
    def look() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            row = cursor.fetchone()
        return f"PostgreSQL {row[0]}"

    return run_check("database", look, advice="Start it with `make up`, or see EASEL_DATABASE_URL.")


def check_reader() -> Check:
    """Look at the replica, where one is set."""

    def look() -> str:
        lag = measure_lag()
        if lag > settings.EASEL_READER_MAX_LAG_SECONDS:
            raise RuntimeError(f"{lag:.1f} s behind")
        return f"{lag:.1f} s behind"

    return run_check(
        "reader", look, advice="Lists are read from the writer. See EASEL_READER_DATABASE_URL."
    )


def check_migrations() -> Check:
    def look() -> str:
        with service_scope("look at the migrations"):
            executor = MigrationExecutor(connection)
            waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if waiting:
            raise RuntimeError(f"{len(waiting)} migrations are not applied")
        return "all applied"

    return run_check("migrations", look, advice="Run `python manage.py migrate`.")


def check_cache() -> Check:
    def look() -> str:
        key, value = f"health:{secrets.token_hex(8)}", secrets.token_hex(8)
        cache.set(key, value, timeout=10)
        if cache.get(key) != value:
            raise RuntimeError("a value written was not read back")
        cache.delete(key)
        return "written and read back"

    return run_check("cache", look, advice="Start it with `make up`, or see EASEL_REDIS_URL.")


def check_broker() -> Check:
    def look() -> str:
        with Connection(
            settings.CELERY_BROKER_URL,
            transport_options=settings.CELERY_BROKER_TRANSPORT_OPTIONS,
        ) as broker:
            broker.ensure_connection(max_retries=1, timeout=5)
            return str(broker.transport_cls or broker.transport.driver_name)

    return run_check("broker", look, advice="Start it with `make up`, or see EASEL_BROKER_URL.")


def check_storage() -> Check:
    def look() -> str:
        name = default_storage.save(f"system/health/{secrets.token_hex(8)}", ContentFile(b"easel"))
        try:
            with default_storage.open(name) as file:
                if file.read() != b"easel":
                    raise RuntimeError("a file written was not read back")
        finally:
            default_storage.delete(name)
        return "a file written, read back and deleted"

    return run_check(
        "storage", look, advice="See EASEL_MEDIA_ROOT or EASEL_S3_BUCKET, and the free space."
    )
