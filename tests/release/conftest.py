from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from tests.release.probes import Probe, probe_database


@pytest.fixture
def probe(django_db_blocker: DjangoDbBlocker) -> Iterator[Probe]:
    with django_db_blocker.unblock(), probe_database() as probe:
        yield probe
