"""A page with nothing but the canvas editor, and what a hand does on it."""

import mimetypes
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpResponse
from django.template import engines
from django.test import RequestFactory
from django.urls import reverse
from django.utils import translation
from django.views.i18n import JavaScriptCatalog
from playwright.sync_api import BrowserContext, Locator, Page, Route

from tests.browser.studio import Studio
from tests.stack import ROOT

# A name that is taken for safe, as the one in production: the browser keeps some things for such.
ORIGIN: Final = "https://easel.test"
PATH: Final = "/canvas-bench/"
# Colours, as a test reads them.
GROUND: Final = [10, 120, 200, 255]
CLEAR: Final = [0, 0, 0, 0]
WHITE: Final = [255, 255, 255, 255]
RED: Final = [255, 0, 0, 255]
_PAGE: Final = """{% extends "base.html" %}{% load i18n static %}
{% block styles %}<link rel="stylesheet" href="{% static 'css/selection.css' %}">
<link rel="stylesheet" href="{% static 'css/canvas.css' %}">
<link rel="stylesheet" href="/canvas-bench/bench.css">{% endblock %}
{% block scripts %}<script src="{% url 'javascript-catalog' %}" defer></script>
<script type="module" src="/canvas-bench/bench.js"></script>{% endblock %}
{% block body %}<main id="main">{% include "dashboard/partials/canvas_editor.html" %}</main>
<label class="visually-hidden">Prompt <input id="elsewhere"></label>
<div class="toasts" id="toasts" popover="manual" role="region" aria-label="Messages"></div>
<p class="visually-hidden" id="announcer" role="status" aria-live="polite"></p>{% endblock %}"""
_STYLE: Final = "#main { height: 100dvh; overflow: hidden; }"
_SCRIPT: Final = """
import { CanvasEditor } from "/static/js/canvas/editor.js";
import { PageLife } from "/static/js/page.js";

const root = document.querySelector(".canvas-editor");
window.life = new PageLife(root, { listen: () => () => undefined });
window.editor = new CanvasEditor(root, window.life);
window.changes = [];
editor.listen((change) => window.changes.push(change));

window.files = new Map();
window.fresh = (width = 512, height = width) => editor.open({
  version: 1, width, height, layers: [], box: { x: 0, y: 0, width, height },
}, async () => null);

window.painted = async (width, height, paint) => {
  const canvas = new OffscreenCanvas(width, height);
  paint(canvas.getContext("2d"));
  return createImageBitmap(canvas);
};
window.picture = async (color = "rgb(10 120 200)", place = {}) => {
  const { width, height } = editor.toJSON();
  const at = { x: 0, y: 0, width, height, ...place };
  const bitmap = await painted(at.width, at.height, (context) => {
    context.fillStyle = color;
    context.fillRect(0, 0, at.width, at.height);
  });
  return editor.addPicture(bitmap, { name: "Ground", ...at });
};

window.read = async (blob) => {
  const bitmap = await createImageBitmap(blob);
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
};
window.pixels = async (blob, points) => {
  const { data, width } = await read(blob);
  const at = ([x, y]) => (y * width + x) * 4;
  return points.map((point) => Array.from(data.slice(at(point), at(point) + 4)));
};
window.digest = async (blob) => {
  const { data } = await read(blob);
  const sum = await crypto.subtle.digest("SHA-256", data);
  return Array.from(new Uint8Array(sum), (byte) => byte.toString(16).padStart(2, "0")).join("");
};
window.digests = async () =>
  Promise.all([await editor.pictureInBox(), await editor.maskInBox()].map(digest));
// The pixels of one layer as the server would get them.
window.layerBlob = (name) => {
  const { id } = editor.toJSON().layers.find((layer) => layer.name === name);
  return editor.changedLayers().find((layer) => layer.id === id).toBlob();
};
window.save = async () => {
  const names = {};
  for (const { id, toBlob } of editor.changedLayers()) {
    names[id] = `image-${files.size}`;
    files.set(names[id], await toBlob());
  }
  const json = editor.toJSON(names);
  editor.markSaved(names);
  return json;
};
window.pen = (type, pressure, [x, y], id = 7, pointerType = "pen") => {
  const area = document.querySelector("[data-part=overlay]");
  area.dispatchEvent(new PointerEvent(type, {
    pointerId: id, pointerType, pressure, clientX: x, clientY: y, bubbles: true, cancelable: true,
    isPrimary: true, button: type === "pointermove" ? -1 : 0, buttons: type === "pointerup" ? 0 : 1,
  }));
};
window.ready = true;
"""


