"""Whose models one sees, changes and has pictures made with, as PostgreSQL decides it."""

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.catalog.models import GenerationModel, ModelKind
from apps.catalog.selectors import get_model, list_catalog, list_models, model_bytes
from apps.core.errors import Invalid
from apps.core.tenancy import closed_scope, tenant_scope
from apps.generation.models import Job
from tests.catalog.factories import make_model
from tests.factories import make_job

# What ships beside the starter model.
EDGES = "starter-edges"
pytestmark = pytest.mark.django_db


def keys_seen() -> set[str]:
    return set(GenerationModel.objects.values_list("key", flat=True))


def test_one_sees_what_is_shared_and_what_is_ones_own(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    own = make_model(user)

    with tenant_scope(user.id):
        assert keys_seen() == {starter.key, EDGES, own.key}
    with tenant_scope(stranger.id):
        assert keys_seen() == {starter.key, EDGES}
    with closed_scope():
        assert keys_seen() == {starter.key, EDGES}


@pytest.mark.parametrize("change", ["update", "delete"])
def test_what_is_anothers_or_shared_is_not_changed(
    change: str, user: User, stranger: User, starter: GenerationModel
) -> None:
    own = make_model(user)

    with tenant_scope(stranger.id):
        for key in (own.key, starter.key):
            found = GenerationModel.objects.filter(key=key)
            count = found.update(name="Mine") if change == "update" else found.delete()[0]
            assert count == 0

    own.refresh_from_db()
    starter.refresh_from_db()
    assert (own.name, starter.name) == ("A model", "Easel Starter")


@pytest.mark.parametrize("whose", ["everybody's", "another's"])
def test_no_tenant_enters_a_model_for_others(whose: str, user: User, stranger: User) -> None:
    owner = None if whose == "everybody's" else user
    with pytest.raises(DatabaseError), tenant_scope(stranger.id):
        make_model(owner)

    assert not GenerationModel.objects.exists()


def test_no_tenant_makes_an_own_model_everybodys(user: User) -> None:
    own = make_model(user)

    with pytest.raises(DatabaseError), tenant_scope(user.id):
        GenerationModel.objects.filter(key=own.key).update(user=None)

    own.refresh_from_db()
    assert own.user_id == user.id


@pytest.mark.parametrize(
    "change", [{"license_recorded_at": timezone.now()}, {"commercial_use": True}]
)
def test_no_tenant_records_a_licence(change: dict[str, object], user: User) -> None:
    own = make_model(user, commercial_use=False)

    with pytest.raises(DatabaseError), tenant_scope(user.id):
        GenerationModel.objects.filter(key=own.key).update(**change)
    with tenant_scope(user.id):
        assert GenerationModel.objects.filter(key=own.key).update(name="Other") == 1

    own.refresh_from_db()
    assert (own.name, own.license_recorded_at, own.commercial_use) == ("Other", None, False)


def test_a_job_of_anothers_model_is_refused_by_the_database(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    own = make_model(user, kind=ModelKind.MAIN)
    job = make_job(stranger, starter)

    with pytest.raises(IntegrityError), transaction.atomic():
        Job.objects.filter(id=job.id).update(model=own)
    with pytest.raises(IntegrityError), tenant_scope(stranger.id):
        Job.objects.create(
            user=stranger,
            model_id=own.key,
            tier=job.tier,
            parallel_limit=1,
            parameters=job.parameters,
            position=99,
            expected_seconds=1,
        )

    assert Job.objects.get().model_id == starter.key
    mine = make_job(user, starter)
    assert Job.objects.filter(id=mine.id).update(model=own) == 1


def test_selectors_filter_by_themselves(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    # The service role sees every row, so that the queryset alone decides.
    own = make_model(user, name="Ink drawing", tags=["ink"])
    make_model(stranger)
    off = make_model(user, is_enabled=False)
    gone = make_model(user, deleted_at=timezone.now(), size_bytes=7)
    make_model(None, key="off", is_enabled=False)

    assert [model.key for model in list_models(user=user)] == [starter.key]
    assert [model.key for model in list_models(user=user, kind=ModelKind.LORA)] == [own.key]
    assert {model.key for model in list_catalog(user=user)} == {
        starter.key,
        EDGES,
        own.key,
        off.key,
    }
    assert [model.key for model in list_catalog(user=user, words="INK")] == [own.key]
    for key in (off.key, gone.key):
        with pytest.raises(Invalid):
            get_model(user=user, key=key, kind=ModelKind.LORA)
    with pytest.raises(Invalid):
        get_model(user=stranger, key=own.key, kind=ModelKind.LORA)
    with pytest.raises(Invalid):
        get_model(user=user, key=own.key)
    assert model_bytes(user_id=user.id) == 0


def test_the_default_model_is_a_shared_one(user: User) -> None:
    make_model(user, kind=ModelKind.MAIN)
    shared = make_model(None, kind=ModelKind.MAIN)

    assert get_model(user=user, key=None) == shared
