"""Grids: one request, a job for each pair of values, one sheet."""

import io
from typing import Any

import pytest
from PIL import Image as PillowImage
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.catalog.models import GenerationModel, ModelKind
from apps.credits.models import Hold
from apps.generation.models import Job, JobState
from apps.generation.services.results import finish_job
from apps.images.services.pictures import store_picture
from tests.factories import make_picture
from tests.generation.add_ons import make_add_on
from tests.generation.turns import claim

URL = "/api/v1/generations/grid"

pytestmark = pytest.mark.usefixtures("starter")

BASE = {"prompt": "a red circle", "steps": 2}


def grid(x: Any, y: Any = None, **base: Any) -> dict[str, Any]:
    return {"base": BASE | base, "x": x, "y": y}


def test_a_grid_is_a_batch_in_row_order_with_one_seed(api: APIClient) -> None:
    asked = grid(
        {"field": "steps", "values": [2, 3]}, {"field": "prompt", "values": ["red", "blue"]}
    )
    quoted = api.post(f"{URL}/quote", asked, format="json").json()

    response = api.post(URL, asked, format="json")

    assert response.status_code == 202, response.json()
    body = response.json()
    cells = [(job["prompt"], job["steps"]) for job in body["generations"]]
    assert cells == [
        ("a red circle", 2),
        ("a red circle", 3),
        ("a blue circle", 2),
        ("a blue circle", 3),
    ]
    assert len({job["seed"] for job in body["generations"]}) == 1
    assert body["x"] == {"field": "steps", "values": [2, 3]}
    assert body["y"] == {"field": "prompt", "values": ["red", "blue"]}
    assert quoted["count"] == 4
    assert quoted["credits"] == sum(hold.amount for hold in Hold.objects.all())


def test_seeds_and_weights_of_a_lora_may_vary(api: APIClient) -> None:
    make_add_on("lora", ModelKind.LORA)
    asked = grid(
        {"field": "seed", "values": [1, 2, 3]},
        {"field": "lora_weight", "lora": "lora", "values": [0, 0.5]},
        loras=[{"model": "lora"}],
    )

    body = api.post(URL, asked, format="json").json()

    assert [(job["seed"], job["loras"][0]["weight"]) for job in body["generations"]] == [
        (1, 0),
        (2, 0),
        (3, 0),
        (1, 0.5),
        (2, 0.5),
        (3, 0.5),
    ]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (grid({"field": "steps", "values": []}), "x.values"),
        (grid({"field": "steps", "values": list(range(1, 30))}), "x.values"),
        (grid({"field": "width", "values": [64]}), "x.field"),
        (grid({"field": "steps", "values": [1, 0]}), "cells.1.steps"),
        (grid({"field": "scheduler", "values": ["ddim", "magic"]}), "cells.1.scheduler"),
        (grid({"field": "model", "values": ["starter", "nothing"]}), "cells.1.model"),
        (grid({"field": "prompt", "values": ["green", "blue"]}), "x.values"),
        (grid({"field": "seed", "values": [{"a": 1}]}), "x.values"),
        (grid({"field": "lora_weight", "lora": "other", "values": [1]}), "x.lora"),
        (grid({"field": "steps", "values": [1]}, {"field": "steps", "values": [2]}), "y"),
        (
            grid(
                {"field": "steps", "values": list(range(1, 21))},
                {"field": "seed", "values": list(range(20))},
            ),
            "x",
        ),
        ({"base": {}, "x": {"field": "steps", "values": [1]}}, "base.prompt"),
    ],
)
def test_a_bad_grid_is_refused_by_name_and_nothing_is_made(
    api: APIClient, asked: dict[str, Any], field: str
) -> None:
    response = api.post(URL, asked, format="json")

    assert response.status_code == 422, response.json()
    assert response.json()["invalid_fields"] == [field]
    assert not Job.objects.exists()
    assert not Hold.objects.exists()


def test_the_sheet_shows_a_grid_that_has_ended_and_a_stranger_none(
    api: APIClient, stranger_api: APIClient, user: User, starter: GenerationModel
) -> None:
    del starter
    body = api.post(URL, grid({"field": "seed", "values": [1, 2]}), format="json").json()
    url = f"{URL}/{body['batch']}/sheet"
    assert api.get(url).status_code == 409
    for index in range(2):
        job = claim()
        assert job is not None
        stored = store_picture(
            user_id=user.id, image_name=job.id, picture=make_picture(128, 128), metadata={}
        )
        finish_job(
            user_id=user.id,
            job_id=job.id,
            attempt=job.attempt,
            compute_seconds=1,
            pictures=[stored] if index == 0 else [],
        )
    assert {job.state for job in Job.objects.all()} == {JobState.SUCCEEDED}

    response = api.get(url)

    assert response["Content-Type"] == "image/png"
    sheet = PillowImage.open(io.BytesIO(response.content))
    assert sheet.width > 2 * 128
    assert sheet.height > 128
    assert stranger_api.get(url).status_code == 404


def test_a_batch_that_is_no_grid_has_no_sheet(api: APIClient) -> None:
    batch = api.post("/api/v1/generations/batch", {"generations": [BASE]}, format="json").json()

    assert api.get(f"{URL}/{batch['batch']}/sheet").status_code == 404
