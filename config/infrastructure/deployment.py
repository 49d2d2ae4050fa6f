"""Put an environment together: every resource that Terraform would make, with its arguments."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from config.infrastructure.evaluation import Evaluator, Step
from config.infrastructure.functions import Unknown, Value, to_text
from config.infrastructure.syntax import Block, Expression, Module, Node, inner, read_module, word

# Arguments of Terraform itself, not of the provider.
META = frozenset({"count", "depends_on", "for_each", "lifecycle", "provider", "provisioner"})


class Terraform:
    """The folder `terraform/`: its modules and environments, each read once."""

    def __init__(self, folder: Path, given: Mapping[str, Value] | None = None) -> None:
        self.folder = folder.resolve()
        # What an operator gives each environment by its tfvars.
        self.given = dict(given or {})
        self._modules: dict[Path, Module] = {}

    def module(self, folder: Path) -> Module:
        """Return the module in a folder."""
        folder = folder.resolve()
        if folder not in self._modules:
            self._modules[folder] = read_module(folder)
        return self._modules[folder]

    @cached_property
    def environments(self) -> dict[str, "Deployment"]:
        """Return the environments by name."""
        return {
            folder.name: Deployment(self, folder, inputs=self.given)
            for folder in sorted((self.folder / "environments").iterdir())
            if any(folder.glob("*.tf"))
        }

    @cached_property
    def modules(self) -> dict[str, Module]:
        """Return every folder with Terraform's files by its path below `terraform/`."""
        folders = {path.parent for path in self.folder.rglob("*.tf")}
        return {
            folder.relative_to(self.folder).as_posix(): self.module(folder)
            for folder in sorted(folders)
        }


class Instance:
    """One resource or data source of an environment."""

    def __init__(self, *, block: Block, address: str, evaluator: Evaluator) -> None:
        self.block = block
        self.address = address
        self.evaluator = evaluator
        self.kind = block.kind
        self.type, self.name = block.labels[:2]

    def __repr__(self) -> str:
        return self.address

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """Return what the provider is given; nested blocks are lists."""
        return _arguments(self.block, self.evaluator, skip=META)

    def attribute(self, name: str) -> Value:
        """Return an attribute: as it is set, or else unknown before there is such a resource."""
        if self.kind == "data" and self.type == "aws_iam_policy_document" and name == "json":
            return json.dumps(policy_of(self.arguments), default=to_text)
        expression = self.block.attributes.get(name)
        if expression is not None and name not in META:
            value = self.evaluator.value(expression)
            if value is not None:
                return value
        return Unknown(f"{self.address}.{name}")


