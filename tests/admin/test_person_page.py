"""The page of a user: what each group sees of it, and what staff do to the account."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.credentials import SESSION
from apps.accounts.models import Scope, User
from apps.accounts.services.keys import create_key
from apps.canvas.models import CanvasFile
from apps.canvas.services.documents import create_document
from apps.catalog.models import GenerationModel
from apps.core.models import Act, AuditRecord
from apps.dashboard.reports.person_page import person_page
from apps.plans.entitlements import BYTES_A_GB, entitlements_of
from apps.plans.models import PauseReason, Subscription
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from tests.admin.books import buy_credits, charged_job
from tests.factories import make_image, make_job, make_user
from tests.queries import counted_queries

pytestmark = pytest.mark.django_db

REASON = "the user asked for it by mail"


def form() -> dict[str, str]:
    return {"key": str(uuid.uuid4()), "reason": REASON}


def last_act(user: User) -> tuple[str, uuid.UUID | None, str]:
    row = AuditRecord.objects.filter(user_id=user.id).order_by("created_at", "id").last()
    assert row is not None
    return row.act, row.actor_id, row.target


def test_a_page_shows_plan_credits_work_and_storage(
    root: User, user: User, starter: GenerationModel
) -> None:
    buy_credits(user, 1000, cents=500)
    charged_job(user, quoted=10, charged=7)
    make_job(user, starter)
    make_image(user)

    page = person_page(user_id=user.id, staff=root)

    assert page.books is not None
    assert page.work is not None
    assert page.storage is not None
    assert (page.has.plan.slug, page.books.used.credits) == ("trial", 7)
    held = page.books.balance.held
    assert page.books.balance.available == 1500 - 7 - held
    assert len(page.books.chart.bars) == 30
    assert dict(page.work.counts)["waiting"] == 1
    assert (page.storage.image_count, page.storage_percent) == (1, 0)


def test_what_is_stored_is_all_that_counts_into_the_plan(
    root: User, root_client: Client, user: User
) -> None:
    canvas = create_document(user=user, width=64, height=64)
    CanvasFile.objects.create(
        user=user, document=canvas, width=64, height=64, file_size_bytes=2 * BYTES_A_GB
    )

    page = person_page(user_id=user.id, staff=root)

    assert (page.stored_bytes, page.storage_percent) == (2 * BYTES_A_GB, 10)
    assert "1.9\xa0GB" in root_client.get(f"/admin/people/{user.id}/").content.decode()


@pytest.mark.parametrize(
    ("who", "parts"),
    [
        ("supporter", {"subscriptions", "books", "work", "acts"}),
        ("biller", {"subscriptions", "books", "acts"}),
        ("operator", {"work", "acts"}),
    ],
)
def test_each_group_sees_its_part(
    request: pytest.FixtureRequest, user: User, who: str, parts: set[str]
) -> None:
    page = person_page(user_id=user.id, staff=request.getfixturevalue(who))

    shown = {
        name
        for name in ("subscriptions", "books", "work", "acts")
        if getattr(page, name) is not None
    }
    assert shown == parts


def test_a_page_takes_the_same_queries_with_much_to_show(
    root_client: Client, user: User, starter: GenerationModel
) -> None:
    url = f"/admin/people/{user.id}/"
    make_job(user, starter)
    root_client.get(url)
    with counted_queries() as few:
        assert root_client.get(url).status_code == 200
    for _ in range(49):
        make_job(user, starter)
    buy_credits(user, 1000, cents=500)
    make_image(user)
    with counted_queries() as many:
        root_client.get(url)

    assert len(few) == len(many)
    assert len(many) <= 26


def test_keys_are_shown_by_name_alone(root_client: Client, enterprise_user: User) -> None:
    key, secret = create_key(
        user=enterprise_user, granter=SESSION, name="the render farm", scopes=[Scope.READ]
    )

    page = root_client.get(f"/admin/people/{enterprise_user.id}/").content.decode()

    assert "the render farm" in page
    assert secret not in page
    assert key.digest not in page


def test_staff_sign_a_user_out_everywhere(
    support: Client, supporter: User, user: User, browser_client: Client
) -> None:
    assert browser_client.get("/gallery/").status_code == 200

    assert support.post(f"/admin/people/{user.id}/sign-out/", form()).status_code == 302

    assert browser_client.get("/gallery/").status_code == 302
    assert last_act(user) == ("admin_change", supporter.id, f"signed out everywhere: {REASON}")


def test_staff_block_a_user_and_let_the_user_in_again(
    support: Client, supporter: User, user: User
) -> None:
    support.post(f"/admin/people/{user.id}/block/", form())
    assert not User.objects.get(id=user.id).is_active

    support.post(f"/admin/people/{user.id}/unblock/", form())
    assert User.objects.get(id=user.id).is_active
    assert last_act(user) == ("admin_change", supporter.id, f"let in again: {REASON}")


def test_nobody_blocks_oneself_or_a_superuser(support: Client, supporter: User, root: User) -> None:
    for person in (supporter, root):
        assert support.post(f"/admin/people/{person.id}/block/", form()).status_code == 422
        person.refresh_from_db()
        assert person.is_active is True
    assert not AuditRecord.objects.filter(act=Act.ADMIN_CHANGE).exists()


@pytest.mark.parametrize(("length", "status"), [(100, 302), (101, 422)])
def test_a_reason_is_as_long_as_what_the_record_keeps(
    support: Client, user: User, length: int, status: int
) -> None:
    sent = form() | {"reason": "r" * length}

    assert support.post(f"/admin/people/{user.id}/block/", sent).status_code == status

    kept = AuditRecord.objects.filter(act=Act.ADMIN_CHANGE).values_list("target", flat=True)
    assert list(kept) == (["blocked: " + "r" * 100] if status == 302 else [])


def test_support_signs_no_superuser_out(support: Client, root: User) -> None:
    before = root.session_generation

    assert support.post(f"/admin/people/{root.id}/sign-out/", form()).status_code == 422

    root.refresh_from_db()
    assert root.session_generation == before
    assert not AuditRecord.objects.filter(act=Act.ADMIN_CHANGE).exists()


def test_staff_pause_a_plan_and_lift_the_pause(billing: Client, biller: User, user: User) -> None:
    start_subscription(user=user, plan=PLANS["pro"])

    billing.post(f"/admin/people/{user.id}/pause/", form())
    assert entitlements_of(user_id=user.id).pause == PauseReason.STAFF
    assert last_act(user) == ("admin_change", biller.id, f"plan paused: {REASON}")
    page = billing.get(f"/admin/people/{user.id}/").content.decode()
    assert f"/admin/people/{user.id}/resume/" in page

    billing.post(f"/admin/people/{user.id}/resume/", form())
    has = entitlements_of(user_id=user.id)
    assert (has.pause, has.plan.slug) == (None, "pro")


def test_a_pause_for_a_payment_is_not_lifted_by_staff(billing: Client, user: User) -> None:
    Subscription.objects.filter(user=user).update(pause_reason=PauseReason.DISPUTED)

    for act in ("pause", "resume"):
        assert billing.post(f"/admin/people/{user.id}/{act}/", form()).status_code == 422

    found = set(Subscription.objects.filter(user=user).values_list("pause_reason", flat=True))
    assert found == {PauseReason.DISPUTED}
    assert not AuditRecord.objects.filter(user_id=user.id, act=Act.ADMIN_CHANGE).exists()


def test_an_ended_plan_is_not_paused(billing: Client, user: User) -> None:
    ended = timezone.now() - timedelta(days=1)
    Subscription.objects.filter(user=user).update(
        valid_from=ended - timedelta(days=7), valid_until=ended
    )

    assert billing.post(f"/admin/people/{user.id}/pause/", form()).status_code == 422
    assert not Subscription.objects.filter(pause_reason=PauseReason.STAFF).exists()


def test_the_search_leads_to_what_has_that_name(
    support: Client, billing: Client, user: User, starter: GenerationModel
) -> None:
    job, image = make_job(user, starter), make_image(user)
    job.error_id = "5f0c7a1b2c3d4e5f"
    job.save(update_fields=["error_id"])
    person, its_job = f"/admin/people/{user.id}/", f"/admin/jobs/{job.id}/"

    def led(client: Client, asked: object) -> str:
        return client.get("/admin/find/", {"q": str(asked)})["Location"]

    assert led(support, user.id) == led(support, f" {user.email.upper()} ") == person
    assert led(support, job.id) == led(support, job.error_id) == its_job
    assert led(support, image.image_name) == person
    assert led(support, f"\0{user.email}\0") == person
    assert led(support, "own") == "/admin/accounts/user/?q=own"
    # Billing sees no jobs, so an id of one is no more than a word.
    assert led(billing, job.id) == f"/admin/accounts/user/?q={job.id}"


def test_the_list_of_users_leads_to_their_pages(support: Client) -> None:
    person = make_user("ann@example.com")

    listed = support.get("/admin/accounts/user/", {"q": "ann@"}).content.decode()

    assert f'<a href="/admin/people/{person.id}/">ann@example.com</a>' in listed
