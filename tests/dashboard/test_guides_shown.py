"""What can guide a picture, what guided it, and what was refused, on the pages."""

import json
from typing import Any

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django.test import Client
from django.utils import translation

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode
from apps.dashboard.guide_facts import guide_facts
from apps.dashboard.guide_offers import NAMES, REASONS, guide_offers
from apps.generation.models import ContentAppeal, Job, JobState
from gpu_tasks.engine.control.names import PREPROCESSOR_NAMES
from gpu_tasks.engine.family_facts import FAMILY_FACTS
from gpu_tasks.providers.facts import PROVIDER_FACTS
from tests.factories import make_image, make_job
from tests.queries import counted_queries

WEIGHTS = {"weights": {"own-1": {"name": "Ink", "kind": "lora", "sha256": "0"}}}


def shown(metadata: dict[str, Any]) -> list[str]:
    return [f"{fact.name}: {fact.value}" for fact in guide_facts(metadata)]


def test_models_are_shown_by_their_names() -> None:
    assert shown(
        {
            "loras": [{"model": "own-1", "weight": 0.5}, {"model": "gone", "weight": 1}],
            "high_res": {"scale": 2.0, "strength": 0.5, "upscaler": None},
            "vae": "soft",
            "seamless": ["x", "y"],
            "clip_skip": 2,
            "regions": [{"prompt": "a star", "mask": "…"}],
            "references": ["…", "…"],
            "outpaint": {"left": 64, "top": 0, "right": 0, "bottom": 8, "feather": 16},
            "made_with": WEIGHTS,
        }
    ) == [
        "LoRAs: Ink · 0.5, gone · 1",
        "Second pass: 2.0 · 0.5",
        "Regions: a star",
        "Reference pictures: 2",
        "Outpainting: ← 64 ↓ 8",
        "VAE: soft",
        "Seamless along: x, y",
        "CLIP skip: 2",
    ]


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"loras": "x", "regions": {"prompt": 1}, "vae": 3, "seamless": "x", "clip_skip": "2"},
        {"loras": [1, None], "controls": [[]], "upscale": [], "made_with": "x", "refiner": 1},
        {"made_with": {"weights": [1]}},
        {"references": [], "outpaint": {"left": "x", "top": None}},
    ],
)
def test_what_another_tool_wrote_breaks_nothing(metadata: dict[str, Any]) -> None:
    assert shown(metadata) == []


def test_loras_that_another_tool_names_are_shown_as_it_does() -> None:
    assert shown({"loras": [{"name": "ink", "weight": 0.7}]}) == ["LoRAs: ink · 0.7"]


@pytest.mark.django_db
def test_the_page_of_a_picture_tells_its_loras(browser_client: Client, user: User) -> None:
    image = make_image(
        user, prompt="x", loras=[{"model": "own-1", "weight": 0.5}], made_with=WEIGHTS
    )

    page = browser_client.get(f"/gallery/{image.image_name}/").content.decode()

    assert "Ink · 0.5" in page


@pytest.mark.django_db
def test_a_refusal_is_appealed_on_the_page_of_its_receipt_once(
    browser_client: Client, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter)
    Job.objects.filter(id=job.id).update(
        state=JobState.FAILED, error_code=ErrorCode.CONTENT_REFUSED, finished_at=job.created_at
    )
    url = f"/usage/receipts/{job.id}/"
    assert "Why is the refusal wrong?" in browser_client.get(url).content.decode()

    assert browser_client.post(f"{url}appeal/", {"reason": "no"}).status_code == 422
    assert not ContentAppeal.objects.exists()
    answer = browser_client.post(f"{url}appeal/", {"reason": "It is a red\0 circle."})

    assert (answer.status_code, answer["Location"]) == (302, url)
    page = browser_client.get(url).content.decode()
    assert "Your appeal is open." in page
    assert "Why is the refusal wrong?" not in page
    browser_client.post(f"{url}appeal/", {"reason": "It is a red circle."})
    assert ContentAppeal.objects.count() == 1


def test_whatever_the_engine_says_of_itself_can_be_said_in_other_languages() -> None:
    known = (*FAMILY_FACTS.values(), *PROVIDER_FACTS.values())
    reasons = {text for facts in known for text in facts.lacks.values()}
    names = {each.name for each in PREPROCESSOR_NAMES.values()}
    numbers = {one.name for each in PREPROCESSOR_NAMES.values() for one in each.parameters.values()}

    assert set(REASONS) == reasons
    assert names | numbers == NAMES


def test_the_offers_say_what_a_family_lacks_and_whose_models_fit_it() -> None:
    flux = guide_offers([{"base": "flux-1"}, {"base": "flux-1"}])["families"]

    assert list(flux) == ["flux-1"]
    assert flux["flux-1"]["name"] == "FLUX.1"
    assert flux["flux-1"]["lacks"]["clip_skip"] == (
        "Its prompts are read by a language model, not by CLIP."
    )
    assert "lora" not in flux["flux-1"]["lacks"]
    assert flux["flux-1"]["takes"]["lora"] == ["flux-1", "flux-1-fill", "flux-1-kontext"]
    assert flux["flux-1"]["takes"]["controlnet"] == ["flux-1"]
    assert guide_offers([{"base": "qwen-image"}])["families"]["qwen-image"]["limits"] == {
        "controls": 1
    }


def test_the_offers_are_in_the_language_of_the_page() -> None:
    with translation.override("ko"):
        offers = json.loads(json.dumps(guide_offers([{"base": "sdxl"}]), cls=DjangoJSONEncoder))

    assert offers["families"]["sdxl"]["lacks"] == {
        "references": "참조 그림을 보도록 학습되지 않았어요."
    }
    canny = next(each for each in offers["preprocessors"] if each["key"] == "canny")
    assert canny == {
        "key": "canny",
        "name": "캐니 윤곽선",
        "needs_depth_model": False,
        "parameters": [
            {
                "key": "low",
                "name": "낮은 문턱값",
                "least": 0,
                "most": 1000,
                "default": 100,
                "whole": True,
            },
            {
                "key": "high",
                "name": "높은 문턱값",
                "least": 0,
                "most": 1000,
                "default": 200,
                "whole": True,
            },
        ],
    }


def test_the_page_has_the_offers_and_asks_nothing_for_them(
    browser_client: Client, starter: GenerationModel
) -> None:
    response = browser_client.get("/create/")

    found = response.content.decode().partition('<script id="guide-offers"')[2]
    offers = json.loads(found.partition(">")[2].partition("</script>")[0])
    assert list(offers["families"]) == [starter.base]
    assert offers["limits"]["loras"] == 8
    with counted_queries() as queries:
        guide_offers(response.context["models"])
    assert len(queries) == 0
