"""Lists compared: as one would write them without a thought, as shipped, and kept in the cache.

`make test-slow` runs it by itself, with pytest-benchmark.
"""

from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client

from apps.accounts.models import User
from apps.boards.models import Board
from config.local.addresses import SUPERUSER
from tests.libraries import fill_libraries

PICTURES = 20_000
BOARDS = 20
ADDRESSES = {
    "naive": "/naive?page=1",
    "shipped": "/api/v1/images?limit=100",
    "cached": "/api/v1/images?limit=100",
}

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.benchmarks.gallery_urls"),
]


@pytest.fixture
def library(user: User) -> None:
    """Give the user a large library, a third of it on boards."""
    boards = Board.objects.bulk_create(Board(user=user, name=f"b{n}") for n in range(BOARDS))
    at = connection.settings_dict
    with psycopg.connect(
        host=at["HOST"], port=at["PORT"], user=SUPERUSER, dbname=at["NAME"], autocommit=True
    ) as server:
        fill_libraries(
            server,
            libraries={user.id: PICTURES},
            boards={user.id: [board.id for board in boards]},
        )


medians: dict[str, float] = {}


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("kind", ADDRESSES)
def test_a_page_of_a_hundred(
    kind: str, benchmark: Any, browser_client: Client, settings: Any
) -> None:
    settings.EASEL_LIST_CACHE_SECONDS = 60 if kind == "cached" else 0
    settings.EASEL_MAX_REPEATED_QUERIES = 0
    settings.EASEL_RATE_LIMIT_SCALE = 1e6

    answer = benchmark.pedantic(
        browser_client.get, args=(ADDRESSES[kind],), rounds=50, warmup_rounds=5
    )

    assert len(answer.json()["results"]) == 100
    medians[kind] = benchmark.stats["median"]


def test_each_is_ahead_of_the_one_before() -> None:
    assert medians["cached"] < medians["shipped"] < medians["naive"] / 2
