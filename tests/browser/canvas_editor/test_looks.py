"""How the canvas editor looks, is named and can be tapped, on a desktop and on a phone."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, expect

from tests.browser.canvas_editor.bench import Bench

Shoot = Callable[[Page, str], Path]
_UNNAMED: Final = """() => [...document.querySelectorAll("button, input, [role]")]
  .filter((e) => e.checkVisibility() && !e.matches("[hidden], .canvas-editor [aria-hidden=true]"))
  .filter((e) => !["status", "menu", "list"].includes(e.role ?? e.getAttribute("role")))
  .filter((e) => !(e.ariaLabel || e.textContent.trim() || e.labels?.length
    || e.getAttribute("aria-labelledby")))
  .map((e) => e.outerHTML.slice(0, 100))"""
_SMALL: Final = """() => [...document.querySelectorAll(
    ".canvas-editor button, .canvas-editor label, .canvas-editor [type=number]")]
  .filter((e) => e.checkVisibility({ visibilityProperty: true }))
  .map((e) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
  .filter(([, { height, width }]) => height < 43.5 || width < 43.5).map(([html]) => html)"""


def test_it_is_whole_on_a_desktop_and_on_a_phone(bench: Bench, phone: Bench, shoot: Shoot) -> None:
    scene = """async () => {
      const picture = await painted(512, 512, (context) => {
        const sky = context.createLinearGradient(0, 0, 0, 512);
        sky.addColorStop(0, "#1d3557");
        sky.addColorStop(0.6, "#e9c46a");
        sky.addColorStop(0.6, "#2a4d5c");
        sky.addColorStop(1, "#123");
        context.fillStyle = sky;
        context.fillRect(0, 0, 512, 512);
        context.fillStyle = "#f4e3b2";
        context.beginPath();
        context.arc(360, 200, 60, 0, 7);
        context.fill();
      });
      editor.addPicture(picture, { name: "Evening by the sea", ...editor.box });
    }"""
    shoot(bench.page, "canvas-editor-empty")
    for each in (bench, phone):
        each.do(scene)
        each.press("0")
        each.drag((60, 380), (200, 420), (330, 360))
        each.page.wait_for_timeout(400)
        assert each.do(_UNNAMED) == []
        assert each.studio.overflow() == 0
    shoot(bench.page, "canvas-editor")
    bench.press("c")
    bench.drag((256, 256), (376, 196))
    shoot(bench.page, "canvas-editor-box")
    shoot(phone.page, "canvas-editor-phone")
    assert phone.do(_SMALL) == []

    phone.page.get_by_role("button", name="레이어", exact=True).click()
    expect(phone.page.get_by_role("button", name="레이어 닫기")).to_be_focused()
    phone.page.wait_for_timeout(400)
    shoot(phone.page, "canvas-editor-phone-layers")
    assert phone.do(_SMALL) == []
    phone.press("Escape")
    expect(phone.page.get_by_role("button", name="레이어", exact=True)).to_be_focused()
    for each in (bench, phone):
        each.do(
            """() => editor.stage(["red", "teal"].map((colour) => ({ id: colour, url:
              `data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'>`
              + `<rect width='8' height='8' fill='${colour}'/></svg>` })))"""
        )
        each.page.wait_for_timeout(300)
    shoot(bench.page, "canvas-editor-results")
    shoot(phone.page, "canvas-editor-phone-results")
    assert phone.do(_SMALL) == []
