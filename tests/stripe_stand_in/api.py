"""The API as a function: a request in, a status and an object out."""

import base64
import binascii
import json
from dataclasses import dataclass, field
from typing import Any

from tests.stripe_stand_in import (  # noqa: F401  each registers its addresses
    account,
    checkout,
    customers,
    disputes,
    events,
    invoice_calls,
    payment_methods,
    payments,
    portal,
    prices,
    refunds,
    schedules,
    subscription_calls,
    webhooks,
)
from tests.stripe_stand_in.clocks import catch_up
from tests.stripe_stand_in.errors import ApiError, unauthorized
from tests.stripe_stand_in.forms import parse, read
from tests.stripe_stand_in.lists import expanded
from tests.stripe_stand_in.routes import Call, find
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.state import Origin, World, new_id

# What a first answer under an idempotency key was is kept, unless the request did not begin.
_NOT_KEPT = {400, 401, 404, 409, 429}


@dataclass
class Seen:
    """A request that came, and its answer."""

    method: str
    path: str
    parameters: dict[str, Any]
    idempotency_key: str | None
    status: int = 0
    answer: Json = field(default_factory=dict)
    is_replay: bool = False


@dataclass
class Fault:
    """A request that is to go wrong; `is_done` does what it asks and loses the answer."""

    method: str
    path: str
    status: int
    is_done: bool


@dataclass
class Api:
    world: World
    secret_key: str
    requests: list[Seen] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    _answers: dict[str, tuple[str, int, Json]] = field(default_factory=dict)

    def answer(self, method: str, target: str, headers: dict[str, str], body: str) -> Seen:
        """Answer a request; the target is its path with its query."""
        path, _, query = target.partition("?")
        seen = Seen(method, path, {}, headers.get("idempotency-key"))
        with self.world.lock:
            self.requests.append(seen)
            try:
                self._authorize(headers)
                encoded = "&".join(part for part in (query, body) if part)
                seen.parameters = parse(encoded)
                seen.status, seen.answer = self._once(seen, encoded)
            except ApiError as error:
                seen.status, seen.answer = error.status, {"error": error.error}
        return seen

    def _authorize(self, headers: dict[str, str]) -> None:
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).decode().partition(":")[0]
            except (binascii.Error, UnicodeDecodeError):
                given = ""
        if not given:
            raise unauthorized(
                "You did not provide an API key. You need to provide your API key in the "
                "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
                "YOUR_SECRET_KEY')."
            )
        if given != self.secret_key:
            raise unauthorized(f"Invalid API Key provided: {given[:8]}****{given[-4:]}")

    def _once(self, seen: Seen, encoded: str) -> tuple[int, Json]:
        """Answer a request under an idempotency key a second time as the first time."""
        key = seen.idempotency_key if seen.method != "GET" else None
        print_of_request = f"{seen.method} {seen.path} {encoded}"
        if key in self._answers:
            known, status, answer = self._answers[key or ""]
            if known != print_of_request:
                raise ApiError(
                    400,
                    "idempotency_error",
                    f"Keys for idempotent requests can only be used with the same parameters "
                    f"they were first used with. Try using a key other than '{key}' if you meant "
                    "to execute a different request.",
                )
            seen.is_replay = True
            return status, answer
        fault = self._take_fault(seen)
        if fault and not fault.is_done:
            return _broken(fault)
        status, answer = self._perform(seen)
        if key and status not in _NOT_KEPT:
            self._answers[key] = (print_of_request, status, json.loads(json.dumps(answer)))
        return _broken(fault) if fault else (status, answer)

    def _perform(self, seen: Seen) -> tuple[int, Json]:
        self.world.origin = Origin(new_id("req"), seen.idempotency_key)
        try:
            route, named = find(seen.method, seen.path)
            parameters = read(seen.parameters, route.parameters) | named
            self.world.origin, origin = Origin(), self.world.origin
            catch_up(self.world)
            self.world.origin = origin
            expand = parameters.pop("expand", [])
            made = route.answer(self.world, Call(seen.method, seen.path, parameters))
            return 200, expanded(self.world, made, expand)
        except ApiError as error:
            return error.status, {"error": error.error}
        finally:
            self.world.origin = Origin()

    def _take_fault(self, seen: Seen) -> Fault | None:
        for fault in self.faults:
            if fault.method == seen.method and seen.path.startswith(fault.path):
                self.faults.remove(fault)
                return fault
        return None


def _broken(fault: Fault) -> tuple[int, Json]:
    kind = "invalid_request_error" if fault.status == 429 else "api_error"
    return fault.status, {
        "error": {
            "type": kind,
            "message": "The stand-in was told to fail.",
        }
    }
