"""A release from step to step, and back, on a model of the environment."""

import dataclasses
import os
import signal
from collections.abc import Callable

import pytest

from config.release.plan import Colour, Release, ReleaseError
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
OTHERS = dataclasses.replace(ENVIRONMENT, alarms=("api-error-rate", "api-latency"))


def shifts(model: FleetModel) -> list[str]:
    return [act.partition(" ")[2] for act in model.acts if act.startswith("set_weights")]


def at(model: FleetModel, share: int, fault: Callable[[], None]) -> Callable[[str], None]:
    """Make `fault` happen at the first sleep with so much traffic on green."""
    done: list[str] = []

    def before(act: str) -> None:
        if act == "sleep" and model.shares[GREEN] == share and not done:
            done.append(act)
            fault()

    return before


def versions(model: FleetModel) -> set[Release | None]:
    names = [ENVIRONMENT.service(role) for role in ("scheduler", "admin")]
    return {model.definitions[model.services[name].definition] for name in names}


def test_a_release_comes_to_all_traffic_in_steps() -> None:
    model = FleetModel()

    rollout(model).deploy(NEW)

    assert shifts(model) == ["90/10", "50/50", "0/100"]
    green = model.services["easel-model-web-green"]
    assert (model.definitions[green.definition], green.wanted) == (NEW, 3)
    assert model.services["easel-model-web-blue"].wanted == 0
    assert versions(model) == {NEW}
    assert model.image == NEW.worker_image


def test_each_part_is_new_before_what_relies_on_it() -> None:
    model = FleetModel()

    rollout(model).deploy(NEW)

    order = [
        "run_migration easel-model-migrate:2",
        f"set_workers {NEW.worker_image}",
        "set_service easel-model-scheduler easel-model-scheduler:2 1",
        "set_service easel-model-admin easel-model-admin:2 1",
        "set_service easel-model-web-green easel-model-web:2 3",
        "set_weights 90/10",
        "set_weights 50/50",
        "set_weights 0/100",
        "set_service easel-model-web-blue easel-model-web:1 0",
    ]
    places = [model.acts.index(act) for act in order]
    assert places == sorted(places)
    # Old workers do not know what the new pages may ask for.
    assert max(i for i, act in enumerate(model.acts) if act == "workers_are_new") > places[1]
    assert model.acts.index("workers_are_new") < places[4]


def test_five_minutes_without_an_alarm_come_before_the_full_switch() -> None:
    model = FleetModel()
    times: dict[str, float] = {}

    def note(act: str) -> None:
        times.setdefault(act, model.time)

    model.before = note

    rollout(model).deploy(NEW)

    assert times["set_weights 50/50"] - times["set_weights 90/10"] >= 120
    assert times["set_weights 0/100"] - times["set_weights 50/50"] >= 300
    stopped = "set_service easel-model-web-blue easel-model-web:1 0"
    assert times[stopped] - times["set_weights 0/100"] >= 300


def before_the_first_release() -> FleetModel:
    """Make what Terraform leaves: services whose image is not there yet, and alarms for it."""
    model = FleetModel(broken={None}, alarm=lambda: True)
    model.definitions = dict.fromkeys(model.definitions)
    return model


def test_the_first_release_finds_nobody_to_take_over_from() -> None:
    model = before_the_first_release()

    rollout(model).deploy(NEW)

    assert shifts(model) == ["0/100"]
    assert model.traffic_to_sick == []
    assert versions(model) == {NEW}


def test_a_first_release_that_does_not_start_gets_no_traffic() -> None:
    model = before_the_first_release()
    model.broken.add(NEW)

    with pytest.raises(ReleaseError, match="green has not 3 healthy tasks"):
        rollout(model).deploy(NEW)

    assert shifts(model) == []


def test_a_later_release_does_not_begin_while_nothing_is_healthy() -> None:
    model = FleetModel(broken={OLD})

    with pytest.raises(ReleaseError, match="No colour has a healthy task"):
        rollout(model).deploy(NEW)

    assert not any(act.startswith(("set_", "run_")) for act in model.acts)


