"""The product's own processes, with production's settings and a login for each kind."""

import os
import sys
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from apps.plans.tiers import TIERS, GpuTier
from config.local.addresses import DATABASE, LOGINS, OWNER_ROLE
from config.local.install import ROOT
from config.local.parts import Part
from config.local.production_like import aws, people
from config.local.production_like.edge import KEEP_ALIVE_SECONDS
from config.local.production_like.machine import READER_DATABASE, WEB_PROCESSES, Machine
from config.local.production_like.redis import redis_url
from config.local.up import answers

# A tier of the small card and one of the large.
WORKERS = {"worker-basic": GpuTier.BASIC, "worker-highperf": GpuTier.HIGH_PERFORMANCE}
# What was accepted may take so long to answer before its process is ended all the same.
GRACEFUL_SECONDS = 30
# Of a caller's environment these would lead the product elsewhere.
_FOREIGN = ("AWS_", "DJANGO_", "PYTHON", "COVERAGE_")


def environment_of(machine: Machine, login: str) -> dict[str, str]:
    """Return the environment of a process that signs in to the database as `login`.

    What the caller has set of EASEL_… holds where it is not decided here.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    authority = str(machine.certificate.authority)
    settings = {
        "ALLOWED_HOSTS": "127.0.0.1",
        "BROKER_URL": "sqs://",
        "DATABASE_URL": _pooled_url(machine, login, DATABASE),
        "OIDC_CLIENT_ID": people.CLIENT_ID,
        "OIDC_CLIENT_SECRET": machine.secrets.oidc_client,
        "OIDC_ISSUER": machine.issuer,
        "OIDC_STAFF_GROUP": people.STAFF_GROUP,
        "PUBLIC_URL": machine.url,
        "READER_DATABASE_URL": _pooled_url(machine, login, READER_DATABASE),
        "REDIS_URL": redis_url(machine),
        "S3_BUCKET": aws.BUCKET,
        "S3_ENDPOINT_URL": machine.aws_url,
        "SECRET_KEY": machine.secrets.django,
        "SERVE_ADMIN": "false",
        "SQS_ENDPOINT_URL": machine.aws_url,
        "SQS_QUEUE_URL_PREFIX": f"{machine.aws_url}/{aws.ACCOUNT}/",
        "SQS_REGION": aws.REGION,
        "TRUSTED_PROXIES": "1",
        "VAR_DIR": str(machine.folder / "product"),
    }
    return {
        **kept,
        **{f"EASEL_{name}": value for name, value in settings.items()},
        **aws.CREDENTIALS,
        "AWS_CA_BUNDLE": authority,
        "AWS_DEFAULT_REGION": aws.REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "PYTHONUNBUFFERED": "1",
        "REQUESTS_CA_BUNDLE": authority,
    }


def operator_environment(machine: Machine) -> dict[str, str]:
    """Return the environment of commands that are run by hand: migrations, backups, audits."""
    return {
        **environment_of(machine, "ops"),
        "EASEL_OWNER_DATABASE_URL": machine.primary.url(role=OWNER_ROLE),
        "EASEL_BACKUP_DATABASE_URL": machine.primary.url(role=LOGINS["backup"]),
        "EASEL_SERVE_ADMIN": "true",
    }


def command_part(machine: Machine, name: str, *words: str) -> Part:
    """Describe a command that ends by itself."""
    return Part(
        name=name,
        argv=(sys.executable, *words),
        environment=operator_environment(machine),
        cwd=ROOT,
    )


def web_part(machine: Machine, name: str) -> Part:
    """Describe one of the web processes."""
    return _served(name, machine.ports.web[name], environment_of(machine, "web"))


def admin_part(machine: Machine) -> Part:
    """Describe the service of staff and of webhooks."""
    environment = environment_of(machine, "ops") | {
        "EASEL_SERVE_ADMIN": "true",
        "EASEL_PUBLIC_URL": machine.admin_url,
    }
    return _served("admin", machine.ports.admin, environment)


def scheduler_part(machine: Machine) -> Part:
    """Describe the scheduler."""
    return Part(
        name="scheduler",
        argv=(sys.executable, "manage.py", "run_scheduler"),
        environment=environment_of(machine, "ops"),
        cwd=ROOT,
        stop_seconds=GRACEFUL_SECONDS,
    )


def worker_part(machine: Machine, name: str) -> Part:
    """Describe a GPU worker, which listens to its tier's queue alone; its GPU is this CPU."""
    log = machine.folder / "log" / f"{name}.log"
    environment = {
        # Two of them share two cores or four.
        "OMP_NUM_THREADS": "1",
        **environment_of(machine, "worker"),
        "EASEL_MODEL_FILES_CACHE": str(machine.folder / "model-cache" / name),
    }
    return Part(
        name=name,
        argv=(
            *(sys.executable, "-W", "ignore:You're running the worker with superuser"),
            *("-m", "celery", "-A", "config", "worker", "-Q", TIERS[WORKERS[name]].queue),
            *("--pool", "solo", "--loglevel", "INFO", "--hostname", f"{name}@%h"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ),
        environment=environment,
        cwd=ROOT,
        prepare=lambda: log.unlink(missing_ok=True),
        is_ready=lambda: log.exists() and " ready." in log.read_text("utf-8", errors="replace"),
        ready_seconds=300,
        # SIGTERM is Celery's warm stop: it ends the picture it is at.
        stop_seconds=60,
    )


def product_parts(machine: Machine) -> list[Part]:
    """Return every process of the product, in the order of starting."""
    return [
        scheduler_part(machine),
        *(worker_part(machine, name) for name in WORKERS),
        *(web_part(machine, name) for name in WEB_PROCESSES),
        admin_part(machine),
    ]


def _served(name: str, port: int, environment: Mapping[str, str]) -> Part:
    return Part(
        name=name,
        argv=(
            *(sys.executable, "-m", "uvicorn", "config.asgi:application"),
            *("--host", "127.0.0.1", "--port", str(port)),
            *("--no-access-log", "--no-proxy-headers", "--ws-per-message-deflate=false"),
            *("--timeout-keep-alive", str(KEEP_ALIVE_SECONDS + 15)),
            *("--timeout-graceful-shutdown", str(GRACEFUL_SECONDS)),
        ),
        environment=environment,
        cwd=ROOT,
        is_ready=lambda: answers(port, "/readyz"),
        ready_seconds=300,
        stop_seconds=GRACEFUL_SECONDS + 15,
    )


def _pooled_url(machine: Machine, login: str, database: str) -> str:
    role = LOGINS[login]
    secret = quote(machine.secrets.database[role], safe="")
    checks = urlencode(
        {"sslmode": "verify-full", "sslrootcert": str(machine.certificate.authority)}
    )
    return f"postgresql://{role}:{secret}@127.0.0.1:{machine.ports.pgbouncer}/{database}?{checks}"