class Deployment:
    """A module with the values that it was called with; an environment is one without any."""

    def __init__(
        self,
        terraform: Terraform,
        folder: Path,
        *,
        inputs: Mapping[str, Value] | None = None,
        call: tuple[Block, Evaluator] | None = None,
        path: str = "",
    ) -> None:
        self.terraform = terraform
        self.module = terraform.module(folder)
        self.folder = self.module.folder
        self.inputs = dict(inputs or {})
        # Worked out when they are asked for: two modules may each take what the other one made.
        self._call = call
        self.path = path
        self.evaluator = Evaluator(self)
        self._locals: dict[str, Value] = {}
        self._variables: dict[str, Value] = {}
        self._resources: dict[tuple[str, str, str], Value] = {}
        self._calls: dict[str, Value] = {}
        self._outputs: dict[str, Value] = {}

    def attribute(self, name: str) -> Value:
        """Return an output."""
        if name not in self._outputs:
            block = self.module.outputs.get(name)
            self._outputs[name] = (
                Unknown(f"{self.path}.{name}")
                if block is None
                else self.evaluator.value(block.attributes["value"])
            )
        return self._outputs[name]

    def look_up(self, root: str, steps: Sequence[Step]) -> tuple[Value, Sequence[Step]]:
        """Return what a name stands for here and the steps that remain.

        What is not declared is unknown: a check of its own finds that.
        """
        names = [to_text(name) for kind, name in steps if kind == "attribute"]
        if root == "var" and names:
            return self.variable(names[0]), steps[1:]
        if root == "local" and names:
            return self.local(names[0]), steps[1:]
        if root == "module" and names:
            return self.call(names[0]), steps[1:]
        if root in {"data", "ephemeral"} and len(names) > 1:
            return self.resource(root, *names[:2]), steps[2:]
        if names and ("resource", root, names[0]) in self.module.resources:
            return self.resource("resource", root, names[0]), steps[1:]
        return Unknown(root), steps

    def variable(self, name: str) -> Value:
        """Return a variable's value: as given, or else its default."""
        if name not in self._variables:
            block = self.module.variables.get(name)
            value: Value = Unknown(f"var.{name}")
            if name in self.inputs:
                value = self.inputs[name]
            elif self._call is not None and name in self._call[0].attributes:
                call, caller = self._call
                value = caller.value(call.attributes[name])
            elif block is not None and "default" in block.attributes:
                value = self.evaluator.value(block.attributes["default"])
            if block is not None and "type" in block.attributes:
                value = self._with_defaults(value, block.attributes["type"])
            self._variables[name] = value
        return self._variables[name]

    def local(self, name: str) -> Value:
        """Return a local value."""
        if name not in self._locals:
            expression = self.module.locals.get(name)
            self._locals[name] = (
                Unknown(f"local.{name}") if expression is None else self.evaluator.value(expression)
            )
        return self._locals[name]

    def call(self, name: str) -> Value:
        """Return a called module, or several by key."""
        if name not in self._calls:
            block = self.module.calls.get(name)
            if block is None:
                return Unknown(f"module.{name}")
            folder = self.folder / self.evaluator.value(block.attributes["source"])
            address = f"{self.path}.module.{name}".lstrip(".")
            self._calls[name] = _each(
                block,
                self.evaluator,
                lambda key, evaluator: Deployment(
                    self.terraform,
                    folder,
                    call=(block, evaluator),
                    path=address + key,
                ),
            )
        return self._calls[name]

    def resource(self, kind: str, type_name: str, name: str) -> Value:
        """Return a resource or data source, or several by key."""
        place = (kind, type_name, name)
        if place not in self._resources:
            block = self.module.resources.get(place)
            address = f"{self.path}.{'' if kind == 'resource' else f'{kind}.'}{type_name}.{name}"
            if block is None:
                return Unknown(address.lstrip("."))
            self._resources[place] = _each(
                block,
                self.evaluator,
                lambda key, evaluator: Instance(
                    block=block, address=address.lstrip(".") + key, evaluator=evaluator
                ),
            )
        return self._resources[place]

    def children(self) -> "Iterator[Deployment]":
        """Yield the modules that are called here."""
        for name in self.module.calls:
            yield from _several(self.call(name))

    def everything(self) -> "Iterator[Deployment]":
        """Yield this module and all below it."""
        yield self
        for child in self.children():
            yield from child.everything()

    @cached_property
    def instances(self) -> list[Instance]:
        """Return every resource and data source of this module and of those below it."""
        return [
            instance
            for deployment in self.everything()
            for place in deployment.module.resources
            for instance in _several(deployment.resource(*place))
        ]

    def of_type(self, *types: str) -> list[Instance]:
        """Return the resources of the types."""
        return [each for each in self.instances if each.kind == "resource" and each.type in types]

    def _with_defaults(self, value: Value, expression: Expression) -> Value:
        return _with_defaults(value, expression.node, self.evaluator, expression)


def _several(value: Value) -> list[Any]:
    if isinstance(value, Unknown):
        return []
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else [value]


class _UnknownKeys(dict[str, Value]):
    """Instances whose keys only AWS can tell: any key stands for the one that is written."""

    def __missing__(self, key: str) -> Value:
        return next(iter(self.values()))


def _unknown_each(source: Unknown) -> dict[str, Value]:
    return {"key": Unknown(f"{source.text} key"), "value": Unknown(f"{source.text} value")}