def serve(context: BrowserContext, language: str) -> None:
    """Answer the requests of a context: the page and the files of the studio, and no more.

    No process of the product runs for it: what is under test happens in the browser alone.
    """
    with translation.override(language):
        page = engines["django"].from_string(_PAGE).render({"csrf_token": ""})
        words = JavaScriptCatalog.as_view()(RequestFactory().get("/"))
    assert isinstance(words, HttpResponse)
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    policy = "; ".join(f"{name} {' '.join(values)}" for name, values in directives.items())
    bodies: dict[str, tuple[str | bytes, str]] = {
        PATH: (page, "text/html"),
        f"{PATH}bench.js": (_SCRIPT, "text/javascript"),
        f"{PATH}bench.css": (_STYLE, "text/css"),
        reverse("javascript-catalog"): (words.content, "text/javascript"),
    }

    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path in bodies:
            body, kind = bodies[path]
        else:
            file = ROOT / path.lstrip("/")
            body, kind = file.read_bytes(), mimetypes.guess_type(path)[0] or "text/plain"
        route.fulfill(
            body=body,
            content_type=f"{kind}; charset=utf-8",
            headers={"Content-Security-Policy": policy},
        )

    context.route("**", answer)


class Bench:
    """The editor in a window."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.studio = Studio(page)

    def open(self, width: int = 512, height: int | None = None) -> None:
        """Begin with an empty document at 100 %."""
        self.page.goto(PATH)
        self.page.wait_for_function("() => window.ready")
        self.do("([width, height]) => fresh(width, height)", [width, height or width])
        self.page.keyboard.press("1")

    def do(self, script: str, argument: object = None) -> Any:
        return self.page.evaluate(script, argument)

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = self.do("() => editor.toJSON()")
        return found

    @property
    def names(self) -> list[str]:
        """The layers, uppermost first, as the panel shows them."""
        return self.page.locator(".canvas-layer__name").all_text_contents()

    def window_point(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the document is seen."""
        found: list[float] = self.do(
            """([x, y]) => {
              const stage = document.querySelector("[data-part=stage]").getBoundingClientRect();
              const { box, boxInWindow: seen } = editor;
              const scale = seen.width / box.width;
              return [stage.left + seen.x + (x - box.x) * scale,
                stage.top + seen.y + (y - box.y) * scale];
            }""",
            [x, y],
        )
        return found[0], found[1]

    def scale(self) -> float:
        return float(self.do("() => editor.boxInWindow.width / editor.box.width"))

    def drag(self, *points: tuple[float, float], steps: int = 4) -> None:
        """Draw along points of the document with the mouse."""
        self.page.mouse.move(*self.window_point(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.window_point(*point), steps=steps)
        self.page.mouse.up()

    def pen(self, pressure: float, *points: tuple[float, float]) -> None:
        seen = [self.window_point(*point) for point in points]
        self.do(
            """([pressure, points]) => {
              pen("pointerdown", pressure, points[0]);
              for (const point of points) pen("pointermove", pressure, point);
              pen("pointerup", 0, points.at(-1));
            }""",
            [pressure, seen],
        )

    def set_brush(self, **values: float | str) -> None:
        for name, value in values.items():
            self.do(
                """([name, value]) => {
                  const input = document.querySelector(`[data-brush=${name}]`);
                  input.value = value;
                  input.dispatchEvent(new Event("input", { bubbles: true }));
                }""",
                [name, value],
            )

    def mask(self, *points: tuple[int, int]) -> list[int]:
        """How white the mask in the box is at these points."""
        script = "async (points) => pixels(await editor.maskInBox(), points)"
        return [pixel[0] for pixel in self.do(script, points)]

    def picture(self, *points: tuple[int, int]) -> list[list[int]]:
        """The visible picture in the box at these points, as red, green, blue, alpha."""
        found: list[list[int]] = self.do(
            "async (points) => pixels(await editor.pictureInBox(), points)", points
        )
        return found

    def layer(self, name: str, *points: tuple[int, int]) -> list[list[int]]:
        found: list[list[int]] = self.do(
            "async ([name, points]) => pixels(await layerBlob(name), points)", [name, points]
        )
        return found

    def digest(self, name: str) -> str:
        return str(self.do("async (name) => digest(await layerBlob(name))", name))

    def tool(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    @property
    def said(self) -> str:
        return self.page.locator("#announcer").text_content() or ""

    def shown(self, *points: tuple[float, float]) -> Sequence[list[int]]:
        """What is on the canvas of the stage at points of the document, after the next frame."""
        seen = [self.window_point(*point) for point in points]
        found: list[list[int]] = self.do(
            """async (points) => {
              await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
              const canvas = document.querySelector("[data-part=picture]");
              const { left, top } = canvas.getBoundingClientRect();
              const copy = new OffscreenCanvas(canvas.width, canvas.height);
              const context = copy.getContext("2d", { willReadFrequently: true });
              context.drawImage(canvas, 0, 0);
              return points.map(([x, y]) => Array.from(context.getImageData(
                Math.floor((x - left) * devicePixelRatio), Math.floor((y - top) * devicePixelRatio),
                1, 1).data));
            }""",
            seen,
        )
        return found
