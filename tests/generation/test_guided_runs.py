"""Jobs that are guided, through the real engine and store: what guides them reaches the picture."""

import io
import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from PIL import Image as PillowImage
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.catalog.fingerprints import digest_of_file
from apps.catalog.models import GenerationModel, ModelKind
from apps.core.errors import ErrorCode
from apps.credits.models import Hold, UsageRecord
from apps.generation.failures import failure_detail
from apps.generation.models import AppealState, ContentAppeal, Job, JobState
from apps.generation.services.appeals import decide_appeal
from apps.images.models import Image
from apps.images.selectors import read_file
from apps.images.services.pictures import add_results, store_picture
from apps.plans.tiers import GpuTier
from gpu_tasks.engine import Engine
from gpu_tasks.engine.control.preprocessors import preprocess
from gpu_tasks.runner import JobRunner, reproduction
from tests.engine.test_picture_safety import build_checker
from tests.engine.test_starter_properties import build_lora
from tests.factories import make_job
from tests.generation.add_ons import make_add_on

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

STARTER = Path(__file__).parents[2] / "gpu_tasks" / "starter_model"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(device="cpu")


@pytest.fixture
def models_root(tmp_path: Path, settings: Any) -> Path:
    """Return a folder of models with the starter in it, to put others beside."""
    for name in ("starter_model", "starter_controlnet"):
        (tmp_path / name).symlink_to(STARTER.parent / name)
    settings.EASEL_MODELS_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def runner(models_root: Path, engine: Engine, settings: Any) -> JobRunner:
    settings.EASEL_BATCHING = "force"
    return JobRunner(engine=engine, tiers=list(GpuTier), worker="test")


def enter_lora(root: Path, *, seed: int = 0) -> GenerationModel:
    add_on = build_lora(root, seed=seed)
    digest = digest_of_file(add_on.path)
    (root / add_on.key).mkdir()
    add_on.path.rename(root / add_on.key / "weights.safetensors")
    files = [{"path": "weights.safetensors", "size": 1, "sha256": digest}]
    return make_add_on(add_on.key, ModelKind.LORA, location=add_on.key, sha256=digest, files=files)


def pixels(image: Image) -> Any:
    with PillowImage.open(io.BytesIO(read_file(image=image))) as picture:
        return np.asarray(picture.convert("RGB"), dtype=int)


def made_by(job: Job) -> Any:
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED, (job.error_code, job.state)
    return pixels(Image.objects.get(session_id=job.id, node_id="0"))


def keep(user: User, picture: PillowImage.Image) -> str:
    """Store a picture of the user's and return its name."""
    name = job_id = uuid.uuid4()
    stored = store_picture(user_id=user.id, image_name=name, picture=picture, metadata={})
    add_results(user_id=user.id, job_id=job_id, pictures=[(0, stored)])
    return str(name)


def test_a_mask_keeps_what_lies_outside_of_it(
    runner: JobRunner, user: User, starter: GenerationModel
) -> None:
    start = PillowImage.radial_gradient("L").resize((128, 128)).convert("RGB")
    mask = PillowImage.new("RGB", (128, 128))
    mask.paste("white", (64, 0, 128, 128))
    job = make_job(
        user,
        starter,
        init_image=keep(user, start),
        strength=1.0,
        steps=4,
        mask={"image": keep(user, mask), "feather": 0},
    )

    runner.run_next()

    difference = np.abs(made_by(job) - np.asarray(start, dtype=int))
    assert difference[:, :56].max() <= 8
    assert difference[:, 72:].mean() > 8


def test_a_lora_changes_its_own_jobs_picture_and_not_that_of_a_plain_one_after_it(
    runner: JobRunner, models_root: Path, user: User, stranger: User, starter: GenerationModel
) -> None:
    lora = enter_lora(models_root)
    plain = make_job(user, starter, steps=4)
    runner.run_next()
    guided = make_job(user, starter, steps=4, loras=[{"model": lora.key, "weight": 0.5}])
    after = make_job(stranger, starter, steps=4)
    twin = make_job(stranger, starter, steps=4, loras=[{"model": lora.key, "weight": 0.5}])

    # A guided job takes nobody along, not even another one like it.
    turns = 0
    while runner.run_next():
        turns += 1

    assert turns == 3
    assert np.abs(made_by(guided) - made_by(plain)).max() > 2
    assert (made_by(after) == made_by(plain)).all()
    assert (made_by(twin) == made_by(guided)).all()


