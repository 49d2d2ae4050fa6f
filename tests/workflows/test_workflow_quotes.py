"""What a quote of a workflow promises: a price for the work that is run, and for no other."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.credits.models import Hold
from apps.generation.models import Job
from apps.workflows.services.runs import quote_run
from gpu_tasks.nodes.graph import MAX_BYTES, read_document, size_of
from tests.workflows.documents import (
    SAMPLING,
    document,
    fill_document,
    node,
    plain_document,
)

URL = "/api/v1/workflows"


def links_of(asked: dict[str, Any]) -> list[tuple[str, str]]:
    return [(".".join(one["from"]), ".".join(one["to"])) for one in asked["edges"]]


def steps_by_chance(operation: str, number: int) -> dict[str, Any]:
    """Return a workflow whose seed, which is left to chance, decides on the steps."""
    base = plain_document()
    del base["nodes"][2]["inputs"]["steps"]
    return document(
        [
            node("seed_1", "seed"),
            node("number_1", "integer"),
            node("some_1", "math", operation=operation, b=number),
            node("more_1", "math", operation="add", b=1),
            node("steps_1", "round_number"),
            *base["nodes"],
        ],
        ("seed_1.seed", "number_1.value"),
        ("number_1.integer", "some_1.a"),
        ("some_1.number", "more_1.a"),
        ("more_1.number", "steps_1.number"),
        ("steps_1.integer", "generate_1.steps"),
        *links_of(base),
    )


def asked_of(api: APIClient, path: str, asked: dict[str, Any], **more: Any) -> Any:
    return api.post(f"{URL}/{path}", {"document": asked, **more}, format="json")


@pytest.mark.parametrize(("operation", "number"), [("minimum", 99), ("remainder", 100)])
def test_where_a_seed_decides_on_the_work_what_was_quoted_is_run(
    operation: str, number: int, api: APIClient, user: User, starter: GenerationModel
) -> None:
    asked = steps_by_chance(operation, number)
    quote = asked_of(api, "quote", asked).json()

    answer = asked_of(api, "runs", asked, quote=quote["token"])

    assert answer.status_code == 202
    work = Job.objects.get().work or {}
    assert work["seconds"] == quote["nodes"]
    # As dear as if the very same were asked for by itself.
    assert quote_run(user=user, document=work["document"]).offer.quote.credits == quote["credits"]
    assert Hold.objects.get().amount == quote["credits"]


def test_where_it_does_not_each_run_has_seeds_of_its_own(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    asked = plain_document(seed=None)
    token = asked_of(api, "quote", asked).json()["token"]

    for _ in range(2):
        assert asked_of(api, "runs", asked, quote=token).status_code == 202

    first, second = (job.work or {} for job in Job.objects.all())
    assert first["document"] != second["document"]
    assert first["seconds"] == second["seconds"]


def test_a_quote_ends_where_the_model_makes_other_work_of_it_since(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    asked = plain_document()
    del asked["nodes"][2]["inputs"]["steps"]
    token = asked_of(api, "quote", asked).json()["token"]
    GenerationModel.objects.filter(key="starter").update(default_steps=99)

    answer = asked_of(api, "runs", asked, quote=token)

    assert (answer.status_code, answer.json()["code"]) == (409, "quote_expired")
    assert not Hold.objects.exists()


def test_nodes_that_make_the_same_are_quoted_once(user: User, starter: GenerationModel) -> None:
    base = plain_document()
    seed = 7

    def twice(other_seed: int | None) -> dict[str, Any]:
        return document(
            [
                *base["nodes"],
                node("generate_2", "generate", **{**SAMPLING, "seed": other_seed}),
                node("blur_1", "blur"),
                node("blur_2", "blur"),
                node("save_2", "save"),
                node("save_3", "save"),
            ],
            *links_of(base),
            ("model_1.model", "generate_2.model"),
            ("prompt_1.prompt", "generate_2.prompt"),
            ("generate_1.picture", "blur_1.picture"),
            ("generate_2.picture", "blur_2.picture"),
            ("blur_1.picture", "save_2.picture"),
            ("blur_2.picture", "save_3.picture"),
        )

    same, other, by_chance = (
        quote_run(user=user, document=twice(one)) for one in (seed, seed + 1, None)
    )

    assert same.nodes["generate_2"] == same.nodes["blur_2"] == 0
    assert same.nodes["blur_1"] > 0
    assert other.nodes["generate_2"] == by_chance.nodes["generate_2"] == same.nodes["generate_1"]
    assert other.nodes["blur_2"] == same.nodes["blur_1"]
    assert same.offer.quote.credits < other.offer.quote.credits


def padded(base: dict[str, Any], *, room: int) -> dict[str, Any]:
    """Return a document that is `room` bytes short of too large."""
    base["nodes"] += [node(f"text_{number}", "text", text="b" * 9000) for number in range(28)]
    base["nodes"].append(node("last_1", "text", text=""))
    left = MAX_BYTES - room - size_of(read_document(base))
    base["nodes"][-1]["inputs"]["text"] = "b" * left
    return base


def test_what_inputs_or_seeds_make_too_large_is_refused_before_a_credit_is_held(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    full = padded(fill_document(), room=0)
    by_seed = padded(plain_document(seed=None), room=1)
    assert asked_of(api, "check", full).status_code == 204
    assert asked_of(api, "check", by_seed).status_code == 204

    answers = [
        asked_of(api, "runs", full, inputs={"save_1.label": "x"}),
        asked_of(api, "runs", by_seed),
    ]

    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
        assert answer.json()["problems"][0]["code"] == "too_large"
    assert not Job.objects.exists()
    assert not Hold.objects.exists()
