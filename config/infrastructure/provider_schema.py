"""Know the arguments of the providers' resources, without the providers.

The CDK bindings of a provider are made from its schema. Their description (`.jsii`) names every
resource, argument and nested block; each argument's documentation carries its name in Terraform.
"""

import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

_TYPE = re.compile(r"docs/(resources|data-sources)/\S+ (\w+)\}")
_ARGUMENT = re.compile(r"docs/(?:resources|data-sources)/[^#\s]+#(\w+)")
# The struct of a block that the bindings do not describe: it may hold itself.
ANYTHING = "*"
_KINDS = {"resources": "resource", "data-sources": "data"}


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument or nested block: must it be there, and which struct has its own arguments."""

    required: bool
    struct: str | None


class ProviderSchema:
    """The resources and data sources of some providers."""

    def __init__(self, index: Mapping[str, Any]) -> None:
        self._index = index

    def knows(self, kind: str, type_name: str) -> bool:
        """Tell whether there is such a resource (or data source)."""
        return type_name in self._index["types"][kind]

    def arguments(self, kind: str, type_name: str) -> dict[str, Argument]:
        """Return a resource's arguments by name."""
        return self.struct(self._index["types"][kind][type_name][0])

    def attributes(self, kind: str, type_name: str) -> frozenset[str]:
        """Return the names of what can be read of a resource, in camel case."""
        return frozenset(self._index["types"][kind][type_name][1])

    def struct(self, name: str) -> dict[str, Argument]:
        """Return the arguments of a nested block."""
        return {
            argument: Argument(bool(required), struct)
            for argument, (required, struct) in self._index["structs"][name].items()
        }

    @cached_property
    def providers(self) -> frozenset[str]:
        """Return what the names of the types begin with, say `aws`."""
        return frozenset(name.split("_")[0] for name in self._index["types"]["resource"])


def camel_case(name: str) -> str:
    """Return `kms_key_arn` as `kmsKeyArn`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def load_schema(site_packages: Path, cache: Path) -> ProviderSchema:
    """Read the bindings that are installed, or what an earlier run kept of them in `cache`."""
    files = sorted(site_packages.glob("cdktn_*/_jsii/*.jsii.tgz"))
    if not files:
        raise FileNotFoundError(f"no provider's bindings are in {site_packages}")
    key = [[file.name, file.stat().st_size] for file in files]
    if cache.is_file():
        kept = json.loads(cache.read_text(encoding="utf-8"))
        if kept["files"] == key:
            return ProviderSchema(kept)
    index = {"files": key, **read_bindings(files)}
    draft = cache.with_suffix(".new")
    draft.write_text(json.dumps(index), encoding="utf-8")
    draft.replace(cache)
    return ProviderSchema(index)


def read_bindings(files: Iterable[Path]) -> dict[str, Any]:
    """Return what the descriptions in some archives say of types and structs."""
    types: dict[str, dict[str, Any]] = {"resource": {}, "data": {}}
    structs: dict[str, Any] = {}
    for file in files:
        described = json.loads(_description(file))["types"]
        for kind, name, config, described_class in _classes(described):
            attributes = [each["name"] for each in described_class.get("properties", [])]
            types[kind][name] = [config, attributes]
            _add_struct(config, described, structs)
    return {"types": types, "structs": structs}


def _description(file: Path) -> bytes:
    with tarfile.open(file) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.name == "package/.jsii" else None
            if content is not None:
                return content.read()
    raise FileNotFoundError(f"{file} has no description")


def _classes(described: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    for each in described.values():
        match = _TYPE.search(each.get("docs", {}).get("summary", ""))
        parameters = each.get("initializer", {}).get("parameters", [])
        if match and len(parameters) == 3:
            yield _KINDS[match[1]], match[2], parameters[2]["type"]["fqn"], each


def _add_struct(name: str, described: Mapping[str, Any], structs: dict[str, Any]) -> None:
    waiting = [name]
    while waiting:
        name = waiting.pop()
        if name in structs:
            continue
        structs[name] = found = {}
        for each in described[name].get("properties", []):
            text = " ".join(each.get("docs", {}).values())
            match = _ARGUMENT.search(text)
            struct = _struct_of(each["type"], described)
            argument = match[1] if match else _snake_case(each["name"])
            found[argument] = [not each.get("optional", False), struct]
            if struct not in {None, ANYTHING}:
                waiting.append(struct)


def _snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _struct_of(described_type: Mapping[str, Any], described: Mapping[str, Any]) -> str | None:
    if described_type.get("primitive") == "any":
        return ANYTHING
    name = described_type.get("fqn", "")
    if name in described and described[name].get("datatype"):
        return str(name)
    inside = [
        *described_type.get("union", {}).get("types", []),
        *([described_type["collection"]["elementtype"]] if "collection" in described_type else []),
    ]
    return next((found for each in inside if (found := _struct_of(each, described))), None)
