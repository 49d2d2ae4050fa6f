"""Make sets and trainings for tests, with what a test does not care about filled in."""

import io
import uuid
from datetime import timedelta
from typing import Any

from django.utils import timezone
from PIL import Image as PillowImage
from PIL import ImageDraw
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.generation.models import Job, JobState
from apps.images.models import Image
from apps.images.services.pictures import add_results, store_picture
from apps.training.models import TrainingRun, TrainingSample, TrainingSet
from apps.training.services.results import begin_attempt, keep_sample
from apps.training.services.runs import start_run
from apps.training.services.sets import add_pictures, create_set

COLOURS = ("red", "green", "blue", "orange")
# As little as is a training: seconds on a processor.
TINY: dict[str, Any] = {
    "steps": 10,
    "rank": 2,
    "resolution": 64,
    "sample_every": 0,
    "seed": 7,
    "trigger": "zorg",
}


def make_drawn_image(user: User, *, colour: str = "red", prompt: str = "") -> Image:
    """Store a picture of a disc as a finished job would."""
    picture = PillowImage.new("RGB", (96, 64), "white")
    ImageDraw.Draw(picture).ellipse((20, 8, 76, 56), fill=colour)
    stored = store_picture(
        user_id=user.id,
        image_name=uuid.uuid4(),
        picture=picture,
        metadata={"prompt": prompt or f"a {colour} disc"},
    )
    return add_results(user_id=user.id, job_id=uuid.uuid4(), pictures=[(0, stored)])[0]


def make_set(user: User, *, pictures: int = 3, name: str = "Discs") -> TrainingSet:
    """Make a set of `user` with pictures of discs, captioned by their prompts."""
    made = create_set(user=user, name=name)
    names = [
        make_drawn_image(user, colour=COLOURS[number % len(COLOURS)]).image_name
        for number in range(pictures)
    ]
    if names:
        add_pictures(user=user, set_id=made.id, names=names)
    return made


def make_run(user: User, found: TrainingSet, **settings: Any) -> TrainingRun:
    """Begin a tiny training of a set."""
    asked = {"set": found.id} | TINY | settings
    said = {name: asked.pop(name) for name in ("name", "max_credits") if name in asked}
    return start_run(user=user, asked=asked, **said)


def end(run: TrainingRun, state: JobState) -> None:
    """Have the job of a training ended."""
    Job.objects.filter(id=run.job_id).update(
        state=state, finished_at=timezone.now(), lease_expires_at=None
    )


def claim(run: TrainingRun) -> TrainingRun:
    """Have a worker at the job of a training."""
    lease = timezone.now() + timedelta(minutes=1)
    Job.objects.filter(id=run.job_id).update(
        state=JobState.RUNNING, attempt=1, lease_expires_at=lease, started_at=timezone.now()
    )
    held = begin_attempt(Job.objects.get(id=run.job_id))
    assert held is not None
    return held


def make_sample(run: TrainingRun, *, step: int = 5) -> TrainingSample:
    """Keep a sample as a worker at the training would."""
    buffer = io.BytesIO()
    PillowImage.new("RGB", (64, 64), "teal").save(buffer, format="PNG")
    sample = keep_sample(run, step=step, number=0, content=buffer.getvalue(), size=(64, 64))
    assert sample is not None
    return sample


def body(found: TrainingSet, **settings: Any) -> dict[str, Any]:
    """Return a request for a tiny training of a set, as a program sends it."""
    return {"set": str(found.id)} | TINY | settings


def api_of(user: User) -> APIClient:
    client = APIClient()
    client.force_login(user)
    return client
