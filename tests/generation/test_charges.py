"""What jobs cost: held when accepted, charged when made, nothing when not."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode
from apps.credits.costs import Basis, quote_measured
from apps.credits.models import Hold, MeasuredCost, Posting, PostingKind, UsageRecord
from apps.credits.selectors import Balance, holds_of_jobs, read_balance
from apps.credits.services.costs import measure_costs
from apps.credits.services.grants import add_grant
from apps.credits.services.ledger import settle_hold
from apps.generation.models import Job, JobState
from apps.generation.services.jobs import cancel_job
from apps.generation.services.leases import claim_next_job, hand_back, recover_expired_jobs
from apps.generation.services.results import fail_job, finish_job
from apps.images.services.pictures import store_picture
from apps.plans.models import Subscription
from apps.plans.products import CreditSource
from apps.plans.tiers import GpuTier
from gpu_tasks.engine import Engine
from gpu_tasks.runner import JobRunner
from tests.credits.moves import hold_for
from tests.factories import make_job, make_picture

pytestmark = pytest.mark.django_db

QUOTE = "/api/v1/generations/quote"
JOBS = "/api/v1/generations"
LARGE = {"prompt": "x", "width": 256, "height": 256, "steps": 50, "num_images": 4}


def claim() -> Job:
    job = claim_next_job(tiers=list(GpuTier), worker="w")
    assert job is not None
    return job


def finish(job: Job, seconds: float, *, cancelled: bool = False, pictures: int = 0) -> None:
    stored = [
        store_picture(
            user_id=job.user_id, image_name=uuid.uuid4(), picture=make_picture(), metadata={}
        )
        for _ in range(pictures)
    ]
    assert finish_job(
        user_id=job.user_id,
        job_id=job.id,
        attempt=job.attempt,
        pictures=stored,
        compute_seconds=seconds,
        cancelled=cancelled,
    )


def held_for(job: Job) -> int:
    return Hold.objects.get(job_id=job.id).amount


def test_a_job_holds_its_quote(api: APIClient, user: User, starter: GenerationModel) -> None:
    quoted = api.post(QUOTE, LARGE, format="json").json()

    accepted = api.post(JOBS, LARGE, format="json")

    assert accepted.status_code == 202
    assert quoted["credits"] > 1
    assert quoted["basis"] == Basis.PLANNED
    assert quoted["available"] == 500
    assert Hold.objects.get().amount == quoted["credits"]
    assert read_balance(user_id=user.id) == Balance(
        available=500 - quoted["credits"], held=quoted["credits"]
    )


def test_a_finished_job_is_charged_its_seconds_rounded_up(
    user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter, steps=50, num_images=4)
    held = held_for(job)
    assert held > 2

    finish(claim(), 1.2)

    assert read_balance(user_id=user.id) == Balance(available=498, held=0)
    facts = holds_of_jobs(user_id=user.id, job_ids=[job.id])[job.id]
    assert (facts.held, facts.charged, facts.released) == (held, 2, held - 2)
    usage = UsageRecord.objects.get()
    assert (usage.credits_quoted, usage.credits_consumed) == (held, 2)


def test_the_charge_is_never_more_than_the_quote(user: User, starter: GenerationModel) -> None:
    job = make_job(user, starter)
    held = held_for(job)

    finish(claim(), 1000.0)

    assert read_balance(user_id=user.id) == Balance(available=500 - held, held=0)
    assert UsageRecord.objects.get().credits_consumed == held


def test_a_failed_job_costs_nothing(user: User, starter: GenerationModel) -> None:
    make_job(user, starter)
    job = claim()

    fail_job(user_id=user.id, job_id=job.id, attempt=job.attempt, code=ErrorCode.OUT_OF_MEMORY)

    assert read_balance(user_id=user.id) == Balance(available=500, held=0)
    assert Posting.objects.filter(kind=PostingKind.RELEASE).count() == 1


def test_a_job_cancelled_while_it_waits_costs_nothing_and_is_released_once(
    user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter)

    for _ in range(2):
        cancel_job(user=user, job_id=job.id)

    assert read_balance(user_id=user.id) == Balance(available=500, held=0)
    assert Posting.objects.filter(kind=PostingKind.RELEASE).count() == 1


def test_a_job_cancelled_while_it_runs_costs_the_seconds_it_ran(
    user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter, steps=50, num_images=4)
    claimed = claim()
    cancel_job(user=user, job_id=job.id)

    finish(claimed, 0.4, cancelled=True)

    assert read_balance(user_id=user.id) == Balance(available=499, held=0)
    assert not UsageRecord.objects.get().is_whole


def test_lost_attempts_cost_nothing_and_keep_the_hold(user: User, starter: GenerationModel) -> None:
    job = make_job(user, starter)
    held = held_for(job)
    lost = claim()
    hand_back(user_id=user.id, job_id=job.id, attempt=lost.attempt)
    assert read_balance(user_id=user.id) == Balance(available=500 - held, held=held)

    finish(claim(), 0.5)

    assert read_balance(user_id=user.id) == Balance(available=499, held=0)


def test_a_job_whose_attempts_are_all_lost_is_given_back(
    user: User, starter: GenerationModel
) -> None:
    make_job(user, starter)
    for _ in range(3):
        Job.objects.filter(id=claim().id).update(lease_expires_at=timezone.now())
        recover_expired_jobs()

    assert Job.objects.get().state == JobState.FAILED
    assert read_balance(user_id=user.id) == Balance(available=500, held=0)


def test_a_late_finish_of_a_lost_attempt_charges_nothing(
    user: User, starter: GenerationModel
) -> None:
    make_job(user, starter)
    lost = claim()
    hand_back(user_id=user.id, job_id=lost.id, attempt=lost.attempt)
    finish(claim(), 0.5)

    late = finish_job(
        user_id=user.id, job_id=lost.id, attempt=lost.attempt, pictures=[], compute_seconds=9.0
    )

    assert not late
    assert read_balance(user_id=user.id) == Balance(available=499, held=0)
    assert UsageRecord.objects.count() == 1


def test_a_job_without_enough_credits_is_402_and_is_not_there(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    Subscription.objects.filter(user=user).update(valid_until=timezone.now() + timedelta(days=60))
    spend_all_but(user, 1)

    response = api.post(JOBS, LARGE, format="json")

    assert response.status_code == 402
    body = response.json()
    assert body["code"] == "insufficient_credits"
    assert body["required"] > body["available"] == 1
    assert body["smallest_plan"] == "starter"
    assert not Job.objects.filter(state=JobState.QUEUED).exists()
    assert read_balance(user_id=user.id) == Balance(available=1, held=0)


def spend_all_but(user: User, rest: int) -> None:
    amount = 500 - rest
    hold = hold_for(user_id=user.id, job_id=user.id, amount=amount)
    settle_hold(user_id=user.id, job_id=hold.job_id, charge=amount)


def test_a_repeated_request_holds_once(
    api: APIClient, user: User, starter: GenerationModel
) -> None:
    for _ in range(2):
        response = api.post(JOBS, LARGE, format="json", headers={"Idempotency-Key": "k"})
        assert response.status_code == 202

    assert Hold.objects.count() == 1


class TestQuoteToken:
    """A quote that was given binds, whatever is measured meanwhile."""

    def token(self, api: APIClient, **changes: object) -> str:
        return str(api.post(QUOTE, LARGE | changes, format="json").json()["token"])

    def dearer(self, starter: GenerationModel, tier: GpuTier = GpuTier.BASIC) -> None:
        MeasuredCost.objects.create(
            model=starter.key,
            tier=tier,
            width=256,
            height=256,
            steps=50,
            batch_size=4,
            seconds=[70.0] * 20,
            measured_until=timezone.now(),
        )

    def test_the_job_holds_what_was_quoted(
        self, api: APIClient, user: User, starter: GenerationModel
    ) -> None:
        quote = api.post(QUOTE, LARGE, format="json").json()
        self.dearer(starter)
        now = api.post(QUOTE, LARGE, format="json").json()

        response = api.post(JOBS, LARGE | {"quote": quote["token"]}, format="json")

        assert response.status_code == 202
        assert now["credits"] == 81
        assert Hold.objects.get().amount == quote["credits"] < 81

    @pytest.mark.parametrize(
        "change",
        [{"steps": 49}, {"num_images": 3}, {"width": 248}, {"height": 248}],
    )
    def test_it_holds_for_its_own_settings_alone(
        self, change: dict[str, int], api: APIClient, user: User, starter: GenerationModel
    ) -> None:
        token = self.token(api)

        response = api.post(JOBS, LARGE | change | {"quote": token}, format="json")

        assert response.status_code == 409
        assert response.json()["code"] == "quote_expired"
        assert not Job.objects.exists()
        assert not Hold.objects.exists()

    def test_other_words_or_another_seed_cost_the_same(
        self, api: APIClient, user: User, starter: GenerationModel
    ) -> None:
        token = self.token(api)

        body = LARGE | {"prompt": "a blue square", "seed": 5, "quote": token}
        response = api.post(JOBS, body, format="json")

        assert response.status_code == 202

    @pytest.mark.parametrize("forge", [lambda token: token + "x", lambda token: token[:-1]])
    def test_a_forged_one_is_refused(
        self,
        forge: Callable[[str], str],
        api: APIClient,
        user: User,
        starter: GenerationModel,
    ) -> None:
        response = api.post(JOBS, LARGE | {"quote": forge(self.token(api))}, format="json")

        assert response.status_code == 409
        assert not Job.objects.exists()

    def test_a_strangers_is_refused(
        self, api: APIClient, stranger_api: APIClient, starter: GenerationModel
    ) -> None:
        response = stranger_api.post(JOBS, LARGE | {"quote": self.token(api)}, format="json")

        assert response.status_code == 409
        assert not Job.objects.exists()

    def test_an_old_one_is_refused(
        self,
        api: APIClient,
        user: User,
        starter: GenerationModel,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        token = self.token(api)
        monkeypatch.setattr("apps.generation.quotes.QUOTE_SECONDS", -1)

        response = api.post(JOBS, LARGE | {"quote": token}, format="json")

        assert response.status_code == 409
        assert not Job.objects.exists()


class TestMeasuredQuotes:
    """Quotes follow what jobs of the kind, then of the model, took."""

    def quote(self, api: APIClient, **changes: int) -> tuple[int, str]:
        body = api.post(QUOTE, LARGE | changes, format="json").json()
        return body["credits"], body["basis"]

    def add(self, starter: GenerationModel, *, seconds: list[float], **shape: int) -> None:
        sizes = {"width": 256, "height": 256, "steps": 50, "batch_size": 4} | shape
        MeasuredCost.objects.create(
            model=starter.key,
            tier=GpuTier.BASIC,
            **sizes,
            seconds=seconds,
            measured_until=timezone.now(),
        )

    def test_jobs_of_the_kind_decide(
        self, api: APIClient, user: User, starter: GenerationModel
    ) -> None:
        self.add(starter, seconds=[9.5, 10.0, 10.1, 10.2, 300.0])

        assert self.quote(api) == (12, Basis.MEASURED)

    def test_four_jobs_are_too_few(
        self, api: APIClient, user: User, starter: GenerationModel
    ) -> None:
        planned = self.quote(api)
        self.add(starter, seconds=[10.0] * 4)

        assert self.quote(api) == planned
        assert planned[1] == Basis.PLANNED

    def test_other_shapes_of_the_model_are_scaled(
        self, api: APIClient, user: User, starter: GenerationModel
    ) -> None:
        no_shape = {"width": 0, "height": 0, "steps": 0, "batch_size": 0}
        self.add(starter, seconds=[8.0] * 5, **no_shape)
        # (256² / 1024²)^0.7 × 4^0.7 × 50 / 20 × 8 s × 1.15
        expected = 23 * (1 / 16) ** 0.7 * 4**0.7

        credits, basis = self.quote(api)

        assert basis == Basis.SCALED
        assert expected <= credits < expected + 1

    def test_another_tier_says_nothing(
        self, api: APIClient, user: User, starter: GenerationModel
    ) -> None:
        planned = self.quote(api)
        self.add(starter, seconds=[70.0] * 20)
        MeasuredCost.objects.update(tier=GpuTier.DEDICATED)

        assert self.quote(api) == planned

    def test_served_jobs_are_measured_once(
        self, api: APIClient, user: User, starter: GenerationModel
    ) -> None:
        for seconds in (2.0, 2.2, 2.4):
            make_job(user, starter, num_images=1)
            finish(claim(), seconds, pictures=1)

        assert measure_costs() == 3
        assert measure_costs() == 0

        exact = MeasuredCost.objects.exclude(width=0).get()
        assert exact.seconds == [2.4, 2.2, 2.0]
        assert len(MeasuredCost.objects.get(width=0).seconds) == 3


@pytest.mark.parametrize(
    ("seconds", "credits"),
    [
        # Of a job below a second one credit is the whole price.
        ([0.9] * 20, 1),
        ([2.7] * 20, 3),
        ([3.8] * 20, 5),
        ([10.0] * 20, 12),
        ([100.0] * 20, 115),
        # Cheap jobs pull the quote down to twice their charge.
        ([100.0] * 18 + [40.0] * 2, 80),
    ],
)
def test_a_measured_quote_is_fair(seconds: list[float], credits: int) -> None:
    assert quote_measured(seconds).credits == credits


@pytest.mark.django_db(transaction=True)
def test_a_job_of_a_plan_that_ended_meanwhile_is_not_made_and_costs_nothing(
    user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter)
    Subscription.objects.filter(user=user).update(
        valid_from=timezone.now() - timedelta(days=7), valid_until=timezone.now()
    )

    JobRunner(engine=Engine(device="cpu"), tiers=list(GpuTier), worker="test").run_next()

    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, "plan_paused")
    assert read_balance(user_id=user.id).held == 0
    assert not UsageRecord.objects.exists()


def test_credits_that_end_first_are_used_first(user: User, starter: GenerationModel) -> None:
    now = timezone.now()
    add_grant(
        user_id=user.id,
        source=CreditSource.PACK,
        amount=2,
        valid_from=now,
        valid_until=now + timedelta(days=1),
        key="ends-tomorrow",
    )
    make_job(user, starter, steps=50, num_images=4)

    finish(claim(), 3.0)

    spent = dict(
        Posting.objects.filter(kind=PostingKind.SETTLE).values_list("grant__source", "spent")
    )
    assert spent == {CreditSource.PACK: 2, CreditSource.TRIAL: 1}
