"""The command line: the same job by the same way, and the doctor."""

import io
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from PIL import Image as PillowImage

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.generation.management.commands import bootstrap_local
from apps.generation.models import Job, JobState
from apps.generation.services.workers import report_worker
from apps.images.models import Image
from apps.plans.selectors import plan_of
from apps.plans.tiers import GpuTier
from config import env
from gpu_tasks.engine import Engine
from gpu_tasks.runner import JobRunner
from tests.factories import make_sign

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def working(starter: GenerationModel) -> Iterator[None]:
    """A worker in a thread of this process."""
    ended = threading.Event()
    runner = JobRunner(engine=Engine(device="cpu"), tiers=list(GpuTier), worker="test")

    def work() -> None:
        try:
            while not ended.wait(0.05):
                runner.run_next()
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    ended.set()
    thread.join()


@pytest.mark.usefixtures("working")
def test_generate_writes_the_pictures_and_says_what_it_made(user: User, tmp_path: Path) -> None:
    out, bar = io.StringIO(), io.StringIO()
    call_command(
        "generate",
        "a red circle",
        seed=7,
        steps=2,
        num_images=2,
        out=tmp_path / "circle.png",
        stdout=out,
        stderr=bar,
    )

    job = Job.objects.get()
    assert (job.user, job.state) == (user, JobState.SUCCEEDED)
    for name in ("circle.png", "circle-2.png"):
        with PillowImage.open(tmp_path / name) as picture:
            assert picture.format == "PNG"
    for image in Image.objects.all():
        assert str(image.image_name) in out.getvalue()
    assert f"Seconds  {job.compute_seconds}" in out.getvalue()
    assert "100 %" in bar.getvalue()


@pytest.mark.usefixtures("starter")
def test_generate_says_what_is_wrong_with_each_value(user: User) -> None:
    with pytest.raises(CommandError) as refusal:
        call_command("generate", "", steps=1000, width=3)

    assert "--prompt: This field may not be blank." in str(refusal.value)
    assert "--steps: " in str(refusal.value)
    assert not Job.objects.exists()


@pytest.mark.usefixtures("starter")
def test_generate_without_a_user_says_so() -> None:
    with pytest.raises(CommandError, match="no such user"):
        call_command("generate", "x", user="nobody@example.com")


@pytest.mark.usefixtures("starter")
def test_the_doctor_finds_all_well_when_a_worker_is_there() -> None:
    report_worker(sign=make_sign())
    out = io.StringIO()

    call_command("doctor", stdout=out)

    assert "ill" not in out.getvalue()


@pytest.mark.usefixtures("db")
def test_the_doctor_names_what_is_ill_and_what_to_do() -> None:
    cache.clear()
    out = io.StringIO()

    with pytest.raises(SystemExit) as ended:
        call_command("doctor", stdout=out)

    assert ended.value.code == 1
    assert "no model is installed" in out.getvalue()
    assert "bootstrap_local" in out.getvalue()
    assert "make up" in out.getvalue()


def test_bootstrap_makes_one_demo_user_however_often_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: object
) -> None:
    monkeypatch.setattr(env, "VAR_DIR", tmp_path)
    settings.EASEL_DEMO_SIGN_IN = "demo@example.com"  # type: ignore[attr-defined]
    outputs = []
    for _time in range(2):
        out = io.StringIO()
        call_command(bootstrap_local.Command(), stdout=out)
        outputs.append(out.getvalue())

    user = User.objects.get()
    assert outputs[0] == outputs[1]
    assert user.is_superuser
    assert plan_of(user=user).slug == "enterprise"
    assert user.check_password((tmp_path / "demo_password").read_text())
    assert (tmp_path / "demo_password").stat().st_mode & 0o777 == 0o600


def test_there_is_no_demo_user_where_none_is_configured() -> None:
    with pytest.raises(CommandError):
        call_command("bootstrap_local")

    assert not User.objects.exists()
