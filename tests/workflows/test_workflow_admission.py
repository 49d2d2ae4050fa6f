"""What a plan, a licence or a word refuses of a workflow, before any credit is held."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.credentials import SESSION
from apps.accounts.models import Scope, User
from apps.accounts.services.keys import create_key
from apps.catalog.models import GenerationModel
from apps.credits.models import Hold
from apps.credits.selectors import read_balance
from apps.generation.models import Job
from apps.plans import entitlements
from apps.plans.models import PauseReason, Subscription
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from tests.workflows.documents import (
    SAMPLING,
    document,
    edge,
    fill_document,
    node,
    plain_document,
)

URL = "/api/v1/workflows"


def assert_refused(
    api: APIClient, user: User, asked: dict[str, Any], *, status: int, code: str
) -> dict[str, Any]:
    before = read_balance(user_id=user.id)
    answer = api.post(f"{URL}/runs", {"document": asked}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Hold.objects.exists()
    assert not Job.objects.exists()
    assert read_balance(user_id=user.id) == before
    told: dict[str, Any] = answer.json()
    return told


def test_a_paused_plan_runs_nothing(api: APIClient, user: User, starter: GenerationModel) -> None:
    Subscription.objects.update(pause_reason=PauseReason.STAFF)

    assert_refused(api, user, fill_document(), status=403, code="plan_paused")


def test_a_plan_without_the_node_editor_runs_nothing(
    api: APIClient, user: User, starter: GenerationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    does = entitlements._does
    monkeypatch.setattr(
        entitlements,
        "_does",
        lambda plan, feature, *rest: (
            feature != entitlements.Feature.NODE_EDITOR and does(plan, feature, *rest)
        ),
    )

    told = assert_refused(api, user, fill_document(), status=403, code="feature_not_in_plan")

    assert told["feature"] == "node_editor"


@pytest.mark.parametrize(
    ("change", "code"),
    [({"access": "full"}, "model_not_in_plan"), ({"commercial_use": False}, "license_required")],
)
def test_a_model_that_may_not_be_used_is_named_with_its_node(
    change: dict[str, Any],
    code: str,
    api: APIClient,
    user: User,
    starter: GenerationModel,
    settings: Any,
) -> None:
    settings.EASEL_REQUIRE_COMMERCIAL_LICENSE = True
    GenerationModel.objects.filter(key="starter").update(**change)

    told = assert_refused(api, user, plain_document(), status=403, code=code)

    assert told["node"] == "model_1"


def test_a_full_store_takes_nothing_more(
    api: APIClient, user: User, starter: GenerationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.workflows.admission.used_bytes", lambda **_: 10**15)

    assert_refused(api, user, fill_document(), status=403, code="storage_full")


def test_what_would_not_fit_into_the_store_is_not_begun(
    api: APIClient, user: User, starter: GenerationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 3 * 64 * 64
    limit = entitlements.entitlements_of(user_id=user.id).storage_bytes or 0
    monkeypatch.setattr("apps.workflows.admission.used_bytes", lambda **_: limit - room)

    assert_refused(api, user, fill_document(64, 65), status=403, code="storage_full")

    fits = api.post(f"{URL}/runs", {"document": fill_document(64, 64)}, format="json")
    assert fits.status_code == 202


def joined() -> dict[str, Any]:
    """Return a workflow whose prompt is put together of harmless texts."""
    base = plain_document()
    return document(
        [
            node("join_1", "join_texts", a="for", b="bidden", separator=""),
            node("fill_1", "fill_template", template="a {a} thing"),
            {**base["nodes"][1], "inputs": {}},
            *(one for one in base["nodes"] if one["id"] != "prompt_1"),
        ],
        ("join_1.text", "fill_1.a"),
        ("fill_1.text", "prompt_1.text"),
        *(tuple(".".join(one[end]) for end in ("from", "to")) for one in base["edges"]),  # type: ignore[arg-type]
    )


def in_words(text: str) -> dict[str, Any]:
    asked = plain_document()
    asked["nodes"][1]["inputs"]["text"] = text
    return asked


def latents() -> dict[str, Any]:
    return document(
        [
            node("model_1", "model", key="starter"),
            node("prompt_1", "prompt", text="forbidden"),
            node("denoise_1", "denoise", **SAMPLING),
            node("decode_1", "decode"),
            node("save_1", "save"),
        ],
        ("model_1.model", "denoise_1.model"),
        ("prompt_1.prompt", "denoise_1.prompt"),
        ("denoise_1.latents", "decode_1.latents"),
        ("model_1.model", "decode_1.model"),
        ("decode_1.picture", "save_1.picture"),
    )


@pytest.mark.parametrize(
    ("make", "place"),
    [
        (lambda: in_words("a FORBIDDEN thing"), "generate_1"),
        (joined, "generate_1"),
        (latents, "denoise_1"),
    ],
    ids=["typed in", "put together", "for latents"],
)
def test_a_blocked_phrase_is_found_wherever_it_comes_from(
    make: Callable[[], dict[str, Any]],
    place: str,
    api: APIClient,
    user: User,
    starter: GenerationModel,
    settings: Any,
    tmp_path: Path,
) -> None:
    phrases = tmp_path / "phrases.txt"
    phrases.write_text("forbidden\n", encoding="utf-8")
    settings.EASEL_BLOCKED_PHRASES = str(phrases)

    told = assert_refused(api, user, make(), status=403, code="content_refused")

    assert told["node"] == place
    harmless = api.post(f"{URL}/runs", {"document": in_words("a red circle")}, format="json")
    assert harmless.status_code == 202


def test_what_the_model_cannot_do_is_named_with_node_and_input(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    told = assert_refused(api, user, plain_document(width=1024), status=422, code="invalid")
    blank = assert_refused(api, user, in_words(" "), status=422, code="invalid")

    assert told["invalid_fields"] == ["nodes.generate_1.width"]
    assert blank["invalid_fields"] == ["nodes.generate_1.prompt"]


def copy_of(model: GenerationModel, **changes: Any) -> None:
    """Add a model to the catalog that is like another, but older."""
    copied = {
        one.attname: getattr(model, one.attname)
        for one in GenerationModel._meta.concrete_fields
        if not one.generated
    }
    GenerationModel.objects.create(**{**copied, **changes})
    GenerationModel.objects.filter(key=changes["key"]).update(
        created_at=model.created_at - timedelta(days=1)
    )


def test_what_asks_no_model_is_shown_by_one_that_the_plan_has(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    copy_of(starter, key="beyond", access="full")

    answer = api.post(f"{URL}/runs", {"document": fill_document()}, format="json")

    assert answer.status_code == 202
    assert Job.objects.get().model_id == "starter"


@pytest.mark.parametrize("kind", ["decode", "encode"])
def test_a_vae_of_another_family_is_named_with_node_and_input(
    kind: str, api: APIClient, user: User, starter: GenerationModel
) -> None:
    copy_of(starter, key="foreign", kind="vae", base="sdxl")
    asked = document(
        [
            node("model_1", "model", key="starter"),
            node("vae_1", "vae", key="foreign"),
            node("fill_1", "colour_fill", width=64, height=64),
            node("encode_1", "encode"),
            node("decode_1", "decode"),
            node("save_1", "save"),
        ],
        ("model_1.model", "vae_1.model"),
        ("fill_1.picture", "encode_1.picture"),
        ("encode_1.latents", "decode_1.latents"),
        ("decode_1.picture", "save_1.picture"),
        *(
            ("vae_1.model" if one == kind else "model_1.model", f"{one}_1.model")
            for one in ("decode", "encode")
        ),
    )

    told = assert_refused(api, user, asked, status=422, code="invalid")

    assert told["invalid_fields"] == [f"nodes.{kind}_1.model"]


def test_pictures_that_are_only_shown_do_not_count_as_kept(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    asked = fill_document()
    asked["nodes"].append(node("preview_1", "preview"))
    asked["edges"].append(edge("fill_1.picture", "preview_1.picture"))

    answer = api.post(f"{URL}/runs", {"document": asked}, format="json")

    assert answer.json()["num_images"] == 1


def test_too_few_credits_are_told_with_their_numbers(
    api: APIClient, user: User, starter: GenerationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.workflows.quotes.charge_of", lambda _seconds: 10**6)

    told = assert_refused(api, user, fill_document(), status=402, code="insufficient_credits")

    assert told["required"] >= 10**6


def test_a_run_by_a_key_counts_towards_its_cap(user: User, starter: GenerationModel) -> None:
    start_subscription(user=user, plan=PLANS["pro"])
    key, secret = create_key(
        user=user, granter=SESSION, name="k", scopes=[Scope.GENERATE], monthly_credit_cap=1
    )
    api = APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}")

    answers = [
        api.post(f"{URL}/runs", {"document": fill_document()}, format="json") for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [202, 403]
    assert answers[1].json()["code"] == "key_credit_cap"
    assert Job.objects.get().api_key_id == key.id