def test_the_same_release_again_changes_nothing() -> None:
    model = FleetModel()
    rollout(model).deploy(NEW)
    before = dict(model.services), dict(model.shares)
    model.acts.clear()

    rollout(model).deploy(NEW)

    assert shifts(model) == []
    assert not any(act.startswith("run_migration") for act in model.acts)
    assert (model.services, model.shares) == before


def test_the_next_release_takes_the_other_colour() -> None:
    model = FleetModel()
    rollout(model).deploy(NEW)

    rollout(model).deploy(Release("1.2.0", "web@sha256:3", "worker@sha256:3"))

    assert model.live() is BLUE


@pytest.mark.parametrize("share", [10, 50, 100])
def test_an_alarm_takes_it_back(share: int) -> None:
    model = FleetModel()
    model.before = at(model, share, lambda: setattr(model, "alarm", lambda: True))

    with pytest.raises(ReleaseError, match="api-error-rate rings"):
        rollout(model).deploy(NEW)

    assert shifts(model)[-1] == "100/0"
    assert model.services["easel-model-web-green"].wanted == 0
    assert versions(model) == {OLD}
    assert model.image == OLD.worker_image


def test_an_alarm_that_rings_already_keeps_it_from_beginning() -> None:
    model = FleetModel(alarm=lambda: True)

    with pytest.raises(ReleaseError, match="Nothing was changed"):
        rollout(model).deploy(NEW)

    assert not any(act.startswith(("set_", "run_")) for act in model.acts)


def despite(model: FleetModel, *names: str) -> tuple[Rollout, list[str]]:
    """Return what releases a fix while alarms ring, and what it says."""
    said: list[str] = []
    return Rollout(model, dataclasses.replace(OTHERS, despite=names), model, said.append), said


def test_a_fix_is_released_despite_the_alarm_that_it_is_for() -> None:
    model = FleetModel(alarm=lambda: True)
    work, said = despite(model, "api-error-rate")

    work.deploy(NEW)

    assert shifts(model) == ["90/10", "50/50", "0/100"]
    assert said[0] == "Alarms that do not stop this release: api-error-rate."


@pytest.mark.parametrize("share", [0, 10, 50, 100])
def test_another_alarm_takes_a_fix_back(share: int) -> None:
    rings = ("api-error-rate", "api-latency")
    model = FleetModel(alarm=lambda: True, rings=rings if share == 0 else rings[:1])
    model.before = at(model, share, lambda: setattr(model, "rings", rings))
    work, _said = despite(model, "api-error-rate")

    with pytest.raises(ReleaseError, match="api-latency rings"):
        work.deploy(NEW)

    assert model.live() is BLUE
    assert versions(model) == {OLD}


def test_an_alarm_that_stops_no_release_cannot_be_left_out() -> None:
    model = FleetModel()
    work, _said = despite(model, "api-error-rate", "misspelt")

    with pytest.raises(ReleaseError, match="misspelt"):
        work.deploy(NEW)

    assert model.acts == []


def test_a_failed_migration_ends_it_before_anything_else() -> None:
    model = FleetModel(migration_code=1)

    with pytest.raises(ReleaseError, match="ended with 1"):
        rollout(model).deploy(NEW)

    assert not any(act.startswith("set_") for act in model.acts)


def test_a_version_that_does_not_start_gets_no_traffic() -> None:
    model = FleetModel(broken={NEW})

    with pytest.raises(ReleaseError, match="green has not 3 healthy tasks"):
        rollout(model).deploy(NEW)

    assert set(shifts(model)) == {"100/0"}
    assert versions(model) == {OLD}


@pytest.mark.parametrize("role", ["web", "admin", "scheduler"])
def test_what_ecs_set_back_is_not_taken_for_the_new_version(role: str) -> None:
    model = FleetModel(broken={NEW}, broken_roles=(role,), breaks_circuit=True)

    with pytest.raises(ReleaseError, match=f"ECS went back to easel-model-{role}:1"):
        rollout(model).deploy(NEW)

    assert set(shifts(model)) == {"100/0"}
    assert versions(model) == {OLD}
    assert model.time < 600


def test_a_version_that_falls_over_loses_the_traffic() -> None:
    model = FleetModel()
    model.before = at(model, 50, lambda: model.broken.add(NEW))

    with pytest.raises(ReleaseError, match="lost its healthy tasks"):
        rollout(model).deploy(NEW)

    assert model.live() is BLUE


