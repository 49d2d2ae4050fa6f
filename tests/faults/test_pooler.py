"""Behind a pooler in transaction mode nobody meets another's tenant, and jobs run as ever."""

import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest
from django.conf import settings

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.generation.models import Job, JobState
from apps.plans.tiers import TIER_BY_QUEUE
from tests.benchmarks.sessions import session_cookies
from tests.database import login_url
from tests.factories import make_image, make_job, make_user
from tests.faults.pgbouncer import pgbouncer
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def pooler(transactional_db: None) -> Iterator[str]:
    with pgbouncer() as url:
        yield url


def test_a_tenant_does_not_outlive_its_transaction_on_a_shared_connection(
    pooler: str, user: User, stranger: User
) -> None:
    make_image(user)
    url = login_url("web", url=pooler)
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as first:
        with first.transaction():
            first.execute("SELECT set_config('app.current_user_id', %s, true)", [str(user.id)])
            assert first.execute("SELECT count(*) FROM images_image").fetchone() == (1,)
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as second:
            for raw in (first, second):
                assert raw.execute("SELECT count(*) FROM images_image").fetchone() == (0,)


def test_without_the_transaction_the_tenant_would_be_inherited(pooler: str, user: User) -> None:
    """The control: a setting for the session is seen by whoever gets the connection next."""
    make_image(user)
    url = login_url("web", url=pooler)
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as first:
        first.execute("SELECT set_config('app.current_user_id', %s, false)", [str(user.id)])
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as second:
        seen = second.execute("SELECT count(*) FROM images_image").fetchone()

    assert seen == (1,)


def test_requests_of_many_users_at_once_are_kept_apart(
    pooler: str, starter: GenerationModel
) -> None:
    users = [make_user(f"user{number}@example.com") for number in range(6)]
    own = {user.id: {str(make_image(user).image_name) for _ in range(2)} for user in users}
    cookies = {user.id: session_cookies(user) for user in users}

    with Stack({"EASEL_DATABASE_URL": pooler}) as stack, httpx.Client(base_url=stack.url) as http:
        stack.start_web()

        def list_names(user_id: uuid.UUID) -> tuple[uuid.UUID, set[str]]:
            answer = http.get("/api/v1/images", headers={"Cookie": cookies[user_id]})
            return user_id, {entry["image_name"] for entry in answer.json()["results"]}

        asked = [user.id for user in users] * 20
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(list_names, asked))

    wrong = Counter(user_id for user_id, names in answers if names != own[user_id])
    assert not wrong
    assert settings.SESSION_COOKIE_NAME in cookies[users[0].id]


def test_a_job_ends_behind_the_pooler(pooler: str, user: User, starter: GenerationModel) -> None:
    with Stack({"EASEL_DATABASE_URL": pooler}) as stack:
        stack.start_worker(queues=",".join(TIER_BY_QUEUE))
        job = make_job(user, starter)
        wait_until(
            lambda: Job.objects.get(id=job.id).state == JobState.SUCCEEDED,
            seconds=120,
            what="the end of the job",
        )
