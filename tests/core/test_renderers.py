"""The quick JSON says what Django REST framework's would."""

import json
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils.translation import gettext_lazy
from rest_framework.renderers import JSONRenderer

from apps.core.renderers import QuickJsonRenderer


@pytest.mark.parametrize(
    "data",
    [
        {"a": [1, 2.5, None, True, "바다 🌅"], "b": {"c": {}}},
        [],
        "text",
        {1: "a", "2": "b"},
        {"at": datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC), "day": date(2026, 3, 1)},
        {"id": uuid.UUID(int=7), "cost": Decimal("1.50"), "took": timedelta(seconds=3)},
        {"lazy": gettext_lazy("Gallery"), "tuple": (1, 2), "set": [*{3}]},
        {"large": 10**30},
    ],
)
def test_it_says_the_same(data: Any) -> None:
    quick = QuickJsonRenderer().render(data)

    assert json.loads(quick) == json.loads(JSONRenderer().render(data))


def test_nothing_is_nothing() -> None:
    assert QuickJsonRenderer().render(None) == b""
