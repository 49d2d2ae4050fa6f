"""What a person does with the graph of a workflow by the keyboard alone."""

from typing import Any, Final

from playwright.sync_api import expect

from tests.browser.graph_hand import Graph

_MOST_KEYS: Final = 60


class Keys(Graph):
    """The editor in a window whose mouse nobody touches."""

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

    def join(self, source: str, target: str) -> None:
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
