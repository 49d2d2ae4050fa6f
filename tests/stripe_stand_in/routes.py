"""Which function answers which address."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.stripe_stand_in.errors import ApiError, invalid
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.state import World


@dataclass
class Call:
    """A request with its parameters, those of its address among them."""

    method: str
    path: str
    parameters: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        if name not in self.parameters:
            raise invalid(f"Missing required param: {name}.", param=name, code="parameter_missing")
        return self.parameters[name]

    def __contains__(self, name: str) -> bool:
        return name in self.parameters

    def get(self, name: str, default: Any = None) -> Any:
        return self.parameters.get(name, default)

    def nested(self, *names: str) -> Any:
        """Return a parameter inside others, or None."""
        value: Any = self.parameters
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return value


Answer = Callable[[World, Call], Json]


@dataclass(frozen=True)
class Route:
    method: str
    pattern: re.Pattern[str]
    parameters: str | None
    answer: Answer


ROUTES: list[Route] = []


def route(method: str, path: str, parameters: str | None = None) -> Callable[[Answer], Answer]:
    """Answer an address; `parameters` names the class of `stripe.params` that it takes."""
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + r"/?")

    def register(answer: Answer) -> Answer:
        ROUTES.append(Route(method, pattern, parameters, answer))
        return answer

    return register


def find(method: str, path: str) -> tuple[Route, dict[str, str]]:
    for candidate in ROUTES:
        match = candidate.pattern.fullmatch(path)
        if match and candidate.method == method:
            return candidate, match.groupdict()
    raise ApiError(404, "invalid_request_error", f"Unrecognized request URL ({method}: {path}).")
