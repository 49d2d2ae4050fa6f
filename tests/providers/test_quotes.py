"""Before a job: what it costs, who may ask for it, and what a provider cannot do."""

import runpy
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.catalog.selectors import get_model, list_catalog
from apps.core.errors import ErrorCode
from apps.credits.selectors import read_balance
from apps.dashboard.canvas_selectors import canvas_tools
from apps.dashboard.selectors import composer_of
from apps.generation.failures import FAILURE_DETAILS, failure_detail
from apps.generation.models import Job
from apps.generation.provided import enter_models_of_providers
from apps.plans.products import DOLLARS_A_CREDIT
from apps.providers.models import ProviderKey
from apps.providers.prices import DOLLARS_A_PICTURE, MARKUP, credits_of
from config import env
from gpu_tasks.providers.facts import PROVIDER_FACTS, PROVIDER_MODEL_KEYS
from tests.factories import make_image
from tests.providers.factories import make_provider_key
from tests.providers.stand_in import StandIn
from tests.stack import ROOT

pytestmark = pytest.mark.django_db

GENERATIONS = "/api/v1/generations"
QUOTE = f"{GENERATIONS}/quote"
MEDIUM, CORE, ULTRA = "gpt-image-1-5-medium", "stable-image-core", "stable-image-ultra"
Models = dict[str, GenerationModel]


def quote(api: APIClient, **settings: Any) -> dict[str, Any]:
    answer = api.post(QUOTE, {"model": MEDIUM, **settings}, format="json")
    assert answer.status_code == 200, answer.content
    body: dict[str, Any] = answer.json()
    return body


def refused(api: APIClient, **settings: Any) -> dict[str, list[str]]:
    asked = {"model": MEDIUM, "prompt": "a red circle", **settings}
    answer = api.post(GENERATIONS, asked, format="json")
    assert answer.status_code == 422, answer.content
    assert not Job.objects.exists()
    fields: dict[str, list[str]] = answer.json()["fields"]
    return fields


PRICES: list[tuple[dict[str, Any], int]] = [
    ({}, 11),
    ({"num_images": 4}, 44),
    ({"width": 1024, "height": 1536}, 15),
    ({"model": "gpt-image-1-5-low"}, 3),
    ({"model": "gpt-image-1-5-high", "width": 1536, "height": 1024}, 60),
    ({"model": CORE, "num_images": 2}, 18),
    ({"model": ULTRA, "width": 640, "height": 1536}, 24),
    ({"model": "sd-3-5-large-hosted"}, 20),
]


def test_a_quote_is_the_price_times_the_pictures(
    api: APIClient, pro: User, models: Models, stand_in: StandIn
) -> None:
    quotes = [quote(api, **asked) for asked, _credits in PRICES]

    assert [each["credits"] for each in quotes] == [credits for _asked, credits in PRICES]
    assert {each["basis"] for each in quotes} == {"price"}
    assert {each["available"] for each in quotes} == {read_balance(user_id=pro.id).available}


def test_every_model_has_a_price_for_every_size_above_what_it_costs_us() -> None:
    assert DOLLARS_A_PICTURE.keys() == PROVIDER_FACTS.keys()
    for base, facts in PROVIDER_FACTS.items():
        assert DOLLARS_A_PICTURE[base].keys() == set(facts.sizes)
        for size, dollars in DOLLARS_A_PICTURE[base].items():
            income = credits_of(base=base, size=size, looks=0) * DOLLARS_A_CREDIT
            assert income >= dollars * MARKUP >= dollars * Decimal("1.2")


def test_an_own_key_costs_a_credit_a_picture(
    api: APIClient, pro: User, models: Models, stand_in: StandIn
) -> None:
    make_provider_key(pro)

    assert quote(api, num_images=3)["credits"] == 3
    # It is of one provider alone.
    assert quote(api, model=CORE)["credits"] == 9


def test_a_token_holds_us_to_the_price_and_does_not_outlive_the_key(
    api: APIClient, pro: User, models: Models, stand_in: StandIn
) -> None:
    key = make_provider_key(pro)
    token = quote(api)["token"]
    asked = {"model": MEDIUM, "prompt": "a red circle", "quote": token}
    assert api.post(GENERATIONS, asked, format="json").status_code == 202
    assert read_balance(user_id=pro.id).held == 1

    key.delete()
    answer = api.post(GENERATIONS, asked, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "quote_expired")
    assert Job.objects.count() == 1


