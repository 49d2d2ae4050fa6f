"""Every cell of the plan table: what a plan lets somebody do, and how the rest is refused.

The values are written out here as they were sold, not taken from the code.
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.credentials import SESSION
from apps.accounts.models import Scope, User
from apps.accounts.services.keys import create_key
from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode, Forbidden, PaymentRequired
from apps.credits.models import Grant
from apps.credits.selectors import read_balance
from apps.credits.services.grants import add_grant
from apps.generation.models import Job
from apps.generation.services.leases import claim_next_job
from apps.images.models import Image, StorageUse
from apps.plans.entitlements import BYTES_A_GB, Feature, entitlements_of, may, require
from apps.plans.models import PauseReason, Subscription
from apps.plans.products import PLANS, CreditSource, ModelAccess
from apps.plans.services.subscriptions import start_subscription
from apps.plans.services.testers import grant_tester_plan
from apps.plans.tiers import TIERS, GpuTier
from tests.credits.moves import hold_for
from tests.factories import encode, make_job, make_picture, make_user

pytestmark = pytest.mark.django_db

BASIC, HIGH, DEDICATED = GpuTier.BASIC, GpuTier.HIGH_PERFORMANCE, GpuTier.DEDICATED
SD, FLUX, FULL = ModelAccess.SD_ONLY, ModelAccess.FLUX_INCLUDED, ModelAccess.FULL


@dataclass(frozen=True)
class Sold:
    """A row as it was sold; `None` is without limit, or set by hand for a customer."""

    dollars: int | None
    credits: int | None
    tier: GpuTier
    parallel: int | None
    storage: int | None
    models: ModelAccess
    third_party: bool
    lora: bool
    collaboration: bool
    node_editor: bool
    api: bool


TABLE = {
    "trial": Sold(0, 500, BASIC, 1, 20, SD, False, False, False, True, False),
    "starter": Sold(25, 5_000, BASIC, 1, 20, SD, False, False, False, True, False),
    "pro": Sold(75, 15_000, HIGH, 1, 100, FLUX, True, False, False, True, True),
    "studio": Sold(150, 30_000, HIGH, 3, 200, FLUX, True, False, False, True, True),
    "enterprise": Sold(None, None, DEDICATED, None, None, FULL, True, True, True, True, True),
    "tester": Sold(0, 50_000, BASIC, 1, 20, FLUX, True, False, False, True, True),
}
each_plan = pytest.mark.parametrize("slug", TABLE)


@pytest.fixture
def person(user: User, slug: str) -> User:
    """A user on the plan with enough credits, whatever the plan gives."""
    if slug != "trial":
        start_subscription(user=user, plan=PLANS[slug])
        now = timezone.now()
        add_grant(
            user_id=user.id,
            source=CreditSource.PLAN,
            amount=1_000,
            valid_from=now,
            valid_until=now + timedelta(days=30),
            key="enough",
        )
    return user


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.force_login(user)
    return client


def test_the_table_has_every_plan_and_no_other() -> None:
    assert PLANS.keys() == TABLE.keys()


@each_plan
def test_price(slug: str) -> None:
    assert PLANS[slug].dollars_a_month == TABLE[slug].dollars


@each_plan
def test_credits(slug: str, user: User) -> None:
    """The trial and testers get theirs at once, paid plans with each paid invoice."""
    expected = TABLE[slug].credits
    assert PLANS[slug].credits_a_month == expected
    if slug == "trial":
        assert Grant.objects.get().total == expected
    elif slug == "tester":
        admin = make_user("admin@example.com", is_staff=True)
        grant_tester_plan(user=user, actor=admin, days=30, reason="tries the new models")
        assert Grant.objects.get(source=CreditSource.TESTER).total == expected
    if expected is None:
        return
    other = User.objects.create_user("other@example.com")
    now = timezone.now()
    add_grant(
        user_id=other.id,
        source=CreditSource.PLAN,
        amount=expected,
        valid_from=now,
        valid_until=now + timedelta(days=30),
        key="paid",
    )
    with pytest.raises(PaymentRequired) as refused:
        hold_for(user_id=other.id, job_id=uuid.uuid4(), amount=expected + 1)
    numbers = refused.value.numbers
    assert (numbers["required"], numbers["available"]) == (expected + 1, expected)
    assert read_balance(user_id=other.id).available == expected
    hold_for(user_id=other.id, job_id=uuid.uuid4(), amount=expected)
    assert read_balance(user_id=other.id).available == 0


@pytest.mark.parametrize(
    ("required", "plan"),
    [
        (501, "starter"),
        (5_000, "starter"),
        (5_001, "pro"),
        (15_001, "studio"),
        (30_001, "enterprise"),
    ],
)
def test_too_few_credits_are_402_with_the_smallest_plan_that_gives_so_many(
    required: int, plan: str, user: User
) -> None:
    with pytest.raises(PaymentRequired) as refused:
        hold_for(user_id=user.id, job_id=uuid.uuid4(), amount=required)

    assert refused.value.status == 402
    assert refused.value.code == ErrorCode.INSUFFICIENT_CREDITS
    assert refused.value.numbers == {
        "required": required,
        "available": 500,
        "smallest_plan": plan,
    }


@each_plan
def test_gpu_tier(slug: str, person: User, starter: GenerationModel) -> None:
    expected = TABLE[slug].tier

    job = make_job(person, starter)

    assert job.tier == expected
    others = [tier for tier in TIERS if tier != expected]
    assert claim_next_job(tiers=others, worker="w") is None
    claimed = claim_next_job(tiers=[expected], worker="w")
    assert claimed is not None
    assert claimed.id == job.id


@each_plan
def test_parallel_queues(slug: str, person: User, starter: GenerationModel) -> None:
    expected = TABLE[slug].parallel
    for number in range(5):
        make_job(person, starter, seed=number)

    claimed = [claim_next_job(tiers=list(TIERS), worker="w") for _ in range(5)]

    running = [job for job in claimed if job is not None]
    assert len(running) == (5 if expected is None else expected)


@each_plan
@pytest.mark.parametrize("way", ["upload", "generate"])
def test_storage(slug: str, way: str, person: User, starter: GenerationModel) -> None:
    gigabytes = TABLE[slug].storage
    full = (gigabytes or 1_000_000) * BYTES_A_GB
    StorageUse.objects.create(user=person, stored_bytes=full)
    api = client_of(person)

    def ask() -> Any:
        if way == "upload":
            file = {"file": encode(make_picture())}
            return api.post("/api/v1/images", file, format="multipart")
        return api.post("/api/v1/generations", {"prompt": "x"}, format="json")

    refused = ask()
    if gigabytes is None:
        assert refused.status_code in {201, 202}
        return
    assert refused.status_code == 403
    body = refused.json()
    assert (body["code"], body["limit"]) == ("storage_full", full)
    assert body["used"] > full
    larger = {20: "pro", 100: "studio", 200: "enterprise"}
    assert body["smallest_plan"] == larger[gigabytes]
    assert not Image.objects.exists()
    assert not Job.objects.exists()
    StorageUse.objects.update(stored_bytes=full // 2)
    assert ask().status_code in {201, 202}


def test_an_upload_that_would_overfill_the_storage_leaves_nothing(user: User) -> None:
    StorageUse.objects.create(user=user, stored_bytes=20 * BYTES_A_GB - 100)

    response = client_of(user).post(
        "/api/v1/images", {"file": encode(make_picture())}, format="multipart"
    )

    assert response.json()["code"] == "storage_full"
    assert not Image.objects.exists()
    assert StorageUse.objects.get().stored_bytes == 20 * BYTES_A_GB - 100


@each_plan
@pytest.mark.parametrize("access", ModelAccess)
def test_models(slug: str, access: ModelAccess, person: User, starter: GenerationModel) -> None:
    GenerationModel.objects.update(access=access)
    ranks = [SD, FLUX, FULL]
    allowed = ranks.index(access) <= ranks.index(TABLE[slug].models)
    api = client_of(person)

    response = api.post("/api/v1/generations", {"prompt": "x"}, format="json")
    (listed,) = api.get("/api/v1/models").json()["results"]

    assert response.status_code == (202 if allowed else 403)
    assert listed["included"] is allowed
    if not allowed:
        smallest = {FLUX: "pro", FULL: "enterprise"}[access]
        body = response.json()
        assert body["code"] == "model_not_in_plan"
        assert body["smallest_plan"] == listed["smallest_plan"] == smallest
        assert not Job.objects.exists()


FEATURES = {
    Feature.THIRD_PARTY_API: "third_party",
    Feature.LORA_TRAINING: "lora",
    Feature.COLLABORATION: "collaboration",
    Feature.NODE_EDITOR: "node_editor",
}
SMALLEST = {
    Feature.THIRD_PARTY_API: "pro",
    Feature.LORA_TRAINING: "enterprise",
    Feature.COLLABORATION: "enterprise",
}


@each_plan
@pytest.mark.parametrize("feature", FEATURES)
def test_features(slug: str, feature: Feature, person: User) -> None:
    allowed = getattr(TABLE[slug], FEATURES[feature])

    assert may(user_id=person.id, feature=feature).allowed is allowed
    if not allowed:
        with pytest.raises(Forbidden) as refused:
            require(user_id=person.id, feature=feature)
        assert refused.value.status == 403
        assert refused.value.code == ErrorCode.FEATURE_NOT_IN_PLAN
        assert refused.value.numbers == {
            "plan": slug,
            "feature": feature.value,
            "smallest_plan": SMALLEST[feature],
        }


@each_plan
def test_api(slug: str, person: User) -> None:
    _key, secret = create_key(user=person, granter=SESSION, name="k", scopes=[Scope.READ])
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")

    response = client.get("/api/v1/images")

    assert response.status_code == (200 if TABLE[slug].api else 403)
    if not TABLE[slug].api:
        body = response.json()
        assert (body["code"], body["plan"], body["smallest_plan"]) == ("api_access", slug, "pro")
    assert client_of(person).get("/api/v1/images").status_code == 200


def test_an_enterprise_customer_has_values_set_by_hand(
    user: User, starter: GenerationModel
) -> None:
    Subscription.objects.create(
        user=user,
        plan="enterprise",
        valid_from=timezone.now(),
        custom_dollars_a_month=2_000,
        custom_credits_a_month=500_000,
        custom_parallel_queues=2,
        custom_storage_gb=1,
    )

    has = entitlements_of(user_id=user.id)
    for number in range(3):
        make_job(user, starter, seed=number)
    claimed = [claim_next_job(tiers=list(TIERS), worker="w") for _ in range(3)]

    assert (has.plan.dollars_a_month, has.plan.credits_a_month) == (2_000, 500_000)
    assert len([job for job in claimed if job is not None]) == 2
    assert may(user_id=user.id, feature=Feature.STORAGE, used_bytes=BYTES_A_GB).allowed
    assert not may(user_id=user.id, feature=Feature.STORAGE, used_bytes=BYTES_A_GB + 1).allowed


def test_whoever_is_on_several_plans_is_served_by_the_greatest(user: User) -> None:
    for slug in ("studio", "tester", "starter"):
        start_subscription(user=user, plan=PLANS[slug])

    assert entitlements_of(user_id=user.id).plan.slug == "studio"


def ended(user: User, **fields: Any) -> None:
    now = timezone.now()
    Subscription.objects.filter(user=user).update(
        valid_from=now - timedelta(days=7), valid_until=now, **fields
    )


@pytest.mark.parametrize(
    ("fields", "pause"),
    [({}, PauseReason.NO_PLAN), ({"past_due_since": timezone.now()}, PauseReason.PAYMENT_FAILED)],
)
def test_after_the_end_nothing_new_is_made_and_pictures_stay(
    fields: dict[str, Any], pause: PauseReason, user: User, starter: GenerationModel
) -> None:
    ended(user, **fields)
    api = client_of(user)

    refused = api.post("/api/v1/generations", {"prompt": "x"}, format="json")

    assert refused.status_code == 403
    body = refused.json()
    assert (body["code"], body["pause"]) == ("plan_paused", pause)
    assert body["smallest_plan"] == "starter"
    assert not Job.objects.exists()
    assert read_balance(user_id=user.id).held == 0
    assert api.get("/api/v1/images").status_code == 200


@pytest.mark.parametrize("reason", [PauseReason.DISPUTED, PauseReason.REFUNDED])
def test_a_trial_that_still_runs_is_no_way_around_a_pause(reason: PauseReason, user: User) -> None:
    paused = start_subscription(user=user, plan=PLANS["pro"])
    Subscription.objects.filter(id=paused.id).update(pause_reason=reason)

    decision = may(user_id=user.id, feature=Feature.GENERATION)

    assert not decision.allowed
    assert decision.entitlements.pause == reason
