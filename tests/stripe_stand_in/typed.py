"""What the annotations of the `stripe` package say, readable at run time.

The package imports the names that its annotations use for type checkers alone. They are found
here by reading the import statements of the module that an annotation stands in.
"""

import ast
import importlib
import inspect
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, ClassVar, Literal, Union

import typing_extensions
from stripe._object_classes import OBJECT_CLASSES

_OPTIONS = "stripe._request_options"


class _Imports(Mapping[str, Any]):
    """The names that a module imports below `if TYPE_CHECKING`, imported on demand."""

    def __init__(self, module: str) -> None:
        self._module = module
        tree = ast.parse(inspect.getsource(sys.modules[module]))
        self._origins = {
            alias.asname or alias.name: (node.module, alias.name)
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }

    def __getitem__(self, name: str) -> Any:
        # The options of a request are a base class of all parameters, from a module of their own.
        if name not in self._origins and self._module != _OPTIONS:
            return _imports(_OPTIONS)[name]
        module, attribute = self._origins[name]
        return getattr(importlib.import_module(module), attribute)

    def __iter__(self) -> Iterator[str]:
        return iter(self._origins)

    def __len__(self) -> int:
        return len(self._origins)


@cache
def _imports(module: str) -> _Imports:
    return _Imports(module)


@cache
def fields_of(cls: type) -> dict[str, Any]:
    """Return the fields of a class of objects or of parameters, with their types."""
    imports: Any = _imports(cls.__module__)
    hints = typing.get_type_hints(cls, localns=imports)
    return {
        name: hint
        for name, hint in hints.items()
        if typing.get_origin(hint) is not ClassVar and not name.startswith("_")
    }


@cache
def class_of(kind: str) -> type:
    """Return the class of the objects whose `object` is `kind`."""
    module, name = OBJECT_CLASSES[kind]
    found: type = getattr(importlib.import_module(module), name)
    return found


@cache
def parameters_class(name: str) -> type:
    """Return the class of parameters called `name`, as in `checkout.SessionCreateParams`."""
    package, _, attribute = name.rpartition(".")
    module = importlib.import_module(f"stripe.params.{package}" if package else "stripe.params")
    found: type = getattr(module, attribute)
    return found


def options_of(hint: Any) -> list[Any]:
    """Return the members of a union, flat; a type that is no union is its only member."""
    if typing.get_origin(hint) in (Union, types.UnionType):
        return [option for member in typing.get_args(hint) for option in options_of(member)]
    return [hint]


def literals_of(options: list[Any]) -> set[Any]:
    return {
        value
        for option in options
        if typing.get_origin(option) in (Literal, typing_extensions.Literal)
        for value in typing.get_args(option)
    }


def is_optional(hint: Any) -> bool:
    return type(None) in options_of(hint)
