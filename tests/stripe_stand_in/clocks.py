"""Time: what falls due when a clock is advanced, in order."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.stripe_stand_in import pending, schedules, subscriptions
from tests.stripe_stand_in.checkout import expire
from tests.stripe_stand_in.collection import DAY, collect
from tests.stripe_stand_in.errors import invalid
from tests.stripe_stand_in.events import tell
from tests.stripe_stand_in.items import period_of
from tests.stripe_stand_in.lists import page
from tests.stripe_stand_in.routes import Call, route
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.state import World
from tests.stripe_stand_in.statuses import end

_RENEWING = {"active", "past_due", "unpaid"}


class Due(NamedTuple):
    """Something that is to happen; of two at once the one with the lower rank comes first."""

    moment: int
    rank: int
    act: Callable[[World, Json], None]
    subject: Json


def _due(world: World, clock: str | None) -> Iterator[Due]:
    for subject in list(world.objects.values()):
        if world.clock_of(subject.get("customer")) == clock:
            find = _FINDERS.get(subject["object"])
            yield from find(world, subject) if find else ()


def _due_of_schedule(world: World, schedule: Json) -> Iterator[Due]:
    if schedule["status"] == "active":
        yield Due(schedule["current_phase"]["end_date"], 0, schedules.leave_phase, schedule)


def _due_of_subscription(world: World, subscription: Json) -> Iterator[Due]:
    status = subscription["status"]
    if status == "incomplete":
        moment = subscription["created"] + subscriptions.SECONDS_TO_PAY_FIRST
        yield Due(moment, 1, subscriptions.give_up_first_payment, subscription)
    if status not in _RENEWING:
        return
    boundary = period_of(subscription)[1]
    if subscription["cancel_at"] and not subscription["cancel_at_period_end"]:
        yield Due(subscription["cancel_at"], 1, end, subscription)
    if subscription["pending_update"]:
        yield Due(subscription["pending_update"]["expires_at"], 1, pending.expire, subscription)
    yield Due(boundary, 2, subscriptions.reach_period_end, subscription)
    announced = world.note(subscription["id"]).get("is_announced")
    if not announced and not subscription["cancel_at"]:
        moment = boundary - world.settings.upcoming_days * DAY
        yield Due(moment, 3, subscriptions.announce_renewal, subscription)


def _due_of_invoice(world: World, invoice: Json) -> Iterator[Due]:
    if invoice["status"] == "draft" and invoice["automatically_finalizes_at"]:
        moment = invoice["automatically_finalizes_at"]
        yield Due(moment, 4, subscriptions.finalize_and_collect, invoice)
    if invoice["status"] == "open" and invoice["next_payment_attempt"]:
        yield Due(invoice["next_payment_attempt"], 5, _collect, invoice)


def _collect(world: World, invoice: Json) -> None:
    collect(world, invoice)


def _due_of_session(world: World, session: Json) -> Iterator[Due]:
    if session["status"] == "open":
        yield Due(session["expires_at"], 6, expire, session)


_FINDERS: dict[str, Callable[[World, Json], Iterator[Due]]] = {
    "checkout.session": _due_of_session,
    "invoice": _due_of_invoice,
    "subscription": _due_of_subscription,
    "subscription_schedule": _due_of_schedule,
}


def _run(world: World, clock: str | None, target: int, hold: Callable[[int], None]) -> None:
    """Do what is due until `target`, each thing at its own time."""
    while True:
        waiting = [due for due in _due(world, clock) if due.moment <= target]
        if not waiting:
            break
        due = min(waiting, key=lambda one: one[:2])
        hold(due.moment)
        due.act(world, due.subject)
    hold(target)


def catch_up(world: World) -> None:
    """Do what is due on the server's clock by now."""
    advance_server(world, world.server_now())


def advance_server(world: World, target: int) -> None:
    """Move the server's clock, and every customer's who has no test clock."""
    now = world.server_now()
    if target < now:
        raise invalid("Time goes forward only.", param="frozen_time")

    def hold(moment: int) -> None:
        world.held_at = max(now, moment)

    try:
        _run(world, None, target, hold)
        world.ahead += target - now
    finally:
        world.held_at = None


def advance_clock(world: World, clock: Json, target: int) -> None:
    start = clock["frozen_time"]

    def hold(moment: int) -> None:
        clock["frozen_time"] = max(start, moment)

    _run(world, clock["id"], target, hold)


@route("POST", "/v1/test_helpers/test_clocks", "test_helpers.TestClockCreateParams")
def create(world: World, call: Call) -> Json:
    now = world.server_now()
    clock = world.new(
        "test_helpers.test_clock",
        created=now,
        deletes_after=now + 30 * DAY,
        frozen_time=call["frozen_time"],
        name=call.get("name"),
        status="ready",
        status_details={},
    )
    tell(world, "test_helpers.test_clock.created", clock)
    return clock


@route("GET", "/v1/test_helpers/test_clocks/{id}", "test_helpers.TestClockRetrieveParams")
def retrieve(world: World, call: Call) -> Json:
    return world.get("test_helpers.test_clock", call["id"])


@route("GET", "/v1/test_helpers/test_clocks", "test_helpers.TestClockListParams")
def list_clocks(world: World, call: Call) -> Json:
    return page(call, world.every("test_helpers.test_clock"))


@route("POST", "/v1/test_helpers/test_clocks/{id}/advance", "test_helpers.TestClockAdvanceParams")
def advance(world: World, call: Call) -> Json:
    clock = world.get("test_helpers.test_clock", call["id"])
    if call["frozen_time"] <= clock["frozen_time"]:
        raise invalid(
            "The time must be later than the clock's current frozen time.", param="frozen_time"
        )
    advance_clock(world, clock, call["frozen_time"])
    tell(world, "test_helpers.test_clock.ready", clock)
    return clock
