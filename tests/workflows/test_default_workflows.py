"""The workflows that Easel comes with: each can run once its user has chosen what it asks for."""

import importlib
from typing import Any

import pytest
from django.apps import apps
from django.utils import translation
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.boards.services import create_board
from apps.catalog.models import GenerationModel, ModelKind
from apps.core.tenancy import service_scope
from apps.workflows.models import Workflow
from apps.workflows.shipped_words import WORDS
from apps.workflows.shown import ready_document
from gpu_tasks.nodes.graph import read_document
from tests.catalog.factories import make_model
from tests.factories import make_image

shipped = importlib.import_module("apps.workflows.migrations.0006_default_workflows")
DOCUMENTS: dict[str, dict[str, Any]] = {one["name"]: one for one in shipped.read_documents()}
URL = "/api/v1/workflows"
# What its user chooses: the input of a node, and what of.
CHOSEN = {
    "Picture to picture": {"load_1.name": "picture"},
    "Repaint what is bright": {"load_1.name": "picture"},
    "Follow the edges": {"load_1.name": "picture"},
    "Four on a contact sheet": {"save_1.board": "board", "save_2.board": "board"},
}


@pytest.fixture
def loras(user: User, starter: GenerationModel) -> list[GenerationModel]:
    return [
        make_model(user, key=f"lora-{number}", kind=ModelKind.LORA, base=starter.base)
        for number in (1, 2)
    ]


@pytest.fixture
def only_shipped(db: None) -> None:
    with service_scope("a test"):
        Workflow.objects.all().delete()
        shipped.add_workflows(apps, FakeEditor())


class FakeEditor:
    """Runs no SQL: the test is in the service role already."""

    def execute(self, statement: str) -> None:
        assert statement.startswith("SET LOCAL ROLE")


def test_they_are_listed_the_simplest_first(api: APIClient, only_shipped: None) -> None:
    listed = api.get(URL).json()["results"]

    assert [one["name"] for one in listed] == list(DOCUMENTS)
    assert len(listed) == 8
    assert all(one["is_shared"] and one["description"] for one in listed)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_is_as_it_would_be_exported(name: str) -> None:
    assert read_document(DOCUMENTS[name]).to_json() == DOCUMENTS[name]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_can_run_once_its_user_has_chosen(
    name: str, api: APIClient, user: User, loras: list[GenerationModel]
) -> None:
    things = {
        "picture": str(make_image(user).image_name),
        "board": str(create_board(user=user, name="b").id),
    }
    inputs = {place: things[thing] for place, thing in CHOSEN.get(name, {}).items()}
    document = ready_document(DOCUMENTS[name], user=user)

    open_still = api.post(f"{URL}/quote", {"document": document}, format="json")
    quote = api.post(f"{URL}/quote", {"document": document, "inputs": inputs}, format="json")

    assert quote.status_code == 200, quote.json()
    assert quote.json()["credits"] > 0
    places = [f"nodes.{place}" for place in sorted(inputs)]
    assert open_still.json().get("invalid_fields", []) == places


def test_models_are_chosen_that_fit_each_once(
    user: User, starter: GenerationModel, loras: list[GenerationModel]
) -> None:
    document = ready_document(DOCUMENTS["Two LoRAs"], user=user)

    inputs = {node["id"]: node["inputs"] for node in document["nodes"]}
    assert inputs["model_1"]["key"] == "starter"
    assert {inputs["lora_1"]["key"], inputs["lora_2"]["key"]} == {"lora-1", "lora-2"}
    assert inputs["size_1"]["square"] == starter.default_width


def test_what_nothing_fits_stays_open(user: User, db: None) -> None:
    document = ready_document(DOCUMENTS["Two LoRAs"], user=user)

    assert "key" not in document["nodes"][0]["inputs"]


def texts(document: dict[str, Any]) -> set[str]:
    found = {document["name"], document["description"]}
    found |= {node["label"] for node in document["nodes"]}
    return found | {field["title"] for field in document["form"]} - {""}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_all_words_of_them_are_translated(name: str, user: User, db: None) -> None:
    with translation.override("ko"):
        shown = ready_document(DOCUMENTS[name], user=user)

    # The names of the two are the same in Korean.
    assert texts(DOCUMENTS[name]) & texts(shown) <= {"", "ControlNet"}


def test_the_list_of_their_words_is_complete() -> None:
    assert set(WORDS) == set().union(*map(texts, DOCUMENTS.values())) - {""}
