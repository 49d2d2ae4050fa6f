"""The functions of Terraform's language that our files use."""

import base64
import hashlib
import ipaddress
import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

Value: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Unknown:
    """What only AWS can tell, named by the expression it comes from."""

    text: str

    def __str__(self) -> str:
        return f"${{{self.text}}}"


def to_text(value: Value) -> str:
    """Return a value as it appears in a string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def to_number(value: Value) -> Value:
    """Return a number or the number that a string holds."""
    if not isinstance(value, str):
        return value
    return float(value) if "." in value else int(value)


def _json(value: Value) -> str:
    return json.dumps(value, default=to_text, ensure_ascii=False)


def _merge(*maps: Value) -> dict[str, Value]:
    return {key: value for each in maps if isinstance(each, Mapping) for key, value in each.items()}


def _concat(*lists: Value) -> list[Value]:
    return [item for each in lists for item in (each if isinstance(each, list | tuple) else [each])]


def _flatten(value: Value) -> list[Value]:
    if not isinstance(value, list):
        return [value]
    return [item for each in value for item in _flatten(each)]


def _distinct(items: Iterable[Value]) -> list[Value]:
    found: list[Value] = []
    for item in items:
        if item not in found:
            found.append(item)
    return found


def _as_list(value: Value) -> list[Value]:
    return list(value.values()) if isinstance(value, Mapping) else list(value)


def _set(value: Value) -> Value:
    items = _distinct(_as_list(value))
    return sorted(items, key=to_text)


def _coalesce(*values: Value) -> Value:
    return next((value for value in values if value not in (None, "")), None)


def _lookup(mapping: Mapping[str, Value], key: str, *default: Value) -> Value:
    return mapping.get(key, default[0] if default else Unknown(f"lookup(…, {key})"))


def _format(pattern: str, *values: Value) -> str:
    words = [
        to_text(value) if kind in "sv" else value
        for kind, value in zip(re.findall(r"%[-+0-9.]*([a-z])", pattern), values, strict=False)
    ]
    return re.sub(r"%v", "%s", pattern) % tuple(words)


def _subnet(prefix: str, bits: int, number: int) -> str:
    network = ipaddress.ip_network(prefix)
    return str(next(itertools.islice(network.subnets(prefixlen_diff=bits), number, None)))


def _regex(pattern: str, text: str) -> Value:
    match = re.search(pattern, text)
    if match is None:
        raise ValueError(f"{pattern} is not in {text}")
    return match.groupdict() or (list(match.groups()) or match.group())


def _replace(text: str, old: str, new: str) -> str:
    if len(old) > 1 and old.startswith("/") and old.endswith("/"):
        return re.sub(old[1:-1], new.replace("$", "\\"), text)
    return text.replace(old, new)


_DATES = (("YYYY", "%Y"), ("MM", "%m"), ("DD", "%d"), ("hh", "%H"), ("mm", "%M"), ("ss", "%S"))


def _add_time(start: str, duration: str) -> str:
    sign = -1 if duration.startswith("-") else 1
    hours, minutes, seconds = (
        int(match[1]) if (match := re.search(rf"(\d+){unit}", duration)) else 0 for unit in "hms"
    )
    moment = datetime.fromisoformat(start) + sign * timedelta(
        hours=hours, minutes=minutes, seconds=seconds
    )
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _format_date(pattern: str, moment: str) -> str:
    for ours, python in _DATES:
        pattern = pattern.replace(ours, python)
    return datetime.fromisoformat(moment).strftime(pattern)


def _range(*limits: int) -> list[int]:
    return list(range(*limits))


def _slice(items: list[Value], start: int, end: int) -> list[Value]:
    return items[start:end]


def _substr(text: str, start: int, length: int) -> str:
    return text[start:] if length < 0 else text[start : start + length]


def _join(glue: str, items: Value) -> str:
    return glue.join(to_text(item) for item in items)


FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "abs": abs,
    "alltrue": all,
    "anytrue": any,
    "base64encode": lambda text: base64.b64encode(text.encode()).decode(),
    "base64gzip": lambda text: base64.b64encode(text.encode()).decode(),
    "ceil": math.ceil,
    "chomp": lambda text: text.rstrip("\r\n"),
    "cidrhost": lambda prefix, number: str(ipaddress.ip_network(prefix)[number]),
    "cidrsubnet": _subnet,
    "coalesce": _coalesce,
    "coalescelist": lambda *lists: next((each for each in lists if each), []),
    "compact": lambda items: [item for item in items if item not in (None, "")],
    "concat": _concat,
    "contains": lambda items, value: value in items,
    "distinct": _distinct,
    "element": lambda items, number: items[number % len(items)],
    "endswith": lambda text, end: text.endswith(end),
    "flatten": _flatten,
    "floor": math.floor,
    "format": _format,
    "formatdate": _format_date,
    "index": lambda items, value: items.index(value),
    "join": _join,
    "jsondecode": json.loads,
    "jsonencode": _json,
    "keys": lambda mapping: sorted(mapping),
    "length": len,
    "lookup": _lookup,
    "lower": str.lower,
    "max": max,
    "md5": lambda text: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
    "merge": _merge,
    "min": min,
    "nonsensitive": lambda value: value,
    "one": lambda items: items[0] if items else None,
    "parseint": int,
    "pow": pow,
    "range": _range,
    "regex": _regex,
    "replace": _replace,
    "reverse": lambda items: list(reversed(items)),
    "sensitive": lambda value: value,
    "setproduct": lambda *lists: [list(each) for each in itertools.product(*lists)],
    "setsubtract": lambda one, other: [item for item in one if item not in other],
    "setunion": lambda *lists: _set(_concat(*lists)),
    "sha256": lambda text: hashlib.sha256(text.encode()).hexdigest(),
    "slice": _slice,
    "sort": sorted,
    "split": lambda glue, text: text.split(glue),
    "startswith": lambda text, start: text.startswith(start),
    "strcontains": lambda text, part: part in text,
    "substr": _substr,
    "sum": sum,
    "timeadd": _add_time,
    "title": str.title,
    "tobool": lambda value: value in (True, "true"),
    "tolist": _as_list,
    "tomap": dict,
    "tonumber": to_number,
    "toset": _set,
    "tostring": to_text,
    "trim": lambda text, characters: text.strip(characters),
    "trimprefix": lambda text, start: text.removeprefix(start),
    "trimspace": str.strip,
    "trimsuffix": lambda text, end: text.removesuffix(end),
    "upper": str.upper,
    "urlencode": lambda text: text,
    "values": lambda mapping: [mapping[key] for key in sorted(mapping)],
    "zipmap": lambda keys, values: dict(zip(keys, values, strict=True)),
}
# These have an answer though a part of what they are given is unknown.
TOLERANT = frozenset(
    {"coalesce", "concat", "distinct", "flatten", "format", "jsonencode", "merge", "nonsensitive"}
    | {"sensitive", "tolist", "toset", "tostring"}
)
