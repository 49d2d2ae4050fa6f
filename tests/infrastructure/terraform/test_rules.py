"""The rules hold for the files as they are."""

import pytest

from config.infrastructure.deployment import Terraform
from tests.infrastructure.terraform.rules import RULES


@pytest.mark.parametrize("name", RULES)
def test_rule_holds(terraform: Terraform, name: str) -> None:
    findings = RULES[name](terraform)
    assert not findings, "\n".join(findings)
