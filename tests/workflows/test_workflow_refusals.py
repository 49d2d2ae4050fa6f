"""Graphs that cannot run: refused with the node that is wrong, before any credit is held."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.boards.services import create_board
from apps.catalog.models import GenerationModel
from apps.credits.models import Hold
from apps.credits.selectors import read_balance
from apps.generation.models import Job
from apps.generation.provided import enter_models_of_providers
from tests.factories import make_image
from tests.workflows.documents import NOBODYS, document, fill_document, node

URL = "/api/v1/workflows"
ADDRESSES = ("runs", "quote", "check")


def filled(*more: dict[str, Any], links: tuple[tuple[str, str], ...] = ()) -> dict[str, Any]:
    """Return a workflow that could run, with more in it."""
    return document(
        [node("fill_1", "colour_fill"), node("save_1", "save"), *more],
        ("fill_1.picture", "save_1.picture"),
        *links,
    )


def cycle(length: int) -> dict[str, Any]:
    names = [f"text_{number}" for number in range(length)]
    following = zip(names, [*names[1:], names[0]], strict=True)
    return filled(
        *(node(name, "join_texts") for name in names),
        links=tuple((f"{one}.text", f"{other}.a") for one, other in following),
    )


WRONG: dict[str, tuple[Callable[[], Any], str, str | None, str | None]] = {
    "nothing": (dict, "not_a_document", None, None),
    "no nodes": (lambda: document(), "no_output", None, None),
    "nothing is kept": (
        lambda: document([node("fill_1", "colour_fill")]),
        "no_output",
        None,
        None,
    ),
    "another version": (
        lambda: {**fill_document(), "easel_workflow": 2},
        "not_a_document",
        None,
        None,
    ),
    "201 nodes": (
        lambda: document([node(f"n{number}", "text") for number in range(201)]),
        "too_many_nodes",
        "n200",
        None,
    ),
    "10,000 nodes": (
        lambda: document([{"id": f"n{number}", "type": "text"} for number in range(10_000)]),
        "too_many_nodes",
        "n200",
        None,
    ),
    "unknown node": (lambda: filled(node("x", "teleport")), "unknown_type", "x", None),
    "unknown version of a node": (
        lambda: filled({**node("x", "text"), "version": 9}),
        "unknown_version",
        "x",
        None,
    ),
    "bad id": (lambda: filled(node("X-1", "text")), "bad_id", "#2", None),
    "duplicate id": (lambda: filled(node("save_1", "save")), "duplicate_id", "save_1", None),
    "bad position": (
        lambda: filled({**node("x", "text"), "position": [0, "far"]}),
        "bad_position",
        "x",
        None,
    ),
    "unknown input": (lambda: filled(node("x", "text", more=1)), "unknown_input", "x", "more"),
    "unknown output": (
        lambda: filled(node("x", "join_texts"), links=(("fill_1.text", "x.a"),)),
        "unknown_output",
        "fill_1",
        None,
    ),
    "link to nowhere": (
        lambda: filled(links=(("fill_1.picture", "gone.picture"),)),
        "unknown_node",
        "fill_1",
        None,
    ),
    "bad value": (lambda: filled(node("x", "text", text=5)), "bad_value", "x", "text"),
    "value out of range": (
        lambda: filled(node("x", "blur", radius=1e9)),
        "bad_value",
        "x",
        "radius",
    ),
    "missing input": (
        lambda: document([node("save_1", "save")]),
        "missing_input",
        "save_1",
        "picture",
    ),
    "type confusion": (
        lambda: document(
            [node("text_1", "text"), node("save_1", "save")], ("text_1.text", "save_1.picture")
        ),
        "type_mismatch",
        "save_1",
        "picture",
    ),
    "linked twice": (
        lambda: filled(
            node("fill_2", "colour_fill"), links=(("fill_2.picture", "save_1.picture"),)
        ),
        "linked_twice",
        "save_1",
        "picture",
    ),
    "a node behind itself": (lambda: cycle(1), "cycle", "text_0", None),
    "a long cycle": (lambda: cycle(150), "cycle", "text_0", None),
    "too wide": (
        lambda: filled(
            node("pad_1", "pad", left=4096, right=4096),
            node("save_2", "save"),
            links=(("fill_1.picture", "pad_1.picture"), ("pad_1.picture", "save_2.picture")),
        ),
        "too_large",
        "pad_1",
        None,
    ),
    "a form of nothing": (
        lambda: {**fill_document(), "form": [{"node": "gone", "input": "x", "title": ""}]},
        "bad_form",
        "gone",
        "x",
    ),
    "a model that is not there": (
        lambda: filled(node("model_1", "model", key="nothing")),
        "not_found",
        "model_1",
        "key",
    ),
    "a picture that is not there": (
        lambda: filled(node("load_1", "load_picture", name=NOBODYS)),
        "not_found",
        "load_1",
        "name",
    ),
    "a board that is not there": (
        lambda: filled(
            node("board_1", "save_to_board", board=NOBODYS),
            links=(("fill_1.picture", "board_1.picture"),),
        ),
        "not_found",
        "board_1",
        "board",
    ),
}


def assert_refused(
    api: APIClient, user: User, wrong: Any, *, code: str, place: str | None, field: str | None
) -> None:
    before = read_balance(user_id=user.id)
    for address in ADDRESSES:
        answer = api.post(f"{URL}/{address}", {"document": wrong}, format="json")

        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), address
        first = answer.json()["problems"][0]
        assert (first["code"], first["node"], first["input"]) == (code, place, field), address
        shown = "document" if place is None else f"nodes.{place}"
        assert shown + (f".{field}" if field else "") in answer.json()["invalid_fields"], address
    assert not Hold.objects.exists()
    assert not Job.objects.exists()
    assert read_balance(user_id=user.id) == before


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_graph_is_refused_before_a_credit_is_held(
    name: str, api: APIClient, user: User, starter: GenerationModel
) -> None:
    make, code, place, field = WRONG[name]

    assert_refused(api, user, make(), code=code, place=place, field=field)


def test_what_another_tenant_has_is_not_there(
    api: APIClient, user: User, stranger: User, starter: GenerationModel
) -> None:
    picture = node("x", "load_picture", name=str(make_image(stranger).image_name))
    board = node("x", "save_to_board", board=str(create_board(user=stranger, name="b").id))
    theirs = filled(board, links=(("fill_1.picture", "x.picture"),))

    assert_refused(api, user, filled(picture), code="not_found", place="x", field="name")
    assert_refused(api, user, theirs, code="not_found", place="x", field="board")


def test_a_control_shows_that_the_graphs_could_run_otherwise(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    mine = node("x", "load_picture", name=str(make_image(user).image_name))

    assert api.post(f"{URL}/runs", {"document": filled(mine)}, format="json").status_code == 202
    assert Hold.objects.count() == Job.objects.count() == 1


def test_all_that_is_wrong_is_told_at_once(api: APIClient, starter: GenerationModel) -> None:
    wrong = filled(
        node("load_1", "load_picture", name=NOBODYS), node("model_1", "model", key="nothing")
    )

    answer = api.post(f"{URL}/check", {"document": wrong}, format="json")

    assert answer.json()["invalid_fields"] == ["nodes.load_1.name", "nodes.model_1.key"]


def test_a_model_whose_pictures_another_service_makes_is_told_apart(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    enter_models_of_providers()
    wrong = filled(node("x", "model", key="gpt-image-1-5-medium"))

    assert_refused(api, user, wrong, code="bad_value", place="x", field="key")
    problem = api.post(f"{URL}/check", {"document": wrong}, format="json").json()["problems"][0]
    assert problem["message"].startswith("Another service makes this model's pictures")
