"""What a resource is made of, as Terraform's plugin protocol tells it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

# A type in Terraform's JSON notation: "string", ["list", "string"], ["object", {"name": "string"}].
Type: TypeAlias = str | list[Any]
Nesting = Literal["single", "list", "set", "map"]
Kind = Literal["resource", "data", "ephemeral"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """An argument, or something that only the provider knows (`read_only`)."""

    type: Type
    required: bool = False
    read_only: bool = False
    sensitive: bool = False
    write_only: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """The attributes of a resource and the blocks in it, by name."""

    attributes: dict[str, Attribute] = field(default_factory=dict)
    blocks: "dict[str, NestedBlock]" = field(default_factory=dict)

    @property
    def type(self) -> Type:
        """Return the type of an object of this shape."""
        members: dict[str, Type] = {name: each.type for name, each in self.attributes.items()}
        for name, nested in self.blocks.items():
            inner = nested.block.type
            members[name] = inner if nested.nesting == "single" else [nested.nesting, inner]
        return ["object", members]


@dataclass(frozen=True, slots=True)
class NestedBlock:
    """A block in a resource; 0 as `most` is any number."""

    block: Block
    nesting: Nesting
    least: int = 0
    most: int = 0


Schemas: TypeAlias = Mapping[Kind, Mapping[str, Block]]
