"""Models that may not be used commercially, where that counts."""

from typing import Any

import pytest

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.catalog.services import check_licence
from apps.catalog.services.licenses import record_license, withdraw_license
from apps.core.errors import Forbidden, Invalid
from apps.core.models import Act, AuditRecord
from tests.catalog.factories import make_model
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(db: None) -> User:
    return make_user("staff@example.com", is_staff=True)


@pytest.fixture
def model(settings: Any) -> GenerationModel:
    settings.EASEL_REQUIRE_COMMERCIAL_LICENSE = True
    return make_model(None, commercial_use=False)


def test_it_is_refused_until_a_licence_is_on_record(model: GenerationModel, staff: User) -> None:
    with pytest.raises(Forbidden) as refused:
        check_licence(model)
    assert refused.value.code == "license_required"
    assert refused.value.status == 403

    recorded = record_license(key=model.key, staff=staff, note="Contract 17, in the safe")
    check_licence(recorded)
    assert recorded.license_recorded_by == staff.id
    act = AuditRecord.objects.get(act=Act.LICENSE_RECORDED)
    assert (act.actor_id, act.target) == (staff.id, model.key)

    with pytest.raises(Forbidden):
        check_licence(withdraw_license(key=model.key, staff=staff))


def test_a_note_that_says_nothing_records_nothing(model: GenerationModel, staff: User) -> None:
    with pytest.raises(Invalid):
        record_license(key=model.key, staff=staff, note="  ok     ")

    model.refresh_from_db()
    assert model.license_recorded_at is None
    assert not AuditRecord.objects.filter(act=Act.LICENSE_RECORDED).exists()


def test_a_commercial_licence_needs_no_record(settings: Any) -> None:
    settings.EASEL_REQUIRE_COMMERCIAL_LICENSE = True

    check_licence(make_model(None, commercial_use=True))


def test_a_machine_of_ones_own_asks_for_none(settings: Any) -> None:
    assert settings.EASEL_REQUIRE_COMMERCIAL_LICENSE is False

    check_licence(make_model(None, commercial_use=False))
