"""The images, built once a session, and what their containers talk to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.local.install import ROOT
from tests.infrastructure.containers.buildah import Builder, Container, Image, require_programs
from tests.infrastructure.containers.servers import Servers, servers
from tests.plugins.servers import valkey_server


@pytest.fixture(scope="session")
def builder() -> Builder:
    require_programs()
    return Builder()


@pytest.fixture(scope="session")
def web(builder: Builder) -> Image:
    return builder.build(
        ROOT / "docker" / "web.Dockerfile",
        "localhost/easel-web:test",
        arguments={"PYTHON_IMAGE": builder.base()},
        target="web",
    )


@pytest.fixture(scope="session")
def web_root(builder: Builder, web: Image) -> Iterator[Path]:
    with builder.mounted(web) as root:
        yield root


@pytest.fixture(scope="session")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("certificates")
    with servers(folder, valkey_server()) as found:
        yield found


@pytest.fixture(scope="session")
def migrated(
    around: Servers, web: Image, web_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Servers:
    """The database after the one-shot command of the image, run as the owner of the tables."""
    log = tmp_path_factory.mktemp("migrate") / "log"
    migration = Container(
        web_root,
        web,
        environment={
            **around.environment,
            "EASEL_DATABASE_URL": around.database_url("ops"),
            "EASEL_OWNER_DATABASE_URL": around.database_url("owner"),
        },
        command=["python", "manage.py", "migrate", "--noinput"],
        files=around.files,
        log=log,
    )
    assert migration.wait(seconds=600) == 0, migration.said()[-4000:]
    assert "Applying accounts.0001" in migration.said()
    return around
