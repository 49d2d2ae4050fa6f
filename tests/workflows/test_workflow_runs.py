"""Runs of workflows: quoted, accepted once, shown."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode
from apps.core.tenancy import tenant_scope
from apps.credits.models import Hold, MeasuredCost
from apps.credits.selectors import read_balance
from apps.generation.content import is_cleared
from apps.generation.models import Job, JobKind, JobState
from apps.generation.placing import tier_for
from apps.generation.services.appeals import appeal_refusal, decide_appeal
from apps.generation.services.leases import claim_next_job
from apps.generation.services.results import fail_job
from apps.plans.selectors import plan_of
from apps.plans.tiers import GpuTier
from apps.workflows.documents import read
from apps.workflows.models import Workflow
from apps.workflows.node_states import save_node
from apps.workflows.quotes import graph_digest
from apps.workflows.services import runs
from apps.workflows.services.runs import retry_run, start_run
from apps.workflows.services.workflows import create_workflow, edit_workflow
from tests.factories import make_image, make_job, make_user
from tests.queries import counted_queries
from tests.workflows.documents import document, fill_document, node, plain_document

URL = "/api/v1/workflows"
FILL = fill_document()
# A seed that is left to chance twice, once given and once linked.
SEEDS = document(
    [
        node("seed_1", "seed", seed=None),
        node("pick_1", "pick_text", lines="a\nb"),
        node("pick_2", "pick_text", lines="a\nb", seed=7),
        node("pick_3", "pick_text", lines="a\nb"),
        *FILL["nodes"],
    ],
    ("fill_1.picture", "save_1.picture"),
    ("seed_1.seed", "pick_3.seed"),
)


@pytest.fixture
def workflow(user: User, starter: GenerationModel) -> Workflow:
    return create_workflow(user=user, document=FILL)


def run(api: APIClient, body: dict[str, Any], key: str | None = None) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return api.post(f"{URL}/runs", body, format="json", headers=headers)


def test_a_quote_tells_what_each_node_takes_and_holds_nothing(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    quote = api.post(f"{URL}/quote", {"document": FILL}, format="json").json()

    assert quote["credits"] == 1
    assert quote["nodes"].keys() == {"fill_1", "save_1"}
    assert quote["seconds"] == pytest.approx(sum(quote["nodes"].values()), abs=0.01)
    assert quote["available"] == read_balance(user_id=user.id).available
    assert not Hold.objects.exists()


def test_a_run_is_one_job_that_holds_its_quote(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    quote = api.post(f"{URL}/quote", {"document": FILL}, format="json").json()

    answer = run(api, {"document": FILL, "quote": quote["token"]})

    assert answer.status_code == 202
    body = answer.json()
    assert (body["kind"], body["state"], body["num_images"]) == ("workflow", "queued", 1)
    job = Job.objects.get(id=body["id"])
    assert job.kind == JobKind.WORKFLOW
    assert job.work == {
        "workflow": None,
        "version": None,
        "document": FILL,
        "digest": graph_digest(read(FILL)),
        "drawn": [],
        "models": [],
        "defaults": {},
        "pictures": [],
        "seconds": quote["nodes"],
    }
    assert Hold.objects.get(job_id=job.id).amount == quote["credits"]


def test_a_quote_binds_for_the_same_graph_alone(
    api: APIClient, starter: GenerationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = api.post(f"{URL}/quote", {"document": FILL}, format="json").json()["token"]
    moved = {**FILL, "name": "Other", "nodes": [{**one, "label": "x"} for one in FILL["nodes"]]}
    monkeypatch.setattr("apps.workflows.quotes.charge_of", lambda _seconds: 400)

    refused = [
        run(api, {"document": fill_document(width=128), "quote": token}),
        run(api, {"document": FILL, "quote": token + "x"}),
    ]
    held = run(api, {"document": moved, "quote": token})

    assert [answer.json()["code"] for answer in refused] == ["quote_expired"] * 2
    assert held.status_code == 202
    assert Hold.objects.get().amount == 1


def test_a_quote_of_somebody_else_or_of_long_ago_does_not_bind(
    api: APIClient,
    stranger_api: APIClient,
    starter: GenerationModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs, mine = (
        one.post(f"{URL}/quote", {"document": FILL}, format="json").json()["token"]
        for one in (stranger_api, api)
    )

    answers = [run(api, {"document": FILL, "quote": theirs})]
    monkeypatch.setattr("apps.generation.quotes.QUOTE_SECONDS", -1)
    answers.append(run(api, {"document": FILL, "quote": mine}))

    assert [answer.json()["code"] for answer in answers] == ["quote_expired"] * 2
    assert not Hold.objects.exists()


def test_a_kept_workflow_runs_by_its_id_with_other_literals(
    api: APIClient, user: User, workflow: Workflow
) -> None:
    edit_workflow(user=user, workflow_id=workflow.id, base_version=1, name="Second")
    latest = run(api, {"workflow": str(workflow.id), "inputs": {"fill_1.colour": "#ff0000"}})
    first = run(api, {"workflow": str(workflow.id), "version": 1})

    works = [Job.objects.get(id=one.json()["id"]).work or {} for one in (latest, first)]
    assert [work["document"]["name"] for work in works] == ["Second", "Test"]
    assert [work["document"]["nodes"][0]["inputs"]["colour"] for work in works] == [
        "#ff0000",
        "#2f80ed",
    ]
    assert works[1]["workflow"] == str(workflow.id)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "document"),
        ({"document": FILL, "workflow": str(uuid.UUID(int=1))}, "document"),
        ({"document": FILL, "version": 1}, "version"),
        ({"document": FILL, "inputs": {"gone.colour": "x"}}, "nodes.gone"),
        ({"document": FILL, "inputs": {"fill_1.gone": "x"}}, "nodes.fill_1.gone"),
        ({"document": FILL, "inputs": {"fill_1.colour": "x"}}, "nodes.fill_1.colour"),
        ({"document": FILL, "inputs": {"fill_1.colour": {}}}, "inputs.fill_1.colour"),
        ({"document": FILL, "inputs": {"": 1}}, "document"),
        ({"document": FILL, "priority": "now"}, "priority"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_by_field(
    api: APIClient, starter: GenerationModel, body: dict[str, Any], field: str
) -> None:
    answer = run(api, body)

    assert (answer.status_code, answer.json()["invalid_fields"]) == (422, [field])
    assert not Job.objects.exists()


def test_seeds_left_to_chance_are_drawn_once_and_stay(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    job = Job.objects.get(id=run(api, {"document": SEEDS}).json()["id"])
    work = job.work or {}

    inputs = {one["id"]: one["inputs"] for one in work["document"]["nodes"]}
    assert work["drawn"] == ["pick_1.seed", "seed_1.seed"]
    assert inputs["pick_2"]["seed"] == 7
    assert "seed" not in inputs["pick_3"]
    other = start_run(user=user, document=SEEDS).work or {}
    assert other["document"] != work["document"]


def fail(job: Job) -> None:
    claimed = claim_next_job(tiers=[GpuTier.BASIC], worker="w")
    assert claimed is not None
    assert claimed.id == job.id
    fail_job(user_id=job.user_id, job_id=job.id, attempt=claimed.attempt, code=ErrorCode.INTERNAL)


def test_a_run_that_failed_is_tried_again_with_its_seeds_or_with_new_ones(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    job = start_run(user=user, document=SEEDS)
    fail(job)
    address = f"/api/v1/generations/{job.id}/retry"

    same = Job.objects.get(id=api.post(address, {}, format="json").json()["id"])
    other = api.post(address, {"new_seed": True}, format="json").json()["id"]

    assert same.kind == JobKind.WORKFLOW
    assert same.work == job.work
    drawn = Job.objects.get(id=other).work or {}
    assert drawn["document"] != (job.work or {})["document"]
    assert drawn["drawn"] == ["pick_1.seed", "seed_1.seed"]


def test_asked_twice_by_one_key_it_is_one_job(
    api: APIClient, user: User, workflow: Workflow
) -> None:
    body = {"workflow": str(workflow.id)}
    first = run(api, body, key="k")
    token = api.post(f"{URL}/quote", body, format="json").json()["token"]
    # It is the same even where it could not be asked for again.
    again = run(api, body | {"quote": token}, key="k")
    workflow.delete()
    gone = run(api, body, key="k")
    other = run(api, {"document": FILL}, key="k")

    assert first.json()["id"] == again.json()["id"] == gone.json()["id"]
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert Job.objects.count() == Hold.objects.count() == 1


def run_at_once(user: User, keys: list[str]) -> set[uuid.UUID]:
    start = threading.Barrier(len(keys))

    def ask(key: str) -> uuid.UUID:
        start.wait()
        try:
            with tenant_scope(user.id):
                return start_run(user=user, document=FILL, idempotency_key=key, digest="d").id
        finally:
            connection.close()

    with ThreadPoolExecutor(len(keys)) as pool:
        return set(pool.map(ask, keys))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("keys", "jobs"), [(["k"] * 4, 1), (list("abcd"), 4)], ids=["one", "many"])
def test_many_at_once_by_one_key_are_one_job(
    keys: list[str], jobs: int, starter: GenerationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = make_user("owner@example.com")
    # Nobody learns by asking whether another was faster: the key itself has to tell.
    monkeypatch.setattr(runs, "earlier_job", lambda **_: None)

    assert len(run_at_once(user, keys)) == jobs
    assert Job.objects.count() == Hold.objects.count() == jobs


def test_a_run_is_shown_with_its_nodes(api: APIClient, user: User, workflow: Workflow) -> None:
    job = start_run(user=user, workflow=workflow.id)
    progress = {"state": "done", "seconds": 0.5, "fraction": 1.0, "preview": None}
    save_node(job_id=job.id, attempt=0, node="fill_1", progress=progress)  # type: ignore[arg-type]
    save_node(job_id=job.id, attempt=9, node="save_1", progress=progress)  # type: ignore[arg-type]

    shown = api.get(f"{URL}/runs/{job.id}").json()

    assert shown["generation"]["id"] == str(job.id)
    assert shown["document"] == FILL
    # Another attempt's are none of this one's.
    assert shown["nodes"] == {"fill_1": progress}
    under_way = progress | {"state": "running"}
    save_node(job_id=job.id, attempt=0, node="save_1", progress=under_way)  # type: ignore[arg-type]
    assert set(api.get(f"{URL}/runs/{job.id}").json()["nodes"]) == {"fill_1", "save_1"}
    # Whoever ended the job told no node of it.
    Job.objects.filter(id=job.id).update(state=JobState.FAILED, finished_at=timezone.now())
    assert api.get(f"{URL}/runs/{job.id}").json()["nodes"] == {"fill_1": progress}


def test_a_run_takes_the_same_queries_with_any_number_of_nodes(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    images = [make_image(user) for _ in range(6)]
    counts = []
    for count in (1, 6):
        loads = [
            node(f"load_{number}", "load_picture", name=str(image.image_name))
            for number, image in enumerate(images[:count])
        ]
        body = {
            "document": document([*FILL["nodes"], *loads], ("fill_1.picture", "save_1.picture"))
        }
        with counted_queries() as queries:
            assert run(api, body).status_code == 202
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_a_plain_generation_is_no_run(api: APIClient, user: User, starter: GenerationModel) -> None:
    assert api.get(f"{URL}/runs/{make_job(user, starter).id}").status_code == 404


def test_a_stranger_runs_and_sees_nothing_of_it(
    stranger_api: APIClient, user: User, workflow: Workflow
) -> None:
    job = start_run(user=user, workflow=workflow.id)
    body = {"workflow": str(workflow.id)}

    assert stranger_api.get(f"{URL}/runs/{job.id}").status_code == 404
    assert run(stranger_api, body).status_code == 404
    assert stranger_api.post(f"{URL}/quote", body, format="json").status_code == 404
    assert Job.objects.count() == 1


def kinds_document(count: int) -> dict[str, Any]:
    """Return a workflow of `count` generations of different kinds."""
    nodes = [node("model_1", "model", key="starter"), node("prompt_1", "prompt", text="a circle")]
    links = []
    for index in range(count):
        made, kept = f"generate_{index}", f"save_{index}"
        nodes += [node(made, "generate", width=64, height=64, steps=2 + index, seed=7)]
        nodes += [node(kept, "save")]
        links += [
            ("model_1.model", f"{made}.model"),
            ("prompt_1.prompt", f"{made}.prompt"),
            (f"{made}.picture", f"{kept}.picture"),
        ]
    return document(nodes, *links)


def measure(user: User, model: GenerationModel, *, steps: int, seconds: float) -> None:
    """Note what generations of one picture of 64 × 64 pixels took."""
    MeasuredCost.objects.create(
        model=model.key,
        tier=tier_for(model.base, at_least=plan_of(user=user).gpu_tier),
        width=64,
        height=64,
        steps=steps,
        batch_size=1,
        seconds=[seconds] * 5,
        measured_until=timezone.now(),
    )


def test_any_number_of_kinds_takes_as_many_queries_as_one(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    run(api, {"document": kinds_document(1)})
    counts = []
    for count in (1, 8):
        with counted_queries() as queries:
            answer = run(api, {"document": kinds_document(count)})
        assert answer.status_code == 202
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_each_kind_is_quoted_by_what_was_measured_of_it(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    for steps, seconds in ((2, 3.0), (3, 40.0)):
        measure(user, starter, steps=steps, seconds=seconds)

    quote = api.post(f"{URL}/quote", {"document": kinds_document(3)}, format="json").json()

    told = [quote["nodes"][f"generate_{index}"] for index in range(3)]
    assert told[:2] == [3.0, 40.0]
    assert told[2] < 3


def test_an_accepted_appeal_clears_the_same_graph_and_no_other(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    refused = start_run(user=user, document=plain_document(seed=None))
    Job.objects.filter(id=refused.id).update(
        state=JobState.FAILED,
        error_code=ErrorCode.CONTENT_REFUSED,
        finished_at=refused.created_at,
    )
    appeal = appeal_refusal(user=user, job_id=refused.id, reason="It is a red circle.")
    decide_appeal(appeal_id=appeal.id, staff=stranger, accept=True, note="It is a red circle.")
    measure(user, starter, steps=2, seconds=30.0)

    again = retry_run(user=user, job=refused)
    renamed = (refused.work or {})["document"]
    renamed = {**renamed, "name": "B", "nodes": [{**n, "label": "b"} for n in renamed["nodes"]]}

    assert (again.work or {})["seconds"] != (refused.work or {})["seconds"]
    assert is_cleared(again)
    assert is_cleared(start_run(user=user, document=renamed))
    assert not is_cleared(retry_run(user=user, job=refused, new_seed=True))
    assert not is_cleared(start_run(user=user, document=plain_document(seed=7)))
