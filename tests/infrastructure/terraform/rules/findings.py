"""What a rule collects while it compares."""

from collections.abc import Iterable, Sequence
from typing import Any

from config.infrastructure.deployment import Deployment, Instance, Terraform
from config.infrastructure.functions import to_text

ENVIRONMENTS = ("dev", "staging", "production")


class Findings(list[str]):
    """Sentences about what is not as it should be; none is the best."""

    def same(self, subject: object, what: str, actual: Any, wanted: Any) -> None:
        """Note a value that differs from the one wanted."""
        if actual != wanted:
            self.append(f"{subject}: {what} is {actual!r}, not {wanted!r}")

    def holds(self, subject: object, text: str, *, holds: bool) -> None:
        """Note what should hold and does not."""
        if not holds:
            self.append(f"{subject}: {text}")

    def has(self, instance: Instance, **wanted: Any) -> None:
        """Note arguments of a resource that differ from the ones wanted."""
        for name, value in wanted.items():
            self.same(instance.address, name, instance.arguments.get(name), value)

    def only(self, subject: object, what: str, found: Sequence[Instance], count: int) -> None:
        """Note a number of resources that differs from the one wanted."""
        self.same(subject, f"the number of {what}", len(found), count)


def deployments(terraform: Terraform) -> Iterable[tuple[str, Deployment]]:
    """Return the environments, each of which must be there."""
    return [(name, terraform.environments[name]) for name in ENVIRONMENTS]


def tail(value: Any) -> str:
    """Return the end of a reference: `aws_security_group.alb.id` of whatever module."""
    parts = to_text(value).strip("${}").split(".")
    return ".".join(parts[-3:])


def block(arguments: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return a nested block that is there once, or nothing."""
    for name in names:
        found = arguments.get(name) or [{}]
        arguments = found[0] if isinstance(found, list) else found
    return arguments
