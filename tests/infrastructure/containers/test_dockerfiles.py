"""What the Dockerfiles say, without building anything."""

import fnmatch
import re
from pathlib import Path

import pytest

from config import env
from config.local.install import ROOT
from tests.infrastructure.containers.dockerfiles import DOCKERFILES, Dockerfile, Stage

PINNED = re.compile(r"^docker\.io/[\w./-]+:[\w.-]*\d[\w.-]*@sha256:[0-9a-f]{64}$")
PRODUCT = ("web", "worker")
TEMPORARY = "/tmp"  # noqa: S108  (in a container)
every_file = pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
of_the_product = pytest.mark.parametrize("name", PRODUCT)


def _product(name: str) -> tuple[Dockerfile, Stage]:
    found = Dockerfile.read(ROOT / "docker" / f"{name}.Dockerfile")
    return found, found.final


def _is_ignored(path: str) -> bool:
    """Tell what `.dockerignore` says of a path: the last line that fits decides."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            pattern = line.removeprefix("!")
            parts = Path(path).parts
            parents = ["/".join(parts[: end + 1]) for end in range(len(parts))]
            if any(_fits(parent, pattern) for parent in parents):
                ignored = not line.startswith("!")
    return ignored


def _fits(path: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatch.fnmatch(Path(path).name, pattern.removeprefix("**/"))
    same_depth = path.count("/") == pattern.count("/")
    return same_depth and fnmatch.fnmatch(path, pattern)


def test_there_are_the_images_that_the_product_needs() -> None:
    assert {path.name for path in DOCKERFILES} >= {f"{name}.Dockerfile" for name in PRODUCT}


@every_file
def test_base_images_are_pinned_by_version_and_digest(path: Path) -> None:
    found = Dockerfile.read(path)
    names = {stage.name for stage in found.stages}
    images = {name: value for name, value in found.arguments.items() if name.endswith("_IMAGE")}
    assert images
    for value in images.values():
        assert PINNED.match(value), value
    for stage in found.stages:
        argument = re.fullmatch(r"\$\{(\w+)\}", stage.base)
        assert stage.base in names | {"scratch"} or (argument and argument[1] in images)


def test_all_images_have_one_python() -> None:
    files = [Dockerfile.read(path) for path in DOCKERFILES]
    assert len({found.arguments["PYTHON_IMAGE"] for found in files}) == 1
    version = files[0].arguments["PYTHON_IMAGE"]
    assert ":3.11." in version


@every_file
def test_what_is_copied_exists_and_is_not_ignored(path: Path) -> None:
    copied = []
    for stage in Dockerfile.read(path).stages:
        for copy in stage.all("COPY"):
            *sources, _target = [word for word in copy.words if not word.startswith("--")]
            if "--from=" not in copy.text:
                copied += sources
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert not _is_ignored(source), source


@every_file
def test_stages_that_are_copied_from_exist(path: Path) -> None:
    seen: set[str] = set()
    for stage in Dockerfile.read(path).stages:
        for copy in stage.all("COPY"):
            for origin in re.findall(r"--from=(\S+)", copy.text):
                assert origin in seen, origin
        seen.add(stage.name)


@pytest.mark.parametrize(
    "path",
    [
        *("tests", "tests/conftest.py", ".git", ".env", "docs", "node_modules", "var", ".venv"),
        *("terraform", "apps/core/__pycache__", "apps/core/__pycache__/x.pyc", "config/local"),
        *("config/local/up.py", "config/.env.local", "docker/compose.yaml"),
        *("gpu_tasks/training/starter", "gpu_tasks/training/controlnet"),
        *("config/locale/ko/LC_MESSAGES/django.mo", "requirements/dev.txt", "easel.egg-info"),
    ],
)
def test_nothing_else_gets_into_a_build(path: str) -> None:
    assert _is_ignored(path)


@pytest.mark.parametrize(
    "path",
    ["apps/core/env.py", "static/js/app.js", "manage.py", "gpu_tasks/training/lora/settings.py"],
)
def test_the_product_gets_into_a_build(path: str) -> None:
    assert not _is_ignored(path)


@every_file
def test_containers_run_as_a_numbered_user_without_rights(path: Path) -> None:
    final = Dockerfile.read(path).final
    assert final.last("USER").text == "10001:10001"
    assert final.instructions.index(final.last("USER")) > max(
        final.instructions.index(run) for run in final.all("RUN")
    )
    for copy in final.all("COPY"):
        assert "--chown" not in copy.text, "what is run would belong to who runs it"


@of_the_product
def test_settings_of_the_image_are_settings_of_the_product(name: str) -> None:
    found, final = _product(name)
    assert final.environment["DJANGO_SETTINGS_MODULE"] == "config.settings.production"
    ours = set(re.findall(r"EASEL_(\w+)=", found.path.read_text(encoding="utf-8")))
    assert ours
    for setting in ours:
        assert hasattr(env, setting.removesuffix("_FILE")), setting


@of_the_product
def test_no_secret_is_set_in_an_image(name: str) -> None:
    _found, final = _product(name)
    for setting in final.environment:
        assert not re.search(r"SECRET|PASSWORD|TOKEN|_URL|_KEY$", setting)
    assert not final.all("ARG")


@of_the_product
def test_packages_come_from_the_lock_with_hashes_before_the_sources(name: str) -> None:
    found, _final = _product(name)
    packages = found.stage("packages")
    runs = [run.text for run in packages.all("RUN") if f"/build/{name}.txt" in run.text]
    assert len(runs) == 1
    assert "--require-hashes" in runs[0]
    assert "--mount=type=cache" in runs[0]
    copied = {word for copy in packages.all("COPY") for word in copy.words[:-1]}
    assert copied <= {f"requirements/{name}.txt", "docker/tools/build.txt"}


@of_the_product
def test_only_the_temporary_folder_and_the_cache_of_models_are_written(name: str) -> None:
    _found, final = _product(name)
    assert (
        set(final.last("VOLUME").array)
        == {
            "web": {TEMPORARY},
            "worker": {TEMPORARY, "/var/lib/easel/models"},
        }[name]
    )


def test_the_web_image_asks_for_its_version_without_curl() -> None:
    _found, final = _product("web")
    check = final.last("HEALTHCHECK")
    assert check.array == ["python", "/opt/health.py"]
    program = (ROOT / "docker" / "health" / "web.py").read_text(encoding="utf-8")
    assert "http://127.0.0.1:8080/api/v1/app/version" in program
    assert final.last("EXPOSE").text == "8080"


def test_the_web_command_listens_where_the_check_asks() -> None:
    _found, final = _product("web")
    command = final.last("CMD").array
    assert command[0] == "uvicorn"
    assert command[-1] == "config.asgi:application"
    options = {"--host": "0.0.0.0", "--port": "8080", "--workers": "2"}
    # Longer than the balancer keeps idle connections; shorter than a task has to end.
    options |= {"--timeout-keep-alive": "130", "--timeout-graceful-shutdown": "30"}
    for option, value in options.items():
        assert command[command.index(option) + 1] == value
    assert {"--no-proxy-headers", "--ws-per-message-deflate=false"} <= set(command)


def test_the_web_image_has_nothing_of_a_worker() -> None:
    found, _final = _product("web")
    text = found.path.read_text(encoding="utf-8")
    assert "torch" not in text
    copied = [copy.words for stage in found.stages for copy in stage.all("COPY")]
    ours = {word for words in copied for word in words if word.startswith("gpu_tasks")}
    assert ours == {
        *("gpu_tasks/", "gpu_tasks/__init__.py", "gpu_tasks/reproduce.py", "gpu_tasks/engine"),
        *("gpu_tasks/nodes", "gpu_tasks/providers", "gpu_tasks/training"),
    }


def test_the_worker_has_the_torch_that_the_tests_have() -> None:
    found, final = _product("worker")
    wanted = (ROOT / "requirements" / "worker.in").read_text(encoding="utf-8")
    arguments = {
        a.text.partition("=")[0]: a.text.partition("=")[2]
        for a in found.stage("packages").all("ARG")
    }
    assert f"torch=={arguments['TORCH_VERSION']}\n" in wanted
    assert final.environment["HF_HUB_OFFLINE"] == "1"
    cuda = re.search(r"cuda:(\d+)\.(\d+)", found.arguments["CUDA_IMAGE"])
    assert cuda
    assert arguments["TORCH_INDEX"].endswith(f"/cu{cuda[1]}{cuda[2]}")


def test_a_worker_listens_to_the_queue_of_its_tier() -> None:
    _found, final = _product("worker")
    shell, _option, line = final.last("CMD").array
    assert shell == "sh"
    assert line.startswith('exec celery -A config worker -Q "$EASEL_WORKER_QUEUE" --pool solo')
    for option in ("--without-gossip", "--without-mingle", "--without-heartbeat"):
        assert option in line
    assert final.environment["EASEL_WORKER_QUEUE"] == "easel-gpu-basic.fifo"
