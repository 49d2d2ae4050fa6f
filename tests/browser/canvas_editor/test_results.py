"""Results over the box of the canvas editor: looked at, used, discarded."""

from playwright.sync_api import expect

from tests.browser.canvas_editor.bench import CLEAR, GROUND, RED, Bench


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
    # Not tinted by the mask, which says where it was asked for and would lie over it.
    assert bench.shown((150, 150)) == [RED]
    assert [layer["visible"] for layer in bench.json["layers"]] == [True, True, False]
    accepted = bench.do("() => changes.filter(({ type }) => type === 'accepted')")
    assert accepted == [
        {"type": "accepted", "candidate": "two", "layer": bench.json["layers"][1]["id"]}
    ]
    bench.press("Control+z")
    assert bench.names == ["Mask 1", "Ground"]
    assert bench.picture((150, 150)) == [GROUND]
    assert [layer["visible"] for layer in bench.json["layers"]] == [True, True]


def test_what_was_made_without_a_mask_covers_the_box_whatever_was_masked_since(
    bench: Bench,
) -> None:
    bench.do("() => picture()")
    bench.press("r")
    bench.drag((100, 100), (200, 200))
    url = (
        "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'>"
        "<rect width='8' height='8' fill='red'/></svg>"
    )
    bench.do("(url) => editor.stage([{ id: 'one', url }], editor.box, false)", url)
    bench.tool("Use it").click()
    assert bench.picture((150, 150), (400, 400)) == [RED, RED]


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
