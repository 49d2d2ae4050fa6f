"""The control of tests over HTTP, for processes that do not hold the object.

`POST /_control/<method>` with a JSON object calls the method of `StripeStandIn` with it.
`GET /_control/state` says what there is.
"""

import dataclasses
import json
import random
from typing import TYPE_CHECKING, Any

from tests.stripe_stand_in.errors import ApiError

if TYPE_CHECKING:
    from tests.stripe_stand_in.stand_in import StripeStandIn

METHODS = {
    "advance",
    "advance_to",
    "advance_to_renewal",
    "break_next",
    "close_dispute",
    "deliver_all",
    "fail_next_payment",
    "hold",
    "lose",
    "open_dispute",
    "pay_checkout",
    "redeliver",
    "release",
    "tell",
    "use_portal",
    "wait_until_delivered",
}


def answer(
    stand_in: "StripeStandIn", method: str, path: str, is_json: bool, body: str
) -> tuple[int, Any]:
    name = path.removeprefix("/_control/").strip("/")
    if method == "GET":
        return (200, _state(stand_in)) if name == "state" else (404, {"error": "not found"})
    # A page of another site can post a form to loopback, but not JSON.
    if not is_json:
        return 415, {"error": "Send application/json."}
    arguments = json.loads(body or "{}")
    if name == "settings":
        for key, value in arguments.items():
            setattr(stand_in.settings, key, tuple(value) if isinstance(value, list) else value)
        return 200, dataclasses.asdict(stand_in.settings)
    if name not in METHODS:
        return 404, {"error": "not found"}
    if name == "deliver_all" and "shuffle" in arguments:
        arguments["shuffle"] = random.Random(arguments["shuffle"])
    try:
        return 200, {"result": _plain(getattr(stand_in, name)(**arguments))}
    except (ApiError, KeyError, TypeError, TimeoutError) as error:
        return 400, {"error": str(error)}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value  # type: ignore[arg-type]


def _state(stand_in: "StripeStandIn") -> Any:
    return {
        "deliveries": [
            {"event": made.event["id"], "type": made.event["type"], "status": made.status}
            for made in stand_in.deliveries
        ],
        "events": [{"id": event["id"], "type": event["type"]} for event in stand_in.events],
        "now": stand_in.now,
        "requests": [
            {
                "idempotency_key": seen.idempotency_key,
                "method": seen.method,
                "parameters": seen.parameters,
                "path": seen.path,
                "status": seen.status,
            }
            for seen in stand_in.requests
        ],
        "settings": dataclasses.asdict(stand_in.settings),
        "undelivered": [event["id"] for event in stand_in.undelivered],
    }
