"""Runs of workflows through the real engine, store and database, in this process."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import default_storage
from PIL import Image as PillowImage
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.boards.services import create_board, delete_board
from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode
from apps.credits.models import UsageRecord
from apps.credits.selectors import read_balance
from apps.generation.events import publisher
from apps.generation.models import Job, JobState
from apps.generation.selectors import images_of
from apps.generation.services.audit import audit_credits
from apps.generation.services.jobs import cancel_job
from apps.images.models import Image
from apps.images.selectors import read_file
from apps.images.services.pictures import store_picture
from apps.plans.entitlements import entitlements_of
from apps.plans.models import Subscription
from apps.plans.tiers import GpuTier
from apps.workflows.node_states import nodes_of
from apps.workflows.services.runs import start_run
from gpu_tasks.engine import Engine, OutOfMemory
from gpu_tasks.nodes.run import NodeState
from gpu_tasks.runner import JobRunner, workflows
from gpu_tasks.runner.lease import Lease
from gpu_tasks.runner.node_reports import NodeReporter
from tests.catalog.factories import make_model
from tests.factories import delete_image, encode, make_image, make_job
from tests.workflows.documents import (
    SAMPLING,
    document,
    edge,
    fill_document,
    node,
    plain_document,
    split_document,
)

# The lease is kept by a thread with a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(device="cpu")


@pytest.fixture
def runner(engine: Engine) -> JobRunner:
    return JobRunner(engine=engine, tiers=list(GpuTier), worker="test")


def opened(image: Image) -> PillowImage.Image:
    return PillowImage.open(io.BytesIO(read_file(image=image)))


def run(runner: JobRunner, user: User, asked: dict[str, Any], **more: Any) -> Job:
    job = start_run(user=user, document=asked, **more)
    assert runner.run_next()
    job.refresh_from_db()
    return job


def only_image(job: Job) -> Image:
    return Image.objects.get(session_id=job.id)


@pytest.mark.parametrize("make", [plain_document, split_document], ids=["generate", "latents"])
def test_a_graph_that_does_what_a_generation_does_makes_the_same_pixels(
    make: Callable[..., dict[str, Any]], runner: JobRunner, user: User, starter: GenerationModel
) -> None:
    plain = make_job(user, starter, prompt="a red circle", **SAMPLING)
    runner.run_next()

    job = run(runner, user, make())

    assert (job.state, job.error_code) == (JobState.SUCCEEDED, "")
    ours, theirs = only_image(job), only_image(plain)
    assert opened(ours).tobytes() == opened(theirs).tobytes()
    assert opened(only_image(run(runner, user, make(seed=8)))).tobytes() != opened(ours).tobytes()
    # It tells as much of how it was made.
    told = {name: ours.metadata[name] for name in theirs.metadata if name in ours.metadata}
    assert told.keys() == theirs.metadata.keys()
    for name in theirs.metadata.keys() - {"generation", "compute_seconds"}:
        assert told[name] == theirs.metadata[name], name


def test_what_asks_no_model_runs_though_the_plan_has_none(
    runner: JobRunner, user: User, starter: GenerationModel
) -> None:
    GenerationModel.objects.update(access="full")

    job = run(runner, user, fill_document())

    assert (job.state, job.error_code) == (JobState.SUCCEEDED, "")


def test_a_picture_keeps_the_workflow_that_made_it(
    runner: JobRunner, api: APIClient, user: User, starter: GenerationModel
) -> None:
    job = run(runner, user, plain_document(seed=None))

    image = only_image(job)
    frozen = (job.work or {})["document"]
    seed = frozen["nodes"][2]["inputs"]["seed"]
    assert isinstance(seed, int)
    assert (image.has_workflow, image.node_id) == (True, "0000.save_1")
    assert image.graph == frozen
    assert image.workflow == plain_document(seed=None)
    assert image.metadata["seed"] == seed
    assert image.metadata["workflow_name"] == "Test"
    file = opened(image)
    assert json.loads(file.text["easel_workflow"]) == frozen  # type: ignore[attr-defined]
    assert json.loads(file.text["easel"])["prompt"] == "a red circle"  # type: ignore[attr-defined]
    recalled = api.get(f"/api/v1/images/{image.image_name}/workflow")
    assert recalled.json() == frozen


@pytest.mark.parametrize(
    ("between", "seeds"),
    [
        (node("between", "grey"), [7, 8, 9, 10]),
        (node("between", "pick_from_batch", first=3, count=1), [None]),
        (node("between", "repeat_batch", times=2), [None] * 8),
        (node("between", "contact_sheet"), [None]),
    ],
    ids=["grey", "pick", "repeat", "sheet"],
)
def test_a_seed_is_noted_only_where_the_pictures_kept_their_order(
    between: dict[str, Any],
    seeds: list[int | None],
    runner: JobRunner,
    user: User,
    starter: GenerationModel,
) -> None:
    asked = plain_document(num_images=4)
    asked["nodes"].append(between)
    asked["edges"][-1]["to"] = ["between", "picture"]
    asked["edges"].append(edge("between.picture", "save_1.picture"))

    job = run(runner, user, asked)

    images = images_of(user=user, jobs=[job])[job.id]
    assert [image.metadata.get("seed") for image in images] == seeds
    assert images[0].metadata["prompt"] == "a red circle"


def test_an_upload_brings_its_workflow_along_unless_it_is_none(
    runner: JobRunner, user: User, stranger_api: APIClient, starter: GenerationModel
) -> None:
    image = only_image(run(runner, user, fill_document()))
    other = opened(image)
    other.info["easel_workflow"] = "x"

    def upload(content: io.BytesIO) -> Any:
        made = stranger_api.post("/api/v1/images", {"file": content}).json()
        return stranger_api.get(f"{made['url']}/workflow")

    file = io.BytesIO(read_file(image=image))
    file.name = "picture.png"
    assert upload(file).json() == fill_document()
    assert upload(encode(other.convert("RGB"))).status_code == 404
    hostile = _with_text(other, {**fill_document(), "nodes": [{"id": "a", "type": "nothing"}]})
    assert upload(hostile).status_code == 404


def _with_text(picture: PillowImage.Image, workflow: dict[str, Any]) -> io.BytesIO:
    from PIL import PngImagePlugin

    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("easel_workflow", json.dumps(workflow))
    return encode(picture.convert("RGB"), pnginfo=chunks)


def test_pictures_are_kept_in_the_order_of_the_nodes_and_on_boards(
    runner: JobRunner, user: User, starter: GenerationModel
) -> None:
    board, gone = (create_board(user=user, name=name) for name in ("b", "gone"))
    fills = [
        node(f"fill_{number}", "colour_fill", width=64, height=64, colour=f"#0000{number:02}")
        for number in range(11)
    ]
    saves = [node(f"save_{number}", "save", label=f"n{number}") for number in range(11)]
    saves[3] = node("save_3", "save_to_board", board=str(board.id))
    saves[4] = node("save_4", "save_to_board", board=str(gone.id))
    asked = document(
        [*fills, *saves], *((f"fill_{n}.picture", f"save_{n}.picture") for n in range(11))
    )
    job = start_run(user=user, document=asked)
    delete_board(user=user, board_id=gone.id, with_pictures=False)
    runner.run_next()

    job.refresh_from_db()
    # A board that was there when it was asked for is looked for again.
    assert (job.state, job.error_code) == (JobState.FAILED, ErrorCode.NOT_FOUND)
    saves[4] = node("save_4", "save", label="n4")
    asked["nodes"] = [*fills, *saves]
    made = run(runner, user, asked)
    images = images_of(user=user, jobs=[made])[made.id]
    assert [image.node_id.split(".")[1] for image in images] == [f"save_{n}" for n in range(11)]
    assert [image.board_id for image in images] == [None] * 3 + [board.id] + [None] * 7
    assert images[10].metadata["label"] == "n10"
    assert "prompt" not in images[10].metadata


def test_its_nodes_are_told_and_kept_for_pages_that_come_later(
    runner: JobRunner,
    user: User,
    starter: GenerationModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(publisher, "publish", lambda _user, event: told.append(event))

    job = run(runner, user, plain_document())

    nodes = [event for event in told if event["type"] == "node"]
    states = [(event["node"], event["state"]) for event in nodes if event["fraction"] in (0, 1)]
    assert states[-4:] == [
        ("generate_1", "running"),
        ("generate_1", "done"),
        ("save_1", "running"),
        ("save_1", "done"),
    ]
    assert all(event["job_id"] == str(job.id) and event["attempt"] == 1 for event in nodes)
    assert any((event["preview"] or "").startswith("data:image/webp") for event in nodes)
    assert told[-1]["type"] == "finished"
    kept = nodes_of(job_id=job.id, attempt=1, nodes=["generate_1", "save_1", "other"])
    assert {name: one["state"] for name, one in kept.items()} == {
        "generate_1": "done",
        "save_1": "done",
    }


def test_it_is_charged_its_seconds_and_never_more_than_the_quote(
    runner: JobRunner, user: User, starter: GenerationModel
) -> None:
    before = read_balance(user_id=user.id).available
    job = run(runner, user, plain_document())

    usage = UsageRecord.objects.get()
    assert usage.compute_seconds == job.compute_seconds
    assert 0 < usage.credits_consumed <= (usage.credits_quoted or 0)
    assert read_balance(user_id=user.id).available == before - usage.credits_consumed
    assert audit_credits() == []


def two_branches() -> dict[str, Any]:
    """Return a workflow that keeps a picture before it begins with another."""
    base = plain_document(seed=1)
    return document(
        [
            *base["nodes"],
            node("generate_2", "generate", **{**SAMPLING, "seed": 2, "steps": 4}),
            node("save_2", "save"),
        ],
        *(tuple(".".join(one[end]) for end in ("from", "to")) for one in base["edges"]),  # type: ignore[arg-type]
        ("model_1.model", "generate_2.model"),
        ("prompt_1.prompt", "generate_2.prompt"),
        ("generate_2.picture", "save_2.picture"),
    )


def at_node(
    monkeypatch: pytest.MonkeyPatch, do: Callable[[], object], *, when: Callable[[NodeState], bool]
) -> None:
    """Do something once, when a node says of itself what `when` waits for."""
    report = NodeReporter.report
    done: list[NodeState] = []

    def report_and_do(reporter: NodeReporter, state: NodeState) -> None:
        report(reporter, state)
        if when(state) and not done:
            done.append(state)
            do()

    monkeypatch.setattr(NodeReporter, "report", report_and_do)


def is_second_under_way(state: NodeState) -> bool:
    return state.node in ("generate_1", "generate_2") and state.state == "running"


def test_a_cancelled_run_keeps_what_was_saved_and_costs_the_seconds_until_then(
    runner: JobRunner, user: User, starter: GenerationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = start_run(user=user, document=two_branches())
    seen: list[str] = []

    def cancel() -> None:
        cancel_job(user=user, job_id=job.id)
        seen.append("cancelled")

    monkeypatch.setattr(Lease, "must_stop", lambda _lease: bool(seen))
    at_node(
        monkeypatch,
        cancel,
        when=lambda state: state.node == "save_1" and state.state == "done",
    )
    runner.run_next()

    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    assert only_image(job).node_id == "0000.save_1"
    usage = UsageRecord.objects.get()
    assert job.compute_seconds is not None
    assert job.compute_seconds > 0
    assert 0 < usage.credits_consumed <= (usage.credits_quoted or 0)
    assert audit_credits() == []


def ten_of_a_colour() -> dict[str, Any]:
    return document(
        [*fill_document()["nodes"], node("repeat_1", "repeat_batch", times=10)],
        ("fill_1.picture", "repeat_1.picture"),
        ("repeat_1.picture", "save_1.picture"),
    )


def when_stored(monkeypatch: pytest.MonkeyPatch, number: int, do: Callable[[], object]) -> None:
    """Do something once so many pictures are stored."""
    stored: list[Any] = []

    def store_and_do(**picture: Any) -> Any:
        stored.append(store_picture(**picture))
        if len(stored) == number:
            do()
        return stored[-1]

    monkeypatch.setattr(workflows, "store_picture", store_and_do)


def test_a_cancel_while_pictures_are_stored_throws_none_away(
    runner: JobRunner, user: User, starter: GenerationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = start_run(user=user, document=ten_of_a_colour())
    leases: list[Lease] = []
    must_stop = Lease.must_stop

    def note_and_ask(lease: Lease) -> bool:
        leases.append(lease)
        return must_stop(lease)

    monkeypatch.setattr(Lease, "must_stop", note_and_ask)

    def cancel() -> None:
        cancel_job(user=user, job_id=job.id)
        leases[-1].cancelled = True

    when_stored(monkeypatch, 3, cancel)
    runner.run_next()

    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED
    assert Image.objects.filter(session_id=job.id).count() == 10
    assert audit_credits() == []


def test_a_store_that_becomes_full_by_a_model_ends_the_run_and_costs_nothing(
    runner: JobRunner, user: User, starter: GenerationModel
) -> None:
    before = read_balance(user_id=user.id)
    limit = entitlements_of(user_id=user.id).storage_bytes or 0
    job = start_run(user=user, document=ten_of_a_colour())
    make_model(user, size_bytes=limit - 1)
    runner.run_next()

    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, ErrorCode.STORAGE_FULL)
    assert not Image.objects.exists()
    assert read_balance(user_id=user.id) == before


def test_what_a_model_fills_in_is_as_it_was_when_the_run_was_accepted(
    runner: JobRunner, user: User, starter: GenerationModel
) -> None:
    asked = plain_document()
    for name in ("steps", "width", "height"):
        del asked["nodes"][2]["inputs"][name]
    model = GenerationModel.objects.filter(key="starter")
    model.update(default_steps=2, default_width=64, default_height=64)
    job = start_run(user=user, document=asked)
    model.update(default_steps=9, default_width=128, default_height=128)
    runner.run_next()

    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED
    image = only_image(job)
    assert (image.width, image.height, image.metadata["steps"]) == (64, 64, 2)


def test_a_run_is_handed_back_where_its_worker_ends(
    runner: JobRunner, user: User, starter: GenerationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = start_run(user=user, document=two_branches())
    at_node(
        monkeypatch,
        lambda: monkeypatch.setattr(runner.shutdown, "must_let_go", lambda **_: True),
        when=is_second_under_way,
    )
    runner.run_next()

    job.refresh_from_db()
    assert (job.state, job.hand_backs) == (JobState.QUEUED, 1)
    assert not Image.objects.exists()
    assert not UsageRecord.objects.exists()
    monkeypatch.undo()
    assert runner.run_next()
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED
    assert Image.objects.count() == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OutOfMemory("no room"), ErrorCode.OUT_OF_MEMORY),
        (RuntimeError("a bug"), ErrorCode.INTERNAL),
    ],
    ids=["memory", "bug"],
)
def test_a_node_that_fails_ends_the_run_by_its_cause_and_costs_nothing(
    error: Exception,
    code: ErrorCode,
    runner: JobRunner,
    user: User,
    starter: GenerationModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = read_balance(user_id=user.id)

    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise error

    monkeypatch.setattr(runner.engine, "generate", fail)
    job = run(runner, user, plain_document())

    assert (job.state, job.error_code) == (JobState.FAILED, code)
    assert read_balance(user_id=user.id) == before
    assert not Image.objects.exists()
    kept = nodes_of(job_id=job.id, attempt=1, nodes=["generate_1"])
    assert kept["generate_1"]["state"] == "failed"


def test_what_is_gone_when_it_is_claimed_ends_it(
    runner: JobRunner, user: User, starter: GenerationModel
) -> None:
    image = make_image(user)
    asked = document(
        [node("load_1", "load_picture", name=str(image.image_name)), node("save_1", "save")],
        ("load_1.picture", "save_1.picture"),
    )
    job = start_run(user=user, document=asked)
    delete_image(user=user, image_name=image.image_name)
    runner.run_next()

    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, ErrorCode.NOT_FOUND)


def test_whose_plan_has_ended_when_it_is_claimed_gets_nothing_made(
    runner: JobRunner, user: User, starter: GenerationModel
) -> None:
    job = start_run(user=user, document=fill_document())
    Subscription.objects.update(pause_reason="staff")
    runner.run_next()

    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, ErrorCode.PLAN_PAUSED)
    assert not Image.objects.exists()


def test_every_picture_that_is_kept_is_looked_at_before(
    runner: JobRunner,
    user: User,
    starter: GenerationModel,
    monkeypatch: pytest.MonkeyPatch,
    stored_files: Callable[[], set[str]],
) -> None:
    from apps.core.errors import Forbidden

    looked_at: list[int] = []

    def refuse(_job: Job, pictures: Any) -> None:
        looked_at.append(len(pictures))
        raise Forbidden(code=ErrorCode.CONTENT_REFUSED)

    monkeypatch.setattr("gpu_tasks.runner.workflows.check_content", refuse)
    job = run(runner, user, two_branches())

    assert looked_at == [2]
    assert (job.state, job.error_code) == (JobState.FAILED, ErrorCode.CONTENT_REFUSED)
    assert stored_files() == set()


def test_the_receipt_names_the_workflow(
    runner: JobRunner, user: User, starter: GenerationModel, browser_client: Any
) -> None:
    job = run(runner, user, fill_document())

    page = browser_client.get(f"/usage/receipts/{job.id}/").content.decode()

    assert "workflow: Test" in page
    assert default_storage.exists(only_image(job).s3_key)
