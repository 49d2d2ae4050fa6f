"""What a person does with the graph of a workflow by the mouse, in terms of its page."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Locator, Page, expect

from tests.browser.studio import MADE_WITHIN_MS, Studio

STEP: Final = 368
# Asks for pixels that no model makes, so that it can be quoted and run anywhere.
NODES: Final[Sequence[tuple[str, str, dict[str, Any]]]] = (
    ("colour_fill_1", "colour_fill", {"width": 64, "height": 64, "colour": "#3366cc"}),
    ("resize_1", "resize", {"width": 32, "height": 32}),
    ("save_1", "save", {}),
)
LINKS: Final = (
    ("colour_fill_1.picture", "resize_1.picture"),
    ("resize_1.picture", "save_1.picture"),
)

# Lists, from now on, the states that each node takes, and when each was first seen.
_RECORD_STATES = """() => {
  window.nodeStates = {};
  const look = () => {
    for (const { dataset: { node, state } } of document.querySelectorAll("article.node")) {
      const seen = (window.nodeStates[node] ??= []);
      if (seen.at(-1) !== state) seen.push(state);
    }
  };
  look();
  new MutationObserver(look).observe(document.querySelector("#graph-nodes"),
    { subtree: true, childList: true, attributes: true, attributeFilter: ["data-state"] });
}"""


def document(
    nodes: Sequence[tuple[str, str, dict[str, Any]]] = NODES,
    links: Sequence[tuple[str, str]] = LINKS,
    *,
    columns: int = 20,
) -> dict[str, Any]:
    """Return a document of nodes (id, type, inputs) in rows; links join "node.port"s."""
    return {
        "easel_workflow": 1,
        "name": "Postcard",
        "description": "",
        "nodes": [
            {
                "id": key,
                "type": kind,
                "version": 1,
                "label": "",
                "position": [index % columns * STEP, index // columns * 480],
                "inputs": inputs,
            }
            for index, (key, kind, inputs) in enumerate(nodes)
        ],
        "edges": [{"from": start.split("."), "to": end.split(".")} for start, end in links],
        "form": [],
    }


class Graph:
    """The editor in a window."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.page: Page = studio.page

    def open(self, path: str) -> None:
        self.studio.open(path)
        expect(self.page.locator("#workflow-editor")).to_have_attribute("data-state", "ready")

    @property
    def stage(self) -> Locator:
        return self.page.locator("#graph")

    @property
    def nodes(self) -> Locator:
        return self.page.locator("article.node")

    @property
    def links(self) -> Locator:
        return self.page.locator("#graph-links .link")

    def node(self, key: str) -> Locator:
        return self.page.locator(f'article.node[data-node="{key}"]')

    def port(self, key: str) -> Locator:
        return self.page.locator(f'[data-port="{key}"]')

    def field(self, node: str, name: str) -> Locator:
        """Return the first control of an input."""
        controls = ":is(input, select, textarea)"
        return self.node(node).locator(f'[data-input="{name}"] {controls}').first

    def ids(self) -> list[str]:
        return [str(one.get_attribute("data-node")) for one in self.nodes.all()]

    def linked(self) -> list[str]:
        """Return the inputs, "node.input", that links lead to."""
        return sorted(str(one.get_attribute("data-link")) for one in self.links.all())

    def save(self) -> None:
        self.page.locator("#save").click()
        expect(self.page.locator("#save-state")).to_have_attribute("data-state", "saved")

    def exported(self) -> dict[str, Any]:
        """Return the document that the button for it downloads."""
        with self.page.expect_download() as downloading:
            self.page.locator("#export").click()
        document: dict[str, Any] = json.loads(
            Path(downloading.value.path()).read_text(encoding="utf-8")
        )
        return document

    def linked_pairs(self) -> set[tuple[str, str]]:
        """Return what is linked, as the document has it, in names of ports."""
        return {
            (".out.".join(edge["from"]), ".in.".join(edge["to"]))
            for edge in self.exported()["edges"]
        }

    def record_states(self) -> None:
        self.page.evaluate(_RECORD_STATES)

    def seen_states(self) -> Mapping[str, Sequence[str]]:
        seen: Mapping[str, Sequence[str]] = self.page.evaluate("() => window.nodeStates")
        return seen

    def wait_for_end(self) -> None:
        expect(self.page.locator("#run-strip")).to_have_attribute(
            "data-state", "succeeded", timeout=MADE_WITHIN_MS
        )

    def middle(self, of: Locator) -> tuple[float, float]:
        box = of.bounding_box()
        assert box is not None
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def place(self, across: float, down: float) -> tuple[float, float]:
        """Return a point of the window, by its place on the stage."""
        box = self.stage.bounding_box()
        assert box is not None
        return box["x"] + across, box["y"] + down

    def drag(
        self, start: tuple[float, float], end: tuple[float, float], *, drops: bool = True
    ) -> None:
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move(start[0] + 8, start[1] + 6, steps=2)
        mouse.move(*end, steps=5)
        if drops:
            mouse.up()

    def drag_from_palette(self, kind: str, end: tuple[float, float]) -> None:
        self.page.locator("#palette-words").fill(kind.replace("_", " "))
        button = self.page.locator(f'#palette [data-type="{kind}"]')
        button.scroll_into_view_if_needed()
        self.drag(self.middle(button), end)

    def link(self, start: str, end: str, *, drops: bool = True) -> None:
        """Drag from one port to another, either of which is the output."""
        self.drag(self.middle(self.port(start)), self.middle(self.port(end)), drops=drops)

    def said(self) -> Locator:
        """What a screen reader is told."""
        return self.page.locator("#announcer")
