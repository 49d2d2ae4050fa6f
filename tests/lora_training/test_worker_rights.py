"""A worker, which opens hostile files, may do no more to trainings and the catalog than it must."""

import pytest
from django.db import connection

from apps.accounts.models import User
from apps.canvas.models import CanvasFile
from apps.catalog.models import GenerationModel, ModelKind, new_own_key
from apps.core.models import Act, AuditRecord
from apps.core.tenancy import tenant_scope
from tests.test_row_level_security import privileges_of, rows

pytestmark = pytest.mark.django_db


def test_a_worker_may_tell_how_far_a_training_is_and_enter_what_came_of_it() -> None:
    held = privileges_of("easel_worker")

    assert held["catalog_generationmodel"] == {"SELECT", "INSERT"}
    assert held["training_trainingrun"] == {"SELECT", "UPDATE"}
    assert held["training_trainingsample"] == {"SELECT", "INSERT", "DELETE"}
    assert not held.keys() & {"training_trainingset", "training_trainingpicture"}


def test_a_worker_has_on_record_a_trained_lora_of_the_user_it_works_for_and_nothing_else(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    keys = {source: new_own_key() for source in ("training", "upload")}
    with tenant_scope(user.id):
        for source, key in keys.items():
            GenerationModel.objects.create(
                key=key, user=user, kind=ModelKind.LORA, base=starter.base, source=source
            )

    for asker in (stranger, user):
        with tenant_scope(asker.id), connection.cursor() as cursor:
            for key in keys.values():
                cursor.execute("SELECT easel_record_lora(%s)", [key])

    (act,) = AuditRecord.objects.filter(act=Act.MODEL_INSTALLED)
    assert (act.user_id, act.actor_id, act.target) == (user.id, user.id, keys["training"])


def test_a_worker_sees_of_the_files_of_canvases_how_large_they_are_and_nothing_else() -> None:
    columns = {field.column for field in CanvasFile._meta.fields}
    seen = rows(
        "SELECT name FROM unnest(%s::text[]) name"
        " WHERE has_column_privilege('easel_worker', 'canvas_canvasfile', name, 'SELECT')",
        list(columns),
    )

    assert {name for (name,) in seen} == {"user_id", "file_size_bytes"}
