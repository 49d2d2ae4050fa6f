"""New tasks in the place of all, for secrets and settings that have changed."""

import pytest

from config.release.plan import Colour, ReleaseError
from tests.release.fleet_model import NEW, OLD, FleetModel, rollout
from tests.release.test_rollout import before_the_first_release, shifts, versions

BLUE, GREEN = Colour.BLUE, Colour.GREEN


def restarted(model: FleetModel) -> list[str]:
    return [act for act in model.acts if act.startswith("restart")]


def test_a_restart_puts_new_tasks_in_the_place_of_all() -> None:
    model = FleetModel()
    rollout(model).deploy(NEW)
    model.acts.clear()
    begun = model.time

    rollout(model).restart()

    assert restarted(model) == [
        "restart easel-model-scheduler easel-model-scheduler:2",
        "restart easel-model-admin easel-model-admin:2",
        "restart easel-model-web-green easel-model-web:2",
        "restart_workers",
    ]
    # Each is waited for.
    assert model.time - begun >= 3 * model.start_seconds + 60
    assert (shifts(model), model.live()) == ([], GREEN)
    assert model.services["easel-model-web-blue"].wanted == 0


def test_a_restart_takes_up_what_terraform_changed() -> None:
    model = FleetModel()
    rollout(model).deploy(NEW)
    for role in ("web", "admin"):
        model.add_definition(f"easel-model-{role}", None)

    rollout(model).restart()

    ran = [name.rpartition(" ")[2] for name in restarted(model)]
    assert ran[:3] == ["easel-model-scheduler:2", "easel-model-admin:4", "easel-model-web:4"]
    assert versions(model) == {NEW}
    # The way back is as it was, and the same release again goes on to nothing older.
    rollout(model).deploy(NEW)
    assert model.services["easel-model-web-green"].definition == "easel-model-web:4"
    rollout(model).rollback()
    assert (model.live(), versions(model)) == (BLUE, {OLD})


def test_after_a_rollback_a_restart_does_not_make_the_bad_version_the_one_before() -> None:
    model = FleetModel()
    rollout(model).deploy(NEW)
    rollout(model).rollback()
    model.add_definition("easel-model-web", None)

    rollout(model).restart()

    assert model.services["easel-model-web-blue"].definition == "easel-model-web:1"
    with pytest.raises(ReleaseError, match="blue runs the older version already"):
        rollout(model).rollback()


def test_what_does_not_start_ends_a_restart() -> None:
    model = FleetModel(cannot_restart={"easel-model-admin"})

    with pytest.raises(ReleaseError, match="easel-model-admin did not start"):
        rollout(model).restart()

    assert [act.split()[1] for act in restarted(model)] == [
        "easel-model-scheduler",
        "easel-model-admin",
    ]


def test_a_restart_goes_on_while_nothing_is_healthy() -> None:
    """A password that was changed may be what ails them."""
    model = FleetModel(broken={OLD})

    rollout(model).restart()

    assert "restart easel-model-web-blue easel-model-web:1" in model.acts


def test_before_anything_is_released_a_restart_runs_what_there_is() -> None:
    model = before_the_first_release()

    rollout(model).restart()

    assert "restart easel-model-admin easel-model-admin:1" in model.acts
