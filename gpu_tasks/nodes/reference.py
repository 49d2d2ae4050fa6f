"""Write the page of all nodes: `.venv/bin/python -m gpu_tasks.nodes.reference > docs/nodes.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Final

from gpu_tasks.nodes.checking import MAX_RUN_PIXELS
from gpu_tasks.nodes.declaring import CATEGORY_TITLES, MAX_PICTURES, MAX_SIDE, Input, Node
from gpu_tasks.nodes.graph import MAX_BYTES, MAX_EDGES, MAX_FORM_FIELDS, MAX_NODES
from gpu_tasks.nodes.problems import PROBLEM_TEXTS, Code
from gpu_tasks.nodes.registry import NODES
from gpu_tasks.nodes.values import ValueType, accepted_types

_HEAD: Final = f"""# The nodes of workflows

Written by `.venv/bin/python -m gpu_tasks.nodes.reference > docs/nodes.md` from the declarations in
`gpu_tasks/nodes/`; a test fails while they differ. `GET /api/v1/workflows/nodes` has the same for
programs, `GET /api/v1/workflows/schema` a JSON Schema of documents.

## The document

```json
{{"easel_workflow": 1,
 "name": "Barn",
 "nodes": [
   {{"id": "fill", "type": "colour_fill", "inputs": {{"width": 512, "colour": "#336699"}}}},
   {{"id": "keep", "type": "save"}}],
 "edges": [{{"from": ["fill", "picture"], "to": ["keep", "picture"]}}],
 "form": [{{"node": "fill", "input": "colour", "title": "Which colour"}}]}}
```

- A node has an `id` (small letters, digits, underscores; 40 at most) and a `type`, and may have a
  `version` (of its declaration), a `label`, a `position` (two numbers) and `inputs`: what is not
  linked and not left at its default.
- An edge leads from an output to an input; an input has one edge or a value, never both.
- A form asks for some inputs by titles of its own.
- A document has at most {MAX_NODES} nodes, {MAX_EDGES} edges, {MAX_FORM_FIELDS} fields of a form
  and {MAX_BYTES // 1024} KiB. A value is at most {MAX_PICTURES} pictures of {MAX_SIDE} pixels a
  side; all values of a run have at most {MAX_RUN_PIXELS} pixels together, and it keeps at most
  {MAX_PICTURES} pictures.
- What leads to no result (*Results* below) does not run and costs nothing. Two nodes of one type
  with the same inputs run once.
- A batch of one picture goes with a batch of any size; others must be as many as each other.
- A seed that is null is drawn for each run, and kept with it.

## Types

An input takes outputs of its own type; besides, {{accepts}}.
"""
# For the sentences of problems that name a limit.
_EXAMPLES: Final = {"most": "…", "wanted": "one type", "given": "another"}


def write_page() -> str:
    """Return the page."""
    also = (
        f"`{kind}` takes {' and '.join(f'`{one}`' for one in others)}"
        for kind in ValueType
        if (others := accepted_types(kind)[1:])
    )
    sections = [_HEAD.replace("{accepts}", ", ".join(also))]
    sections.append(_problems())
    for category, title in CATEGORY_TITLES.items():
        sections.append(f"## {title}\n")
        sections += [_section(node) for node in NODES.values() if node.category is category]
    return "\n".join(sections)


def _problems() -> str:
    codes = (f"| `{code}` | {PROBLEM_TEXTS[code] % _EXAMPLES} |" for code in Code)
    return "\n".join(["## What can be wrong\n", "| code | |", "|---|---|", *codes]) + "\n"


def _section(node: Node) -> str:
    gives = ", ".join(f"`{one.name}` ({one.type})" for one in node.outputs) or "nothing"
    rows = (f"| `{one.name}` | {one.title} | {', '.join(_facts(one))} |" for one in node.inputs)
    lines = [
        f"### {node.title}: `{node.type}`\n",
        f"{node.description} Gives {gives}.\n",
        *_table(rows),
    ]
    return "\n".join(lines) + "\n"


def _table(rows: Iterable[str]) -> Iterator[str]:
    yield "| input | title | takes |"
    yield "|---|---|---|"
    yield from rows


def _facts(one: Input) -> Iterator[str]:
    yield str(one.type)
    if one.kinds:
        yield f"of the kind {' or '.join(one.kinds)}"
    if one.range is not None and (one.least is not None or one.most is not None):
        yield " to ".join(
            f"{limit:g}" if abs(limit) < 10_000 else str(limit) for limit in one.range
        )
    if one.multiple > 1:
        yield f"a multiple of {one.multiple}"
    if one.choices:
        yield "one of " + " ".join(f"`{choice}`" for choice in one.choices)
    if one.required:
        yield "required"
    elif one.is_optional:
        yield "may be left out"
    elif one.default != "":
        yield f"by itself `{one.default}`".replace("`True`", "`true`").replace("`False`", "`false`")


if __name__ == "__main__":
    sys.stdout.write(write_page())
