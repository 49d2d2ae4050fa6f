"""The front page, the fleet and the proof of the books: what needs attention, and for whom."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode
from apps.core.models import Act, AuditRecord
from apps.dashboard.reports.overview import Card, cards_for
from apps.dashboard.reports.sparks import HEIGHT, WIDTH, spark
from apps.dashboard.reports.words import in_words
from apps.generation.models import DrainOrder, Job, JobState, Worker
from apps.generation.services.appeals import appeal_refusal
from apps.generation.services.audit import audit_credits, last_audit
from apps.generation.services.workers import report_worker
from apps.plans.models import PauseReason, Subscription
from tests.admin.books import charged_job
from tests.factories import make_image, make_job, make_sign, make_user
from tests.generation.test_content import refused_job
from tests.queries import counted_queries

pytestmark = pytest.mark.django_db

REASON = "the card gets a new driver"


def form() -> dict[str, str]:
    return {"key": str(uuid.uuid4()), "reason": REASON}


def card_of(staff: User, name: str) -> Card:
    return next(card for card in cards_for(staff) if card.name == name)


def fail(job: Job, code: ErrorCode, *, hours_ago: float = 0) -> None:
    ended = timezone.now() - timedelta(hours=hours_ago)
    Job.objects.filter(id=job.id).update(state=JobState.FAILED, error_code=code, finished_at=ended)


@pytest.mark.parametrize(
    ("who", "names"),
    [
        ("supporter", ["appeals", "failures", "books", "storage"]),
        ("biller", ["payments", "books"]),
        ("operator", ["failures", "queues", "workers", "installs"]),
    ],
)
def test_each_group_has_its_cards(
    request: pytest.FixtureRequest, who: str, names: list[str]
) -> None:
    assert [card.name for card in cards_for(request.getfixturevalue(who))] == names


def test_on_a_calm_day_nothing_asks_to_be_looked_at(root: User) -> None:
    cards = cards_for(root)

    assert len(cards) == 8
    assert [card.name for card in cards if card.is_trouble] == []


def test_failures_of_the_last_hour_are_told_by_code(
    root: User, user: User, starter: GenerationModel
) -> None:
    codes = [ErrorCode.OUT_OF_MEMORY, ErrorCode.OUT_OF_MEMORY, ErrorCode.INTERNAL]
    for code in codes:
        fail(make_job(user, starter), code)
    fail(make_job(user, starter), ErrorCode.INTERNAL, hours_ago=5)

    card = card_of(root, "failures")

    assert (card.value, card.is_trouble) == ("3", True)
    assert card.lines == [("out_of_memory", "2"), ("internal", "1")]
    assert card.spark is not None
    assert sum(not bar.is_empty for bar in card.spark.bars) == 2


def test_an_open_appeal_waits(root: User, user: User, starter: GenerationModel) -> None:
    job = refused_job(user, starter)
    appeal_refusal(user=user, job_id=job.id, reason="It is a red circle.")

    card = card_of(root, "appeals")

    assert (card.value, card.is_trouble) == ("1", True)
    assert card.url == "/admin/generation/contentappeal/?state__exact=open"


def test_jobs_that_no_worker_takes_are_trouble(
    root: User, user: User, starter: GenerationModel
) -> None:
    make_job(user, starter)
    assert (card_of(root, "queues").value, card_of(root, "queues").is_trouble) == ("1", True)

    report_worker(sign=make_sign())

    assert card_of(root, "queues").is_trouble is False


def test_a_worker_that_went_silent_is_named(root: User) -> None:
    for name in ("celery@one", "celery@two"):
        report_worker(sign=make_sign(name))
    Worker.objects.filter(name="celery@two").update(seen_at=timezone.now() - timedelta(minutes=30))

    card = card_of(root, "workers")

    assert (card.value, card.is_trouble) == ("1", True)
    assert card.lines == [("celery@two", "30 min")]


def test_payments_with_trouble_are_counted(root: User, user: User) -> None:
    Subscription.objects.filter(user=user).update(pause_reason=PauseReason.PAYMENT_FAILED)
    late = make_user("late@example.com")
    Subscription.objects.filter(user=late).update(past_due_since=timezone.now())

    card = card_of(root, "payments")

    assert (card.value, card.is_trouble) == ("2", True)


def test_the_front_page_takes_the_same_queries_with_fifty_of_all(
    root_client: Client, user: User, starter: GenerationModel
) -> None:
    def fill(person: User) -> None:
        fail(make_job(person, starter), ErrorCode.INTERNAL)
        make_image(person)
        charged_job(person)
        report_worker(sign=make_sign(f"celery@{person.id}"))

    fill(user)
    root_client.get("/admin/")
    with counted_queries() as few:
        assert root_client.get("/admin/").status_code == 200
    for number in range(49):
        fill(make_user(f"user{number}@example.com"))
    with counted_queries() as many:
        root_client.get("/admin/")

    assert len(few) == len(many)
    assert len(many) <= 28


def test_bars_fill_the_drawing_and_nothing_is_a_stub() -> None:
    drawn = spark(title="t", points=[("a", 0), ("b", 5), ("c", 10)])

    assert [bar.height for bar in drawn.bars] == ["1.5", "20.0", f"{HEIGHT:.1f}"]
    assert [bar.is_empty for bar in drawn.bars] == [True, False, False]
    assert float(drawn.bars[-1].x) + float(drawn.bars[-1].width) <= WIDTH
    assert spark(title="t", points=[]).bars == []


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (2e5, "2 d")],
)
def test_a_span_is_said_in_words(seconds: float, said: str) -> None:
    assert in_words(seconds) == said


def test_operators_drain_a_tier_and_let_it_claim_again(operations: Client, operator: User) -> None:
    assert operations.post("/admin/fleet/basic/drain/", form()).status_code == 302
    assert DrainOrder.objects.get().target == "basic"
    assert operations.post("/admin/fleet/basic/drain/", form()).status_code == 422

    assert operations.post("/admin/fleet/basic/resume/", form()).status_code == 302
    assert not DrainOrder.objects.exists()
    acts = AuditRecord.objects.filter(act=Act.ADMIN_CHANGE, actor_id=operator.id)
    told = list(acts.order_by("created_at").values_list("target", flat=True))
    assert told == [f"drain basic: {REASON}", f"resume basic: {REASON}"]


def test_a_worker_that_nobody_knows_is_not_drained(operations: Client) -> None:
    for act in ("drain", "resume"):
        url = f"/admin/fleet/celery@nowhere/{act}/"
        assert operations.get(url).status_code == 404
        assert operations.post(url, form()).status_code == 404
    assert not DrainOrder.objects.exists()


@pytest.mark.parametrize("count", [1, 50])
def test_the_fleet_takes_the_same_queries_with_any_number_of_workers(
    operations: Client, count: int
) -> None:
    for number in range(count):
        report_worker(sign=make_sign(f"celery@{number}"))
    operations.get("/admin/fleet/")

    with counted_queries() as made:
        page = operations.get("/admin/fleet/")

    assert page.content.decode().count("staff-worker__name") == count
    assert len(made) <= 16


def test_the_books_are_proved_when_asked(billing: Client, root: User, user: User) -> None:
    charged_job(user)
    # What `charged_job` books has no job, which is a drift of its own.
    cache.delete("audit_credits:last")
    assert card_of(root, "books").value == "never"

    page = billing.post("/admin/books/")

    assert page.status_code == 200
    assert [drift.rule for drift in page.context["drifts"]] == ["hold_of_no_job"]
    last = last_audit()
    assert last is not None
    assert last.broken_rules == 1
    assert (card_of(root, "books").value, card_of(root, "books").is_trouble) == ("1", True)


def test_books_that_add_up_are_said_to(billing: Client, root: User) -> None:
    assert billing.post("/admin/books/").status_code == 302

    assert audit_credits() == []
    assert (card_of(root, "books").value, card_of(root, "books").is_trouble) == ("proved", False)


def test_the_audit_log_hides_what_was_merely_opened(
    support: Client, supporter: User, user: User, visitors: Callable[[str], Client]
) -> None:
    support.post(f"/admin/people/{user.id}/sign-out/", form())
    log = "/admin/core/auditrecord/"

    def targets(**query: str) -> list[str]:
        listed = visitors("root").get(log, query).context["cl"].result_list
        # Signing in has no target.
        return [record.target for record in listed if record.target]

    assert targets(q=user.email) == [f"signed out everywhere: {REASON}"]
    assert targets(kind="staff") == [f"signed out everywhere: {REASON}"]
    assert f"POST /admin/people/{user.id}/sign-out/" in targets(kind="opened")
    assert set(targets(kind="opened")) < set(targets(kind="all"))
