"""Ask for pictures of a provider and have them made, in this process."""

from typing import Any

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.credits.selectors import holds_of_jobs
from apps.generation.models import Job
from apps.providers.services import set_own_key
from gpu_tasks.providers import ProviderName
from gpu_tasks.runner import JobRunner
from tests.factories import make_job
from tests.providers.factories import OWN_KEY
from tests.providers.stand_in import StandIn

MEDIUM = "gpt-image-1-5-medium"


def ask(user: User, model: GenerationModel, **settings: Any) -> Job:
    settings = {"steps": None, "seed": None} | settings
    return make_job(user, model, **settings)


def run(runner: JobRunner, job: Job) -> Job:
    assert runner.run_next()
    runner.wait_for_all()
    job.refresh_from_db()
    return job


def charged(job: Job) -> int | None:
    return holds_of_jobs(user_id=job.user_id, job_ids=[job.id])[job.id].charged


def keep_own_key(user: User, stand_in: StandIn) -> None:
    stand_in.keys.add(OWN_KEY)
    set_own_key(user=user, provider=ProviderName.OPENAI, key=OWN_KEY)
