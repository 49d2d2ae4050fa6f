"""Webhooks: events as signed requests, and the endpoints that get them."""

import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import stripe

from tests.stripe_stand_in.events import matches
from tests.stripe_stand_in.lists import page
from tests.stripe_stand_in.metadata import merged
from tests.stripe_stand_in.routes import Call, route
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.state import World, new_id

Deliver = Callable[[bytes, dict[str, str]], object]
_SECONDS_TO_ANSWER = 30


def body_of(event: Json) -> bytes:
    return json.dumps(event, indent=2).encode()


def signed(body: bytes, secret: str, *, at: int | None = None) -> dict[str, str]:
    """Return the headers of a webhook; the time is the machine's, whatever the clocks say."""
    moment = int(time.time()) if at is None else at
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": f"t={moment},v1={digest}",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    }


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """Post a webhook and return the status of the answer, 0 without one."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port or 80, timeout=_SECONDS_TO_ANSWER
    )
    try:
        connection.request("POST", f"{parts.path}?{parts.query}".rstrip("?"), body, headers)
        answer = connection.getresponse()
        answer.read()
    except OSError:
        return 0
    else:
        return answer.status
    finally:
        connection.close()


def new_endpoint(world: World, url: str, events: list[str], *, secret: str | None = None) -> Json:
    secret = secret or new_id("whsec")
    endpoint = world.new(
        "webhook_endpoint",
        api_version=stripe.api_version,
        application=None,
        description=None,
        enabled_events=events,
        metadata={},
        status="enabled",
        url=url,
    )
    world.note(endpoint["id"])["secret"] = secret
    return endpoint


def endpoints_for(world: World, event: Json) -> list[tuple[str, str]]:
    """Return the addresses that want an event, each with its secret."""
    return [
        (endpoint["url"], world.note(endpoint["id"])["secret"])
        for endpoint in world.every("webhook_endpoint")
        if endpoint["status"] == "enabled" and matches(event["type"], endpoint["enabled_events"])
    ]


@route("POST", "/v1/webhook_endpoints", "WebhookEndpointCreateParams")
def create(world: World, call: Call) -> Json:
    endpoint = new_endpoint(world, call["url"], call["enabled_events"])
    endpoint["metadata"] = merged({}, call.get("metadata"))
    # The secret is told once.
    return endpoint | {"secret": world.note(endpoint["id"])["secret"]}


@route("GET", "/v1/webhook_endpoints/{id}", "WebhookEndpointRetrieveParams")
def retrieve(world: World, call: Call) -> Json:
    return world.get("webhook_endpoint", call["id"])


@route("POST", "/v1/webhook_endpoints/{id}", "WebhookEndpointModifyParams")
def update(world: World, call: Call) -> Json:
    endpoint = world.get("webhook_endpoint", call["id"])
    for name in ("url", "enabled_events", "description"):
        if name in call:
            endpoint[name] = call[name]
    if "disabled" in call:
        endpoint["status"] = "disabled" if call["disabled"] else "enabled"
    endpoint["metadata"] = merged(endpoint["metadata"], call.get("metadata"))
    return endpoint


@route("DELETE", "/v1/webhook_endpoints/{id}", "WebhookEndpointDeleteParams")
def delete(world: World, call: Call) -> Json:
    endpoint = world.get("webhook_endpoint", call["id"])
    del world.objects[endpoint["id"]]
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


@route("GET", "/v1/webhook_endpoints", "WebhookEndpointListParams")
def list_endpoints(world: World, call: Call) -> Json:
    return page(call, world.every("webhook_endpoint"))