def test_the_plan_must_include_other_services(
    api: APIClient, user: User, models: Models, stand_in: StandIn
) -> None:
    asked = {"model": MEDIUM, "prompt": "a red circle"}
    answer = api.post(GENERATIONS, asked, format="json")

    assert (answer.status_code, answer.json()["code"]) == (403, "feature_not_in_plan")
    assert answer.json()["smallest_plan"] == "pro"
    assert not Job.objects.exists()
    assert read_balance(user_id=user.id).held == 0
    (shown,) = [each for each in api.get("/api/v1/models").json()["results"] if each["key"] == CORE]
    assert (shown["included"], shown["smallest_plan"]) == (False, "pro")


def test_without_any_key_nothing_is_accepted(
    api: APIClient, pro: User, models: Models, without_house: None
) -> None:
    asked = {"model": MEDIUM, "prompt": "a red circle"}
    answer = api.post(GENERATIONS, asked, format="json")

    assert (answer.status_code, answer.json()["code"]) == (409, "image_provider_key_missing")
    assert answer.json()["provider"] == "openai"
    assert not Job.objects.exists()
    make_provider_key(pro)
    assert api.post(GENERATIONS, asked, format="json").status_code == 202


def test_too_few_credits_are_told_before_anything_is_asked(
    api: APIClient, pro: User, models: Models, stand_in: StandIn
) -> None:
    available = read_balance(user_id=pro.id).available
    batch = {"generations": [{"model": "gpt-image-1-5-high", "prompt": "x", "num_images": 4}] * 130}
    answer = api.post(f"{GENERATIONS}/batch", batch, format="json")

    assert (answer.status_code, answer.json()["required"]) == (402, 130 * 4 * 40)
    assert read_balance(user_id=pro.id).available == available
    assert stand_in.calls == []


def test_the_number_of_queries_does_not_follow_the_number_of_jobs(
    api: APIClient,
    pro: User,
    models: Models,
    stand_in: StandIn,
    django_assert_max_num_queries: Any,
) -> None:
    batch = {"generations": [{"model": MEDIUM, "prompt": "x"}] * 20}
    with django_assert_max_num_queries(40):
        assert api.post(f"{GENERATIONS}/batch", batch, format="json").status_code == 202


SETTINGS: list[tuple[str, dict[str, Any], str]] = [
    ("size", {"width": 1000, "height": 1000}, "width"),
    ("size-of-two", {"width": 1536, "height": 1536}, "height"),
    ("steps", {"steps": 20}, "steps"),
    ("guidance", {"guidance_scale": 7}, "guidance_scale"),
    ("scheduler", {"scheduler": "euler"}, "scheduler"),
    ("negative", {"negative_prompt": "text"}, "negative_prompt"),
    ("high-res", {"high_res": {"scale": 2}}, "high_res"),
    ("variation", {"variation": {"seed": 1, "strength": 0.1}}, "variation"),
    ("seamless", {"seamless": ["x"]}, "seamless"),
    ("clip-skip", {"clip_skip": 1}, "clip_skip"),
]


def test_what_a_provider_cannot_do_is_refused_in_words(
    api: APIClient, pro: User, models: Models, stand_in: StandIn
) -> None:
    for name, asked, field in SETTINGS:
        assert refused(api, **asked)[field], name


def test_what_cannot_be_done_with_a_start_picture_is_refused_too(
    api: APIClient, pro: User, models: Models, stand_in: StandIn
) -> None:
    start = str(make_image(pro).image_name)
    parts: list[dict[str, Any]] = [
        {"upscale": {"strength": 0}},
        {"outpaint": {"left": 64}},
        {"strength": 0.5},
    ]
    for part in parts:
        (field,) = part
        assert refused(api, init_image=start, **part)[field]


def test_a_mask_is_for_the_one_and_not_for_the_other(
    api: APIClient, pro: User, models: Models, stand_in: StandIn
) -> None:
    start = str(make_image(pro).image_name)
    edit = {"init_image": start, "mask": {"image": start}}

    assert "mask" in refused(api, model=ULTRA, **edit)
    assert "mask.only_masked" in refused(
        api, **{**edit, "mask": {"image": start, "only_masked": True}}
    )
    assert "init_image" in refused(api, model=CORE, init_image=start)
    # Pictures that are looked at cost the provider's part.
    assert quote(api, **edit)["credits"] == 12


def test_only_so_many_pictures_are_looked_at(
    api: APIClient, pro: User, models: Models, stand_in: StandIn
) -> None:
    names = [str(make_image(pro).image_name)] * 2

    assert quote(api, references=names)["credits"] == 14
    assert quote(api, references=names * 2)["credits"] == 17
    assert refused(api, model=ULTRA, references=names)["references"]
    assert refused(api, references=[*names * 2, names[0]])["references"]
    assert "up to 4 `references`" in (ROOT / "docs" / "providers.md").read_text()


