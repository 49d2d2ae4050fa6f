"""The page of the queue: what is shown, what its buttons do, and to whom."""

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode
from apps.dashboard.queue_selectors import start_in_words
from apps.generation.models import Job, JobKind, JobState
from apps.generation.queue_selectors import Place, WaitingFor, get_queue
from apps.generation.services.leases import claim_next_job
from apps.generation.services.results import fail_job
from apps.plans.tiers import GpuTier
from config.messages import LOCALES
from tests.factories import make_batch, make_job
from tests.queries import counted_queries

URL = "/queue/"
HTMX = {"HX-Request": "true"}


def order(user: User) -> list[int]:
    return [job.parameters["seed"] for job in get_queue(user=user).waiting]


def press(client: Client, act: str, job: Job | None = None, **fields: object) -> str:
    path = f"{URL}act/" if job is None else f"{URL}{job.id}/"
    response = client.post(path, {"act": act, **fields}, headers=HTMX)
    assert response.status_code == 200
    return response.content.decode()


def test_an_empty_queue_leads_to_a_first_picture(browser_client: Client) -> None:
    body = browser_client.get(URL).content.decode()

    assert "Nothing waits" in body


def test_waiting_jobs_stand_in_their_order_with_what_they_wait_for(
    browser_client: Client, user: User, starter: GenerationModel
) -> None:
    make_job(user, starter, prompt="the first")
    make_job(user, starter, prompt="the second")

    body = browser_client.get(URL).content.decode()

    assert body.index("the first") < body.index("the second")
    assert "waiting for a worker" in body
    assert "waiting for your other job" in body


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.CANCELLED])
def test_a_list_tells_a_workflow_and_a_training_from_a_picture(
    browser_client: Client, user: User, starter: GenerationModel, state: JobState
) -> None:
    make_job(user, starter)
    workflow, training = make_batch(user, starter, 2)
    work = {"document": {"name": "Two sheets"}, "models": [], "pictures": []}
    Job.objects.filter(id=workflow.id).update(kind=JobKind.WORKFLOW, work=work)
    Job.objects.filter(id=training.id).update(
        kind=JobKind.TRAINING, work={"models": [], "pictures": []}
    )
    now = timezone.now()
    facts: dict[JobState, dict[str, object]] = {
        JobState.QUEUED: {},
        JobState.RUNNING: {"started_at": now, "lease_expires_at": now},
        JobState.CANCELLED: {"finished_at": now},
    }
    Job.objects.filter(user=user).update(state=state, **facts[state])

    body = browser_client.get(URL).content.decode()

    assert body.count("queue__facts") == 3
    assert body.count("Workflow: Two sheets · ") == 1
    assert body.count("Training · ") == 1
    assert browser_client.get("/usage/").content.decode().count("Workflow: Two sheets · ") == 1


def test_htmx_gets_the_inside_alone(browser_client: Client) -> None:
    body = browser_client.get(URL, headers=HTMX).content.decode()

    assert body.lstrip().startswith('<div class="queue"')
    assert "<html" not in body


def test_buttons_move_cancel_and_clear(
    browser_client: Client, user: User, starter: GenerationModel
) -> None:
    jobs = make_batch(user, starter, 4)

    press(browser_client, "up", jobs[2], before=jobs[1].id)
    assert order(user) == [0, 2, 1, 3]
    press(browser_client, "front", jobs[3])
    assert order(user) == [3, 0, 2, 1]
    press(browser_client, "cancel", jobs[0])
    assert order(user) == [3, 2, 1]
    press(browser_client, "clear")
    assert order(user) == []
    assert "Try again" in press(browser_client, "pause")
    assert "Nothing waits" in press(browser_client, "prune")


def test_the_queue_is_paused_and_resumed(browser_client: Client, user: User) -> None:
    assert "Your queue is paused" in press(browser_client, "pause")
    assert get_queue(user=user).paused
    assert "Your queue is paused" not in press(browser_client, "resume")
    assert not get_queue(user=user).paused


