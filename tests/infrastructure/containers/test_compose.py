"""The compose file: what it says, and that production's settings accept it."""

import importlib.util
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from cryptography import x509

from config import env
from config.local.debian import can_install, find_program, install_packages
from config.local.install import ROOT
from tests.infrastructure.containers.servers import write_certificates

COMPOSE = ROOT / "docker" / "compose.yaml"
ONCE = ("certificates", "prepare", "migrate", "starter-model")
# The secrets in the file's place, as a container sees them.
MOUNTED = "/run/secrets/"
PRODUCT = ("migrate", "admin", "worker-basic")


def _composer() -> list[str]:
    """Find the plug-in of Docker, or Debian's program, neither of which needs an engine here."""
    plug_in = ["docker", "compose"]
    if shutil.which("docker"):
        version = subprocess.run([*plug_in, "version"], capture_output=True, check=False)
        if version.returncode == 0:
            return plug_in
    if find_program("docker-compose") is None and can_install():
        install_packages("docker-compose")
    program = find_program("docker-compose")
    if program is None:
        raise RuntimeError("Compose is missing (Debian: apt-get install docker-compose)")
    return [str(program)]


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    """Every service, after Compose has checked the file against its schema."""
    words = [*_composer(), "--file", str(COMPOSE), "config"]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    found: dict[str, dict[str, Any]] = yaml.safe_load(result.stdout)["services"]
    return found


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_secrets", ROOT / "docker/make_secrets.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def made(maker: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(maker, "FOLDER", tmp_path / "compose")
    assert maker.main() == 0
    return tmp_path / "compose"


def _names(service: dict[str, Any]) -> set[str]:
    return {entry["source"] if isinstance(entry, dict) else entry for entry in service["secrets"]}


def test_there_is_everything_that_the_product_is_made_of(services: dict[str, Any]) -> None:
    assert set(services) == {
        *("certificates", "postgres", "valkey", "aws", "provider", "prepare", "migrate"),
        *("starter-model", "web", "admin", "scheduler", "worker-basic", "worker-highperf"),
    }


def test_every_service_is_confined(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["deploy"]["resources"]["limits"].keys() >= {"cpus", "memory"}, name
        assert not service.get("privileged"), name
    allowed = {
        name: service["cap_add"] for name, service in services.items() if "cap_add" in service
    }
    assert allowed == {"certificates": ["CHOWN"]}
    assert services["certificates"]["network_mode"] == "none"


def test_only_the_maker_of_keys_is_root(services: dict[str, Any]) -> None:
    roots = {name for name, service in services.items() if service.get("user") == "0:0"}
    assert roots == {"certificates"}


def test_images_are_built_here_or_pinned(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if "build" in service:
            dockerfile = ROOT / service["build"]["dockerfile"]
            assert dockerfile.is_file(), name
            assert re.search(r":(local|cpu)$", service["image"]), name
        else:
            assert re.search(r":[\w.-]*\d[\w.-]*@sha256:[0-9a-f]{64}$", service["image"]), name
    assert ":16." in services["postgres"]["image"]


def test_ports_are_open_on_loopback_alone(services: dict[str, Any]) -> None:
    opened = [port for service in services.values() for port in service.get("ports", [])]
    assert len(opened) == 3
    for port in opened:
        address = port["host_ip"] if isinstance(port, dict) else str(port).split(":")[0]
        assert address == "127.0.0.1"


def test_what_runs_for_ever_has_a_health_check(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if name in ONCE:
            assert service["restart"] == "no", name
            continue
        assert service["restart"] == "unless-stopped", name
        own = service.get("healthcheck")
        if name == "scheduler":
            # Docker's plug-in and Debian's program write it differently.
            assert own in ({"disable": True}, {"test": ["NONE"]})
        elif name.startswith("worker"):
            assert own is None, "the image's own"
        else:
            assert own["test"][0] == "CMD", name


def test_nobody_starts_before_the_migration_is_done(services: dict[str, Any]) -> None:
    for name in ("web", "admin", "scheduler", "starter-model"):
        waits = services[name]["depends_on"]
        assert waits["migrate"]["condition"] == "service_completed_successfully", name
    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert services["migrate"]["command"] == ["python", "manage.py", "migrate", "--noinput"]
    for name in ("worker-basic", "worker-highperf"):
        waits = services[name]["depends_on"]
        assert waits["starter-model"]["condition"] == "service_completed_successfully"


def test_each_process_signs_in_to_the_database_as_its_own_login(services: dict[str, Any]) -> None:
    wanted = {
        "web": "web",
        "admin": "ops",
        "scheduler": "ops",
        "migrate": "ops",
        "starter-model": "ops",
        "worker-basic": "worker",
        "worker-highperf": "worker",
    }
    for name, login in wanted.items():
        settings = services[name]["environment"]
        assert settings["EASEL_DATABASE_URL_FILE"] == f"{MOUNTED}database_url_{login}"
        assert ("EASEL_OWNER_DATABASE_URL_FILE" in settings) == (name == "migrate")
        urls = {secret for secret in _names(services[name]) if secret.startswith("database_url")}
        assert urls == {f"database_url_{login}"} | (
            {"database_url_owner"} if name == "migrate" else set()
        )


def test_every_setting_is_one_of_the_product(services: dict[str, Any]) -> None:
    seen = {
        setting
        for service in services.values()
        for setting in service.get("environment") or {}
        if setting.startswith("EASEL_")
    }
    assert len(seen) > 15
    for setting in seen:
        assert hasattr(env, setting.removeprefix("EASEL_").removesuffix("_FILE")), setting


def test_no_secret_stands_in_the_file(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for setting, value in (service.get("environment") or {}).items():
            if re.search(
                r"SECRET_KEY|PASSWORD|TOKEN|CLIENT_SECRET|DATABASE_URL|REDIS_URL", setting
            ):
                is_file = setting.endswith("_FILE") and value.startswith(MOUNTED)
                assert is_file or value == "stand-in", (name, setting)
                if is_file:
                    assert value.removeprefix(MOUNTED) in _names(service), (name, setting)


def test_the_command_makes_every_secret_once(made: Path, maker: ModuleType) -> None:
    wanted = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["secrets"]
    files = {Path(secret["file"]).name for secret in wanted.values()}
    before = {path.name: path.read_text() for path in made.iterdir()}
    assert files <= set(before)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert len(before["secret_key"]) >= 50
    assert len({before[name] for name in before if name.startswith("password_")}) == 7
    assert maker.main() == 0
    assert {path.name: path.read_text() for path in made.iterdir()} == before


@pytest.mark.parametrize("name", PRODUCT)
def test_production_settings_accept_the_service(
    name: str, services: dict[str, Any], made: Path
) -> None:
    settings = {
        key: value.replace(MOUNTED, f"{made}/")
        for key, value in services[name]["environment"].items()
    }
    program = (
        "import django; django.setup()\n"
        "from apps.core.checks import refuse_weak_settings as refuse; refuse()"
    )
    # The image says which settings; none of this session's own may help.
    kept = {key: value for key, value in os.environ.items() if not key.startswith("EASEL_")}
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**kept, "DJANGO_SETTINGS_MODULE": "config.settings.production", **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]


def test_certificates_name_every_host_that_is_asked_with_tls(
    services: dict[str, Any], made: Path, tmp_path: Path
) -> None:
    write_certificates(tmp_path)
    addresses = [
        value
        for service in services.values()
        for value in (service.get("environment") or {}).values()
        if isinstance(value, str) and "://" in value
    ]
    addresses += [path.read_text() for path in made.iterdir() if "_url" in path.name]
    hosts = {urlsplit(part).hostname for value in addresses for part in value.split(",")} - {None}
    assert hosts >= {"postgres", "valkey", "aws", "provider.localhost", "localhost"}
    for name in ("services", "postgres"):
        certificate = x509.load_pem_x509_certificate((tmp_path / f"{name}.pem").read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        assert hosts <= set(names.value.get_values_for_type(x509.DNSName))
        mode = stat.S_IMODE((tmp_path / f"{name}.key").stat().st_mode)
        assert mode == 0o600
    aliases = services["provider"]["networks"]["default"]["aliases"]
    assert aliases == ["provider.localhost"]


def test_certificates_stay_until_they_end(tmp_path: Path) -> None:
    write_certificates(tmp_path)
    before = (tmp_path / "services.pem").read_bytes()
    write_certificates(tmp_path)
    assert (tmp_path / "services.pem").read_bytes() == before


def test_the_dashboard_of_no_engine_is_mounted(services: dict[str, Any]) -> None:
    assert "docker.sock" not in json.dumps(services)
