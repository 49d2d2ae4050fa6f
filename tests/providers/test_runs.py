"""Jobs of providers through the real runner and database, and a provider on loopback."""

import io
import json

import pytest
from PIL import Image as PillowImage

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode
from apps.credits.models import ActionType, MeasuredCost, UsageRecord
from apps.credits.selectors import read_balance
from apps.credits.services.costs import measure_costs
from apps.generation.models import JobState
from apps.generation.receipts import get_receipt
from apps.images.models import Image
from apps.images.selectors import read_file
from apps.plans.tiers import GpuTier
from apps.providers.models import CallOutcome, KeyOwner, ProviderCall
from apps.providers.services import delete_own_key
from gpu_tasks.providers import ProviderName
from gpu_tasks.runner import JobRunner
from gpu_tasks.runner.reproduction import NotReproducibleError, reproduce
from tests.factories import make_image
from tests.providers.factories import OWN_KEY
from tests.providers.running import MEDIUM, ask, charged, keep_own_key, run
from tests.providers.stand_in import (
    OPENAI_KEY,
    StandIn,
)

# The threads beside the GPU have connections of their own.
pytestmark = pytest.mark.django_db(transaction=True)


def test_pictures_of_a_provider_come_into_the_gallery_at_a_price_a_picture(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    before = read_balance(user_id=pro.id).available
    job = ask(pro, models[MEDIUM], num_images=3, width=1536, height=1024)
    assert (job.tier, job.expected_seconds) == (GpuTier.BASIC, 30.0)
    # 0.050 dollars, half as much again, at half a cent a credit.
    assert read_balance(user_id=pro.id).held == 45

    run(runner, job)

    assert (job.state, job.error_code, charged(job)) == (JobState.SUCCEEDED, "", 45)
    assert read_balance(user_id=pro.id).available == before - 45
    images = list(Image.objects.order_by("node_id"))
    assert [(image.width, image.height, image.user) for image in images] == [(1536, 1024, pro)] * 3
    (call,) = ProviderCall.objects.all()
    assert (call.outcome, call.key_owner, call.pictures_made, call.cost_micros) == (
        CallOutcome.MADE,
        KeyOwner.HOUSE,
        3,
        150_000,
    )
    assert stand_in.calls[0].key == OPENAI_KEY


def test_what_is_kept_with_a_picture_names_the_service_and_no_weights(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    run(runner, ask(pro, models[MEDIUM]))

    image = Image.objects.get()
    assert image.metadata["made_with"] == {
        "provider": "openai",
        "provider_model": "gpt-image-1.5",
        "quality": "medium",
        "weights": {},
        "libraries": {},
        "device": "",
        "batch": 1,
        "memory_saved": False,
    }
    assert (image.metadata["prompt"], image.metadata["model"]) == ("a red circle", MEDIUM)
    for name in ("seed", "steps", "scheduler", "guidance_scale"):
        assert image.metadata[name] is None
    text = PillowImage.open(io.BytesIO(read_file(image=image))).text  # type: ignore[attr-defined]
    assert OPENAI_KEY not in json.dumps(text)
    with pytest.raises(NotReproducibleError, match="Another service made this picture"):
        reproduce(image.image_name)


def test_a_receipt_counts_pictures_and_the_seconds_cost_nothing(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    job = run(runner, ask(pro, models["stable-image-core"], num_images=2))

    receipt = get_receipt(user=pro, job_id=job.id)
    assert (receipt.quoted, receipt.charged, receipt.released) == (18, 18, 0)
    assert receipt.seconds is not None
    usage = UsageRecord.objects.get()
    assert (usage.action_type, usage.credits_consumed, usage.is_whole) == (
        ActionType.PROVIDED,
        18,
        False,
    )
    # What GPUs take is not learnt from it.
    measure_costs()
    assert not MeasuredCost.objects.exists()


def test_an_own_key_is_used_and_costs_a_credit_a_picture(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    keep_own_key(pro, stand_in)

    job = run(runner, ask(pro, models[MEDIUM], num_images=2))

    assert (job.state, charged(job)) == (JobState.SUCCEEDED, 2)
    assert stand_in.calls[0].key == OWN_KEY
    call = ProviderCall.objects.get()
    assert (call.key_owner, call.cost_micros) == (KeyOwner.OWN, 0)


def test_a_job_keeps_to_the_key_that_it_was_quoted_for(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    by_house = ask(pro, models[MEDIUM])
    keep_own_key(pro, stand_in)
    by_own = ask(pro, models[MEDIUM])

    run(runner, by_house)
    delete_own_key(user=pro, provider=ProviderName.OPENAI)
    run(runner, by_own)

    assert (by_house.state, charged(by_house)) == (JobState.SUCCEEDED, 11)
    # The house does not step in: its price was never agreed to.
    assert (by_own.state, by_own.error_code, charged(by_own)) == (
        JobState.FAILED,
        ErrorCode.IMAGE_PROVIDER_KEY_MISSING,
        0,
    )
    assert [call.key for call in stand_in.calls] == [OPENAI_KEY]


def test_seeds_make_other_pictures_where_the_service_has_them(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    run(runner, ask(pro, models["stable-image-core"], seed=7, num_images=2, negative_prompt="text"))

    # None of theirs is ours: their 0 means any.
    assert [call.fields["seed"] for call in stand_in.calls] == ["8", "9"]
    assert [image.metadata["seed"] for image in Image.objects.order_by("node_id")] == [7, 8]


def test_a_mask_is_painted_and_the_rest_stays_to_the_bit(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    start, mask = make_image(pro), make_image(pro)
    job = ask(
        pro,
        models[MEDIUM],
        init_image=start.image_name,
        mask={"image": mask.image_name, "feather": 0},
    )
    run(runner, job)

    assert (job.state, job.error_code) == (JobState.SUCCEEDED, "")
    # A picture to look at costs half a cent more: 0.039 dollars and half as much again.
    assert charged(job) == 12
    made = Image.objects.get(session_id=job.id)
    picture = PillowImage.open(io.BytesIO(read_file(image=made)))
    original = PillowImage.open(io.BytesIO(read_file(image=start))).convert("RGB")
    # The mask is a ramp from black at the top to white at the bottom.
    assert picture.getpixel((3, 3)) == pytest.approx(original.getpixel((0, 0)), abs=2)
    assert picture.getpixel((500, 1020)) != pytest.approx(original.getpixel((30, 47)), abs=8)


def test_a_mask_marks_the_place_that_was_painted_though_the_picture_is_cropped(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    start, mask = (PillowImage.new("RGB", (64, 64)) for _ in range(2))
    for picture, colour in ((start, "red"), (mask, "white")):
        picture.paste(colour, (0, 16, 64, 32))
    job = ask(
        pro,
        models[MEDIUM],
        width=1536,
        height=1024,
        init_image=make_image(pro, start).image_name,
        mask={"image": make_image(pro, mask).image_name, "feather": 0},
    )
    run(runner, job)

    assert (job.state, job.error_code) == (JobState.SUCCEEDED, "")
    # 42 2/3 rows are left of the 64, each 24 times as high.
    band = (0, 128, 1536, 512)
    (call,) = stand_in.calls
    sent = PillowImage.open(io.BytesIO(call.files["image[]"][0])).getchannel("R")
    holes = PillowImage.open(io.BytesIO(call.files["mask"][0])).getchannel("A")
    assert sent.point(lambda red: red > 127).getbbox() == band
    assert holes.point(lambda alpha: 255 - alpha).getbbox() == band


def test_a_mask_that_marks_nothing_is_refused_before_any_call(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    mask = make_image(pro, PillowImage.new("RGB", (64, 64)))
    job = ask(
        pro,
        models[MEDIUM],
        init_image=make_image(pro).image_name,
        mask={"image": mask.image_name, "feather": 0},
    )
    run(runner, job)

    assert (job.state, job.error_code, charged(job)) == (JobState.FAILED, ErrorCode.INVALID, 0)
    assert stand_in.calls == []
    assert not ProviderCall.objects.exists()
