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
