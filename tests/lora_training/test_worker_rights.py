"""A worker, which opens hostile files, may do no more to trainings and the catalog than it must."""

import pytest

from apps.canvas.models import CanvasFile
from tests.test_row_level_security import privileges_of, rows

pytestmark = pytest.mark.django_db


def test_a_worker_may_tell_how_far_a_training_is_and_enter_what_came_of_it() -> None:
    held = privileges_of("easel_worker")

    assert held["catalog_generationmodel"] == {"SELECT", "INSERT"}
    assert held["training_trainingrun"] == {"SELECT", "UPDATE"}
    assert held["training_trainingsample"] == {"SELECT", "INSERT", "DELETE"}
    assert not held.keys() & {"training_trainingset", "training_trainingpicture"}


def test_a_worker_sees_of_the_files_of_canvases_how_large_they_are_and_nothing_else() -> None:
    columns = {field.column for field in CanvasFile._meta.fields}
    seen = rows(
        "SELECT name FROM unnest(%s::text[]) name"
        " WHERE has_column_privilege('easel_worker', 'canvas_canvasfile', name, 'SELECT')",
        list(columns),
    )

    assert {name for (name,) in seen} == {"user_id", "file_size_bytes"}
