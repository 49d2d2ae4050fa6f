"""The graph that the editor of workflows works on, without its page, run by Node."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parents[2] / "static" / "js"
NODE = Path(sys.executable).with_name("node")

# One node of one type, with what a document of it holds.
SETTING = """
const { WorkflowGraph } = await import(`${root}/workflow_graph.js`);
const document = (text) => ({ easel_workflow: 1, name: "Postcard", description: "", edges: [],
  form: [], nodes: [{ id: "text_1", type: "text", version: 1, label: "", position: [0, 0],
    inputs: { text } }] });
const graph = new WorkflowGraph({ types: {}, categories: [], nodes: [] });
graph.open(document("a house"));
"""


def run(script: str) -> Any:
    """Return what `script`, of which the last line is an expression, makes of the graph."""
    *lines, last = (SETTING + script).strip().splitlines()
    done = subprocess.run(
        [NODE, "--input-type=module"],
        input="\n".join(
            [
                f"const root = {json.dumps(SCRIPTS.as_uri())};",
                *lines,
                f"console.log(JSON.stringify({last}));",
            ]
        ),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


def test_what_is_changed_while_it_is_saved_is_not_saved() -> None:
    script = """
graph.rename("text_1", "Words");
const { state } = graph;
graph.rename("text_1", "More");
graph.markSaved(state);
const since = graph.isDirty;
graph.undo();
[since, graph.isDirty, graph.toJSON().nodes[0].label]
"""

    assert run(script) == [True, False, "Words"]


def test_of_a_file_only_what_fields_can_show_is_read() -> None:
    script = """
const { readDocument } = await import(`${root}/workflow_document.js`);
const written = document({ toString: 1, valueOf: 1 });
Object.assign(written.nodes[0].inputs, { seed: null, steps: 4, lists: [1], is_large: false });
written.form = [{ node: "text_1", input: "text" }, { node: "text_1", input: {} }, 3];
const read = readDocument(written);
[read.nodes[0].inputs, read.form]
"""

    inputs, form = run(script)

    assert inputs == {"seed": None, "steps": 4, "is_large": False}
    assert form == [{"node": "text_1", "input": "text", "title": ""}]