def test_a_control_picture_is_prepared_as_its_model_wants_it(
    runner: JobRunner, user: User, starter: GenerationModel
) -> None:
    # The one of edges that ships with Easel.
    net = GenerationModel.objects.get(kind=ModelKind.CONTROLNET)
    drawn = PillowImage.new("RGB", (128, 128))
    drawn.paste("white", (32, 32, 96, 96))
    edges = preprocess(net.preprocessor, drawn, size=(128, 128), parameters={})
    raw, prepared = keep(user, drawn), keep(user, edges)
    asked: list[list[dict[str, Any]]] = [
        [],
        [{"model": net.key, "image": raw}],
        [{"model": net.key, "image": prepared, "preprocessor": "none"}],
        [{"model": net.key, "image": raw, "preprocessor": "none"}],
    ]
    jobs = [make_job(user, starter, steps=3, controls=controls) for controls in asked]

    while runner.run_next():
        pass

    plain, by_default, by_hand, unprepared = (made_by(job) for job in jobs)
    assert (by_default == by_hand).all()
    assert (by_default != plain).any()
    assert (by_default != unprepared).any()


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_a_picture_is_enlarged_to_the_size_that_is_asked_for(
    runner: JobRunner, user: User, starter: GenerationModel, strength: float
) -> None:
    start = PillowImage.radial_gradient("L").resize((128, 128)).convert("RGB")
    job = make_job(
        user,
        starter,
        init_image=keep(user, start),
        width=256,
        height=192,
        steps=4,
        upscale={"strength": strength, "tile": 128, "overlap": 32},
    )

    runner.run_next()

    assert made_by(job).shape == (192, 256, 3)


@pytest.mark.parametrize(
    "guides",
    [
        {"high_res": {"scale": 2.0, "strength": 0.5}, "steps": 4},
        {"variation": {"seed": 5, "strength": 0.5}},
        {"seamless": ["x"]},
        {"clip_skip": 1},
    ],
)
def test_what_guides_a_job_shows(
    runner: JobRunner, user: User, starter: GenerationModel, guides: dict[str, Any]
) -> None:
    plain = make_job(user, starter, **({"steps": guides["steps"]} if "steps" in guides else {}))
    guided = make_job(user, starter, **guides)

    while runner.run_next():
        pass

    assert (made_by(guided) != made_by(plain)).any()


def test_an_add_on_that_went_meanwhile_fails_the_job_at_no_cost(
    runner: JobRunner, models_root: Path, user: User, starter: GenerationModel
) -> None:
    lora = enter_lora(models_root)
    job = make_job(user, starter, loras=[{"model": lora.key}])
    GenerationModel.objects.filter(key=lora.key).update(is_enabled=False)

    runner.run_next()

    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, ErrorCode.MODEL_GONE)
    assert "cost nothing" in failure_detail(job.error_code)
    assert not UsageRecord.objects.exists()


def test_weights_that_fit_no_model_fail_the_job_at_no_cost(
    runner: JobRunner, models_root: Path, user: User, starter: GenerationModel
) -> None:
    lora = enter_lora(models_root)
    (models_root / lora.key / "weights.safetensors").write_bytes(b"no weights")
    job = make_job(user, starter, loras=[{"model": lora.key}])

    runner.run_next()

    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert job.error_code in {ErrorCode.MODEL_UNAVAILABLE, ErrorCode.INVALID}
    assert not UsageRecord.objects.exists()


def test_a_picture_names_what_it_was_made_with_and_is_made_again(
    runner: JobRunner,
    models_root: Path,
    engine: Engine,
    user: User,
    api: APIClient,
    starter: GenerationModel,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lora = enter_lora(models_root)
    job = make_job(user, starter, num_images=2, loras=[{"model": lora.key, "weight": 0.3}])
    runner.run_next()
    image = Image.objects.get(session_id=job.id, node_id="1")
    made_with = image.metadata["made_with"]

    assert made_with["weights"][starter.key]["sha256"] == starter.sha256
    assert made_with["weights"][lora.key] == {
        "name": lora.name,
        "kind": "lora",
        "sha256": lora.sha256,
    }
    assert made_with["batch"] == 2
    assert {"torch", "diffusers"} <= made_with["libraries"].keys()
    receipt = api.get(f"/api/v1/generations/{job.id}/receipt").json()
    assert receipt["made_with"] == made_with

    assert reproduction.main([str(image.image_name), "--json"], engine=engine) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["max_difference"] <= 2) == ("equal", True)


