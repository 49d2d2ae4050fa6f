"""Layers of the canvas editor: arranged, protected, brought in from outside."""

from playwright.sync_api import expect

from tests.browser.canvas_editor.bench import CLEAR, GROUND, RED, Bench


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
