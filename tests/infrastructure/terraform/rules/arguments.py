"""Arguments of resources against the schema of their providers."""

from collections.abc import Iterator, Mapping
from functools import cache

from config.infrastructure.deployment import META, Terraform
from config.infrastructure.provider_schema import (
    ANYTHING,
    Argument,
    ProviderSchema,
    camel_case,
    load_schema,
)
from config.infrastructure.references import Reference, references_of
from config.infrastructure.syntax import RESOURCES, Block, Module
from config.local.infrastructure_tools import TOOLS, require_tools, site_packages

# What the bindings leave out: ephemeral resources, and a provider that is Terraform's own.
# For each the arguments that must be there, and those that may.
_UNBOUND: Mapping[tuple[str, str], tuple[frozenset[str], frozenset[str]]] = {
    ("ephemeral", "aws_secretsmanager_random_password"): (
        frozenset(),
        frozenset(
            {"exclude_characters", "exclude_lowercase", "exclude_numbers", "exclude_punctuation"}
            | {"exclude_uppercase", "include_space", "password_length", "region"}
            | {"require_each_included_type"}
        ),
    ),
    ("ephemeral", "aws_secretsmanager_secret_version"): (
        frozenset({"secret_id"}),
        frozenset({"region", "version_id", "version_stage"}),
    ),
    ("resource", "terraform_data"): (frozenset(), frozenset({"input", "triggers_replace"})),
}
# Attributes of every resource that the bindings know by other names.
_ATTRIBUTES = frozenset({"id", "arn", "tags_all", "json"})


@cache
def provider_schema() -> ProviderSchema:
    """Return what the providers know."""
    require_tools()
    return load_schema(site_packages(), TOOLS / "easel-schema.json")


def arguments_are_known(terraform: Terraform) -> list[str]:
    """Find resources, arguments and blocks that no provider knows, and those that are missing."""
    schema = provider_schema()
    return [
        finding
        for module in terraform.modules.values()
        for block in module.resources.values()
        for finding in _of_resource(block, schema)
    ]


def _of_resource(block: Block, schema: ProviderSchema) -> Iterator[str]:
    type_name = block.labels[0]
    unbound = _UNBOUND.get((block.kind, type_name))
    if unbound:
        known = {name: Argument(name in unbound[0], None) for name in unbound[0] | unbound[1]}
    elif block.kind == "ephemeral" or not schema.knows(block.kind, type_name):
        yield f"{block.place}: no provider has a {block.kind} {type_name}"
        return
    else:
        known = schema.arguments(block.kind, type_name)
    yield from _of_block(block, known, schema, type_name, META)


def _of_block(
    block: Block,
    known: Mapping[str, Argument],
    schema: ProviderSchema,
    path: str,
    also: frozenset[str] = frozenset(),
) -> Iterator[str]:
    nested = [(child.labels[0], child) for child in block.children("dynamic")]
    nested += [(child.kind, child) for child in block.blocks if child.kind != "dynamic"]
    given = set(block.attributes) | {name for name, _ in nested}
    for name, expression in block.attributes.items():
        if name not in known and name not in also:
            yield f"{expression.place}: {path} has no argument {name}"
    for name, child in nested:
        if name in also:
            continue
        struct = known[name].struct if name in known else None
        if struct is None:
            yield f"{child.place}: {path} has no block {name}"
        if struct in {None, ANYTHING}:
            continue
        for content in child.children("content") if child.kind == "dynamic" else [child]:
            yield from _of_block(content, schema.struct(struct), schema, f"{path}.{name}")
    for name, argument in known.items():
        if argument.required and name not in given:
            yield f"{block.place}: {path} needs {name}"


def attributes_are_known(terraform: Terraform) -> list[str]:
    """Find references to what a resource has not got."""
    schema = provider_schema()
    return [
        f"{reference.place}: {'.'.join(place[1:])} has no attribute {attribute}"
        for module in terraform.modules.values()
        for block in module.blocks
        for reference in references_of(block)
        for place, attribute in _attribute(reference, module)
        if schema.knows(place[0], place[1])
        and attribute not in _ATTRIBUTES
        and camel_case(attribute) not in schema.attributes(place[0], place[1])
    ]


def _attribute(reference: Reference, module: Module) -> Iterator[tuple[tuple[str, str, str], str]]:
    names = reference.names
    kind = names[0] if names[0] in RESOURCES else "resource"
    rest = names[1:] if kind == names[0] else names
    if kind != "ephemeral" and len(rest) > 2 and (kind, rest[0], rest[1]) in module.resources:
        yield (kind, rest[0], rest[1]), rest[2]