def test_other_weights_are_named_and_another_picture_is_told_apart(
    runner: JobRunner, models_root: Path, engine: Engine, user: User, starter: GenerationModel
) -> None:
    lora = enter_lora(models_root)
    job = make_job(user, starter, loras=[{"model": lora.key, "weight": 0.3}])
    runner.run_next()
    image = Image.objects.get(session_id=job.id)
    default_storage.delete(image.s3_key)
    buffer = io.BytesIO()
    PillowImage.new("RGB", (image.width, image.height), "red").save(buffer, format="PNG")
    default_storage.save(image.s3_key, buffer)

    assert reproduction.reproduce(image.image_name, engine=engine).verdict == "different"

    (models_root / lora.key / "weights.safetensors").write_bytes(b"others")
    result = reproduction.reproduce(image.image_name, engine=engine)
    assert (result.verdict, result.other_weights) == ("other_weights", (lora.key,))


def test_a_picture_without_a_record_is_refused(
    engine: Engine, user: User, capsys: pytest.CaptureFixture[str]
) -> None:
    name = keep(user, PillowImage.new("RGB", (64, 64)))

    assert reproduction.main([name], engine=engine) == 2
    assert "on record" in capsys.readouterr().err


def enter_checker(root: Path, settings: Any, *, refuses: Image) -> None:
    with PillowImage.open(io.BytesIO(read_file(image=refuses))) as picture:
        build_checker(root / "checker", refuses=picture.convert("RGB"))
    make_add_on("checker", ModelKind.SAFETY, base="", location="checker")
    settings.EASEL_SAFETY_CHECKER = "checker"


def test_a_refused_picture_costs_nothing_is_not_kept_and_can_be_cleared_by_an_appeal(
    runner: JobRunner,
    models_root: Path,
    user: User,
    stranger: User,
    api: APIClient,
    stranger_api: APIClient,
    starter: GenerationModel,
    settings: Any,
) -> None:
    make_job(user, starter)
    runner.run_next()
    enter_checker(models_root, settings, refuses=Image.objects.get())
    refused = make_job(user, starter)
    other = make_job(stranger, starter, prompt="a blue star", seed=9)

    while runner.run_next():
        pass

    refused.refresh_from_db()
    assert (refused.state, refused.error_code) == (JobState.FAILED, ErrorCode.CONTENT_REFUSED)
    body = api.get(f"/api/v1/generations/{refused.id}").json()
    assert body["error"]["code"] == "content_refused"
    assert "appeal" in body["error"]["detail"]
    assert body["images"] == []
    assert not Image.objects.filter(session_id=refused.id).exists()
    assert not UsageRecord.objects.filter(job_id=refused.id).exists()
    hold = Hold.objects.get(job_id=refused.id)
    kinds = hold.postings.exclude(kind="hold").values_list("kind", flat=True)
    assert set(kinds) == {"release"}
    assert UsageRecord.objects.get(job_id=other.id).user_id == stranger.id

    url = f"/api/v1/generations/{refused.id}/appeal"
    reason = {"reason": "It is a red circle and nothing else."}
    assert stranger_api.post(url, reason, format="json").status_code == 404
    assert api.post(url, {"reason": "no"}, format="json").status_code == 422
    assert api.post(url, reason, format="json").status_code == 201
    assert api.post(url, reason, format="json").status_code == 409
    assert (
        api.post(f"/api/v1/generations/{other.id}/appeal", reason, format="json").status_code == 404
    )

    # It stays refused until somebody has looked at it.
    waits = make_job(user, starter)
    runner.run_next()
    waits.refresh_from_db()
    assert waits.error_code == ErrorCode.CONTENT_REFUSED
    decide_appeal(
        appeal_id=ContentAppeal.objects.get().id, staff=user, accept=True, note="It is a circle."
    )
    cleared, theirs = make_job(user, starter), make_job(stranger, starter)
    while runner.run_next():
        pass

    cleared.refresh_from_db()
    theirs.refresh_from_db()
    assert cleared.state == JobState.SUCCEEDED
    assert theirs.error_code == ErrorCode.CONTENT_REFUSED
    assert ContentAppeal.objects.get().state == AppealState.ACCEPTED


def test_without_the_checker_that_is_asked_for_nothing_is_shown(
    runner: JobRunner, user: User, starter: GenerationModel, settings: Any
) -> None:
    settings.EASEL_SAFETY_CHECKER = "missing"
    job = make_job(user, starter)

    runner.run_next()

    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, ErrorCode.MODEL_UNAVAILABLE)
    assert not Image.objects.exists()