def test_pages_that_look_wrong_take_it_back() -> None:
    model = FleetModel()

    def look(_release: Release) -> None:
        raise ReleaseError("no form")

    with pytest.raises(ReleaseError, match="no form"):
        rollout(model, look).deploy(NEW)

    assert shifts(model) == ["90/10", "100/0"]


def test_a_signal_takes_it_back_and_a_second_does_not_hinder_that() -> None:
    model = FleetModel()
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    signalled: list[str] = []

    def before(act: str) -> None:
        started = model.shares[GREEN] == 50 and act == "sleep" and not signalled
        if started or (len(signalled) == 1 and act.startswith("set_weights")):
            signalled.append(act)
            os.kill(os.getpid(), signal.SIGTERM)

    model.before = before
    try:
        with pytest.raises(ReleaseError, match="KeyboardInterrupt"):
            rollout(model).deploy(NEW)
    finally:
        signal.signal(signal.SIGTERM, former)

    assert len(signalled) == 2
    assert model.live() is BLUE
    assert model.services["easel-model-web-green"].wanted == 0


def test_aws_that_does_not_answer_at_once_is_asked_again_on_the_way_back() -> None:
    model = FleetModel()
    left = [Refused(), Refused(), Refused()]

    def before(act: str) -> None:
        if model.shares[GREEN] == 50 and act in ("ringing", "set_weights 100/0") and left:
            raise left.pop()

    model.before = before

    with pytest.raises(ReleaseError):
        rollout(model).deploy(NEW)

    assert left == []
    assert model.live() is BLUE


def test_rollback_brings_the_version_before() -> None:
    model = FleetModel()
    rollout(model).deploy(NEW)
    model.acts.clear()

    rollout(model).rollback()

    assert model.live() is BLUE
    assert model.traffic_to_sick == []
    assert model.services["easel-model-web-blue"].wanted == 3
    assert model.services["easel-model-web-green"].wanted == 0
    assert versions(model) == {OLD}
    assert model.image == OLD.worker_image


def test_the_first_release_is_not_given_up_for_what_terraform_left() -> None:
    model = before_the_first_release()
    rollout(model).deploy(NEW)
    model.broken.clear()
    before = dict(model.shares), model.image
    model.acts.clear()

    with pytest.raises(ReleaseError, match="Nothing was released before it"):
        rollout(model).rollback()

    assert (model.shares, model.image) == before
    assert not any(act.startswith("set_") for act in model.acts)


def test_a_colour_that_falls_over_during_a_rollback_gives_the_traffic_back() -> None:
    model = FleetModel()
    rollout(model).deploy(NEW)
    model.before = lambda act: model.broken.add(OLD) if act.startswith("set_workers") else None

    with pytest.raises(ReleaseError, match="blue fell over: the traffic is on green again"):
        rollout(model).rollback()

    assert model.live() is GREEN
    assert not model.is_sick(GREEN)


def test_rollback_does_not_go_on_to_what_was_taken_back() -> None:
    model = FleetModel()
    model.before = at(model, 10, lambda: setattr(model, "alarm", lambda: True))
    with pytest.raises(ReleaseError):
        rollout(model).deploy(NEW)
    model.revive()

    with pytest.raises(ReleaseError, match="blue runs the older version already"):
        rollout(model).rollback()

    assert model.live() is BLUE


@pytest.mark.parametrize("share", [10, 50])
def test_a_release_that_was_killed_is_taken_back_by_the_next_run(share: int) -> None:
    model = FleetModel()

    def die() -> None:
        raise Killed

    model.before = at(model, share, die)
    with pytest.raises(Killed):
        rollout(model).deploy(NEW)
    assert model.shares[GREEN] == share
    model.revive()

    assert rollout(model).settle() is BLUE
    assert model.live() is BLUE


def test_status_says_what_runs_where() -> None:
    model = FleetModel()
    rollout(model).deploy(NEW)

    found = rollout(model).status()

    assert found["web-green"] == {
        "traffic": 100,
        "healthy": 3,
        "version": "1.1.0",
        "definition": "easel-model-web:2",
        "wanted": 3,
        "running": 3,
    }
    assert found["alarms"] == []
