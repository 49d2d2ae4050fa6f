"""Parameters: from a form with brackets to values of the types that Stripe documents."""

import re
import typing
from typing import Any
from urllib.parse import parse_qsl

import typing_extensions
from stripe import RequestOptions

from tests.stripe_stand_in.errors import ApiError, invalid
from tests.stripe_stand_in.typed import fields_of, literals_of, options_of, parameters_class

_BRACKETS = re.compile(r"\[([^\]]*)\]")
_NOT_SENT = RequestOptions.__annotations__.keys()
_WRONG = object()


def parse(encoded: str) -> dict[str, Any]:
    """Parse a form; `a[b]=1&c[]=2` becomes `{"a": {"b": "1"}, "c": {"0": "2"}}`."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        first = name.partition("[")[0]
        keys = [first, *_BRACKETS.findall(name)]
        branch = tree
        for key in keys[:-1]:
            branch = branch.setdefault(key or str(len(branch)), {})
            if not isinstance(branch, dict):
                raise invalid("Invalid object", param=first)
        branch[keys[-1] or str(len(branch))] = value
    return tree


def read(tree: dict[str, Any], parameters: str | None) -> dict[str, Any]:
    """Check a parsed form against a class of `stripe.params`, and convert its values."""
    if parameters is None:
        return tree
    cls = parameters_class(parameters)
    return _read_object(tree, cls, "")


def _read_object(tree: dict[str, Any], cls: type, path: str) -> dict[str, Any]:
    fields = {name: hint for name, hint in fields_of(cls).items() if name not in _NOT_SENT}
    for name in tree:
        if name not in fields:
            where = f"{path}[{name}]" if path else name
            raise invalid(
                f"Received unknown parameter: {where}", param=where, code="parameter_unknown"
            )
    required: frozenset[str] = getattr(cls, "__required_keys__", frozenset())
    for name in sorted(required & fields.keys()):
        if name not in tree:
            where = f"{path}[{name}]" if path else name
            raise invalid(
                f"Missing required param: {where}.", param=where, code="parameter_missing"
            )
    return {
        name: _convert(value, fields[name], f"{path}[{name}]" if path else name)
        for name, value in tree.items()
    }


def _convert(value: Any, hint: Any, path: str) -> Any:
    options = options_of(hint)
    if isinstance(value, dict):
        return _convert_tree(value, options, path)
    literals = literals_of(options)
    if value == "" or value in literals:
        return value
    for option in options:
        converted = _convert_word(value, option)
        if converted is not _WRONG:
            return converted
    if literals - {""}:
        raise _unknown_choice(path, value, literals - {""})
    if str in options or object in options or Any in options:
        return value
    raise _wrong_type(path, value, options)


def _convert_word(value: str, option: Any) -> Any:
    if option is bool and value in ("true", "false"):
        return value == "true"
    if option is int and re.fullmatch(r"-?\d+", value):
        return int(value)
    if option is float and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return float(value)
    if getattr(option, "__name__", "") == "Decimal" and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return value
    return _WRONG


def _convert_tree(value: dict[str, Any], options: list[Any], path: str) -> Any:
    indexed = all(key.isdigit() for key in value)
    for option in options:
        origin, arguments = typing.get_origin(option), typing.get_args(option)
        if origin is list and indexed:
            items = [value[key] for key in sorted(value, key=int)]
            return [
                _convert(item, arguments[0], f"{path}[{place}]") for place, item in enumerate(items)
            ]
        if origin is dict:
            return {
                key: _convert(item, arguments[1], f"{path}[{key}]") for key, item in value.items()
            }
        if typing_extensions.is_typeddict(option):
            return _read_object(value, option, path)
        if isinstance(option, type) and option.__name__ == "UntypedStripeObject":
            return value
    for option in options:
        if getattr(typing.get_origin(option), "__name__", "") == "UntypedStripeObject":
            return value
    raise invalid("Invalid object", param=path)


def _unknown_choice(path: str, value: str, choices: set[Any]) -> ApiError:
    names = sorted(str(choice) for choice in choices)
    return invalid(f"Invalid {path}: must be one of {', '.join(names)}", param=path)


def _wrong_type(path: str, value: str, options: list[Any]) -> ApiError:
    if int in options:
        return invalid(f"Invalid integer: {value}", param=path, code="parameter_invalid_integer")
    if bool in options:
        return invalid(f"Invalid boolean: {value}", param=path)
    return invalid(f"Invalid {path}: {value}", param=path)
