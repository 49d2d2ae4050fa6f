"""Read the provider's schema from its bindings for the CDK, which are generated from it.

Of each argument the scripts tell its name, its type and whether it is a block; the declarations
beside them tell which are required. What they do not tell: which arguments the provider fills when
they are left out (each counts as one that it may fill), and which values are secret.
"""

import re
import tarfile
from collections.abc import Container, Iterable
from dataclasses import replace
from pathlib import Path
from typing import cast

from tests.infrastructure.terraform.stand_in.schema import (
    Attribute,
    Block,
    Kind,
    NestedBlock,
    Nesting,
    Schemas,
    Type,
)

_PREFIXES: dict[Kind, str] = {"resource": "", "data": "data-", "ephemeral": "ephemeral-"}
_CLASS = re.compile(
    r"^class (\w+) extends cdktn\.Terraform\w+ \{(.*?)^\}", re.MULTILINE | re.DOTALL
)
_INNER_CLASS = re.compile(
    r"^    class (\w+)OutputReference extends cdktn\.ComplexObject \{(.*?)^    \}",
    re.MULTILINE | re.DOTALL,
)
_STRUCT = re.compile(
    r"^function (\w+)ToHclTerraform\(struct\) \{(.*?)^\}", re.MULTILINE | re.DOTALL
)
_SYNTHESIS = re.compile(r"synthesizeHclAttributes\(\) \{(.*?)remove undefined", re.DOTALL)
_ARGUMENT = re.compile(
    r'(\w+): \{\s*value: (.+?),\s*isBlock: (true|false),\s*type: "(\w+)",'
    r'\s*storageClassType: "([^"]+)",\s*\}',
    re.DOTALL,
)
_INTERFACE = re.compile(
    r"^( *)(?:export )?interface (\w+)[^{\n]*\{\n(.*?)^\1\}", re.MULTILINE | re.DOTALL
)
_PROPERTY = re.compile(r"readonly (\w+)(\?)?:")
_READ_ONLY = re.compile(
    r"// (\w+) - computed: true, optional: false, required: false\s+(.*?);", re.DOTALL
)
# A block that the provider fills when it is left out is an argument that may be written as a block.
_FILLED = re.compile(r"// (\w+) - computed: true, optional: true, required: false")
_MADE = re.compile(r"new (?:\w+\.)*(\w+?)(OutputReference|List|Map)\(this, \"(\w+)\"(?:, (\w+))?")
_GETTER = re.compile(r"this\.get(\w+)Attribute\(|new cdktn\.(\w+Map)\(this")
_PRIMITIVES = {"string": "string", "number": "number", "boolean": "bool"}
_GETTERS: dict[str, Type] = {
    "String": "string",
    "Number": "number",
    "Boolean": "bool",
    "List": ["list", "string"],
    "NumberList": ["list", "number"],
    "StringMap": ["map", "string"],
    "NumberMap": ["map", "number"],
    "BooleanMap": ["map", "bool"],
}
_SENSITIVE = frozenset(
    {
        "auth_token",
        "client_secret",
        "master_password",
        "private_key",
        "random_password",
        "secret_binary",
        "secret_string",
    }
)
# A statement may hold statements: how deep the bindings follow a structure that holds itself.
_DEPTH = 3


def read_schemas(
    archive: Path, wanted: Iterable[tuple[Kind, str]], words: Container[str]
) -> Schemas:
    """Return the schemas of some resources, data sources and ephemeral resources.

    Of the statements of a firewall only those among `words` are in it: all of them are more than
    everything else together, and Terraform would be three times as long over a plan.

    Raises:
        LookupError: the provider has no such type.
    """
    names = {
        f"{_PREFIXES[kind]}{type_name.replace('_', '-')}": (kind, type_name)
        for kind, type_name in wanted
    }
    texts = _read(archive, {*names, _STATEMENTS})
    if missing := sorted(set(names) - {name for name, _ in texts}):
        raise LookupError(f"{archive.name} has no {', '.join(missing)}")
    statement = _Binding(*_pair(texts, _STATEMENTS)).block()
    anything = _with_statements(statement.blocks["statement"], words)
    schemas: dict[Kind, dict[str, Block]] = {kind: {} for kind in _PREFIXES}
    for name, (kind, type_name) in names.items():
        schemas[kind][type_name] = _Binding(*_pair(texts, name), anything=anything).block()
    return schemas


def _pair(texts: dict[tuple[str, str], str], name: str) -> tuple[str, str]:
    return texts[name, ".js"], texts[name, ".d.ts"]


def _read(archive: Path, names: Iterable[str]) -> dict[tuple[str, str], str]:
    wanted = set(names)
    texts = {}
    with tarfile.open(archive) as opened:
        for member in opened:
            name, dot, ending = member.name.rpartition("/")[2].partition(".")
            content = opened.extractfile(member) if name in wanted else None
            if content is not None:
                texts[name, dot + ending] = content.read().decode()
    return texts


