"""A round of the scheduler: what it holds on to between sweeps, and how soon it ends."""

import threading

import pytest
from django.db import connection

from apps.core.tenancy import service_scope
from apps.generation.management.commands.run_scheduler import Sweep, _keep_running
from apps.plans.models import Notice


def count_notices() -> int:
    with service_scope("count in a test"):
        return Notice.objects.count()


@pytest.mark.django_db(transaction=True)
def test_a_sweep_gives_its_connection_back() -> None:
    stopped = threading.Event()
    held = []

    def look() -> int:
        stopped.set()
        count = count_notices()
        held.append(connection.connection is not None)
        return count

    _keep_running(stopped, [Sweep("look", 60.0, look)])

    assert held == [True]
    assert connection.connection is None


def test_whoever_asks_for_the_end_does_not_wait_for_the_whole_round() -> None:
    stopped = threading.Event()
    ran = []

    def first() -> int:
        ran.append("first")
        stopped.set()
        return 0

    def second() -> int:
        ran.append("second")
        return 0

    _keep_running(stopped, [Sweep("first", 60.0, first), Sweep("second", 60.0, second)])

    assert ran == ["first"]
