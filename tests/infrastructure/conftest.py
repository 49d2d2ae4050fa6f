"""The files of Terraform as they were read, and what the providers' bindings say."""

from pathlib import Path

import pytest

from config.infrastructure.deployment import Terraform
from config.infrastructure.provider_schema import ProviderSchema, load_schema
from config.local.infrastructure_tools import TOOLS, require_tools, site_packages
from config.local.install import ROOT
from tests.infrastructure.terraform.given import GIVEN


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--terraform-dir", type=Path, help="look at these files of Terraform instead")


@pytest.fixture(scope="session")
def terraform_folder(pytestconfig: pytest.Config) -> Path:
    chosen: Path | None = pytestconfig.getoption("--terraform-dir", default=None)
    return chosen or ROOT / "terraform"


@pytest.fixture(scope="session")
def terraform(terraform_folder: Path) -> Terraform:
    return Terraform(terraform_folder, GIVEN)


@pytest.fixture(scope="session")
def tools() -> None:
    require_tools()


@pytest.fixture(scope="session")
def schema(tools: None) -> ProviderSchema:
    return load_schema(site_packages(), TOOLS / "easel-schema.json")
