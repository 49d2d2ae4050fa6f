"""What a person does with the graph of a workflow, by the mouse and by the keyboard."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Locator, Page, ViewportSize, expect

from tests.browser.studio import MADE_WITHIN_MS

LARGE: Final[ViewportSize] = {"width": 1600, "height": 1000}
# The nodes of the journey by their types, in the order in which they are added.
NODES: Final[Sequence[str]] = (
    *("model", "prompt", "seed", "denoise"),
    *("decode", "adjust", "sharpen", "save"),
)
LINKS: Final[Sequence[tuple[str, str]]] = (
    ("model_1.out.model", "denoise_1.in.model"),
    ("prompt_1.out.prompt", "denoise_1.in.prompt"),
    ("seed_1.out.seed", "denoise_1.in.seed"),
    ("denoise_1.out.latents", "decode_1.in.latents"),
    ("model_1.out.model", "decode_1.in.model"),
    ("decode_1.out.picture", "adjust_1.in.picture"),
    ("adjust_1.out.picture", "sharpen_1.in.picture"),
    ("sharpen_1.out.picture", "save_1.in.picture"),
)
_MOST_KEYS: Final = 60

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


class Graph:
    """The editor in one window."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def node(self, node: str) -> Locator:
        return self.page.locator(f'article.node[data-node="{node}"]')

    def port(self, port: str) -> Locator:
        return self.page.locator(f'[data-port="{port}"]')

    def field(self, node: str, name: str) -> Locator:
        """Return the first control of an input."""
        controls = ":is(input, select, textarea)"
        return self.node(node).locator(f'[data-input="{name}"] {controls}').first

    @property
    def nodes(self) -> Locator:
        return self.page.locator("article.node")

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

    def links(self) -> set[tuple[str, str]]:
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


class Mouse(Graph):
    """What only the pointer does; fields are filled in as one does who has just clicked them."""

    def add(self, kind: str, x: float, y: float) -> None:
        """Drag a node from the palette to a place of the graph, from its upper left corner."""
        self.page.locator("#palette-words").fill(kind.replace("_", " "))
        button = self.page.locator(f'#palette [data-type="{kind}"]')
        button.scroll_into_view_if_needed()
        corner = _box(self.page.locator("#graph"))
        self._drag(_middle(button), (corner["x"] + x, corner["y"] + y))

    def link(self, source: str, target: str) -> None:
        self._drag(_middle(self.port(source)), _middle(self.port(target)))

    def _drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down()
        # A hand begins slowly.
        mouse.move(start[0] + 8, start[1], steps=2)
        mouse.move(*end, steps=8)
        mouse.up()


class Keys(Graph):
    """The keyboard alone."""

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def focused(self, attribute: str) -> str:
        """Return an attribute of what has the focus, empty if it has none of that name."""
        text: str = self.page.evaluate(
            "name => document.activeElement?.getAttribute(name) ?? ''", attribute
        )
        return text

    def add(self, title: str, kind: str) -> None:
        """Search a node in the list that the space bar opens; the focus goes to it."""
        self.press("Escape", "Escape", "Space")
        expect(self.page.locator("#finder-words")).to_be_focused()
        self.page.keyboard.type(title)
        chosen = self.page.locator('#finder-list [role="option"][aria-selected="true"]')
        self._until(lambda: chosen.get_attribute("data-type") == kind, "ArrowDown")
        self.press("Enter")
        expect(self.node(f"{kind}_1")).to_be_focused()

    def go(self, node: str) -> None:
        self.press("Escape")
        self._until(lambda: self.focused("data-node") == node, "]")

    def go_to_port(self, port: str) -> None:
        self.go(port.split(".")[0])
        self.press("Enter")
        self._until(lambda: self.focused("data-port") != "", "Tab")
        self._until(lambda: self.focused("data-port") == port, "ArrowDown")

    def link(self, source: str, target: str) -> None:
        self.go_to_port(source)
        self.press("Enter")
        self._until(lambda: self.focused("data-port") == target, "ArrowDown")
        self.press("Enter")

    def go_to_field(self, node: str, name: str) -> None:
        """Tab from a node to one of its fields."""
        self.go(node)
        inside = "name => document.activeElement.closest('[data-input]')?.dataset.input === name"
        inside += " && document.activeElement.matches('input, select, textarea')"
        self._until(lambda: self.page.evaluate(inside, name), "Tab")

    def _until(self, is_there: Any, key: str) -> None:
        for _press in range(_MOST_KEYS):
            if is_there():
                return
            self.press(key)
        raise AssertionError(f"{_MOST_KEYS} times {key}, and it was not reached")


def _box(locator: Locator) -> Mapping[str, float]:
    box = locator.bounding_box()
    assert box is not None
    return box  # type: ignore[return-value]


def _middle(locator: Locator) -> tuple[float, float]:
    box = _box(locator)
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
