"""Mouse, pen, fingers and keys on the stage of the canvas editor."""

import json

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.canvas_editor.bench import Bench


def test_the_pressure_of_a_pen_is_the_width_of_the_line(bench: Bench) -> None:
    bench.do("() => picture()")
    bench.set_brush(size=40, hardness=100)

    bench.pen(1, (100, 100), (200, 100))
    bench.pen(0.5, (100, 300), (200, 300))

    widths = bench.do(
        """async () => {
          const { data, width } = await read(await editor.maskInBox());
          const white = (y) => data[(y * width + 150) * 4] > 127;
          const rows = Array.from({ length: 512 }, (_, y) => y).filter(white);
          return [rows.filter((y) => y < 200).length, rows.filter((y) => y > 200).length];
        }"""
    )
    assert widths == [40, 20]


def test_a_finger_beside_the_pen_does_not_paint(bench: Bench) -> None:
    bench.do("() => picture()")
    bench.pen(1, (100, 100), (120, 100))
    before = bench.digest("Mask 1")
    (x, y) = bench.window_point(300, 300)

    bench.do(
        """([x, y]) => {
          pen("pointerdown", 1, [x, y], 9, "touch");
          pen("pointermove", 1, [x + 40, y], 9, "touch");
          pen("pointerup", 0, [x + 40, y], 9, "touch");
        }""",
        [x, y],
    )

    assert bench.digest("Mask 1") == before
    assert bench.window_point(300, 300) == (x + 40, y)


def test_the_wheel_zooms_at_the_pointer_and_fingers_at_their_middle(
    bench: Bench, phone: Bench
) -> None:
    before = bench.window_point(100, 100)
    bench.page.mouse.move(*before)
    bench.page.mouse.wheel(0, -300)
    expect(bench.page.locator("[data-part=zoom]")).to_have_text("182%")
    assert bench.window_point(100, 100) == pytest.approx(before, abs=0.01)
    bench.press("1")
    assert bench.scale() == 1
    bench.press("0")
    expect(bench.page.locator("[data-part=zoom]")).not_to_have_text("182%")

    x, y = phone.window_point(256, 256)
    mark = phone.window_point(256, 256)
    phone.do(
        """([x, y]) => {
          pen("pointerdown", 1, [x - 50, y], 1, "touch");
          pen("pointerdown", 1, [x + 50, y], 2, "touch");
          pen("pointermove", 1, [x - 100, y], 1, "touch");
          pen("pointermove", 1, [x + 100, y], 2, "touch");
          pen("pointerup", 0, [x - 100, y], 1, "touch");
          pen("pointerup", 0, [x + 100, y], 2, "touch");
        }""",
        [x, y],
    )
    assert phone.scale() == pytest.approx(2, abs=0.001)
    assert phone.window_point(256, 256) == pytest.approx(mark, abs=0.01)
    # The first of the two fingers left no dot.
    assert phone.json["layers"] == []
    assert phone.do("() => editor.isDirty") is False


def test_a_finger_paints_or_pans_by_choice(phone: Bench) -> None:
    phone.do("() => picture()")
    x, y = phone.window_point(256, 256)
    stroke = """([x, y]) => {
      pen("pointerdown", 1, [x, y], 1, "touch");
      pen("pointermove", 1, [x + 30, y], 1, "touch");
      pen("pointerup", 0, [x + 30, y], 1, "touch");
    }"""
    phone.do(stroke, [x, y])
    assert phone.mask((270, 256)) == [255]
    before = phone.digest("마스크 1")

    phone.page.get_by_label("손가락으로 그리기").uncheck()
    phone.do(stroke, [x, y])

    assert phone.digest("마스크 1") == before
    assert phone.window_point(256, 256) == (x + 30, y)


def test_a_second_finger_does_not_take_what_the_first_drew_for_a_while(phone: Bench) -> None:
    phone.do("() => picture()")
    x, y = phone.window_point(256, 256)
    phone.do(
        """async ([x, y]) => {
          pen("pointerdown", 1, [x, y], 1, "touch");
          pen("pointermove", 1, [x + 30, y], 1, "touch");
          await new Promise((done) => setTimeout(done, 400));
          pen("pointerdown", 1, [x + 60, y], 2, "touch");
          pen("pointerup", 0, [x + 60, y], 2, "touch");
          pen("pointerup", 0, [x + 30, y], 1, "touch");
        }""",
        [x, y],
    )
    assert phone.mask((270, 256), (310, 256)) == [255, 0]


