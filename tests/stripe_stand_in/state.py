"""What the stand-in knows: its objects, its time, its settings."""

import copy
import json
import secrets
import string
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.stripe_stand_in.errors import missing
from tests.stripe_stand_in.shapes import Json, complete

_ALPHABET = string.ascii_letters + string.digits
_PREFIXES = {
    "balance_transaction": "txn",
    "billing_portal.configuration": "bpc",
    "billing_portal.session": "bps",
    "charge": "ch",
    "checkout.session": "cs_test",
    "customer": "cus",
    "dispute": "du",
    "event": "evt",
    "invoice": "in",
    "invoice_payment": "inpay",
    "invoiceitem": "ii",
    "item": "li",
    "line_item": "il",
    "payment_intent": "pi",
    "payment_method": "pm",
    "price": "price",
    "product": "prod",
    "refund": "re",
    "subscription": "sub",
    "subscription_item": "si",
    "subscription_schedule": "sub_sched",
    "test_helpers.test_clock": "clock",
    "webhook_endpoint": "we",
}
_TIMELESS = {"item", "line_item", "invoiceitem"}
_MODELESS = {"balance_transaction", "item", "refund", "subscription_item"}


@dataclass
class Settings:
    """What the account's dashboard would say; a test may change it at any time."""

    draft_seconds: int = 3600
    retry_days: tuple[int, ...] = (3, 5, 7)
    after_retries: Literal["cancel", "unpaid", "past_due"] = "cancel"
    upcoming_days: int = 7
    country: str = "US"


@dataclass(frozen=True)
class Origin:
    """The request that an event is told to come from."""

    request: str | None = None
    idempotency_key: str | None = None


@dataclass
class World:
    """One Stripe account in test mode."""

    url: str = ""
    settings: Settings = field(default_factory=Settings)
    lock: threading.RLock = field(default_factory=threading.RLock)
    objects: dict[str, Json] = field(default_factory=dict)
    notes: dict[str, Json] = field(default_factory=dict)
    failing: Counter[str] = field(default_factory=Counter)
    numbers: Counter[str] = field(default_factory=Counter)
    undelivered: list[Json] = field(default_factory=list)
    origin: Origin = Origin()
    # Seconds that the server-wide clock is ahead of the machine's, or where it is held.
    ahead: int = 0
    held_at: int | None = None

    # Keeping ------------------------------------------------------------------

    def to_json(self) -> str:
        """Return all that a later process needs to go on with this account."""
        with self.lock:
            kept = {
                "objects": self.objects,
                "notes": self.notes,
                "failing": self.failing,
                "numbers": self.numbers,
                "undelivered": [event["id"] for event in self.undelivered],
                "ahead": self.ahead,
                "held_at": self.held_at,
            }
            return json.dumps(kept)

    def go_on_from(self, text: str) -> None:
        """Take up an account where `to_json` left it."""
        kept = json.loads(text)
        with self.lock:
            self.objects = kept["objects"]
            self.notes = kept["notes"]
            self.failing, self.numbers = Counter(kept["failing"]), Counter(kept["numbers"])
            self.undelivered = [self.objects[name] for name in kept["undelivered"]]
            self.ahead, self.held_at = kept["ahead"], kept["held_at"]

    # Time ---------------------------------------------------------------------

    def server_now(self) -> int:
        return int(time.time()) + self.ahead if self.held_at is None else self.held_at

    def now(self, customer: str | None = None) -> int:
        """Return the time of a customer's test clock; without one that of the server."""
        clock = self.clock_of(customer)
        return int(self.objects[clock]["frozen_time"]) if clock else self.server_now()

    def clock_of(self, customer: str | None) -> str | None:
        found = self.objects.get(customer or "", {})
        clock: str | None = found.get("test_clock")
        return clock

    # Objects ------------------------------------------------------------------

    def make(self, kind: str, **given: Any) -> Json:
        """Make an object in full, without keeping it."""
        customer = given.get("customer")
        head: Json = {"id": new_id(_PREFIXES[kind]), "object": kind}
        if kind not in _TIMELESS:
            head["created"] = self.now(customer)
        if kind not in _MODELESS:
            head["livemode"] = False
        return complete(head | given)

    def new(self, kind: str, **given: Any) -> Json:
        made = self.make(kind, **given)
        self.objects[made["id"]] = made
        return made

    def get(self, kind: str, identifier: str, *, param: str = "id") -> Json:
        found = self.objects.get(identifier)
        if found is None or found["object"] != kind:
            noun = kind.rpartition(".")[2] if kind != "checkout.session" else "checkout session"
            raise missing(noun, identifier, param)
        return found

    def every(self, kind: str) -> list[Json]:
        """Return the objects of a kind, the newest first."""
        found = [item for item in self.objects.values() if item["object"] == kind]
        return found[::-1]

    def note(self, identifier: str) -> Json:
        """Return what is known of an object that its answer does not say."""
        return self.notes.setdefault(identifier, {})

    @contextmanager
    def or_as_before(self) -> Iterator[None]:
        """Undo every change and every event of the block if it fails."""
        objects, notes = copy.deepcopy(self.objects), copy.deepcopy(self.notes)
        undelivered = list(self.undelivered)
        try:
            yield
        except Exception:
            self.objects, self.notes, self.undelivered = objects, notes, undelivered
            raise


def new_id(prefix: str) -> str:
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(24))}"
