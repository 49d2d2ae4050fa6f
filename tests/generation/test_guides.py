"""What may guide a generation, by the API: kept as asked, and refused by name before it costs."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.catalog.models import GenerationModel, ModelKind
from apps.core.errors import Forbidden
from apps.credits.models import Hold
from apps.generation.models import Job
from apps.generation.parameters import GenerationParameters
from apps.generation.services.admission import check_entitled
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from tests.factories import make_image, make_job
from tests.generation.add_ons import make_add_on, make_all_kinds
from tests.queries import counted_queries

URL = "/api/v1/generations"
PICTURE = "PICTURE"
NOBODYS = "5b0e2a63-9d1f-4a7e-8a35-000000000000"

Asked = dict[str, Any]


@pytest.fixture(autouse=True)
def catalog(starter: GenerationModel) -> GenerationModel:
    make_all_kinds()
    return starter


@pytest.fixture
def ask(api: APIClient, user: User) -> Callable[[Asked], Any]:
    """Ask for a generation, with a picture of the user's wherever PICTURE stands."""
    name = str(make_image(user).image_name)

    def post(settings: Asked) -> Any:
        body = json.dumps({"prompt": "a red circle", "seed": 1} | settings).replace(PICTURE, name)
        return api.post(URL, body, content_type="application/json")

    return post


START = {"init_image": PICTURE}
GOOD: list[Asked] = [
    START | {"mask": {"image": PICTURE, "feather": 4, "only_masked": True, "padding": 16}},
    START | {"outpaint": {"left": 32, "right": 16}},
    START | {"upscale": {"strength": 0.2, "upscaler": "larger", "tile": 128, "overlap": 32}},
    {"high_res": {"scale": 2, "strength": 0.5, "upscaler": "larger"}},
    {"variation": {"seed": 7, "strength": 0.3}},
    {"loras": [{"model": "lora", "weight": -0.5}]},
    {"embeddings": [{"model": "word"}]},
    {"embeddings": [{"model": "word", "token": "<mine>"}]},
    {"controls": [{"model": "edges", "image": PICTURE, "weight": 0.8, "start": 0.1, "end": 0.9}]},
    {
        "controls": [
            {
                "model": "edges",
                "image": PICTURE,
                "preprocessor": "canny",
                "parameters": {"low": 50, "high": 90},
            }
        ]
    },
    {"controls": [{"model": "adapter", "image": PICTURE, "preprocessor": "none"}]},
    {"image_prompt": {"model": "ip", "images": [PICTURE], "weight": 0.6}},
    {"regions": [{"prompt": "a star", "mask": PICTURE}]},
    {"clip_skip": 2, "vae": "vae", "seamless": ["y", "x"]},
    {"mask": None, "loras": [], "references": [], "vae": None, "clip_skip": 0},
    {"model": "flux", "loras": [], "seed": 3},
]


@pytest.mark.parametrize("settings", GOOD)
def test_what_guides_a_generation_is_kept(
    ask: Callable[[Asked], Any], user: User, settings: Asked
) -> None:
    start_subscription(user=user, plan=PLANS["pro"])

    response = ask(settings)

    assert response.status_code == 202, response.json()
    body = response.json()
    for name, value in settings.items():
        if not value:
            assert not body[name]
        elif isinstance(value, dict):
            assert body[name].keys() >= value.keys()
    # What is written is read again as it was.
    job = Job.objects.get()
    assert job.settings.to_json() == job.parameters
    assert job.settings.is_plain == (
        not any(
            name in job.parameters
            for name in settings
            if name
            in (
                "mask",
                "outpaint",
                "upscale",
                "high_res",
                "variation",
                "loras",
                "embeddings",
                "controls",
                "image_prompt",
                "regions",
                "vae",
            )
        )
    )


