"""Thousands of requests made up from the API's own description: it keeps to it, and never fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from apps.accounts.credentials import SESSION
from apps.accounts.models import Scope, User
from apps.accounts.services.keys import create_key
from apps.catalog.models import GenerationModel
from apps.images.models import Image
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from tests.database import session_database_url
from tests.factories import make_image, make_job
from tests.stack import ROOT, Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# Of each operation. What is asked of the edges of a description is the same for everybody, and
# takes as long again: who comes second is not asked it.
EXAMPLES = 12
ALL_PHASES, MADE_UP = "examples,coverage,fuzzing,stateful", "fuzzing,stateful"
# A description cannot say that a file is to be a picture, or that a model takes sizes of its own:
# such a request is answered with 422 and the fields.
CONFIGURATION = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "413", "422", "429"]

# It takes `fields` of our envelope for a part of the request that was meant.
[phases.fuzzing.error-feedback]
enabled = false
"""


def run_fuzzer(
    stack: Stack, user: User, folder: Path, phases: str
) -> subprocess.CompletedProcess[str]:
    folder.mkdir()
    (folder / "schemathesis.toml").write_text(CONFIGURATION, encoding="utf-8")
    _key, secret = create_key(user=user, granter=SESSION, name="fuzzer", scopes=list(Scope))
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{stack.url}/api/schema/"),
        *("--header", f"Authorization: Bearer {secret}"),
        *("--phases", phases, "--checks", "all", "--max-examples", str(EXAMPLES), "--seed", "7"),
        *("--mode", "all", "--no-color", "--suppress-health-check", "all"),
    ]
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.fuzzing_checks", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_whatever_is_asked_the_api_keeps_to_its_description(
    transactional_db: None, user: User, stranger: User, starter: GenerationModel, tmp_path: Path
) -> None:
    environment = {"EASEL_DATABASE_URL": session_database_url(), "EASEL_RATE_LIMIT_SCALE": "1e6"}
    for person in (user, stranger):
        start_subscription(user=person, plan=PLANS["pro"])
        make_job(person, starter)
    kept = make_image(stranger)
    with Stack(environment) as stack:
        stack.start_web()
        for person, phases in ((user, ALL_PHASES), (stranger, MADE_UP)):
            result = run_fuzzer(stack, person, tmp_path / str(person.id), phases)
            assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-2000:]
            if person == user:
                assert Image.objects.filter(id=kept.id).exists()
