"""The canvas editor: what each tool leaves in the pixels, and that every step can be taken back."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.canvas_bench import ORIGIN, Bench, serve
from tests.browser.studio import DESKTOP, PHONE

Shoot = Callable[[Page, str], Path]
GROUND: Final = [10, 120, 200, 255]
CLEAR: Final = [0, 0, 0, 0]
WHITE: Final = [255, 255, 255, 255]
RED: Final = [255, 0, 0, 255]


@pytest.fixture(scope="module")
def desktop(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=DESKTOP, base_url=ORIGIN, color_scheme="light")
    serve(context, "en")
    yield context
    context.close()


@pytest.fixture(scope="module")
def handheld(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(
        viewport=PHONE, base_url=ORIGIN, color_scheme="dark", locale="ko-KR", has_touch=True
    )
    serve(context, "ko")
    yield context
    context.close()


@pytest.fixture
def bench(desktop: BrowserContext) -> Iterator[Bench]:
    """An empty document of 512 by 512 at 100 %, in a window that complains of nothing."""
    yield from _opened(desktop)


@pytest.fixture
def phone(handheld: BrowserContext) -> Iterator[Bench]:
    yield from _opened(handheld)


def _opened(context: BrowserContext) -> Iterator[Bench]:
    bench = Bench(context.new_page())
    bench.open()
    yield bench
    assert bench.studio.complaints == []
    bench.page.close()


def test_the_mask_brush_makes_a_mask_of_its_size_and_alt_takes_from_it(bench: Bench) -> None:
    bench.do("() => picture()")
    bench.set_brush(size=20, hardness=100)

    bench.drag((100, 100), (200, 100))

    assert bench.names == ["Mask 1", "Ground"]
    points = ((100, 100), (150, 91), (150, 108), (150, 88), (150, 111), (92, 100), (88, 100))
    assert bench.mask(*points) == [255, 255, 255, 0, 0, 255, 0]
    assert bench.layer("Mask 1", (150, 100), (150, 120)) == [WHITE, CLEAR]
    assert bench.picture((150, 100)) == [GROUND]

    bench.page.keyboard.down("Alt")
    bench.drag((140, 100), (160, 100))
    bench.page.keyboard.up("Alt")
    assert bench.mask((110, 100), (150, 100), (190, 100)) == [255, 0, 255]


def test_hardness_softens_the_edge_and_opacity_holds_for_the_whole_stroke(bench: Bench) -> None:
    bench.do("() => picture()")
    bench.set_brush(size=40, hardness=0, opacity=50)

    bench.drag((100, 100), (200, 100), (100, 100))

    middle, edge, outside = bench.mask((150, 100), (150, 114), (150, 121))
    assert middle == pytest.approx(128, abs=1)
    assert 0 < edge < middle
    assert outside == 0


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


def test_undo_brings_back_every_byte_and_redo_too(bench: Bench) -> None:
    bench.do(
        """async () => {
          const noise = await painted(512, 512, (context) => {
            const image = context.createImageData(512, 512);
            crypto.getRandomValues(new Uint8Array(image.data.buffer, 0, 65536));
            context.putImageData(image, 0, 0);
          });
          editor.addPicture(noise, { name: "Ground", x: 0, y: 0, width: 512, height: 512 });
        }"""
    )
    digests = [bench.digest("Ground")]
    bench.press("p")
    bench.set_brush(size=60, hardness=30, opacity=70, color="#ff0000")
    for step in range(3):
        bench.drag((20, 20 + 100 * step), (490, 60 + 100 * step))
        digests.append(bench.digest("Ground"))
    bench.press("e")
    bench.drag((250, 10), (260, 500))
    digests.append(bench.digest("Ground"))
    assert len(set(digests)) == 5

    # What lies further back is packed meanwhile.
    bench.page.wait_for_timeout(700)
    back = []
    for _step in range(4):
        bench.press("Control+z")
        back.append(bench.digest("Ground"))
    forth = []
    for key in ("Control+Shift+z", "Control+y", "Control+y", "Control+y"):
        bench.press(key)
        forth.append(bench.digest("Ground"))

    assert back == digests[-2::-1]
    assert forth == digests[1:]
    assert bench.said == "Done again: Erase on “Ground”"


def test_the_history_holds_fifty_steps_over_all_of_2048_pixels_in_bounded_memory(
    bench: Bench,
) -> None:
    found = bench.do(
        """async () => {
          const [{ Edit }, { History }, { Layer }, { contextOf, placesIn }] = await Promise.all(
            ["edit", "history", "document", "surface"].map((name) =>
              import(`/static/js/canvas/${name}.js`)));
          const layer = new Layer({ id: "a", kind: "picture", name: "A", visible: true,
            opacity: 1, locked: false, x: 0, y: 0, width: 2048, height: 2048 });
          const history = new History();
          const shade = () => contextOf(layer.flat()).getImageData(1024, 1024, 1, 1).data[0];
          let most = 0;
          for (let step = 1; step <= 50; step += 1) {
            const edit = new Edit(layer);
            for (const { key } of placesIn(layer.frame)) {
              const context = edit.pen(key);
              context.fillStyle = `rgb(${step * 5} 0 0)`;
              context.fillRect(0, 0, 256, 256);
              context.fillStyle = "white";
              context.fillRect(step, step, 100, 1);
            }
            edit.touch(layer.frame);
            const patch = edit.finish();
            const swap = () => patch.swap();
            history.add({ label: "fill", undo: swap, redo: swap, patches: [patch] });
            while (history.pack(64));
            most = Math.max(most, history.bytes);
          }
          const seen = [shade()];
          while (history.undo()) seen.push(shade());
          return { most, seen };
        }"""
    )

    assert found["seen"] == [step * 5 for step in range(50, -1, -1)]
    assert found["most"] < 64 * 1024**2


def test_the_eraser_takes_from_the_layer_that_is_worked_on(bench: Bench) -> None:
    bench.do("() => picture()")
    bench.press("e")
    bench.set_brush(size=30, hardness=100, opacity=100)

    bench.drag((200, 200), (240, 200))

    assert bench.picture((220, 200), (220, 230)) == [CLEAR, GROUND]
    assert bench.names == ["Ground"]
    bench.press("Control+z")
    assert bench.picture((220, 200)) == [GROUND]


def test_the_lasso_and_the_rectangle_fill_the_mask_and_alt_subtracts(bench: Bench) -> None:
    bench.do("() => picture()")
    bench.press("l")
    bench.drag((100, 100), (300, 100), (300, 300), (100, 300), steps=2)
    assert bench.mask((200, 200), (90, 200), (298, 298)) == [255, 0, 255]

    bench.page.keyboard.down("Alt")
    bench.drag((150, 150), (250, 150), (250, 250), (150, 250))
    bench.page.keyboard.up("Alt")
    assert bench.mask((200, 200), (120, 200)) == [0, 255]

    bench.press("r")
    bench.drag((400, 400), (450, 440))
    edges = ((400, 400), (449, 439), (399, 400), (450, 439), (449, 440))
    assert bench.mask(*edges) == [255, 255, 0, 0, 0]
    for _step in range(3):
        bench.press("Control+z")
    assert bench.do("() => editor.maskInBox()") is None


def test_a_mask_is_inverted_and_shift_draws_a_straight_line(bench: Bench) -> None:
    bench.do("() => picture()")
    bench.set_brush(size=20, hardness=100)
    hint = bench.page.get_by_text("Paint over what should be made anew.")
    bench.drag((100, 100), (110, 100))
    bench.page.keyboard.down("Shift")
    bench.drag((300, 200), (300, 201))
    bench.page.keyboard.up("Shift")
    # Half way between the two strokes.
    points = ((205, 150), (205, 170), (300, 200))
    assert bench.mask(*points) == [255, 0, 255]
    expect(hint).to_be_hidden()

    bench.press("Control+i")
    assert bench.mask(*points, (511, 511)) == [0, 255, 0, 255]
    bench.press("Control+z")
    assert bench.mask(*points, (511, 511)) == [255, 0, 255, 0]


def test_the_paintbrush_takes_its_colour_from_the_picture(bench: Bench) -> None:
    bench.do("() => picture()")
    bench.do("() => picture('rgb(255 0 0)', { x: 300, y: 300, width: 100, height: 100 })")
    bench.press("i")
    bench.page.mouse.click(*bench.window_point(350, 350))
    colour = bench.page.get_by_label("Colour", exact=True)
    expect(colour).to_have_value("#ff0000")

    bench.page.locator(".canvas-layer__main").nth(1).click()
    bench.press("p")
    bench.set_brush(size=20, hardness=100)
    bench.drag((50, 50), (80, 50))
    assert bench.layer("Ground", (60, 50)) == [RED]
    bench.page.keyboard.down("Alt")
    bench.page.mouse.click(*bench.window_point(200, 200))
    bench.page.keyboard.up("Alt")
    expect(colour).to_have_value("#0a78c8")


def test_a_layer_is_moved_by_hand_and_by_arrow_keys(bench: Bench) -> None:
    bench.do("() => picture('rgb(255 0 0)', { x: 0, y: 0, width: 100, height: 100 })")
    bench.press("v")
    bench.drag((50, 50), (80, 90))
    bench.press("ArrowRight", "Shift+ArrowDown")

    layer = bench.json["layers"][0]
    assert (layer["x"], layer["y"]) == (31, 50)
    assert bench.picture((31, 50), (130, 149), (30, 50)) == [RED, RED, CLEAR]
    # Both nudges came in a row: they are one step.
    bench.press("Control+z")
    assert bench.json["layers"][0]["x"] == 30
    bench.press("Control+z")
    assert bench.picture((0, 0)) == [RED]


def test_the_box_keeps_to_the_grid_and_to_the_limits_of_the_model(bench: Bench) -> None:
    bench.do("() => editor.setLimits({ min: 128, max: 384, multiple: 64 })")
    assert bench.json["box"] == {"x": 0, "y": 0, "width": 384, "height": 384}
    bench.press("c")

    bench.drag((100, 100), (113, 145))
    assert bench.json["box"] == {"x": 16, "y": 48, "width": 384, "height": 384}
    bench.drag((16, 48), (150, 120))
    assert bench.json["box"] == {"x": 144, "y": 112, "width": 256, "height": 320}
    bench.drag((400, 432), (120, 120))
    assert bench.json["box"] == {"x": 144, "y": 112, "width": 128, "height": 128}
    bench.press("ArrowLeft", "Shift+ArrowRight")
    assert bench.json["box"] == {"x": 136, "y": 112, "width": 192, "height": 128}
    assert bench.said == "Box: 192 × 128 at 136, 112"

    bench.page.get_by_label("Width of the box").fill("200")
    bench.page.get_by_label("Width of the box").press("Enter")
    expect(bench.page.get_by_label("Width of the box")).to_have_value("192")
    bench.page.get_by_label("Left edge of the box").fill("-61")
    bench.page.get_by_label("Left edge of the box").press("Enter")
    assert bench.json["box"]["x"] == -64
    bench.page.locator("[data-part=stage]").focus()
    for _step in range(6):
        bench.press("Control+z")
    assert bench.json["box"] == {"x": 0, "y": 0, "width": 512, "height": 512}


def test_what_of_the_box_is_uncovered_is_told_by_its_sides(bench: Bench) -> None:
    uncovered = "() => editor.uncoveredInBox()"
    size = {"left": 512, "top": 512, "right": 512, "bottom": 512}
    assert bench.do(uncovered) == {"isEmpty": True, "isFull": False, **size}
    bench.do("() => picture(undefined, { x: 0, y: 0, width: 512, height: 512 })")
    none = {"left": 0, "top": 0, "right": 0, "bottom": 0}
    assert bench.do(uncovered) == {"isEmpty": False, "isFull": True, **none}
    bench.press("c")
    bench.drag((250, 250), (346, 314))

    assert bench.json["box"] == {"x": 96, "y": 64, "width": 512, "height": 512}
    sides = {"left": 0, "top": 0, "right": 96, "bottom": 64}
    assert bench.do(uncovered) == {"isEmpty": False, "isFull": False, **sides}
    assert bench.mask((415, 447), (416, 0), (0, 448)) == [0, 255, 255]
    half = bench.do(
        "async () => pixels(await editor.maskInBox({ width: 256, height: 256 }), "
        "[[206, 222], [209, 10]])"
    )
    assert [pixel[0] for pixel in half] == [0, 255]


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


def test_space_pans_and_paints_nothing(bench: Bench) -> None:
    x, y = bench.window_point(100, 100)
    bench.page.locator("[data-part=stage]").focus()
    bench.page.keyboard.down(" ")
    bench.drag((100, 100), (150, 120))
    bench.page.keyboard.up(" ")
    assert bench.window_point(100, 100) == (x + 50, y + 20)
    assert bench.json["layers"] == []
    assert bench.do("() => editor.isDirty") is False


def test_a_result_is_used_where_the_mask_was(bench: Bench) -> None:
    bench.do("() => picture()")
    bench.press("r")
    bench.drag((100, 100), (200, 200))
    bench.do(
        """() => {
          const url = (colour) => {
            const canvas = document.createElement("canvas");
            canvas.width = canvas.height = 64;
            const context = canvas.getContext("2d");
            context.fillStyle = colour;
            context.fillRect(0, 0, 64, 64);
            return canvas.toDataURL();
          };
          editor.stage([{ id: "one", url: url("lime") }, { id: "two", url: url("red") }]);
        }"""
    )
    use = bench.tool("Use it")
    expect(use).to_be_enabled()
    assert bench.said == "2 results to look at."
    assert bench.shown((150, 150), (250, 250)) == [[0, 255, 0, 255], GROUND]

    bench.page.locator("[data-part=stage]").focus()
    bench.press("ArrowRight")
    expect(bench.page.get_by_text("2 of 2", exact=True)).to_be_visible()
    assert bench.shown((150, 150)) == [RED]
    bench.page.keyboard.down("q")
    assert bench.shown((150, 150)) == [GROUND]
    bench.page.keyboard.up("q")
    assert bench.shown((150, 150)) == [RED]
    before = bench.json
    bench.drag((300, 300), (350, 350))
    bench.press("Control+z")
    assert bench.json["layers"] == before["layers"]

    use.click()

    assert bench.names == ["Mask 1", "Result", "Ground"]
    assert bench.picture((100, 100), (199, 199), (99, 100), (200, 199)) == [
        RED,
        RED,
        GROUND,
        GROUND,
    ]
    assert bench.layer("Result", (150, 150), (250, 250)) == [RED, CLEAR]
    accepted = bench.do("() => changes.filter(({ type }) => type === 'accepted')")
    assert accepted == [
        {"type": "accepted", "candidate": "two", "layer": bench.json["layers"][1]["id"]}
    ]
    bench.press("Control+z")
    assert bench.names == ["Mask 1", "Ground"]
    assert bench.picture((150, 150)) == [GROUND]


def test_results_are_discarded_without_a_trace_and_a_preview_is_only_seen(bench: Bench) -> None:
    bench.do("() => picture()")
    before = bench.json
    url = (
        "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'>"
        "<rect width='8' height='8' fill='red'/></svg>"
    )
    bench.do("(url) => editor.preview(url)", url)
    bench.page.wait_for_timeout(200)
    assert bench.shown((150, 150)) == [RED]
    assert bench.picture((150, 150)) == [GROUND]
    bench.do("() => editor.stopStaging()")
    assert bench.shown((150, 150)) == [GROUND]

    bench.do("(url) => editor.stage([{ id: 'one', url }])", url)
    expect(bench.tool("Next result")).to_be_hidden()
    bench.page.locator("[data-part=stage]").focus()
    bench.press("Escape")

    expect(bench.page.get_by_role("group", name="Results")).to_be_hidden()
    assert bench.json == before
    assert bench.do("() => changes.at(-1)") == {"type": "discarded"}


def test_a_result_beyond_the_edge_makes_the_document_larger(bench: Bench) -> None:
    bench.do("() => picture()")
    bench.press("c")
    bench.drag((250, 250), (186, 250))
    assert bench.json["box"]["x"] == -64
    seen = bench.window_point(-64, 0)
    bench.do(
        """async () => {
          const picture = await painted(512, 512, (context) => {
            context.fillStyle = "red";
            context.fillRect(0, 0, 512, 512);
          });
          editor.addPicture(picture, { name: "Wider", ...editor.box });
        }"""
    )

    record = bench.json
    assert (record["width"], record["height"]) == (576, 512)
    assert [layer["x"] for layer in record["layers"]] == [64, 0]
    assert record["box"] == {"x": 0, "y": 0, "width": 512, "height": 512}
    assert bench.window_point(0, 0) == seen
    bench.press("Control+z")
    record = bench.json
    assert (record["width"], record["layers"][0]["x"], record["box"]["x"]) == (512, 0, -64)


def test_what_is_saved_is_what_is_opened_again(bench: Bench) -> None:
    bench.do("() => picture(undefined, { x: 16, y: 8, width: 400, height: 300 })")
    bench.drag((100, 100), (200, 180))
    assert bench.do("() => editor.isDirty") is True
    saved = bench.do("() => save()")
    assert bench.do("() => editor.isDirty") is False
    assert bench.json == saved
    assert [layer["image"] for layer in saved["layers"]] == ["image-0", "image-1"]
    shown = bench.do("() => digests()")

    bench.do(
        """async (record) => {
          const asked = [];
          await editor.open(record, async (layer) => {
            asked.push(layer.image);
            return createImageBitmap(files.get(layer.image));
          });
          window.asked = asked;
        }""",
        saved,
    )

    assert bench.do("() => asked") == ["image-0", "image-1"]
    assert bench.json == saved
    assert bench.do("() => editor.isDirty") is False
    assert bench.do("() => editor.changedLayers()") == []
    again = bench.do("() => digests()")
    assert again == shown


def test_only_changed_pixels_are_saved_and_what_is_painted_meanwhile_is_not_lost(
    bench: Bench,
) -> None:
    bench.do("() => picture()")
    bench.drag((100, 100), (200, 100))
    bench.do("() => save()")
    bench.press("p")
    bench.drag((50, 400), (90, 400))
    changed = "() => editor.changedLayers().map(({ id }) => id)"
    ground = bench.json["layers"][0]["id"]
    assert bench.do(changed) == [ground]
    bench.press("Control+z")
    assert bench.do(changed) == []
    assert bench.do("() => editor.isDirty") is False
    bench.press("Control+y")

    bench.do("() => { window.reads = editor.changedLayers(); }")
    bench.drag((50, 300), (90, 300))
    bench.do("([id]) => editor.markSaved({ [id]: 'second' })", [ground])

    assert bench.json["layers"][0]["image"] == "second"
    assert bench.do("() => editor.isDirty") is True
    assert bench.do("() => editor.changedLayers().length") == 1
    read = bench.do("async () => pixels(await reads[0].toBlob(), [[70, 400], [70, 300]])")
    assert read[0] != GROUND
    assert read[1] == GROUND

    # What was deleted at a save is not with the server any more.
    bench.page.locator("[data-part=stage]").focus()
    bench.press("Delete")
    bench.do("() => save()")
    bench.press("Control+z")
    assert bench.do(changed) == [ground]
    assert bench.json["layers"][0]["image"] is None


def test_layers_are_arranged_by_keys_and_all_of_it_is_taken_back(bench: Bench) -> None:
    page = bench.page
    bench.do("() => picture()")
    bench.do("() => picture('rgb(255 0 0)', { x: 0, y: 0, width: 100, height: 100 })")
    start = bench.json
    first = page.locator(".canvas-layer__main").first
    first.focus()
    bench.press("F2")
    page.get_by_label("Name of the layer").fill("Sun")
    bench.press("Enter")
    assert bench.names == ["Sun", "Ground"]
    expect(first).to_be_focused()
    bench.press("Alt+ArrowDown")
    assert bench.names == ["Ground", "Sun"]
    assert bench.picture((50, 50)) == [GROUND]
    assert bench.said == "Layer 2 of 2 from the top"
    bench.press("Alt+ArrowUp")
    page.get_by_role("button", name="Hide “Sun”").or_(
        page.get_by_role("button", name="Show “Sun”")
    ).click()
    assert bench.picture((50, 50)) == [GROUND]
    bench.press("Control+z")
    assert bench.picture((50, 50)) == [RED]

    slider = page.locator("[data-layer-opacity]")
    slider.fill("50")
    assert bench.picture((50, 50)) == [[133, 59, 99, 255]]
    bench.press("Control+j")
    assert bench.names == ["Sun copy", "Sun", "Ground"]
    bench.press("Control+e", "Control+e")
    assert bench.names == ["Ground"]
    # Seen as before: 50 % of red twice over the ground.
    assert bench.picture((50, 50), (200, 200)) == [[193, 30, 50, 255], GROUND]
    for _step in range(7):
        bench.press("Control+z")
    assert bench.json == start


def test_a_deleted_layer_is_taken_back_from_the_message(bench: Bench) -> None:
    bench.do("() => picture()")
    bench.page.locator("[data-part=stage]").focus()
    bench.press("Delete")
    assert bench.names == []
    expect(bench.page.get_by_text("No layers yet.")).to_be_visible()

    bench.page.get_by_role("button", name="Undo", exact=True).last.click()

    assert bench.names == ["Ground"]
    assert bench.picture((5, 5)) == [GROUND]


def test_a_layer_is_dragged_to_another_place(bench: Bench) -> None:
    for name in ("rgb(255 0 0)", "rgb(0 255 0)", "rgb(0 0 255)"):
        bench.do("(colour) => picture(colour)", name)
    ids = [layer["id"] for layer in bench.json["layers"]]
    grips = bench.page.locator("[data-part=grip]")
    start, end = grips.nth(0).bounding_box(), grips.nth(2).bounding_box()
    assert start
    assert end
    bench.page.mouse.move(start["x"] + 5, start["y"] + 20)
    bench.page.mouse.down()
    bench.page.mouse.move(end["x"] + 5, end["y"] + 40, steps=5)
    bench.page.mouse.up()

    assert [layer["id"] for layer in bench.json["layers"]] == [ids[2], ids[0], ids[1]]
    assert bench.picture((5, 5)) == [[0, 255, 0, 255]]


def test_what_is_locked_or_hidden_is_not_changed(bench: Bench) -> None:
    bench.do("() => picture()")
    bench.page.get_by_role("button", name="Lock “Ground”").click()
    before = (bench.json, bench.digest("Ground"))
    bench.press("e")
    bench.drag((100, 100), (200, 100))
    expect(bench.page.get_by_text("“Ground” is locked. Unlock it to change it.")).to_be_visible()
    bench.press("v")
    bench.drag((100, 100), (200, 100))
    bench.press("ArrowLeft", "Delete")

    assert (bench.json, bench.digest("Ground")) == before


def test_a_picture_is_pasted_dropped_or_chosen(bench: Bench) -> None:
    send = """async (kind) => {
      const canvas = new OffscreenCanvas(1024, 512);
      const context = canvas.getContext("2d");
      context.fillStyle = "red";
      context.fillRect(0, 0, 1024, 512);
      const blob = await canvas.convertToBlob();
      const data = new DataTransfer();
      data.items.add(new File([blob], "sunset.png", { type: "image/png" }));
      data.items.add(new File(["no"], "torn.png", { type: "image/png" }));
      const stage = document.querySelector("[data-part=stage]");
      const options = { bubbles: true, cancelable: true };
      if (kind === "paste") {
        document.dispatchEvent(new ClipboardEvent("paste", { ...options, clipboardData: data }));
      } else {
        stage.dispatchEvent(new DragEvent("drop", { ...options, dataTransfer: data }));
      }
    }"""
    torn = bench.page.get_by_text("“torn.png” is no picture that this browser can read.")
    for count, kind in enumerate(("paste", "drop"), start=1):
        bench.do(send, kind)
        expect(torn).to_have_count(count)
        assert bench.names == ["sunset"] * count
    layer = bench.json["layers"][0]
    place = (layer["x"], layer["y"], layer["width"], layer["height"])
    # As large as the document has room for, in the middle.
    assert place == (0, 128, 512, 256)
    assert bench.picture((0, 128), (511, 383), (0, 127)) == [RED, RED, CLEAR]

    bench.tool("Add a layer").click()
    with bench.page.expect_file_chooser() as chooser:
        bench.page.get_by_role("menuitem", name="Picture from a file…").click()
    svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'/>"
    chooser.value.set_files({"name": "a.svg", "mimeType": "image/svg+xml", "buffer": svg})
    expect(bench.page.get_by_text("“a.svg” is no picture")).to_be_visible()


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


def test_painting_never_holds_the_page_for_50_milliseconds(desktop: BrowserContext) -> None:
    bench = Bench(desktop.new_page())
    bench.open(1024)
    bench.do("() => picture()")
    bench.press("0", "p")
    bench.set_brush(size=80, hardness=50)
    bench.drag((100, 100), (200, 200))
    bench.do(
        """() => {
          window.long = [];
          const watch = (list) => {
            for (const { duration } of list.getEntries()) window.long.push(duration);
          };
          new PerformanceObserver(watch).observe({ type: "longtask" });
        }"""
    )
    for row in range(4):
        bench.drag((50, 100 + 200 * row), (970, 200 + 200 * row), steps=25)
    bench.page.wait_for_timeout(300)
    # On a busy machine a task waits for others, too: most of all tasks must still be short.
    long = bench.do("() => long")
    bench.page.close()
    assert len(long) <= 3, long


def test_nothing_listens_after_the_page_ended(bench: Bench) -> None:
    bench.do("() => picture()")
    bench.do("() => life.end()")
    before = (bench.json, len(bench.do("() => changes")))
    bench.drag((100, 100), (200, 200))
    bench.press("e", "Control+z", "0")
    assert (bench.json, len(bench.do("() => changes"))) == before


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