def test_space_pans_and_paints_nothing(bench: Bench) -> None:
    x, y = bench.window_point(100, 100)
    bench.page.locator("[data-part=stage]").focus()
    bench.page.keyboard.down(" ")
    bench.drag((100, 100), (150, 120))
    bench.page.keyboard.up(" ")
    assert bench.window_point(100, 100) == (x + 50, y + 20)
    assert bench.json["layers"] == []
    assert bench.do("() => editor.isDirty") is False


def test_arrow_keys_and_enter_draw(bench: Bench) -> None:
    bench.do("() => picture()")
    bench.press("r")
    bench.page.locator("[data-part=stage]").focus()
    bench.press("ArrowRight", "Enter")
    assert bench.said == "Tool down: the arrow keys draw, Enter ends."
    bench.press(*["ArrowRight"] * 3, "Shift+ArrowDown", "Enter")
    assert bench.mask((256, 256), (279, 295), (280, 295), (279, 296), (255, 256)) == [
        255,
        255,
        0,
        0,
        0,
    ]
    assert bench.said == "Tool up."


def test_letters_choose_tools_unless_someone_writes(bench: Bench) -> None:
    page = bench.page
    chosen = page.locator(".canvas-tool[aria-pressed=true]")
    names = {"e": "Eraser", "v": "Move the layer", "c": "Box to make anew", "h": "Hand"}
    for key, name in names.items():
        bench.press(key)
        expect(chosen).to_have_attribute("aria-label", name)
    # The key of B while Korean is written.
    page.evaluate(
        "() => document.body.dispatchEvent(new KeyboardEvent('keydown',"
        " { key: 'ㅠ', code: 'KeyB', bubbles: true, cancelable: true }))"
    )
    expect(chosen).to_have_attribute("aria-label", "Mask brush")
    bench.press("]", "]", "[")
    assert bench.said == "Brush size 54"
    bench.do("() => picture()")
    page.locator("#elsewhere").focus()
    page.keyboard.type("eh[0")
    bench.press("Control+z", "Delete")
    expect(chosen).to_have_attribute("aria-label", "Mask brush")
    assert bench.names == ["Ground"]

    page.locator(".canvas-tool[aria-pressed=true]").focus()
    bench.press("ArrowDown", "Enter")
    expect(chosen).to_have_attribute("aria-label", "Eraser")


def test_painting_never_holds_the_page_for_50_milliseconds(
    browser: Browser, desktop: BrowserContext
) -> None:
    bench = Bench(desktop.new_page())
    bench.open(1024)
    bench.do("() => picture()")
    bench.press("0", "p")
    bench.set_brush(size=80, hardness=50)
    bench.drag((100, 100), (200, 200))
    browser.start_tracing(page=bench.page, categories=["toplevel"])
    for row in range(4):
        bench.drag((50, 100 + 200 * row), (970, 200 + 200 * row), steps=25)
    bench.page.wait_for_timeout(100)
    busiest = _longest_task_ms(browser.stop_tracing())
    bench.page.close()

    assert 0 < busiest < 50


def _longest_task_ms(trace: bytes) -> float:
    """Return the processor time of the longest task of a page's main thread.

    The browser's own list of long tasks counts what a task waits for other processes, too.
    """
    events = json.loads(trace)["traceEvents"]
    pages = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks = [
        event["tdur"]
        for event in events
        if (event["pid"], event["tid"]) in pages and "tdur" in event and "RunTask" in event["name"]
    ]
    return float(max(tasks)) / 1000


def test_nothing_listens_after_the_page_ended(bench: Bench) -> None:
    bench.do("() => picture()")
    bench.do("() => life.end()")
    before = (bench.json, len(bench.do("() => changes")))
    bench.drag((100, 100), (200, 200))
    bench.press("e", "Control+z", "0")
    assert (bench.json, len(bench.do("() => changes"))) == before
