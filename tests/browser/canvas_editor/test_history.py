"""Steps back and forth, and saves: the pixels are the same ones, to the byte."""

from tests.browser.canvas_editor.bench import GROUND, Bench


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
