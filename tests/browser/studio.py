"""What a person does in the studio, in terms of the pages."""

from collections.abc import Sequence
from typing import Final

from playwright.sync_api import ConsoleMessage, Locator, Page, ViewportSize, expect

CHROMIUM_ARGUMENTS: Final[Sequence[str]] = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page that a test hands to the browser has no address, and might not open a socket here.
    "--disable-features=LocalNetworkAccessChecks",
)
DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 800}
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
MADE_WITHIN_MS: Final = 200_000

# Lists, from now on, every value that the progress bar takes.
_RECORD_PROGRESS = """() => {
  window.seenPercents = [];
  window.seenPreviews = new Set();
  const look = () => {
    const bar = document.querySelector("#stage-progress");
    const preview = document.querySelector("#stage-preview:not([hidden])");
    if (bar) window.seenPercents.push(bar.value);
    if (preview) window.seenPreviews.add(preview.src);
  };
  new MutationObserver(look).observe(document.querySelector("#stage"),
    { subtree: true, childList: true, attributes: true, characterData: true });
}"""


class Studio:
    """One window; `complaints` collects whatever the browser's console had to complain about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text} ({message.location['url']})")

    def excuse(self, part: str) -> None:
        """Drop the complaints that a test provoked: those that contain `part`."""
        assert any(part in text for text in self.complaints), self.complaints
        self.complaints = [text for text in self.complaints if part not in text]

    def open(self, path: str) -> None:
        self.page.goto(path)
        self.settle()

    def settle(self) -> None:
        """Wait until the page's scripts run: before that a link is followed, not enhanced.

        A page that is put in the place of another one is no load to the browser.
        """
        self.page.wait_for_function("() => document.querySelector('main[aria-busy]') === null")
        self.page.wait_for_load_state("networkidle")

    def sign_in(self, email: str, password: str) -> None:
        self.open("/accounts/sign-in/")
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.settle()

    @property
    def prompt(self) -> Locator:
        return self.page.get_by_label("Prompt", exact=True)

    @property
    def stage(self) -> Locator:
        return self.page.locator("#stage")

    @property
    def result(self) -> Locator:
        return self.page.locator("#stage-picture")

    @property
    def tiles(self) -> Locator:
        return self.page.locator(".tile")

    @property
    def viewer(self) -> Locator:
        return self.page.get_by_role("dialog", name="Large view")

    def open_advanced(self) -> None:
        if not self.page.locator("#settings").evaluate("panel => panel.open"):
            self.page.locator("#settings > summary").click()
        if not self.page.locator("#advanced").evaluate("fold => fold.open"):
            self.page.locator("#advanced > summary").click()

    def set_steps(self, steps: int) -> None:
        self.open_advanced()
        self.page.get_by_role("spinbutton", name="Steps").fill(str(steps))

    def make_it_long(self) -> None:
        """Ask for so much that the job is still running when the test comes back to it."""
        self.page.locator("#width").fill("256")
        self.page.locator("#height").fill("256")
        self.set_steps(100)

    def generate(self, prompt: str) -> None:
        self.prompt.fill(prompt)
        self.page.get_by_role("button", name="Generate").click()

    def wait_for_picture(self) -> None:
        """Wait until a picture is on the stage, with its pixels."""
        expect(self.result).to_be_visible(timeout=MADE_WITHIN_MS)
        self.page.wait_for_function(
            "() => { const p = document.querySelector('#stage-picture');"
            " return p && p.complete && p.naturalWidth > 0; }"
        )

    def record_progress(self) -> None:
        self.page.evaluate(_RECORD_PROGRESS)

    def seen_percents(self) -> list[float]:
        return list(self.page.evaluate("() => window.seenPercents"))

    def seen_previews(self) -> list[str]:
        return list(self.page.evaluate("() => [...window.seenPreviews]"))

    def answer(self, choice: str) -> None:
        """Answer the question on the screen."""
        question = self.page.locator("#confirm[open]")
        question.get_by_role("button", name=choice).click()

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return int(
            self.page.evaluate(
                "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
        )
