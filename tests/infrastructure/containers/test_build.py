"""The images, built and started: slow, since they are real."""

import http.client
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from config.local.install import ROOT
from tests.infrastructure.containers.buildah import Builder, Container, Image
from tests.infrastructure.containers.servers import Servers
from tests.stack import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

WEB_LIMIT_BYTES = 400e6
HOST = "easel.example"


@pytest.fixture(scope="module")
def running(
    migrated: Servers, web: Image, web_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Container]:
    """The web container by its own command, signed in to the database as the web login."""
    container = Container(
        web_root,
        web,
        environment={**migrated.environment, "EASEL_DATABASE_URL": migrated.database_url("web")},
        files=migrated.files,
        log=tmp_path_factory.mktemp("web") / "log",
    )
    try:
        wait_until(lambda: _answers(container), seconds=120, what="the start of the web container")
        yield container
    except TimeoutError as error:
        raise AssertionError(container.said()[-4000:]) from error
    finally:
        container.stop()


@pytest.fixture
def inside(
    web: Image, web_root: Path, around: Servers, tmp_path: Path
) -> Callable[..., tuple[int, str]]:
    """Run a command in a container of the web image; return its exit code and what it said."""

    def run(*command: str) -> tuple[int, str]:
        environment = around.environment | {"EASEL_DATABASE_URL": around.database_url("web")}
        container = Container(
            web_root,
            web,
            environment=environment,
            command=command,
            files=around.files,
            log=tmp_path / "inside",
        )
        return container.wait(seconds=120), container.said()

    return run


def _get(path: str, *, language: str = "en") -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=20)
    try:
        headers = {
            "Host": HOST,
            "X-Forwarded-Proto": "https",
            "Accept-Language": language,
        }
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def _answers(container: Container) -> bool:
    if container.process.poll() is not None:
        raise RuntimeError(f"the container ended at its start:\n{container.said()[-4000:]}")
    try:
        return _get("/api/v1/app/version")[0] == 200
    except OSError:
        return False


def test_the_web_image_stays_below_400_megabytes(web: Image) -> None:
    assert 100e6 < web.size_bytes < WEB_LIMIT_BYTES


def test_the_web_container_answers_its_health_check(running: Container, web: Image) -> None:
    status, _headers, body = _get("/api/v1/app/version")
    assert status == 200
    assert json.loads(body)["version"]
    kind, *check = web.config["Healthcheck"]["Test"]
    assert kind == "CMD"
    assert running.execute(*check) == (0, "")
    assert running.execute(*check, "http://127.0.0.1:9/api/v1/app/version") == (1, "")


def test_the_web_container_reaches_database_and_cache_with_production_settings(
    running: Container,
) -> None:
    status, _headers, body = _get("/readyz")
    assert (status, json.loads(body)["parts"]) == (200, {"database": "ok", "cache": "ok"})


def test_pages_name_hashed_static_files_that_the_container_serves(running: Container) -> None:
    status, _headers, page = _get("/accounts/sign-in/")
    assert status == 200
    found = re.findall(rb'(?:href|src)="(/static/[^"]+\.[0-9a-f]{12}\.(?:css|js))"', page)
    assert len(found) >= 2
    for address in found:
        status, headers, body = _get(address.decode())
        assert (status, bool(body)) == (200, True)
        assert "immutable" in headers["cache-control"]
    assert _get("/static/css/no-such-file.css")[0] == 404


def test_korean_pages_have_their_translations(running: Container) -> None:
    page = _get("/accounts/sign-in/", language="ko")[2].decode()
    assert "로그인" in page


def test_every_process_is_an_ordinary_user_without_capabilities(running: Container) -> None:
    master = psutil.Process(running.process.pid)
    processes = [master, *master.children(recursive=True)]
    assert len(processes) >= 3
    for process in processes:
        assert set(process.uids()) == {10001}
        assert set(process.gids()) == {10001}
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        assert "CapEff:\t0000000000000000" in status
        assert "CapBnd:\t0000000000000000" in status
        assert "NoNewPrivs:\t1" in status


def test_the_file_system_can_be_read_and_not_written(
    inside: Callable[..., tuple[int, str]],
) -> None:
    program = (
        "import pathlib\n"
        "pathlib.Path('/tmp/mark').write_text('x')\n"
        "for place in ('/srv/easel', '/var/lib/easel', '/opt/easel', '/etc'):\n"
        "    try: pathlib.Path(place, 'mark').write_text('x')\n"
        "    except OSError as error: print(place, error.errno)\n"
    )
    code, said = inside("python", "-c", program)
    assert code == 0
    # EROFS, before any question of rights.
    assert said.splitlines() == [
        f"{place} 30" for place in ("/srv/easel", "/var/lib/easel", "/opt/easel", "/etc")
    ]


@pytest.mark.parametrize(
    "module", ["torch", "diffusers", "transformers", "cv2", "gpu_tasks.runner"]
)
def test_nothing_of_a_worker_is_in_the_web_image(
    module: str, inside: Callable[..., tuple[int, str]]
) -> None:
    code, said = inside("python", "-c", f"import {module}")
    assert code == 1
    assert f"ModuleNotFoundError: No module named '{module}'" in said


def test_what_is_not_the_product_stays_out(web_root: Path) -> None:
    product = web_root / "srv/easel"
    assert {path.name for path in product.iterdir()} <= {
        *("apps", "config", "gpu_tasks", "templates", "static", "manage.py", "pyproject.toml"),
        *("easel.egg-info", "__pycache__"),
    }
    assert not (product / "config/local").exists()
    assert not list(product.rglob("test_*.py"))
    for place in ("root/.cache", "build", "opt/pip"):
        assert not (web_root / place).exists()
    settings = Path("etc/pip.conf")
    assert not (web_root / settings).exists() or (web_root / settings).read_text() == ""


def test_the_command_line_of_the_fleet_is_there(inside: Callable[..., tuple[int, str]]) -> None:
    code, said = inside("celery", "-A", "config", "gpu", "--help")
    assert code == 0
    assert "Look after GPU workers" in said


def test_weak_settings_keep_the_container_from_starting(
    web: Image, web_root: Path, around: Servers, tmp_path: Path
) -> None:
    environment = around.environment | {
        "EASEL_DATABASE_URL": around.database_url("web").partition("?")[0],
    }
    container = Container(
        web_root,
        web,
        environment=environment,
        command=["python", "-c", "import config.asgi"],
        files=around.files,
        log=tmp_path / "log",
    )
    assert container.wait(seconds=120) == 1
    assert "easel.E011" in container.said()


def test_the_bill_of_materials_names_what_the_web_image_holds(builder: Builder, web: Image) -> None:
    bill = builder.build(
        ROOT / "docker" / "web.Dockerfile",
        "localhost/easel-web-sbom:test",
        arguments={"PYTHON_IMAGE": builder.base()},
        target="sbom",
    )
    with builder.mounted(bill) as root:
        found = json.loads((root / "easel-web.cdx.json").read_text(encoding="utf-8"))
    assert found["bomFormat"] == "CycloneDX"
    versions = {
        re.sub(r"[-_.]+", "-", part["name"]).lower(): part["version"]
        for part in found["components"]
    }
    lock = (ROOT / "requirements" / "web.txt").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([a-z0-9][\w.-]*)==([^ ;]+)", lock, re.MULTILINE))
    assert locked["django"] == versions["django"]
    assert {name for name in locked if name not in versions} == set()
    assert "torch" not in versions
