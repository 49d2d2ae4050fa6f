"""What a hand does on the graph of a workflow, in terms of its page."""

from collections.abc import Sequence
from typing import Any, Final

from playwright.sync_api import Locator, Page, expect

from tests.browser.studio import Studio

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

    def ids(self) -> list[str]:
        return [str(one.get_attribute("data-node")) for one in self.nodes.all()]

    def linked(self) -> list[str]:
        """Return the inputs, "node.input", that links lead to."""
        return sorted(str(one.get_attribute("data-link")) for one in self.links.all())

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
        button = self.page.locator(f'#palette [data-type="{kind}"]')
        button.scroll_into_view_if_needed()
        self.drag(self.middle(button), end)

    def link(self, start: str, end: str, *, drops: bool = True) -> None:
        """Drag from one port to another, either of which is the output."""
        self.drag(self.middle(self.port(start)), self.middle(self.port(end)), drops=drops)

    def said(self) -> Locator:
        """What a screen reader is told."""
        return self.page.locator("#announcer")
