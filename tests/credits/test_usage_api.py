"""Usage by day, model and key: exact sums, days of UTC, ranges that are none."""

import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.credentials import SESSION
from apps.accounts.models import Scope, User
from apps.accounts.services.keys import create_key
from apps.credits.models import ActionType, UsageRecord
from tests.queries import counted_queries

pytestmark = pytest.mark.django_db

USAGE = "/api/v1/usage"
NOVEMBER = {"from": "2026-11-01", "to": "2026-11-30"}


def use(
    user: User,
    at: str,
    *,
    credits: int,
    seconds: str = "1.5",
    model: str = "sd",
    pictures: int = 1,
    key: uuid.UUID | None = None,
    action: ActionType = ActionType.GENERATION,
) -> None:
    # The row cannot be changed afterwards.
    with mock.patch.object(timezone, "now", return_value=datetime.fromisoformat(at)):
        UsageRecord.objects.create(
            user=user,
            job_id=uuid.uuid4(),
            api_key_id=key,
            action_type=action,
            model_used=model,
            gpu_tier="basic",
            steps=20,
            width=512,
            height=512,
            batch_size=pictures,
            compute_seconds=Decimal(seconds),
            credits_consumed=credits,
        )


def ask(api: APIClient, **query: str) -> dict[str, Any]:
    response = api.get(USAGE, query)
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


def test_usage_by_day_has_every_day_and_days_are_those_of_utc(
    api: APIClient, user: User, stranger: User
) -> None:
    use(user, "2026-11-02T23:59:59.999+00:00", credits=2, pictures=2)
    use(user, "2026-11-03T00:30:00+09:00", credits=3, seconds="2.25")
    use(user, "2026-11-03T00:00:00+00:00", credits=4)
    use(user, "2026-10-31T23:59:59.999+00:00", credits=100)
    use(user, "2026-12-01T00:00:00+00:00", credits=100)
    use(stranger, "2026-11-02T12:00:00+00:00", credits=100)

    body = ask(api, **NOVEMBER)

    assert (body["from"], body["to"], body["by"]) == ("2026-11-01", "2026-11-30", "day")
    assert body["timezone"] == "UTC"
    assert body["total"] == {"credits": 9, "seconds": 5.25, "jobs": 3, "pictures": 4}
    assert [group["group"] for group in body["groups"]] == [
        f"2026-11-{day:02}" for day in range(1, 31)
    ]
    assert [group["credits"] for group in body["groups"][:4]] == [0, 5, 4, 0]
    assert body["groups"][1] == {
        "group": "2026-11-02",
        "name": None,
        "credits": 5,
        "seconds": 3.75,
        "jobs": 2,
        "pictures": 3,
    }


def test_what_a_training_learns_from_at_once_is_no_picture_of_its_user(
    api: APIClient, user: User
) -> None:
    use(user, "2026-11-02T12:00:00+00:00", credits=7, pictures=4, action=ActionType.TRAINING)
    trained = {"credits": 7, "seconds": 1.5, "jobs": 1, "pictures": 0}
    assert ask(api, **NOVEMBER)["total"] == trained

    use(user, "2026-11-02T13:00:00+00:00", credits=2, pictures=3)

    (group,) = ask(api, by="model", **NOVEMBER)["groups"]
    assert (group["jobs"], group["pictures"]) == (2, 3)


def test_usage_by_model_has_the_largest_first(api: APIClient, user: User) -> None:
    use(user, "2026-11-02T12:00:00+00:00", credits=2, model="small")
    use(user, "2026-11-03T12:00:00+00:00", credits=3, model="large", pictures=4)
    use(user, "2026-11-04T12:00:00+00:00", credits=1, model="small")
    use(user, "2026-11-04T12:00:00+00:00", credits=1, model="large")

    body = ask(api, **NOVEMBER, by="model")

    assert [(group["group"], group["credits"], group["jobs"]) for group in body["groups"]] == [
        ("large", 4, 2),
        ("small", 3, 2),
    ]


def test_usage_by_key_tells_its_name_and_what_no_key_asked_for(api: APIClient, user: User) -> None:
    key, _secret = create_key(user=user, granter=SESSION, name="night shift", scopes=[Scope.READ])
    use(user, "2026-11-02T12:00:00+00:00", credits=2, key=key.id)
    use(user, "2026-11-02T12:00:00+00:00", credits=1)

    with counted_queries() as queries:
        body = ask(api, **NOVEMBER, by="key")

    assert [(group["group"], group["name"], group["credits"]) for group in body["groups"]] == [
        (str(key.id), "night shift", 2),
        (None, None, 1),
    ]
    assert len(queries) == 4  # tenant, user, usage, names


def test_the_last_thirty_days_are_asked_for_unless_told_otherwise(api: APIClient) -> None:
    today = timezone.now().astimezone(UTC).date()

    body = ask(api)
    until = ask(api, to="2026-03-01")

    assert (body["from"], body["to"]) == (
        (today - timedelta(days=29)).isoformat(),
        today.isoformat(),
    )
    assert (until["from"], len(until["groups"])) == ("2026-01-31", 30)


def test_a_leap_year_of_days_is_the_most(api: APIClient) -> None:
    assert len(ask(api, **{"from": "2024-01-01", "to": "2024-12-31"})["groups"]) == 366

    response = api.get(USAGE, {"from": "2024-01-01", "to": "2025-01-01"})

    assert response.status_code == 422
    assert response.json()["fields"] == {"from": ["Ask for at most 366 days."]}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2026-11-31"}, "from"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-11"}, "to"),
        ({"from": "2026-11-02", "to": "2026-11-01"}, "from"),
        ({"to": "0001-01-01"}, "to"),
        ({"from": "9999-12-31"}, "from"),
        ({"by": "week"}, "by"),
        ({"by": ""}, "by"),
    ],
)
def test_what_is_no_range_is_refused(api: APIClient, query: dict[str, str], field: str) -> None:
    response = api.get(USAGE, query)

    assert response.status_code == 422
    assert response.json()["invalid_fields"] == [field]


def test_a_first_day_to_come_is_a_span_of_one(api: APIClient) -> None:
    tomorrow = (timezone.now().astimezone(UTC).date() + timedelta(days=1)).isoformat()

    body = ask(api, **{"from": tomorrow})

    assert (body["from"], body["to"], body["total"]["jobs"]) == (tomorrow, tomorrow, 0)
    assert date.fromisoformat(body["groups"][0]["group"]) > timezone.now().date()