LORA = {"model": "lora"}
CONTROL = {"model": "edges", "image": PICTURE}
BAD: list[tuple[Asked, str]] = [
    ({"mask": {"image": PICTURE}}, "mask"),
    (START | {"mask": {"image": NOBODYS}}, "mask.image"),
    (START | {"mask": {}}, "mask.image"),
    (START | {"mask": {"image": PICTURE, "feather": 1000}}, "mask.feather"),
    (START | {"mask": {"image": PICTURE}, "outpaint": {"left": 8}}, "outpaint"),
    (START | {"outpaint": {}}, "outpaint"),
    (START | {"outpaint": {"left": 64, "right": 64}}, "outpaint"),
    (START | {"outpaint": {"left": -1}}, "outpaint.left"),
    ({"outpaint": {"left": 8}}, "outpaint"),
    ({"upscale": {}}, "upscale"),
    (START | {"upscale": {"tile": 64, "overlap": 60}}, "upscale.overlap"),
    (
        START | {"upscale": {"tile": 64, "overlap": 32}, "width": 4096, "height": 4096},
        "upscale.tile",
    ),
    (START | {"upscale": {"upscaler": "lora"}}, "upscale.upscaler"),
    (START | {"high_res": {}}, "high_res"),
    ({"high_res": {"scale": 1}}, "high_res.scale"),
    (START | {"variation": {"seed": 1, "strength": 0.5}}, "variation"),
    ({"variation": {"seed": 1}}, "variation.strength"),
    ({"variation": {"seed": 1, "strength": "NaN"}}, "variation.strength"),
    ({"loras": [{"model": "nothing"}]}, "loras.0.model"),
    ({"loras": [{"model": "lora-off"}]}, "loras.0.model"),
    ({"loras": [{"model": "theirs"}]}, "loras.0.model"),
    ({"loras": [{"model": "lora-xl"}]}, "loras.0.model"),
    ({"loras": [{"model": "vae"}]}, "loras.0.model"),
    ({"loras": [LORA, LORA]}, "loras"),
    ({"loras": [LORA | {"weight": 5}]}, "loras.0.weight"),
    ({"loras": [LORA | {"weight": "Infinity"}]}, "loras.0.weight"),
    ({"loras": "lora"}, "loras.non_field_errors"),
    ({"embeddings": [{"model": "word", "token": " "}]}, "embeddings.0.token"),
    ({"embeddings": [{"model": "lora"}]}, "embeddings.0.model"),
    ({"controls": [CONTROL | {"image": NOBODYS}]}, "controls.0.image"),
    ({"controls": [CONTROL | {"preprocessor": "magic"}]}, "controls.0.preprocessor"),
    ({"controls": [CONTROL | {"preprocessor": "depth"}]}, "controls.0.preprocessor"),
    ({"controls": [CONTROL | {"parameters": {"low": -1}}]}, "controls.0.parameters"),
    ({"controls": [CONTROL | {"parameters": {"other": 1}}]}, "controls.0.parameters"),
    ({"controls": [CONTROL | {"start": 0.5, "end": 0.5}]}, "controls.0.start"),
    ({"controls": [CONTROL, CONTROL | {"model": "adapter"}]}, "controls"),
    ({"controls": [CONTROL | {"model": "lora"}]}, "controls.0.model"),
    ({"image_prompt": {"model": "ip", "images": []}}, "image_prompt.images"),
    ({"image_prompt": {"model": "ip", "images": [NOBODYS]}}, "image_prompt.images.0"),
    ({"references": [PICTURE]}, "references"),
    ({"regions": [{"prompt": "", "mask": PICTURE}]}, "regions.0.prompt"),
    ({"regions": [{"prompt": "x", "mask": NOBODYS}]}, "regions.0.mask"),
    (
        {
            "regions": [{"prompt": "x", "mask": PICTURE}],
            "image_prompt": {"model": "ip", "images": [PICTURE]},
        },
        "regions",
    ),
    ({"clip_skip": 9}, "clip_skip"),
    ({"vae": "lora"}, "vae"),
    ({"seamless": ["z"]}, "seamless.0"),
    ({"refiner": {"model": "refine"}}, "refiner"),
    ({"refiner": {"model": "starter"}}, "refiner.model"),
    ({"model": "refine"}, "init_image"),
    ({"model": "flux", "negative_prompt": "x"}, "negative_prompt"),
    ({"model": "flux", "scheduler": "ddim"}, "scheduler"),
    ({"model": "flux", "width": 136}, "width"),
    ({"model": "flux", "seamless": ["x"]}, "seamless"),
    ({"model": "kontext", "references": [PICTURE, PICTURE]}, "references"),
]


@pytest.mark.parametrize(("settings", "field"), BAD)
def test_what_cannot_be_done_is_refused_by_name_and_nothing_is_held(
    ask: Callable[[Asked], Any], user: User, stranger: User, settings: Asked, field: str
) -> None:
    start_subscription(user=user, plan=PLANS["pro"])
    make_add_on("theirs", ModelKind.LORA, user=stranger)
    make_add_on("kontext", ModelKind.MAIN, base="flux-1-kontext", access="flux_included")
    GenerationModel.objects.filter(key__in=["refine", "kontext"]).update(
        default_width=128,
        default_height=128,
        min_size=64,
        max_size=256,
        default_steps=4,
        default_guidance=5.0,
        default_scheduler="euler",
    )

    response = ask(settings)

    assert response.status_code == 422, response.json()
    body = response.json()
    assert body["invalid_fields"] == [field]
    assert body["fields"][field][0]
    assert not Job.objects.exists()
    assert not Hold.objects.exists()


