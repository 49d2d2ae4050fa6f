"""Each rule fails when it should, and no other with it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.infrastructure.deployment import Terraform
from tests.infrastructure.terraform.given import GIVEN
from tests.infrastructure.terraform.mutations import MUTATIONS, Mutation
from tests.infrastructure.terraform.rules import RULES


@pytest.fixture(scope="session")
def copy(terraform_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(terraform_folder, tmp_path_factory.mktemp("mutated") / "terraform")


@pytest.fixture
def mutated(copy: Path, request: pytest.FixtureRequest) -> Iterator[Terraform]:
    """Change one file for as long as the test runs."""
    mutation: Mutation = request.param
    path = copy / mutation.file
    text = path.read_text(encoding="utf-8")
    assert mutation.old in text, f"{mutation.file} has no {mutation.old!r} any more"
    path.write_text(text.replace(mutation.old, mutation.new, 1), encoding="utf-8")
    yield Terraform(copy, GIVEN)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("mutated", "wanted"),
    [pytest.param(each, each.rules, id=each.name) for each in MUTATIONS],
    indirect=["mutated"],
)
def test_mutation_is_found(mutated: Terraform, wanted: frozenset[str]) -> None:
    failing = {name for name, rule in RULES.items() if rule(mutated)}
    assert failing == wanted


def test_every_rule_has_a_mutation() -> None:
    found = {rule for mutation in MUTATIONS for rule in mutation.rules}
    assert set(RULES) - found == set()
