"""The stand-in as tests hold it: a server in a thread, and the hands to move its world."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Self

from tests.stripe_stand_in import checkout, clocks, portal
from tests.stripe_stand_in.api import Api, Fault, Seen
from tests.stripe_stand_in.collection import DAY
from tests.stripe_stand_in.disputes import close_dispute, open_dispute
from tests.stripe_stand_in.events import tell
from tests.stripe_stand_in.items import period_of
from tests.stripe_stand_in.payment_methods import GOOD_CARD
from tests.stripe_stand_in.server import Server
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.state import Settings, World
from tests.stripe_stand_in.webhooks import (
    Deliver,
    body_of,
    endpoints_for,
    new_endpoint,
    post,
    signed,
)

SECRET_KEY = "sk_test_StandInOfStripeForTests00"
WEBHOOK_SECRET = "whsec_StandInOfStripeForTests00"
# Seconds between tries of an automatic delivery; Stripe goes on for three days.
_TRIES = (0.0, 0.5, 2.0, 5.0, 15.0, 60.0)


@dataclass(frozen=True)
class Delivery:
    """An event that was handed over, and the status that it was answered with."""

    event: Json
    status: int


class StripeStandIn:
    """A Stripe account on loopback; it runs within `with`.

    Where events go is chosen once: to a `webhook_url`, by a thread, as soon as they happen; to a
    callable, in the thread that calls a method of this object, at the end of that method; or
    nowhere until `deliver_all` is called, with `held`. In the second way, what a request of the
    API or a page caused waits for the next method call.
    """

    def __init__(
        self,
        *,
        deliver: Deliver | None = None,
        webhook_url: str | None = None,
        held: bool = False,
        port: int = 0,
        secret_key: str = SECRET_KEY,
        webhook_secret: str = WEBHOOK_SECRET,
        kept: str | None = None,
    ) -> None:
        self.world = World()
        if kept is not None:
            self.world.go_on_from(kept)
        self.api = Api(self.world, secret_key)
        self.secret_key = secret_key
        self.webhook_secret = webhook_secret
        self.deliver = deliver
        self.held = held or (deliver is None and webhook_url is None)
        self.deliveries: list[Delivery] = []
        self._server = Server(self, port)
        self.url = self.world.url = self._server.url
        self._postman = threading.Thread(target=self._deliver_as_they_come, daemon=True)
        self._stopped = threading.Event()
        self._delivering = threading.RLock()
        known = [endpoint["url"] for endpoint in self.world.every("webhook_endpoint")]
        if webhook_url and webhook_url not in known:
            new_endpoint(self.world, webhook_url, ["*"], secret=webhook_secret)

    def __enter__(self) -> Self:
        self._server.start()
        if self.deliver is None:
            self._postman.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        if self._postman.is_alive():
            self._postman.join()
        self._server.stop()

    # What is known ------------------------------------------------------------

    @property
    def now(self) -> int:
        return self.world.server_now()

    @property
    def settings(self) -> Settings:
        return self.world.settings

    @property
    def requests(self) -> list[Seen]:
        return self.api.requests

    @property
    def events(self) -> list[Json]:
        """Return all events, the oldest first."""
        with self.world.lock:
            return self.world.every("event")[::-1]

    @property
    def undelivered(self) -> list[Json]:
        with self.world.lock:
            return list(self.world.undelivered)

    def get(self, identifier: str) -> Json:
        """Return an object as it is now."""
        return self.world.objects[identifier]

    # People and banks ---------------------------------------------------------

    def pay_checkout(
        self, session: str, *, card: str = GOOD_CARD, email: str | None = None
    ) -> bool:
        """Fill in a session's page, and return whether the card paid."""
        with self.acting() as world:
            return checkout.pay(
                world, world.get("checkout.session", session), card=card, email=email
            )

    def use_portal(self, session: str, action: str, **fields: Any) -> None:
        """Press a button of the portal.

        The actions are `cancel`, `reactivate`, `change_plan` with a `price`, and `change_card`
        with a `card`.
        """
        actions: dict[str, Callable[..., None]] = {
            "cancel": portal.cancel,
            "change_card": portal.change_card,
            "change_plan": portal.change_plan,
            "reactivate": portal.reactivate,
        }
        with self.acting() as world:
            actions[action](world, world.get("billing_portal.session", session), **fields)

    def fail_next_payment(self, customer: str, times: int = 1) -> None:
        """Decline the customer's next charges, whatever the card."""
        with self.acting() as world:
            world.failing[customer] += times

    def open_dispute(self, charge: str, *, reason: str = "fraudulent") -> Json:
        with self.acting() as world:
            return open_dispute(world, world.get("charge", charge), reason=reason)

    def close_dispute(self, dispute: str, status: Literal["won", "lost"]) -> Json:
        with self.acting() as world:
            return close_dispute(world, world.get("dispute", dispute), status)

    # Time ---------------------------------------------------------------------

    def advance(self, *, days: float = 0, seconds: int = 0) -> int:
        """Move the server's clock; return the new time. Test clocks stay where they are."""
        return self.advance_to(self.now + int(days * DAY) + seconds)

    def advance_to(self, moment: int) -> int:
        with self.acting() as world:
            clocks.advance_server(world, moment)
            return world.server_now()

    def advance_to_renewal(self, subscription: str) -> int:
        """Go to where the next period has begun and its invoice was finalized and tried."""
        boundary = period_of(self.get(subscription))[1]
        return self.advance_to(boundary + self.settings.draft_seconds)

    # Faults -------------------------------------------------------------------

    def break_next(
        self, method: str, path: str, *, status: int = 500, is_done: bool = False, times: int = 1
    ) -> None:
        """Fail the next requests to a path that begins so; `is_done` loses the answer alone."""
        self.api.faults += [Fault(method, path, status, is_done)] * times

    # Delivery -----------------------------------------------------------------

    def tell(self, kind: str, identifier: str) -> Json:
        """Tell an event of an object out of turn."""
        with self.acting() as world:
            return tell(world, kind, self.get(identifier))

    def lose(self, event: Json | str) -> None:
        """Never deliver an event; the list of events still has it."""
        identifier = event if isinstance(event, str) else event["id"]
        with self.world.lock:
            self.world.undelivered = [
                one for one in self.world.undelivered if one["id"] != identifier
            ]

    def hold(self) -> None:
        self.held = True

    def release(self) -> None:
        """Deliver on, beginning with what was held."""
        self.held = False
        self._hand_over()

    def deliver_all(self, shuffle: random.Random | None = None, times: int = 1) -> list[Delivery]:
        """Deliver what waits, and what that causes, each event `times` times."""
        delivered: list[Delivery] = []
        with self._delivering:
            while batch := self._take() * times:
                if shuffle:
                    shuffle.shuffle(batch)
                for event in batch:
                    delivered += self.redeliver(event)
        return delivered

    def redeliver(self, event: Json | str, *, signed_at: int | None = None) -> list[Delivery]:
        """Deliver an event of the past once more."""
        if isinstance(event, str):
            event = self.get(event)
        body = body_of(event)
        if self.deliver is not None:
            self.deliver(body, signed(body, self.webhook_secret, at=signed_at))
            made = [Delivery(event, 200)]
        else:
            made = [
                Delivery(event, post(url, body, signed(body, secret, at=signed_at)))
                for url, secret in endpoints_for(self.world, event)
            ]
        self.deliveries += made
        return made

    def wait_until_delivered(self, seconds: float = 10) -> None:
        """Wait until the automatic delivery has nothing left to do."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._delivering.acquire(timeout=left):
                try:
                    if not self.undelivered:
                        return
                finally:
                    self._delivering.release()
            time.sleep(0.01)
        raise TimeoutError(f"{len(self.undelivered)} events were not delivered.")

    def _take(self) -> list[Json]:
        with self.world.lock:
            taken, self.world.undelivered = self.world.undelivered, []
        return taken

    @contextmanager
    def acting(self, *, hands_over: bool = True) -> Iterator[World]:
        """Hold the world for a change, and then hand over what it caused.

        A page does not hand over: a callable is for the thread of a test, not for the server's.
        """
        with self.world.lock:
            clocks.catch_up(self.world)
            yield self.world
        if hands_over:
            self._hand_over()

    def _hand_over(self) -> None:
        if self.deliver is not None and not self.held:
            self.deliver_all()

    def _deliver_as_they_come(self) -> None:
        while not self._stopped.wait(0.01):
            if self.held:
                continue
            with self._delivering:
                for event in self._take():
                    self._try(event)

    def _try(self, event: Json) -> None:
        """Deliver until it is taken, as Stripe does, though not for as long."""
        for pause in _TRIES:
            if self._stopped.wait(pause):
                return
            if all(200 <= made.status < 300 for made in self.redeliver(event)):
                return