def test_a_size_beyond_all_numbers_is_refused(ask: Callable[[Asked], Any]) -> None:
    response = ask(START | {"width": 10**400, "upscale": {}})

    assert response.status_code == 422
    assert "width" in response.json()["invalid_fields"]


def test_a_lora_of_another_family_names_both(ask: Callable[[Asked], Any]) -> None:
    (message,) = ask({"loras": [{"model": "lora-xl"}]}).json()["fields"]["loras.0.model"]

    assert "Stable Diffusion XL" in message
    assert "Stable Diffusion 1.5" in message


def test_a_strangers_mask_is_not_there(ask: Callable[[Asked], Any], stranger: User) -> None:
    theirs = str(make_image(stranger).image_name)

    response = ask(START | {"mask": {"image": theirs}})

    assert response.status_code == 422
    assert response.json()["invalid_fields"] == ["mask.image"]


def test_a_control_takes_the_preprocessor_of_its_model_and_an_embedding_its_trigger_word(
    ask: Callable[[Asked], Any],
) -> None:
    body = ask({"controls": [CONTROL], "embeddings": [{"model": "word"}]}).json()

    assert body["controls"][0]["preprocessor"] == "canny"
    assert body["embeddings"] == [{"model": "word", "token": "<word>"}]


def test_a_plain_job_looks_as_jobs_did_before_there_were_guides(
    user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter)

    assert sorted(job.parameters) == [
        "guidance_scale",
        "height",
        "init_image",
        "negative_prompt",
        "num_images",
        "prompt",
        "scheduler",
        "seed",
        "steps",
        "strength",
        "width",
    ]
    assert job.settings.is_plain
    assert GenerationParameters.from_json(job.parameters) == job.settings


def test_any_number_of_add_ons_takes_the_same_queries(
    api: APIClient, ask: Callable[[Asked], Any]
) -> None:
    for number in range(6):
        make_add_on(f"lora-{number}", ModelKind.LORA)
    ask({})
    counts = []
    for count in (1, 6):
        with counted_queries() as queries:
            response = ask({"loras": [{"model": f"lora-{number}"} for number in range(count)]})
        assert response.status_code == 202
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_an_add_on_beyond_the_plan_or_without_a_licence_is_refused(
    ask: Callable[[Asked], Any], settings: Any
) -> None:
    make_add_on("dear", ModelKind.LORA, access="full")
    make_add_on("unfree", ModelKind.LORA, commercial_use=False)
    settings.EASEL_REQUIRE_COMMERCIAL_LICENSE = True

    for key, code in (("dear", "model_not_in_plan"), ("unfree", "license_required")):
        response = ask({"loras": [{"model": key}]})
        assert (response.status_code, response.json()["code"]) == (403, code)
    assert not Job.objects.exists()
    assert not Hold.objects.exists()


def test_a_model_that_was_switched_off_meanwhile_makes_no_waiting_job(
    ask: Callable[[Asked], Any], starter: GenerationModel
) -> None:
    job = Job.objects.get(id=ask({}).json()["id"])
    assert check_entitled(job) == {}
    GenerationModel.objects.filter(key=starter.key).update(is_enabled=False)

    with pytest.raises(Forbidden) as refused:
        check_entitled(Job.objects.get(id=job.id))

    assert refused.value.code == "model_gone"


def test_a_licence_that_was_withdrawn_meanwhile_makes_no_waiting_job(
    ask: Callable[[Asked], Any], settings: Any
) -> None:
    settings.EASEL_REQUIRE_COMMERCIAL_LICENSE = True
    job = Job.objects.get(id=ask({"loras": [LORA]}).json()["id"])
    assert check_entitled(job).keys() >= {"lora"}
    GenerationModel.objects.filter(key="lora").update(commercial_use=False)

    with pytest.raises(Forbidden) as refused:
        check_entitled(job)

    assert refused.value.code == "license_required"


def test_a_job_tried_again_keeps_all_that_guided_it(
    api: APIClient, ask: Callable[[Asked], Any]
) -> None:
    first = ask({"loras": [LORA | {"weight": 0.5}], "clip_skip": 1}).json()
    api.post(f"{first['url']}/cancel")

    again = api.post(f"{first['url']}/retry", {"new_seed": True}, format="json")

    assert again.status_code == 202
    body = again.json()
    assert (body["loras"], body["clip_skip"]) == ([{"model": "lora", "weight": 0.5}], 1)
    assert body["seed"] != first["seed"]
