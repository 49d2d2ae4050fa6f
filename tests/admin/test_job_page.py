"""The page of a job: its way, its books, its pictures behind a record, and what staff do to it."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.models import Act, AuditRecord
from apps.credits.models import Posting, PostingKind
from apps.dashboard.reports.job_page import job_page
from apps.dashboard.reports.timeline import WIDTH, lay_out
from apps.generation.models import Job, JobState
from apps.generation.services import operations as operations_service
from apps.generation.services.leases import claim_next_job
from apps.images.models import Image
from apps.images.services.pictures import add_results, store_picture
from apps.plans.tiers import GpuTier
from tests.factories import make_job, make_picture
from tests.generation.test_content import refused_job
from tests.queries import counted_queries

pytestmark = pytest.mark.django_db

REASON = "the user asked for it by mail"


def form() -> dict[str, str]:
    return {"key": str(uuid.uuid4()), "reason": REASON}


@pytest.fixture
def job(user: User, starter: GenerationModel) -> Job:
    return make_job(user, starter)


def finish(job: Job) -> list[Image]:
    """End a job with two pictures, as a worker would have."""
    now = timezone.now()
    Job.objects.filter(id=job.id).update(
        state=JobState.SUCCEEDED,
        attempt=2,
        worker="celery@gpu-1",
        created_at=now - timedelta(seconds=60),
        started_at=now - timedelta(seconds=10),
        finished_at=now,
        compute_seconds=8,
    )
    pictures = [
        (
            index,
            store_picture(
                user_id=job.user_id, image_name=uuid.uuid4(), picture=make_picture(), metadata={}
            ),
        )
        for index in range(2)
    ]
    return add_results(user_id=job.user_id, job_id=job.id, pictures=pictures)


def acts_on(user: User) -> list[tuple[str, uuid.UUID | None, str]]:
    rows = AuditRecord.objects.filter(user_id=user.id).exclude(act=Act.SIGNED_UP)
    return list(rows.order_by("created_at", "id").values_list("act", "actor_id", "target"))


def test_a_job_tells_its_way(root: User, job: Job) -> None:
    finish(job)

    page = job_page(job_id=job.id, staff=root)

    assert [span.mark for span in page.timeline.spans] == ["wait", "run", "rest"]
    assert [span.said for span in page.timeline.spans] == ["50 s", "8 s", "2 s"]
    assert [str(moment.what) for moment in page.moments] == [
        "Accepted",
        "Started",
        "Woken last",
        "done",
    ]
    assert [str(attempt.outcome) for attempt in page.receipt.attempts] == ["lost", "succeeded"]
    assert [posting.kind for posting in page.postings] == [PostingKind.HOLD]
    assert page.place is None


def test_a_waiting_job_tells_its_place(root: User, user: User, starter: GenerationModel) -> None:
    make_job(user, starter)
    second = make_job(user, starter)

    page = job_page(job_id=second.id, staff=root)

    assert page.place is not None
    assert page.place.position == 2
    assert (page.can_be_cancelled, page.can_be_tried_again) == (True, False)


def test_spans_fill_the_width_and_none_is_lost() -> None:
    drawn = lay_out([("a", "wait", 1000.0, ""), ("b", "run", 0.001, ""), ("c", "rest", 0.0, "")])

    assert [span.mark for span in drawn.spans] == ["wait", "run"]
    assert float(drawn.spans[1].width) >= 5
    last = drawn.spans[-1]
    assert float(last.x) + float(last.width) == pytest.approx(WIDTH, abs=0.2)


@pytest.mark.parametrize("who", ["supporter", "operator"])
def test_the_books_are_for_those_who_may_see_them(
    request: pytest.FixtureRequest, job: Job, who: str
) -> None:
    page = job_page(job_id=job.id, staff=request.getfixturevalue(who))

    assert len(page.postings) == (1 if who == "supporter" else 0)


def test_a_page_takes_the_same_queries_for_a_user_with_many_jobs(
    root_client: Client, user: User, starter: GenerationModel, job: Job
) -> None:
    url = f"/admin/jobs/{job.id}/"
    root_client.get(url)
    with counted_queries() as few:
        assert root_client.get(url).status_code == 200
    for _ in range(49):
        make_job(user, starter)
    with counted_queries() as many:
        root_client.get(url)

    assert len(few) == len(many)
    assert len(many) <= 24


def test_pictures_are_shown_once_asked_for_and_on_the_owners_record(
    support: Client, supporter: User, user: User, job: Job
) -> None:
    image = finish(job)[0]
    page, picture = f"/admin/jobs/{job.id}/", f"/admin/jobs/{job.id}/pictures/{image.image_name}/"

    assert picture not in support.get(page).content.decode()
    assert support.get(picture).status_code == 403
    assert acts_on(user) == []

    assert support.post(f"/admin/jobs/{job.id}/pictures/").status_code == 302

    assert acts_on(user) == [("pictures_seen", supporter.id, f"pictures of job {job.id}")]
    assert picture in support.get(page).content.decode()
    shown = support.get(picture)
    assert (shown.status_code, shown["Content-Type"]) == (200, "image/webp")
    assert "no-store" in shown["Cache-Control"]


def test_pictures_of_another_job_are_not_shown_by_having_opened_one(
    support: Client, user: User, starter: GenerationModel, job: Job
) -> None:
    other = make_job(user, starter)
    image = finish(other)[0]
    support.post(f"/admin/jobs/{job.id}/pictures/")

    for job_id, status in ((job.id, 404), (other.id, 403)):
        answer = support.get(f"/admin/jobs/{job_id}/pictures/{image.image_name}/")
        assert answer.status_code == status


def test_staff_cancel_a_waiting_job_and_its_credits_come_back(
    support: Client, supporter: User, user: User, job: Job
) -> None:
    assert support.post(f"/admin/jobs/{job.id}/cancel/", form()).status_code == 302

    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    assert Posting.objects.filter(hold__job_id=job.id, kind=PostingKind.RELEASE).exists()
    assert acts_on(user) == [("admin_change", supporter.id, f"cancel job {job.id}: {REASON}")]


def test_a_reason_that_says_nothing_changes_nothing(support: Client, user: User, job: Job) -> None:
    answer = support.post(f"/admin/jobs/{job.id}/cancel/", form() | {"reason": "  why  "})

    assert answer.status_code == 422
    job.refresh_from_db()
    assert job.state == JobState.QUEUED
    assert acts_on(user) == []


def test_staff_take_a_running_job_from_its_worker(
    operations: Client, operator: User, user: User, job: Job
) -> None:
    claimed = claim_next_job(tiers=list(GpuTier), worker="w")
    assert claimed is not None

    assert operations.post(f"/admin/jobs/{job.id}/requeue/", form()).status_code == 302

    job.refresh_from_db()
    assert (job.state, job.attempt, job.hand_backs) == (JobState.QUEUED, 1, 1)
    assert acts_on(user) == [("admin_change", operator.id, f"requeue job {job.id}: {REASON}")]


def test_a_job_that_no_worker_could_be_told_of_is_said_to_be_so(
    operations: Client, user: User, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations_service, "send_wakeup", lambda _job: False)

    answer = operations.post(f"/admin/jobs/{job.id}/requeue/", form())

    assert answer.status_code == 422
    assert "the broker is away" in answer.content.decode()
    assert acts_on(user) == []


def test_a_job_that_changed_meanwhile_is_not_said_to_be_taken_back(
    operations: Client, user: User, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert claim_next_job(tiers=list(GpuTier), worker="w") is not None
    monkeypatch.setattr(operations_service, "hand_back", lambda **_asked: False)

    answer = operations.post(f"/admin/jobs/{job.id}/requeue/", form())

    assert answer.status_code == 422
    assert "was not taken back" in answer.content.decode()
    assert acts_on(user) == []


def test_an_ended_job_is_neither_cancelled_nor_put_back(
    operations: Client, user: User, job: Job
) -> None:
    finish(job)
    before = Job.objects.values().get(id=job.id)

    for act in ("cancel", "requeue", "retry"):
        answer = operations.post(f"/admin/jobs/{job.id}/{act}/", form())
        assert answer.status_code == 422, act

    assert Job.objects.values().get(id=job.id) == before
    assert Job.objects.count() == 1


def test_a_failed_job_is_tried_again_for_its_user(
    support: Client, supporter: User, user: User, starter: GenerationModel
) -> None:
    job = refused_job(user, starter)

    # Sent twice, it is one job.
    sent = form()
    for _ in range(2):
        assert support.post(f"/admin/jobs/{job.id}/retry/", sent).status_code == 302

    again = Job.objects.exclude(id=job.id).get()
    assert (again.user, again.state, again.parameters) == (user, "queued", job.parameters)
    target = f"retry job {job.id} as {again.id}: {REASON}"
    assert acts_on(user)[-1] == ("admin_change", supporter.id, target)


def test_a_job_is_changed_by_no_form(root_client: Client, job: Job) -> None:
    url = f"/admin/generation/job/{job.id}/change/"
    before = Job.objects.values().get(id=job.id)

    assert root_client.post(url, {"state": "succeeded"})["Location"] == f"/admin/jobs/{job.id}/"
    assert root_client.get("/admin/generation/job/add/").status_code == 403
    assert root_client.get("/admin/generation/job/none/change/").status_code == 404
    assert Job.objects.values().get(id=job.id) == before


@pytest.mark.parametrize("field", ["id", "email", "error_id"])
def test_jobs_are_found_by(
    root_client: Client, user: User, stranger: User, starter: GenerationModel, field: str
) -> None:
    wanted, other = make_job(user, starter), make_job(stranger, starter)
    Job.objects.filter(id=wanted.id).update(error_id="5f0c7a1b2c3d4e5f")
    asked = {"id": str(wanted.id), "email": user.email, "error_id": "5f0c7a1b2c3d4e5f"}[field]

    listed: Any = root_client.get("/admin/generation/job/", {"q": asked}).context["cl"]

    assert [job.id for job in listed.result_list] == [wanted.id]
    assert other.id not in {job.id for job in listed.result_list}
