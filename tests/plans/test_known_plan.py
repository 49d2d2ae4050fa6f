"""What is known of a plan without asking: for how long, and when it is forgotten."""

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.credentials import SESSION
from apps.accounts.models import Scope, User
from apps.accounts.services.keys import create_key
from apps.catalog.models import GenerationModel
from apps.core.tenancy import service_scope
from apps.plans import selectors
from apps.plans.entitlements import entitlements_of
from apps.plans.models import Subscription
from apps.plans.products import PLANS
from apps.plans.selectors import known_entitlements
from apps.plans.services.subscriptions import start_subscription
from apps.plans.services.testers import grant_tester_plan, revoke_tester_plan
from tests.factories import make_user
from tests.plans.clock import Clock
from tests.queries import counted_queries

pytestmark = pytest.mark.django_db


def known_plan(user: User) -> str:
    return known_entitlements(user_id=user.id).plan.slug


def lifetime(user: User) -> float:
    return float(cache.ttl(f"plan:{user.id}"))  # type: ignore[attr-defined]


def test_it_is_asked_for_once(user: User) -> None:
    cache.clear()
    with counted_queries() as queries:
        assert known_plan(user) == known_plan(user) == "trial"

    assert len(queries) == 1
    assert 590 <= lifetime(user) <= 600


@pytest.mark.parametrize(("left", "kept"), [(300.0, 299), (1.5, 0), (0.5, 0), (-1.0, 600)])
def test_it_is_kept_no_longer_than_the_plan_lasts(left: float, kept: int, user: User) -> None:
    until = timezone.now() + timedelta(seconds=left)
    Subscription.objects.update(valid_from=timezone.now() - timedelta(days=1), valid_until=until)
    cache.clear()

    known_entitlements(user_id=user.id)

    assert kept - 2 <= lifetime(user) <= max(kept, 1)


@pytest.mark.django_db(transaction=True)
def test_every_change_of_a_plan_is_seen_once_it_is_committed() -> None:
    user, admin = make_user("user@example.com"), make_user("admin@example.com", is_staff=True)
    User.objects.filter(id=admin.id).update(is_superuser=True)
    assert known_plan(user) == "trial"

    grant = grant_tester_plan(user=user, actor=admin, days=3, reason="to try the API")
    assert known_plan(user) == "tester"
    revoke_tester_plan(grant_id=grant.id, actor=admin, reason="tried for long enough")
    assert known_plan(user) == "trial"
    with transaction.atomic():
        start_subscription(user=user, plan=PLANS["pro"])
        cache.clear()
        known_entitlements(user_id=user.id)
    assert known_plan(user) == "pro"

    client = Client()
    client.force_login(admin)
    row = Subscription.objects.get(plan="pro")
    page = client.get(f"/admin/plans/subscription/{row.id}/change/")
    form = {
        key: value for key, value in page.context["adminform"].form.initial.items() if value
    } | {"plan": "studio", "user": str(user.id)}
    for name in ("valid_from", "valid_until"):
        moment = form.pop(name, None)
        form |= {f"{name}_0": moment and moment.date(), f"{name}_1": moment and moment.time()}
    form = {key: value for key, value in form.items() if value}
    answer = client.post(f"/admin/plans/subscription/{row.id}/change/", form)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert known_plan(user) == "studio"
    client.post(f"/admin/plans/subscription/{row.id}/delete/", {"post": "yes"})
    assert known_plan(user) == "trial"


@pytest.mark.django_db(transaction=True)
def test_whoever_has_read_before_a_change_does_not_keep_what_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = make_user("user@example.com")
    cache.clear()
    changed = threading.Event()

    def read_then_change(*, user_id: uuid.UUID) -> Any:
        has = entitlements_of(user_id=user_id)
        if not changed.is_set():
            changed.set()
            thread = threading.Thread(target=subscribe, args=(user,))
            thread.start()
            thread.join()
        return has

    monkeypatch.setattr(selectors, "entitlements_of", read_then_change)

    assert known_plan(user) == "trial"
    assert known_plan(user) == "pro"


def subscribe(user: User) -> None:
    with service_scope("test"):
        start_subscription(user=user, plan=PLANS["pro"])
    connection.close()


def test_what_is_generated_is_decided_by_the_database_alone(
    user: User, starter: GenerationModel, clock: Clock
) -> None:
    """What is known says pro; the key reads with it, and makes nothing."""
    Subscription.objects.update(plan="pro", valid_from=clock.now, valid_until=None)
    _key, secret = create_key(
        user=user, granter=SESSION, name="k", scopes=[Scope.READ, Scope.GENERATE]
    )
    program = APIClient(headers={"authorization": f"Bearer {secret}"})
    assert program.get("/api/v1/images").status_code == 200
    Subscription.objects.update(valid_until=clock.now + timedelta(seconds=1))
    clock.forward(seconds=1)
    asked = {"model": starter.key, "prompt": "a red circle"}

    assert program.get("/api/v1/images").status_code == 200
    assert program.post("/api/v1/generations", asked, format="json").status_code == 403
