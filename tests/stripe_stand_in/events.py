"""Events: told in Stripe's order, kept, and waiting to be delivered."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any

import stripe

from tests.stripe_stand_in.lists import page
from tests.stripe_stand_in.routes import Call, route
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.state import World


def tell(world: World, kind: str, subject: Json, *, previous: Json | None = None) -> Json:
    """Keep an event with the subject as it is now."""
    data: Json = {"object": copy.deepcopy(subject)}
    if previous is not None:
        data["previous_attributes"] = previous
    event = world.new(
        "event",
        api_version=stripe.api_version,
        created=world.now(_customer_of(world, subject)),
        data=data,
        pending_webhooks=1,
        request={"id": world.origin.request, "idempotency_key": world.origin.idempotency_key},
        type=kind,
    )
    del event["account"], event["context"]
    world.undelivered.append(event)
    return event


def _customer_of(world: World, subject: Json) -> str | None:
    if subject["object"] == "customer":
        return str(subject["id"])
    owner = subject if subject.get("customer") else world.objects.get(subject.get("charge") or "")
    customer: str | None = (owner or {}).get("customer")
    return customer


@contextmanager
def updating(world: World, subject: Json, *kinds: str) -> Iterator[None]:
    """Tell what a block changed on an object; nothing if it changed nothing."""
    before = copy.deepcopy(subject)
    yield
    previous = _difference(before, subject)
    if previous:
        for kind in kinds:
            tell(world, kind, subject, previous=previous)


def _difference(before: Json, after: Json) -> Json:
    """Return the former values of what changed, whole lists but only parts of objects."""
    previous: Json = {}
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            previous[name] = _difference(old, new)
        else:
            previous[name] = old
    return previous


def matches(kind: str, wanted: list[str]) -> bool:
    return any(fnmatchcase(kind, pattern) for pattern in wanted)


@route("GET", "/v1/events/{id}", "EventRetrieveParams")
def retrieve(world: World, call: Call) -> Json:
    return world.get("event", call["id"])


@route("GET", "/v1/events", "EventListParams")
def list_events(world: World, call: Call) -> Json:
    wanted: list[Any] = call.get("types") or ([call["type"]] if call.get("type") else ["*"])
    found = [event for event in world.every("event") if matches(event["type"], wanted)]
    return page(call, found)
