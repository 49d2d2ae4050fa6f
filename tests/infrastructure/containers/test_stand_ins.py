"""The stand-ins of the compose file, started as it starts them."""

import json
import os
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest

from apps.plans.tiers import TIERS
from config import broker
from config.local.account import server_account
from config.local.addresses import LOGINS
from config.local.debian import can_install, find_program, install_packages
from config.local.install import ROOT
from config.local.placement import temporary_home
from config.local.postgres import PostgresServer
from config.local.roles import EXTENSIONS
from tests.infrastructure.containers.servers import write_certificates
from tests.stack import free_port, wait_until

FOLDER = ROOT / "docker" / "stand_ins"
REGION = "ap-northeast-2"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    write_certificates(folder)
    return folder


def _answers(url: str, certificates: Path) -> bool:
    trust = ssl.create_default_context(cafile=str(certificates / "authority.pem"))
    try:
        with urllib.request.urlopen(url, timeout=5, context=trust) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False


def _run(*words: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *words],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture
def aws(certificates: Path) -> Iterator[str]:
    port = free_port()
    files = (
        "--ssl-cert",
        f"{certificates}/services.pem",
        "--ssl-key",
        f"{certificates}/services.key",
    )
    process = _run("-m", "moto.server", "--host", "127.0.0.1", "--port", str(port), *files)
    url = f"https://localhost:{port}"
    try:
        wait_until(lambda: _answers(f"{url}/moto-api/", certificates), seconds=90, what="moto")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


def test_queues_and_bucket_are_made_once(
    aws: str, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        "AWS_ENDPOINT_URL": aws,
        "AWS_ACCESS_KEY_ID": "stand-in",
        "AWS_SECRET_ACCESS_KEY": "stand-in",
        "AWS_CA_BUNDLE": str(certificates / "authority.pem"),
        "BUCKET": "easel-images",
    }
    for _time in range(2):
        assert _run(str(FOLDER / "prepare.py"), **settings).wait(timeout=60) == 0
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    sqs: Any = boto3.client("sqs", region_name=REGION)
    found = {url.rpartition("/")[2]: url for url in sqs.list_queues()["QueueUrls"]}
    wanted = {spec.queue for spec in TIERS.values()}
    assert set(found) == wanted | {broker.dead_letter_queue(name) for name in wanted}
    for name in wanted:
        answer = sqs.get_queue_attributes(QueueUrl=found[name], AttributeNames=["All"])
        attributes = answer["Attributes"]
        assert attributes["FifoQueue"] == "true"
        policy = json.loads(attributes["RedrivePolicy"])
        assert policy["deadLetterTargetArn"].endswith(broker.dead_letter_queue(name))
    s3: Any = boto3.client("s3", region_name=REGION)
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["easel-images"]


def test_the_provider_of_sign_in_speaks_tls(certificates: Path) -> None:
    port = free_port()
    files = [str(certificates / "services.pem"), str(certificates / "services.key")]
    process = _run("-W", "ignore", str(FOLDER / "provider.py"), *files, str(port))
    url = f"https://localhost:{port}"
    try:
        wait_until(lambda: _answers(f"{url}/jwks", certificates), seconds=90, what="the provider")
        trust = ssl.create_default_context(cafile=files[0].replace("services", "authority"))
        path = f"{url}/.well-known/openid-configuration"
        with urllib.request.urlopen(path, timeout=5, context=trust) as answer:  # noqa: S310
            assert json.load(answer)["issuer"].rstrip("/") == url
    finally:
        process.terminate()
        process.wait(timeout=20)


def test_the_database_initialises_itself_with_roles_and_extensions(tmp_path: Path) -> None:
    if find_program("psql") is None and can_install():
        install_packages("postgresql-client")
    passwords = {role: f"password-of-{login}" for login, role in LOGINS.items()}
    for login, role in LOGINS.items():
        (tmp_path / f"password_{login}").write_text(passwords[role])
    server = PostgresServer(temporary_home(server_account()), passwords=passwords, durable=False)
    try:
        server.start()
        subprocess.run(
            [ROOT / "docker" / "postgres" / "initialise.sh"],
            env={
                "PATH": os.environ["PATH"],
                "PGHOST": str(server.socket_dir),
                "POSTGRES_USER": "postgres",
                "ROLES_FILE": str(ROOT / "config" / "database_roles.sql"),
                "SECRETS_FOLDER": str(tmp_path),
            },
            check=True,
        )
        for role in LOGINS.values():
            with psycopg.connect(server.url(role=role)) as connection:
                row = connection.execute("SELECT current_user").fetchone()
                assert row == (role,)
        with server.superuser_connection("easel") as connection:
            found = connection.execute("SELECT extname FROM pg_extension").fetchall()
            assert {name for (name,) in found} >= set(EXTENSIONS)
            owner = connection.execute(
                "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'easel'"
            ).fetchone()
            assert owner == ("easel_owner",)
    finally:
        server.stop()