# The one resource whose bindings spell out the statements of a firewall; elsewhere they are "any".
_STATEMENTS = "aws-wafv2-web-acl-rule"


def _with_statements(nested: NestedBlock, words: Container[str]) -> NestedBlock:
    # Inside a statement the provider takes and, or and not as well, one level deep.
    logical = {
        name: each
        for name, each in nested.block.blocks.items()
        if name in {"and_statement", "or_statement", "not_statement"}
    }
    for outer in nested.block.blocks.values():
        if (inner := outer.block.blocks.get("scope_down_statement")) is not None:
            for name, each in logical.items():
                inner.block.blocks.setdefault(name, each)
    return NestedBlock(_used(nested.block, words), "list", least=1, most=1)


def _used(block: Block, words: Container[str]) -> Block:
    inside = {
        name: replace(nested, block=_used(nested.block, words))
        for name, nested in block.blocks.items()
        if name in words
    }
    return Block(block.attributes, inside)


class _Binding:
    """The script and the declarations of one resource."""

    def __init__(
        self, script: str, declarations: str, *, anything: NestedBlock | None = None
    ) -> None:
        self._anything = anything
        found = _CLASS.search(script)
        if found is None:
            raise LookupError("the bindings have another form than they had")
        self._name, self._body = found.groups()
        self._structs = {match[1]: match[2] for match in _STRUCT.finditer(script)}
        self._classes = {match[1]: match[2] for match in _INNER_CLASS.finditer(script)}
        self._single = {
            (match[1], match[3])
            for match in _MADE.finditer(script)
            if match[2] == "OutputReference"
        }
        self._required = {
            interface: {name for name, optional in _PROPERTY.findall(body) if not optional}
            for _, interface, body in _INTERFACE.findall(declarations)
        }

    def block(self) -> Block:
        """Return the schema of the resource."""
        synthesis = _SYNTHESIS.search(self._body)
        body = synthesis[1] if synthesis else ""
        return self._block(body, self._body, f"{self._name}Config", ())

    def _block(self, body: str, class_body: str, interface: str, above: tuple[str, ...]) -> Block:
        block = Block()
        required = self._required.get(interface, set())
        filled = set(_FILLED.findall(class_body))
        for name, value, is_block, kind, storage in _ARGUMENT.findall(body):
            needed = _camel_case(name) in required
            struct = re.search(r"\b(\w+)ToHclTerraform", value.replace("cdktn.", "cdktn_"))
            if storage == "any":
                if self._anything is not None:
                    block.blocks[name] = self._anything
            elif struct is None or struct[1] not in self._structs:
                block.attributes[name] = Attribute(
                    _plain_type(kind, storage),
                    needed,
                    sensitive=name.removesuffix("_wo") in _SENSITIVE,
                    write_only=name.endswith("_wo"),
                )
            elif above.count(struct[1]) < _DEPTH:
                inner_name = re.sub(r"(List|Map)$", "", storage.rpartition(".")[2])
                inner = self._block(
                    self._structs[struct[1]],
                    self._classes.get(inner_name, ""),
                    inner_name,
                    (*above, struct[1]),
                )
                if is_block == "true" and name not in filled:
                    one = (inner_name, name) in self._single
                    block.blocks[name] = _nested(inner, kind, needed=needed, one=one)
                else:
                    made_of = inner.type if kind == "struct" else [kind, inner.type]
                    block.attributes[name] = Attribute(made_of, needed)
        self._add_read_only(block, class_body)
        return block

    def _add_read_only(self, block: Block, class_body: str) -> None:
        for name, statement in _READ_ONLY.findall(class_body):
            if name not in block.attributes and name not in block.blocks:
                block.attributes[name] = Attribute(
                    self._read_only_type(statement), read_only=True, sensitive=name in _SENSITIVE
                )

    def _read_only_type(self, statement: str) -> Type:
        getter = _GETTER.search(statement)
        if getter is not None:
            found = _GETTERS[getter[1] or getter[2]]
            return ["set", found[1]] if "tolist" in statement else found
        made = _MADE.search(statement)
        if made is not None:
            inner = Block()
            self._add_read_only(inner, self._classes.get(made[1], ""))
            if made[2] == "OutputReference":
                return inner.type
            return ["map" if made[2] == "Map" else _collection(made[4] == "true"), inner.type]
        return "dynamic"


def _collection(is_set: bool) -> str:
    return "set" if is_set else "list"


def _nested(block: Block, kind: str, *, needed: bool, one: bool) -> NestedBlock:
    if kind == "struct":
        return NestedBlock(block, "single")
    return NestedBlock(block, cast("Nesting", kind), int(needed), int(one and kind != "map"))


def _plain_type(kind: str, storage: str) -> Type:
    if storage in _PRIMITIVES:
        return _PRIMITIVES[storage]
    for ending, collection in (("List", "set" if kind == "set" else "list"), ("Map", "map")):
        element = storage.removesuffix(ending)
        if element != storage:
            return [collection, _plain_type("list", element)]
    return "dynamic"


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)
