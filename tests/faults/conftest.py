"""The product's processes on the database of the tests, with leases short enough to wait for."""

from collections.abc import Iterator

import pytest

from apps.catalog.models import GenerationModel
from tests.database import session_database_url
from tests.stack import Stack

LEASE_SECONDS = 3


@pytest.fixture
def stack(transactional_db: None, starter: GenerationModel) -> Iterator[Stack]:
    """Have a stack with nothing started yet."""
    with Stack(
        {
            "EASEL_DATABASE_URL": session_database_url(),
            "EASEL_LEASE_SECONDS": str(LEASE_SECONDS),
            "EASEL_SWEEP_SECONDS": "0.5",
        }
    ) as stack:
        yield stack
