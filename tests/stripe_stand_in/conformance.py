"""Check objects against the annotations of the `stripe` package."""

import re
import typing
from decimal import Decimal
from typing import Any

from stripe import ListObject, StripeObject
from stripe._stripe_object import UntypedStripeObject

from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.typed import (
    class_of,
    fields_of,
    is_optional,
    literals_of,
    options_of,
)

_DECIMAL = re.compile(r"-?\d+(\.\d+)?")


def complaints(answer: Json) -> list[str]:
    """Return what is wrong with an object, a list, an error or an event; nothing if all is well."""
    kind = answer.get("object")
    if "error" in answer and kind is None:
        return _error(answer["error"])
    if kind == "list":
        return [line for item in answer["data"] for line in complaints(item)]
    if answer.get("deleted"):
        return [] if answer.keys() == {"id", "object", "deleted"} else [f"{kind}: not only deleted"]
    found = _object(answer, class_of(str(kind)), str(kind))
    if kind == "event":
        subject = answer["data"]["object"]
        if answer["type"] == "invoice.upcoming":
            subject = subject | {"id": "upcoming"}
        found += [f"{answer['type']}: {line}" for line in complaints(subject)]
    return found


def _error(error: Json) -> list[str]:
    wrong = [name for name in ("type", "message") if not isinstance(error.get(name), str)]
    return [f"error.{name}: not a string" for name in wrong]


def _object(value: Any, cls: type, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: {value!r} is no {cls.__name__}"]
    fields = fields_of(cls)
    found = [f"{path}.{name}: unknown" for name in value.keys() - fields.keys()]
    for name, hint in fields.items():
        if name in value:
            found += _value(value[name], hint, f"{path}.{name}")
        elif not is_optional(hint):
            found.append(f"{path}.{name}: missing")
    return found


def _value(value: Any, hint: Any, path: str) -> list[str]:
    """Check a value; of the members of a union it may be any, of named words only one of them."""
    options = options_of(hint)
    literals = literals_of(options)
    if isinstance(value, str) and literals:
        return [] if value in literals else [f"{path}: {value!r} is none of {sorted(literals)}"]
    tried = [_option(value, option, path) for option in options]
    return [] if [] in tried else max(tried, key=len)


def _option(value: Any, option: Any, path: str) -> list[str]:
    origin = typing.get_origin(option)
    arguments = typing.get_args(option)
    if option is Any or option is object:
        return []
    if origin is list:
        return _items(value, arguments[0], path)
    if option is UntypedStripeObject or origin is UntypedStripeObject:
        return _mapping(value, arguments[0] if arguments else Any, path)
    if origin is ListObject:
        return _listing(value, arguments[0], path)
    if isinstance(option, type) and issubclass(option, StripeObject):
        return _object(value, option, path)
    return [] if _is_plain(value, option) else [f"{path}: {value!r} is no {option}"]


def _items(value: Any, hint: Any, path: str) -> list[str]:
    if not isinstance(value, list):
        return [f"{path}: {value!r} is no list"]
    return [
        line for place, item in enumerate(value) for line in _value(item, hint, f"{path}[{place}]")
    ]


def _mapping(value: Any, hint: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: {value!r} is no object"]
    return [line for key, item in value.items() for line in _value(item, hint, f"{path}.{key}")]


def _listing(value: Any, hint: Any, path: str) -> list[str]:
    if not isinstance(value, dict) or value.keys() != {"object", "data", "has_more", "url"}:
        return [f"{path}: {value!r} is no list of Stripe"]
    return _items(value["data"], hint, f"{path}.data")


def _is_plain(value: Any, option: Any) -> bool:
    if option is float:
        return type(value) in (int, float)
    if option is Decimal:
        return isinstance(value, str) and _DECIMAL.fullmatch(value) is not None
    return type(value) is option if isinstance(option, type) else value == option
