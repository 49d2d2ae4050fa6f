"""What each tool of the canvas editor leaves in the pixels."""

import pytest
from playwright.sync_api import expect

from tests.browser.canvas_editor.bench import CLEAR, GROUND, RED, WHITE, Bench


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


def test_the_eraser_takes_from_the_layer_that_is_worked_on(bench: Bench) -> None:
    bench.do("() => picture()")
    bench.press("e")
    bench.set_brush(size=30, hardness=100, opacity=100)

    bench.drag((200, 200), (240, 200))

    assert bench.picture((220, 200), (220, 230)) == [CLEAR, GROUND]
    assert bench.names == ["Ground"]
    bench.press("Control+z")
    assert bench.picture((220, 200)) == [GROUND]


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


def test_a_control_is_drawn_alone_on_black(bench: Bench) -> None:
    bench.do("() => picture()")
    bench.tool("Add a layer").click()
    bench.page.get_by_role("menuitem", name="Control drawing").click()
    assert bench.names == ["Control 1", "Ground"]
    bench.press("p")
    bench.set_brush(size=20, hardness=100, color="#ffffff")
    bench.drag((100, 100), (200, 100))

    control = bench.json["layers"][1]["id"]
    script = "async (id) => pixels(await editor.controlInBox(id), [[150, 100], [150, 200]])"
    assert bench.do(script, control) == [WHITE, [0, 0, 0, 255]]
    assert bench.picture((150, 100)) == [GROUND]


def test_the_brush_is_found_as_it_was_left(bench: Bench) -> None:
    bench.set_brush(size=77, hardness=10, opacity=40, color="#336699")
    bench.page.reload()
    bench.page.wait_for_function("() => window.ready")
    bench.press("p")
    expect(bench.page.get_by_label("Size")).to_have_value("77")
    expect(bench.page.get_by_label("Hardness")).to_have_value("10")
    expect(bench.page.get_by_label("Colour", exact=True)).to_have_value("#336699")


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
    assert bench.json["box"] == {"x": 0, "y": 0, "width": 384, "height": 384}
    assert bench.said == "There is nothing to undo."


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
