"""Appeals against refused pictures, as staff see and decide them."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode
from apps.core.models import AuditRecord
from apps.generation.models import ContentAppeal, Job, JobState
from apps.generation.services.appeals import appeal_refusal
from tests.factories import make_image, make_job
from tests.generation.test_content import refused_job

pytestmark = pytest.mark.django_db

LIST = reverse("admin:generation_contentappeal_changelist")


@pytest.fixture
def appeal(user: User, starter: GenerationModel) -> ContentAppeal:
    job = refused_job(user, starter)
    return appeal_refusal(user=user, job_id=job.id, reason="It is a red circle.")


def page_of(appeal: ContentAppeal) -> str:
    return reverse("admin:generation_contentappeal_change", args=[appeal.id])


def test_an_open_appeal_is_accepted_with_a_note(
    root_client: Client, root: User, user: User, appeal: ContentAppeal
) -> None:
    listed = root_client.get(LIST)
    assert user.email in listed.content.decode()

    done = root_client.post(page_of(appeal), {"state": "accepted", "note": "It is a circle."})

    assert done.status_code == 302
    appeal.refresh_from_db()
    assert (appeal.state, appeal.note, appeal.decided_by) == (
        "accepted",
        "It is a circle.",
        root.id,
    )
    acts = AuditRecord.objects.filter(user_id=user.id, target=str(appeal.job_id))
    assert "appeal_accepted" in set(acts.values_list("act", flat=True))


@pytest.mark.parametrize(
    "form",
    [
        {"state": "open", "note": "It is a circle."},
        {"state": "accepted", "note": ""},
        {"state": "sold", "note": "It is a circle."},
    ],
)
def test_a_decision_that_is_none_changes_nothing(
    root_client: Client, appeal: ContentAppeal, form: dict[str, str]
) -> None:
    shown = root_client.post(page_of(appeal), form)

    assert shown.status_code == 200
    appeal.refresh_from_db()
    assert (appeal.state, appeal.note, appeal.decided_by) == ("open", "", None)


def test_what_is_decided_is_only_read(root_client: Client, appeal: ContentAppeal) -> None:
    root_client.post(page_of(appeal), {"state": "rejected", "note": "It is not a circle."})

    again = root_client.post(page_of(appeal), {"state": "accepted", "note": "It is a circle."})

    assert again.status_code == 403
    appeal.refresh_from_db()
    assert appeal.state == "rejected"


@pytest.mark.parametrize(("visitor", "status"), [("nobody", 302), ("user", 302), ("billing", 403)])
def test_nobody_else_sees_appeals(
    visitors: Callable[[str], Client], appeal: ContentAppeal, visitor: str, status: int
) -> None:
    assert visitors(visitor).get(LIST).status_code == status
    assert visitors(visitor).get(page_of(appeal)).status_code == status


def test_the_picture_a_job_began_with_is_shown_on_the_record_of_its_owner(
    support: Client, billing: Client, supporter: User, user: User, starter: GenerationModel
) -> None:
    begun_with = make_image(user)
    asked = {"init_image": str(begun_with.image_name), "strength": 0.5}
    job = make_job(user, starter, **asked)
    Job.objects.filter(id=job.id).update(
        state=JobState.FAILED, error_code=ErrorCode.CONTENT_REFUSED, finished_at=job.created_at
    )
    appeal = appeal_refusal(user=user, job_id=job.id, reason="It is a red circle.")
    url = f"/admin/appeals/{appeal.id}/picture/"
    seen = AuditRecord.objects.filter(user_id=user.id, target=f"pictures of job {job.id}")

    assert billing.get(url).status_code == 403
    assert not seen.exists()

    shown = support.get(url)

    assert (shown.status_code, shown["Content-Type"]) == (200, "image/webp")
    assert seen.get().actor_id == supporter.id
    assert url in support.get(page_of(appeal)).content.decode()


def test_an_appeal_without_a_picture_shows_none_and_is_never_deleted(
    root_client: Client, appeal: ContentAppeal
) -> None:
    delete = reverse("admin:generation_contentappeal_delete", args=[appeal.id])

    assert root_client.get(f"/admin/appeals/{appeal.id}/picture/").status_code == 404
    assert root_client.post(delete, {"post": "yes"}).status_code == 403
    assert ContentAppeal.objects.filter(id=appeal.id).exists()