def test_somebody_elses_picture_is_not_sent(
    api: APIClient, pro: User, stranger: User, models: Models, stand_in: StandIn
) -> None:
    theirs = str(make_image(stranger).image_name)

    assert refused(api, init_image=theirs) == {"init_image": ["You have no picture of this name."]}
    assert refused(api, init_image=str(uuid.uuid4()))["init_image"]


def test_models_of_providers_are_never_the_default(user: User, db: None, stand_in: StandIn) -> None:
    from apps.catalog.services import install_starter_model

    enter_models_of_providers()
    starter = install_starter_model()

    assert get_model(user=user, key=None) == starter


def test_pages_offer_what_there_is_a_key_for_and_the_canvas_none(
    pro: User, models: Models, stand_in: StandIn, settings: Any
) -> None:
    settings.EASEL_HOUSE_PROVIDERS = ["stability"]
    make_provider_key(pro)
    assert composer_of(user=pro).services == {
        "openai": {"name": "OpenAI", "key_owner": "own"},
        "stability": {"name": "Stability AI", "key_owner": "house"},
    }
    ProviderKey.objects.all().delete()
    settings.EASEL_HOUSE_PROVIDERS = []

    assert [model["key"] for model in composer_of(user=pro).models] == ["starter"]
    assert [model["key"] for model in canvas_tools(user=pro).models] == ["starter"]


def test_the_catalog_follows_what_is_configured(
    pro: User, stand_in: StandIn, settings: Any
) -> None:
    assert enter_models_of_providers() == len(PROVIDER_MODEL_KEYS)
    assert enter_models_of_providers() == 0
    settings.EASEL_HOUSE_PROVIDERS = ["stability"]
    # With keys of users, every provider can be used.
    assert enter_models_of_providers() == 0
    settings.EASEL_PROVIDER_KEYS_SECRETS = []
    assert enter_models_of_providers() == 3
    assert enter_models_of_providers() == 0
    assert {model.source for model in list_catalog(user=pro)} == {"Stability AI"}
    settings.EASEL_HOUSE_PROVIDERS = ["openai", "stability"]
    assert enter_models_of_providers() == 3
    assert list_catalog(user=pro).count() == len(PROVIDER_MODEL_KEYS)


def test_providers_of_the_house_are_named_with_or_without_spaces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EASEL_HOUSE_PROVIDERS", "openai, stability")

    assert runpy.run_path(env.__file__)["HOUSE_PROVIDERS"] == ["openai", "stability"]


def test_what_the_staff_say_of_a_model_stays_and_its_facts_follow(
    models: Models, stand_in: StandIn
) -> None:
    found = GenerationModel.objects.filter(key=MEDIUM)
    found.update(is_enabled=False, name="Of ours", max_size=7, default_width=512)

    assert enter_models_of_providers() == 1

    model = found.get()
    assert (model.is_enabled, model.name) == (False, "Of ours")
    assert (model.max_size, model.default_width) == (1536, 1024)


def test_a_model_tells_all_that_a_form_needs(
    api: APIClient, pro: User, models: Models, stand_in: StandIn
) -> None:
    shown = api.get(f"/api/v1/models/{MEDIUM}").json()

    assert (shown["provider"], shown["included"], shown["name"]) == (
        "openai",
        True,
        "GPT Image 1.5 (medium)",
    )
    assert shown["sizes"] == [[1024, 1024], [1536, 1024], [1024, 1536]]
    assert shown["settings_not_taken"] == [
        *("steps", "guidance_scale", "scheduler", "seed", "strength"),
    ]
    assert shown["capabilities"] == ["img2img", "inpaint", "references", "txt2img"]
    assert shown["schedulers"] == []


PROVIDER_CODES = [code for code in ErrorCode if code.startswith("image_provider_")]


@pytest.mark.parametrize("code", PROVIDER_CODES)
def test_every_failure_has_a_sentence_of_its_own_in_both_languages(code: ErrorCode) -> None:
    assert len(code) <= 32
    sentences = {}
    for language in ("en", "ko"):
        with translation.override(language):
            sentences[language] = failure_detail(code)
    others = {str(text) for other, text in FAILURE_DETAILS.items() if other != code}
    assert sentences["en"] not in others
    assert sentences["ko"] != sentences["en"]


@pytest.mark.django_db
def test_a_model_of_a_provider_is_no_refiner(
    api: APIClient,
    pro: User,
    starter: GenerationModel,
    models: dict[str, GenerationModel],
    stand_in: StandIn,
) -> None:
    asked = {"prompt": "x", "model": starter.key, "refiner": {"model": "stable-image-core"}}
    for url in ("/api/v1/generations/quote", "/api/v1/generations"):
        answer = api.post(url, asked, format="json")
        assert (answer.status_code, "refiner" in str(answer.json()["fields"])) == (422, True)
