"""The page about workflows: its example runs, and no address is missing."""

import json
import re

from django.urls import get_resolver
from rest_framework.test import APIClient

from apps.catalog.models import GenerationModel
from apps.generation.models import Job
from tests.stack import ROOT
from tests.test_permissions import addresses

PAGE = (ROOT / "docs" / "workflows.md").read_text(encoding="utf-8")
URL = "/api/v1/workflows"


def test_its_example_is_kept_quoted_and_run(api: APIClient, starter: GenerationModel) -> None:
    found = re.search(r"<<'JSON'\n(.*?)\nJSON\n", PAGE, re.DOTALL)
    assert found is not None
    kept = api.post(f"{URL}/import", json.loads(found[1]), format="json")
    bodies = [json.loads(body) for body in re.findall(r"-d '(\{.*\})'", PAGE)]
    quote_body, run_body = ({**body, "workflow": kept.json()["id"]} for body in bodies)

    quote = api.post(f"{URL}/quote", quote_body, format="json")
    run = api.post(f"{URL}/runs", {**run_body, "quote": quote.json()["token"]}, format="json")

    assert [kept.status_code, quote.status_code, run.status_code] == [201, 200, 202]
    job = Job.objects.get(id=run.json()["id"])
    assert job.parameters["prompt"] == "a blue star"
    assert (job.work or {})["drawn"] == ["second.seed"]


def test_it_has_every_address() -> None:
    mine = {
        address.removeprefix("api/v1")
        for address, _pattern in addresses(get_resolver().url_patterns)
        if address.startswith("api/v1/workflows") or address.endswith("/workflow")
    }
    written = set(re.findall(r"`[A-Z]+ (/[\w/{}-]+)`", PAGE))

    shapes = {re.sub(r"<\w+:\w+>|\{\w+\}", "…", address) for address in mine}
    assert {re.sub(r"\{\w+\}", "…", address) for address in written} >= shapes
