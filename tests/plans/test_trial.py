"""A trial is for once in a person's life, and at its end nothing new is made."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.credits.models import Hold
from apps.credits.selectors import read_balance
from apps.generation.models import Job
from apps.plans.entitlements import Feature, entitlements_of, may
from apps.plans.models import PauseReason, Subscription
from apps.privacy.services.background import run_next_request
from apps.privacy.services.requests import request_deletion
from tests.factories import PASSWORD, make_image, make_user
from tests.plans.clock import Clock

pytestmark = pytest.mark.django_db

HAD_ONE = (
    "You have had your trial with an earlier account, so nothing new is made here. "
    "Take a plan to begin."
)
ENDED = "Your plan has ended, so nothing new is made. Take a plan to go on; your pictures are here."


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.force_login(user)
    return client


def ask_for_a_picture(user: User, model: GenerationModel) -> Any:
    asked = {"model": model.key, "prompt": "a red circle", "steps": 2}
    return client_of(user).post("/api/v1/generations", asked, format="json")


@pytest.mark.parametrize(
    "again", ["ada+again@example.com", "ADA@Example.COM", "Ada+1+2@EXAMPLE.com"]
)
def test_the_same_person_gets_no_second_trial(again: str, starter: GenerationModel) -> None:
    first = make_user("ada@example.com")
    # An address in another case is taken while the account is there.
    User.objects.filter(id=first.id).update(email="moved@example.com")

    second = make_user(again)

    assert read_balance(user_id=first.id).available == 500
    assert read_balance(user_id=second.id).available == 0
    assert not Subscription.objects.filter(user=second).exists()
    response = ask_for_a_picture(second, starter)
    assert (response.status_code, response.json()["code"]) == (403, "plan_paused")
    assert response.json()["detail"] == HAD_ONE
    assert not Job.objects.exists()
    page = Client()
    page.force_login(second)
    assert HAD_ONE in page.get("/create/").content.decode()


def test_nobody_gets_another_trial_after_deleting_the_account() -> None:
    user = make_user("ada@example.com")
    request_deletion(user=user, email=user.email)
    assert run_next_request() == 1

    second = make_user("ada@example.com")

    assert second.id != user.id
    assert entitlements_of(user_id=second.id).pause == PauseReason.NO_PLAN
    assert read_balance(user_id=second.id).available == 0


@pytest.mark.parametrize(
    "other", ["adam@example.com", "ada@example.org", "a.da@example.com", "+ada@example.com"]
)
def test_another_person_gets_a_trial(other: str) -> None:
    make_user("ada@example.com")

    assert read_balance(user_id=make_user(other).id).available == 500


def test_what_is_kept_of_a_person_says_nothing_of_the_address() -> None:
    make_user("ada@example.com")

    with connection.cursor() as cursor:
        cursor.execute("SELECT digest FROM plans_trialperson")
        ((digest,),) = cursor.fetchall()
    assert len(digest) == 64
    assert "ada" not in digest


def trial_from_now(user: User, clock: Clock) -> None:
    until = clock.now + timedelta(days=7)
    Subscription.objects.filter(user=user).update(valid_from=clock.now, valid_until=until)


def test_the_trial_ends_at_its_end_and_not_before(
    user: User, starter: GenerationModel, clock: Clock
) -> None:
    trial_from_now(user, clock)

    clock.forward(days=7, microseconds=-1)
    assert may(user_id=user.id, feature=Feature.GENERATION).allowed
    clock.forward(microseconds=1)

    decision = may(user_id=user.id, feature=Feature.GENERATION)
    assert (decision.allowed, decision.smallest_plan) == (False, "starter")
    response = ask_for_a_picture(user, starter)
    assert (response.status_code, response.json()["code"]) == (403, "plan_paused")
    assert (response.json()["detail"], response.json()["pause"]) == (ENDED, "no_plan")
    assert not Job.objects.exists()
    assert not Hold.objects.exists()


def test_after_the_trial_pictures_are_seen_and_exported(user: User) -> None:
    image = make_image(user, prompt="mine")
    Subscription.objects.update(
        valid_from=timezone.now() - timedelta(days=30),
        valid_until=timezone.now() - timedelta(days=23),
    )
    client = client_of(user)

    assert len(client.get("/api/v1/images").json()["results"]) == 1
    assert client.get(f"/api/v1/images/{image.image_name}/full").status_code == 200
    assert client.get(f"/gallery/{image.image_name}/").status_code == 200
    assert client.post("/api/v1/account/export", {}, format="json").status_code == 202
    assert run_next_request() == 1
    (export,) = client.get("/api/v1/account/data-requests").json()["results"]
    assert (export["state"], export["done"]) == ("done", 1)


def test_the_refusal_is_in_the_language_that_is_asked_for(
    user: User, starter: GenerationModel
) -> None:
    Subscription.objects.all().delete()
    client = Client(headers={"accept-language": "ko"})
    client.login(username=user.email, password=PASSWORD)

    assert (
        "무료 체험을 다른 계정에서 이미 이용하셨으므로" in client.get("/create/").content.decode()
    )
