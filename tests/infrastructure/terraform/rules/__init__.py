"""The rules, by what they are about; `test_rules.py` applies all of them."""

from collections.abc import Callable, Mapping

from config.infrastructure.deployment import Terraform
from tests.infrastructure.terraform.rules import arguments, language

Rule = Callable[[Terraform], list[str]]
RULES: Mapping[str, Rule] = {
    rule.__name__: rule
    for rule in (
        language.references_are_declared,
        language.variables_are_described_and_used,
        language.outputs_are_described,
        language.calls_give_what_is_asked_for,
        language.versions_are_pinned,
        arguments.arguments_are_known,
        arguments.attributes_are_known,
    )
}
