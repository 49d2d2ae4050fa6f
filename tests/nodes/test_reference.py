"""The page of all nodes says what is declared, and its example is a workflow."""

import json
import re

from gpu_tasks.nodes.reference import write_page
from gpu_tasks.nodes.registry import NODES
from tests.nodes.graphs import problems_of
from tests.stack import ROOT


def test_the_page_is_that_of_the_declarations() -> None:
    page = (ROOT / "docs" / "nodes.md").read_text(encoding="utf-8")

    assert page == write_page()
    assert set(re.findall(r"^### .*: `(\w+)`$", page, re.MULTILINE)) == set(NODES)


def test_the_example_is_a_workflow() -> None:
    example = re.search(r"```json\n(.*?)```", write_page(), re.DOTALL)

    assert example is not None
    assert problems_of(json.loads(example[1])) == []
