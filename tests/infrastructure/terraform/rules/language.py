"""What Terraform itself would refuse or a reader would miss, whatever the files describe."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from config.infrastructure.deployment import META, Terraform
from config.infrastructure.evaluation import Evaluator, Step
from config.infrastructure.functions import Unknown, Value
from config.infrastructure.references import Reference, references_of
from config.infrastructure.syntax import Block, Module

_OF_A_CALL = META | {"source", "version", "providers"}


def references_are_declared(terraform: Terraform) -> list[str]:
    """Find references to what no file of the module declares, and to outputs that are not there."""
    return [
        f"{reference.place}: {reference} is declared nowhere"
        for module in terraform.modules.values()
        for block in module.blocks
        for reference in references_of(block)
        if not _is_declared(reference, module, terraform)
    ]


def _is_declared(reference: Reference, module: Module, terraform: Terraform) -> bool:
    root, *names = reference.names
    if root == "var":
        return bool(names) and names[0] in module.variables
    if root == "local":
        return bool(names) and names[0] in module.locals
    if root == "module":
        return bool(names) and _is_output(names, module, terraform)
    if root in {"data", "ephemeral"}:
        return len(names) > 1 and (root, names[0], names[1]) in module.resources
    return bool(names) and ("resource", root, names[0]) in module.resources


def _is_output(names: list[str], module: Module, terraform: Terraform) -> bool:
    call = module.calls.get(names[0])
    if call is None:
        return False
    return len(names) == 1 or names[1] in called(call, module, terraform).outputs


def called(call: Block, module: Module, terraform: Terraform) -> Module:
    """Return the module that a block calls."""
    source = Evaluator(_Nothing(module.folder)).value(call.attributes["source"])
    return terraform.module(module.folder / source)


class _Nothing:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def look_up(self, root: str, steps: Sequence[Step]) -> tuple[Value, Sequence[Step]]:
        return Unknown(root), steps


def variables_are_described_and_used(terraform: Terraform) -> list[str]:
    """Find variables without a description or a type, and those that nothing reads."""
    found = []
    for module in terraform.modules.values():
        used = {
            reference.names[1]
            for block in module.blocks
            for reference in references_of(block)
            if reference.names[0] == "var" and len(reference.names) > 1
        }
        for name, block in module.variables.items():
            found += [
                f"{block.place}: variable {name} has no {wanted}"
                for wanted in ("description", "type")
                if wanted not in block.attributes
            ]
            if name not in used:
                found.append(f"{block.place}: variable {name} is used nowhere")
    return found


def outputs_are_described(terraform: Terraform) -> list[str]:
    """Find outputs without a description or a value."""
    return [
        f"{block.place}: output {name} has no {wanted}"
        for module in terraform.modules.values()
        for name, block in module.outputs.items()
        for wanted in ("description", "value")
        if wanted not in block.attributes
    ]


def calls_give_what_is_asked_for(terraform: Terraform) -> list[str]:
    """Find inputs that a called module does not know, and those that it needs and is not given."""
    return [
        finding
        for module in terraform.modules.values()
        for call in module.calls.values()
        for finding in _of_call(call, called(call, module, terraform))
    ]


def _of_call(call: Block, target: Module) -> Iterator[str]:
    given = set(call.attributes) - _OF_A_CALL
    needed = {name for name, block in target.variables.items() if "default" not in block.attributes}
    for name in sorted(given - set(target.variables)):
        yield f"{call.place}: {target.folder.name} has no variable {name}"
    for name in sorted(needed - given):
        yield f"{call.place}: {target.folder.name} needs {name}"


def versions_are_pinned(terraform: Terraform) -> list[str]:
    """Find modules that take whatever Terraform or provider there is."""
    return [
        finding
        for folder, module in terraform.modules.items()
        for finding in _versions(folder, module)
    ]


def _versions(folder: str, module: Module) -> Iterator[str]:
    blocks = module.of_kind("terraform")
    if not any("required_version" in block.attributes for block in blocks):
        yield f"{folder}: no required_version"
    declared = {
        name
        for block in blocks
        for child in block.children("required_providers")
        for name, expression in child.attributes.items()
        if "version" in Evaluator(_Nothing(module.folder)).value(expression)
    }
    used = {type_name.split("_")[0] for _, type_name, _ in module.resources} - {"terraform"}
    for provider in sorted(used - declared):
        yield f"{folder}: no version of the provider {provider}"