def test_a_failed_job_says_why_and_is_tried_again(
    browser_client: Client, user: User, starter: GenerationModel
) -> None:
    make_job(user, starter)
    job = claim_next_job(tiers=list(GpuTier), worker="w")
    assert job is not None
    fail_job(user_id=user.id, job_id=job.id, attempt=1, code=ErrorCode.OUT_OF_MEMORY)
    assert "ran out of memory" in browser_client.get(URL).content.decode()

    press(browser_client, "vary", job)

    (again,) = get_queue(user=user).waiting
    assert again.parameters["seed"] != job.parameters["seed"]


@pytest.mark.parametrize(
    ("code", "offers"), [(ErrorCode.OUT_OF_MEMORY, True), (ErrorCode.TRAINING_DIVERGED, False)]
)
def test_what_would_fail_again_is_not_offered_to_be_tried_again(
    browser_client: Client, user: User, starter: GenerationModel, code: ErrorCode, offers: bool
) -> None:
    make_job(user, starter)
    job = claim_next_job(tiers=list(GpuTier), worker="w")
    assert job is not None
    fail_job(user_id=user.id, job_id=job.id, attempt=1, code=code)

    assert ('value="retry"' in browser_client.get(URL).content.decode()) is offers


def test_a_refusal_is_shown_and_changes_nothing(
    browser_client: Client, user: User, starter: GenerationModel
) -> None:
    make_job(user, starter)
    job = claim_next_job(tiers=list(GpuTier), worker="w")
    assert job is not None

    body = press(browser_client, "front", job)

    assert "This job does not wait any more." in body
    job.refresh_from_db()
    assert job.state == JobState.RUNNING


def test_without_htmx_a_button_leads_back_to_the_page(browser_client: Client) -> None:
    response = browser_client.post(f"{URL}act/", {"act": "pause"})

    assert (response.status_code, response["Location"]) == (302, URL)


@pytest.mark.parametrize("act", ["up", "front", "cancel", "retry", "vary", "nonsense"])
def test_a_strangers_job_is_not_there(
    browser_client: Client, stranger: User, starter: GenerationModel, act: str
) -> None:
    theirs = make_batch(stranger, starter, 2)

    response = browser_client.post(
        f"{URL}{theirs[1].id}/", {"act": act, "before": theirs[0].id}, headers=HTMX
    )

    assert response.status_code == 404
    assert order(stranger) == [0, 1]


@pytest.mark.parametrize("fields", [{}, {"act": "nonsense"}])
def test_a_button_that_is_not_there_is_not_found(
    browser_client: Client, fields: dict[str, str]
) -> None:
    assert browser_client.post(f"{URL}act/", fields).status_code == 404


@pytest.mark.parametrize(
    ("earliest", "latest", "words"),
    [
        (None, None, ""),
        (0.0, 0.0, "starts now"),
        (4.2, 4.9, "starts in 4 s to 5 s"),
        (10.0, 10.0, "starts in about 10 s"),
        (10.0, 300.0, "starts in 10 s to 5 min"),
        (10.0, None, "starts in 10 s or later"),
    ],
)
def test_the_start_is_said_in_words(
    earliest: float | None, latest: float | None, words: str
) -> None:
    assert start_in_words(Place(1, WaitingFor.WORKER, earliest, latest)) == words


@pytest.mark.parametrize("count", [1, 10])
def test_the_page_costs_the_same_queries_at_any_length(
    browser_client: Client, user: User, starter: GenerationModel, count: int
) -> None:
    make_batch(user, starter, count)
    browser_client.get(URL)

    with counted_queries() as queries:
        browser_client.get(URL, headers=HTMX)

    # tenant, user; lanes, waiting, running, ended, rivals, workers
    assert len(queries) == 8


def test_the_page_speaks_korean(browser_client: Client) -> None:
    assert (LOCALES / "ko").is_dir()
    body = browser_client.get(URL, headers={"Accept-Language": "ko"}).content.decode()

    assert "대기 중인 작업이 없어요" in body
