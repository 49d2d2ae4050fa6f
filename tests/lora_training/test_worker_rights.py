"""A worker, which opens hostile files, may do no more to trainings and the catalog than it must."""

import pytest

from tests.test_row_level_security import privileges_of

pytestmark = pytest.mark.django_db


def test_a_worker_may_tell_how_far_a_training_is_and_enter_what_came_of_it() -> None:
    held = privileges_of("easel_worker")

    assert held["catalog_generationmodel"] == {"SELECT", "INSERT"}
    assert held["training_trainingrun"] == {"SELECT", "UPDATE"}
    assert held["training_trainingsample"] == {"SELECT", "INSERT", "DELETE"}
    assert not held.keys() & {"training_trainingset", "training_trainingpicture"}
