"""The audit of the books: silent while they add up, and loud about every kind of drift."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection

from apps.accounts.models import User
from apps.accounts.services.users import close_account
from apps.catalog.models import GenerationModel
from apps.core.database import owner_login
from apps.core.tenancy import service_scope
from apps.credits.selectors import read_balance
from apps.credits.services.audit import BOOKS, Drift
from apps.generation.models import Job
from apps.generation.services import audit
from apps.generation.services.audit import audit_credits, audit_nightly
from apps.generation.services.jobs import cancel_job
from apps.generation.services.leases import claim_next_job
from apps.generation.services.results import finish_job
from apps.plans.tiers import GpuTier
from tests.factories import make_job

pytestmark = pytest.mark.django_db(transaction=True)

TABLES = (
    *("credits_grant", "credits_grantbalance", "credits_hold", "credits_posting"),
    *("credits_usagerecord", "generation_job"),
)


@contextmanager
def guards_off() -> Iterator[None]:
    """Let rows be changed that no login of the product could change."""
    for word in ("DISABLE", "ENABLE"):
        with owner_login(), connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} {word} TRIGGER USER")
        if word == "DISABLE":
            yield


def change(statement: str) -> None:
    with guards_off(), connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.rowcount > 0


@pytest.fixture
def jobs(user: User, starter: GenerationModel) -> list[Job]:
    """One job charged, one released, one that waits."""
    charged = make_job(user, starter, steps=50, num_images=4)
    claimed = claim_next_job(tiers=list(GpuTier), worker="w")
    assert claimed is not None
    finish_job(user_id=user.id, job_id=charged.id, attempt=1, pictures=[], compute_seconds=1.5)
    released = make_job(user, starter)
    cancel_job(user=user, job_id=released.id)
    return [charged, released, make_job(user, starter)]


def test_books_that_add_up_are_passed(jobs: list[Job]) -> None:
    output = StringIO()

    call_command("audit_credits", stdout=output)

    assert output.getvalue() == "The books add up.\n"
    assert audit_credits() == []


DRIFTS = {
    "balance_differs_from_postings": "UPDATE credits_grantbalance SET available = available + 1",
    "grant_is_not_what_it_began_with": "UPDATE credits_grant SET total = total + 1",
    "hold_is_not_its_parts": "UPDATE credits_hold SET amount = amount + 1",
    "hold_is_not_resolved_whole": (
        "UPDATE credits_posting SET held = held - 1, available = available + 1"
        " WHERE kind = 'release'"
    ),
    "part_is_not_resolved_whole": (
        "UPDATE credits_posting SET held = held - 1, available = available + 1"
        " WHERE kind = 'release'"
    ),
    "expired_before_its_end": (
        "UPDATE credits_posting SET kind = 'expire', available = -1, closed = 1"
        " WHERE kind = 'grant'"
    ),
    "charge_is_above_the_hold": (
        "UPDATE credits_posting SET spent = spent + 900, held = held - 900 WHERE kind = 'settle'"
    ),
    "held_outside_the_time_of_the_grant": (
        "UPDATE credits_posting SET created_at = now() + interval '1 year' WHERE kind = 'hold'"
    ),
    "grant_is_prolonged_too_long": (
        "UPDATE credits_grantbalance SET usable_until = usable_until + interval '8 days'"
    ),
    "ended_job_still_holds": "DELETE FROM credits_posting WHERE kind = 'settle'",
    "active_job_holds_nothing": (
        "UPDATE generation_job SET state = 'queued', finished_at = NULL WHERE state = 'cancelled'"
    ),
    "hold_of_no_job": "DELETE FROM generation_job",
    "lane_differs_from_its_jobs": "UPDATE generation_lane SET waiting = waiting + 1",
    "usage_differs_from_the_charge": (
        "UPDATE credits_usagerecord SET credits_consumed = credits_consumed + 1"
    ),
    "picture_without_usage": "DELETE FROM credits_usagerecord",
    "charge_without_usage": "DELETE FROM credits_usagerecord",
}


def test_a_closed_account_holds_nothing(jobs: list[Job], user: User) -> None:
    assert read_balance(user_id=user.id).held > 0

    with service_scope("test"):
        close_account(user_id=user.id)
        Job.objects.filter(user=user).delete()

    assert read_balance(user_id=user.id).held == 0
    assert audit_credits() == []


def test_every_rule_has_its_drift() -> None:
    # PostgreSQL itself keeps every heap from being negative, also with the triggers off.
    rules = {*audit.JOBS, *BOOKS} - {"heap_is_negative"}

    assert DRIFTS.keys() == rules


@pytest.mark.parametrize("rule", DRIFTS)
def test_a_drift_is_found_and_named(rule: str, jobs: list[Job]) -> None:
    change(DRIFTS[rule])

    output = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("audit_credits", "--json", stdout=output)

    assert ended.value.code == 1
    report = json.loads(output.getvalue())
    assert not report["ok"]
    found = {drift["rule"]: drift for drift in report["drifts"]}
    assert found[rule]["count"] == len(found[rule]["ids"]) > 0
    assert all(uuid.UUID(each) for each in found[rule]["ids"])


def test_the_nightly_audit_is_done_once_a_night(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def proved() -> list[Drift]:
        done.append("once")
        return []

    monkeypatch.setattr(audit, "audit_credits", proved)
    times = []

    # The night from the 25th is slept through until four in the morning.
    for day, hour in ((25, 17), (25, 17), (26, 4), (26, 17), (26, 18), (27, 1)):
        now = datetime(2026, 11, day, hour, 30, tzinfo=UTC)
        monkeypatch.setattr("apps.generation.services.audit.timezone.now", lambda now=now: now)
        assert audit_nightly() == 0
        times.append(len(done))

    assert times == [1, 1, 2, 2, 3, 3]


def test_the_nightly_audit_raises_an_alarm(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache.clear()
    now = datetime(2026, 11, 25, 19, tzinfo=UTC)
    monkeypatch.setattr("apps.generation.services.audit.timezone.now", lambda: now)
    change(DRIFTS["usage_differs_from_the_charge"])

    assert audit_nightly() == 1
    assert "books_drifted" in caplog.text
    assert "usage_differs_from_the_charge" in caplog.text
