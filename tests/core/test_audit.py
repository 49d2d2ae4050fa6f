"""What is on record, for whom, and that nothing takes it away."""

import pytest
from django.db import ProgrammingError, transaction
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.core.audit import record_act
from apps.core.models import Act, AuditRecord
from apps.core.tenancy import tenant_scope
from tests.factories import PASSWORD, make_image

URL = "/api/v1/account/activity"


def acts(user: User) -> list[str]:
    found = AuditRecord.objects.filter(user_id=user.id).order_by("created_at")
    return list(found.values_list("act", flat=True))


def test_signing_in_failing_and_out_are_on_record(user: User) -> None:
    client = Client(REMOTE_ADDR="203.0.113.9")
    form = {"username": user.email, "password": "wrong"}

    client.post("/accounts/sign-in/", form)
    client.post("/accounts/sign-in/", form | {"password": PASSWORD})
    client.post("/accounts/sign-out/")

    assert acts(user) == [Act.SIGN_IN_FAILED, Act.SIGNED_IN, Act.SIGNED_OUT]
    failed = AuditRecord.objects.get(act=Act.SIGN_IN_FAILED)
    assert (failed.actor_id, failed.address) == (None, "203.0.113.9")
    assert failed.request_id


def test_an_attempt_on_an_unknown_address_leaves_no_record(db: None) -> None:
    Client().post("/accounts/sign-in/", {"username": "nobody@example.com", "password": "x"})

    assert AuditRecord.objects.count() == 0


def test_a_deletion_is_on_record(api: APIClient, user: User) -> None:
    image = make_image(user)

    api.delete(f"/api/v1/images/{image.image_name}")
    assert not AuditRecord.objects.filter(act=Act.IMAGE_DELETED).exists()
    act = {"act": "purge", "images": [str(image.image_name)]}
    api.post("/api/v1/images/acts", act, format="json")

    record = AuditRecord.objects.get(act=Act.IMAGE_DELETED)
    assert (record.user_id, record.actor_id) == (user.id, user.id)
    assert record.target == str(image.image_name)


def test_an_emptied_trash_is_on_record(api: APIClient, user: User) -> None:
    for _picture in range(2):
        api.delete(f"/api/v1/images/{make_image(user).image_name}")

    api.delete("/api/v1/images/trash")

    assert AuditRecord.objects.get(act=Act.IMAGE_DELETED).target == "the whole trash: 2"


def test_a_refused_deletion_is_not(stranger_api: APIClient, user: User) -> None:
    image = make_image(user)

    assert stranger_api.delete(f"/api/v1/images/{image.image_name}").status_code == 404
    assert not AuditRecord.objects.filter(act=Act.IMAGE_DELETED).exists()


def test_users_see_their_own_record_alone(
    api: APIClient, browser_client: Client, user: User, stranger: User
) -> None:
    for person in (user, stranger):
        record_act(act=Act.SIGN_IN_FAILED, user_id=person.id, actor_id=None, target=person.email)

    results = api.get(URL).json()["results"]
    page = browser_client.get("/account/activity/").content.decode()

    failed = [entry for entry in results if entry["act"] == "sign_in_failed"]
    assert [(entry["target"], entry["by_you"]) for entry in failed] == [(user.email, False)]
    assert "sign-in failed" in page
    assert Client().get("/account/activity/").status_code == 302


def test_of_an_act_by_staff_its_subject_learns_no_address_and_no_reason(
    api: APIClient, browser_client: Client, user: User, stranger: User
) -> None:
    for actor in (stranger, user):
        AuditRecord.objects.create(
            user_id=user.id,
            actor_id=actor.id,
            act=Act.ADMIN_CHANGE,
            target=f"blocked by {actor.email}",
            address="203.0.113.9" if actor == stranger else "198.51.100.7",
        )

    shown = [
        (entry["by_you"], entry["target"], entry["address"])
        for entry in api.get(URL).json()["results"]
        if entry["act"] == Act.ADMIN_CHANGE
    ]
    pages = [browser_client.get(page).content for page in ("/account/activity/", "/settings/")]

    assert shown == [
        (True, f"blocked by {user.email}", "198.51.100.7"),
        (False, "", None),
    ]
    assert b"198.51.100.7" in pages[0]
    for page in pages:
        assert b"203.0.113.9" not in page
        assert b"blocked by" not in page


def test_what_staff_do_in_the_admin_is_on_record(user: User) -> None:
    staff = User.objects.create_superuser("staff@example.com", PASSWORD)
    client = Client()
    client.force_login(staff)
    url = f"/admin/accounts/user/{user.id}/change/"

    form = {"email": user.email, "language": "en", "is_active": "on", "is_staff": "on"}
    response = client.post(url, form)

    assert response.status_code == 302
    user.refresh_from_db()
    assert user.is_staff
    records = {record.act: record for record in AuditRecord.objects.filter(actor_id=staff.id)}
    assert records[Act.ROLE_CHANGED].user_id == user.id
    assert records[Act.ROLE_CHANGED].target == "is_staff"
    assert records[Act.ADMIN_CHANGE].user_id == user.id
    assert records[Act.SERVICE_SCOPE].target == f"POST {url}"


def test_staff_read_the_record_and_cannot_change_it(user: User) -> None:
    staff = User.objects.create_superuser("staff@example.com", PASSWORD)
    record_act(act=Act.SIGNED_IN, user_id=user.id, actor_id=user.id)
    record = AuditRecord.objects.get(user_id=user.id)
    client = Client()
    client.force_login(staff)

    listed = client.get("/admin/core/auditrecord/")
    deleted = client.post(f"/admin/core/auditrecord/{record.id}/delete/", {"post": "yes"})

    assert user.email in listed.content.decode()
    assert deleted.status_code == 403
    assert AuditRecord.objects.filter(id=record.id).exists()


@pytest.mark.parametrize("change", ["update", "delete"])
def test_postgresql_refuses_to_change_a_record(change: str, user: User) -> None:
    record_act(act=Act.SIGNED_IN, user_id=user.id, actor_id=user.id)
    records = AuditRecord.objects.filter(user_id=user.id)

    def attempt() -> None:
        with transaction.atomic():
            records.update(target="x") if change == "update" else records.delete()

    with pytest.raises(ProgrammingError, match="stay as they are"):
        attempt()
    assert records.get().target == ""


@pytest.mark.django_db(transaction=True)
def test_nobody_else_is_put_on_record_by_a_tenant(user: User, stranger: User) -> None:
    with (
        pytest.raises(ProgrammingError, match="row-level security"),
        tenant_scope(user.id),
    ):
        record_act(act=Act.SIGNED_IN, user_id=stranger.id, actor_id=user.id)

    assert AuditRecord.objects.count() == 0
