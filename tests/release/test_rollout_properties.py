"""Whatever happens at whichever moment of a release or a rollback, all traffic ends well."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.release.plan import Colour, ReleaseError
from config.release.rollout import Rollout
from tests.release.fleet_model import (
    ENVIRONMENT,
    NEW,
    OLD,
    FleetModel,
    Killed,
    Refused,
    rollout,
)

BLUE, GREEN = Colour.BLUE, Colour.GREEN


@settings(max_examples=300, deadline=None)
@given(
    moment=st.integers(0, 400),
    fault=st.sampled_from(["killed", "refused", "interrupted", "alarm", "sick", "sick, killed"]),
    again=st.sampled_from(["deploy", "rollback", "settle"]),
    start_seconds=st.sampled_from([0.0, 30.0, 400.0, 1000.0]),
    breaks_circuit=st.booleans(),
)
def test_whatever_happens_all_traffic_ends_on_a_healthy_colour(
    moment: int, fault: str, again: str, start_seconds: float, breaks_circuit: bool
) -> None:
    model = FleetModel(start_seconds=start_seconds, breaks_circuit=breaks_circuit)
    count = 0

    def before(_act: str) -> None:
        nonlocal count
        count += 1
        if count == moment:
            happen(model, fault)
        if fault == "sick, killed" and count == moment + 7:
            raise Killed

    model.before = before
    # What comes before anything was changed is not taken back, and told as it is.
    with suppress(ReleaseError, Refused, Killed, KeyboardInterrupt):
        rollout(model).deploy(NEW)
    if not model.is_dead:
        check_all_traffic_is_well(model)
    model.revive()
    work = rollout(model)
    runs = {"deploy": lambda: work.deploy(NEW), "rollback": work.rollback, "settle": work.settle}
    with suppress(ReleaseError):
        runs[again]()
    check_all_traffic_is_well(model)


@settings(max_examples=150, deadline=None)
@given(
    moment=st.integers(0, 80),
    fault=st.sampled_from(["killed", "refused", "interrupted", "sick"]),
    start_seconds=st.sampled_from([0.0, 30.0, 1000.0]),
)
def test_whatever_happens_to_a_rollback_all_traffic_ends_on_a_healthy_colour(
    moment: int, fault: str, start_seconds: float
) -> None:
    model = FleetModel()
    rollout(model).deploy(NEW)
    # What runs has run for long, however slowly the other will start.
    model.time += start_seconds
    model.start_seconds = start_seconds
    count = 0

    def before(act: str) -> None:
        nonlocal count
        # Whoever falls over in the moment in which the other is stopped was well when looked at.
        if fault != "sick" or not act.startswith("set_service"):
            count += 1
        if count != moment:
            return
        if fault != "sick":
            happen(model, fault)
        else:
            model.broken.add(OLD)

    model.before = before
    with suppress(ReleaseError, Refused, Killed, KeyboardInterrupt):
        rollout(model).rollback()
    if not model.is_dead:
        check_all_traffic_is_well(model)
    model.revive()
    rollout(model).settle()
    check_all_traffic_is_well(model)


def happen(model: FleetModel, fault: str) -> None:
    if fault == "killed":
        raise Killed
    if fault == "refused":
        raise Refused
    if fault == "interrupted":
        raise KeyboardInterrupt
    if fault == "alarm":
        model.alarm = lambda: True
    # Whoever has all traffic after the release is well; the one that is new may never be.
    if fault.startswith("sick") and model.live() is not GREEN:
        model.broken.add(NEW)


def check_all_traffic_is_well(model: FleetModel) -> None:
    live = model.live()
    assert live is not None, model.shares
    assert not model.is_sick(live)
    assert model.traffic_to_sick == []


def test_control_a_release_without_care_breaks_the_rule() -> None:
    """What the property looks for is found when the traffic is shifted blindly."""

    class Careless(Rollout):
        def _await_healthy(self, colour: Colour, definition: str, wanted: int) -> None:
            del colour, definition, wanted

        def _shift(self, colour: Colour, percent: int) -> None:
            self.fleet.set_weights({colour: percent, colour.other: 100 - percent})

    model = FleetModel()
    with pytest.raises(ReleaseError):
        Careless(model, ENVIRONMENT, model, lambda _line: None).deploy(NEW)

    assert model.traffic_to_sick == [{GREEN: 10, BLUE: 90}]