def _each(block: Block, evaluator: Evaluator, make: Any) -> Value:
    if "count" in block.attributes:
        count = evaluator.value(block.attributes["count"])
        number = 1 if isinstance(count, Unknown) else int(count)
        return [
            make(f"[{index}]", evaluator.within({"count": {"index": index}}))
            for index in range(number)
        ]
    if "for_each" not in block.attributes:
        return make("", evaluator)
    source = evaluator.value(block.attributes["for_each"])
    if isinstance(source, Unknown):
        return _UnknownKeys(
            {source.text: make(f"[{source}]", evaluator.within({"each": _unknown_each(source)}))}
        )
    pairs = source.items() if isinstance(source, Mapping) else [(each, each) for each in source]
    return {
        to_text(key): make(f'["{key}"]', evaluator.within({"each": {"key": key, "value": value}}))
        for key, value in pairs
    }


def _arguments(block: Block, evaluator: Evaluator, *, skip: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: evaluator.value(expression)
        for name, expression in block.attributes.items()
        if name not in skip
    }
    for child in block.blocks:
        if child.kind == "dynamic":
            kind = child.labels[0]
            found.setdefault(kind, []).extend(_dynamic(child, evaluator))
        elif child.kind not in skip:
            found.setdefault(child.kind, []).append(_arguments(child, evaluator, skip=frozenset()))
    return found


def _dynamic(block: Block, evaluator: Evaluator) -> Iterator[dict[str, Any]]:
    iterator = block.labels[0]
    if "iterator" in block.attributes:
        iterator = word(inner(block.attributes["iterator"].node)[0])
    source = evaluator.value(block.attributes["for_each"])
    if isinstance(source, Unknown):
        source = [source]
    pairs = source.items() if isinstance(source, Mapping) else enumerate(source)
    (content,) = block.children("content")
    for key, value in pairs:
        inside = evaluator.within({iterator: {"key": key, "value": value}})
        yield _arguments(content, inside, skip=frozenset())


def _with_defaults(value: Value, node: Node, evaluator: Evaluator, expression: Expression) -> Value:
    """Fill in the defaults that a type gives by `optional(…)`."""
    while node.data == "expr_term":
        node = inner(node)[0]
    if node.data != "function_call" or value is None or isinstance(value, Unknown):
        return value
    name, *rest = inner(node)
    (argument,) = inner(rest[0])[:1]
    if word(name) == "object" and isinstance(value, Mapping):
        return _object_defaults(value, argument, evaluator, expression)
    if word(name) == "map" and isinstance(value, Mapping):
        return {
            key: _with_defaults(each, argument, evaluator, expression)
            for key, each in value.items()
        }
    if word(name) in {"list", "set"} and isinstance(value, list):
        return [_with_defaults(each, argument, evaluator, expression) for each in value]
    return value


def _object_defaults(
    value: Mapping[str, Value], node: Node, evaluator: Evaluator, expression: Expression
) -> Value:
    while node.data == "expr_term":
        node = inner(node)[0]
    found = dict(value)
    for element in inner(node):
        key_node, type_node = inner(element)
        key = word(inner(inner(key_node)[0])[0])
        inside = type_node
        while inside.data == "expr_term":
            inside = inner(inside)[0]
        if inside.data == "function_call" and word(inner(inside)[0]) == "optional":
            kind, *default = inner(inner(inside)[1])
            if found.get(key) is None:
                found[key] = (
                    evaluator.value(Expression(default[0], expression.place)) if default else None
                )
            type_node = kind
        if key in found:
            found[key] = _with_defaults(found[key], type_node, evaluator, expression)
    return found


def policy_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy document as AWS gets it."""
    return {
        "Statement": [
            {
                "Sid": statement.get("sid", ""),
                "Effect": statement.get("effect", "Allow"),
                "Action": statement.get("actions", []),
                **({"NotAction": statement["not_actions"]} if "not_actions" in statement else {}),
                "Resource": statement.get("resources", []),
                "Principal": statement.get("principals", []),
                "Condition": statement.get("condition", []),
            }
            for statement in arguments.get("statement", [])
        ]
    }
