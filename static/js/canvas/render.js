// @ts-check
/**
 * What is seen. The layers are put together once, in a picture of the size of the document, of
 * which only what changed is made anew; a frame is drawn only after something changed.
 */

import { find } from "./elements.js";
import { intersection, outward, shifted, union } from "./geometry.js";
import { blank, contextOf, TILE } from "./surface.js";

/** @import {PageLife} from "../page.js" */
/** @import {Desk} from "./desk.js" */
/** @import {Layer} from "./document.js" */
/** @import {Rect} from "./geometry.js" */
/** @import {Context} from "./surface.js" */

const CHECK = 8;
// What lies further outside is not shown: it would cost memory without end.
const AROUND = 1024;
const MASK_STRENGTH = 0.55;

export class Renderer {
  #desk;
  #life;
  #stage;
  #canvas;
  #overlay;
  #tints;
  #composite = blank(1);
  #scratch = blank(1);
  /** The part of the document that the composite shows. @type {Rect} */
  #world = { x: 0, y: 0, width: 0, height: 0 };
  /** What is to be put together anew: null for nothing. @type {Rect | "all" | null} */
  #damaged = "all";
  #isShown = false;
  #isOverlayShown = false;
  #frame = 0;
  #ratio = 1;
  /** @type {CanvasPattern | null} */
  #checks = null;

  /**
   * @param {Desk} desk
   * @param {HTMLElement} root
   * @param {PageLife} life
   */
  constructor(desk, root, life) {
    this.#desk = desk;
    this.#life = life;
    this.#stage = find(root, "[data-part=stage]", HTMLElement);
    this.#canvas = find(root, "[data-part=picture]", HTMLCanvasElement);
    this.#overlay = find(root, "[data-part=overlay]", HTMLCanvasElement);
    this.#tints = find(root, "[data-part=tints]", HTMLElement);
    const sizes = new ResizeObserver(() => this.#resize());
    sizes.observe(this.#stage);
    const themes = new MutationObserver(() => this.#recolour());
    themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.#recolour(), { signal: life.signal });
    life.onEnd(() => {
      sizes.disconnect();
      themes.disconnect();
      cancelAnimationFrame(this.#frame);
    });
  }

  /** @param {Rect} [rect] of the document; all of it if it is left out */
  damage(rect) {
    if (!rect) this.#damaged = "all";
    else if (this.#damaged !== "all") {
      this.#damaged = this.#damaged ? union(this.#damaged, outward(rect)) : outward(rect);
    }
    this.#soon();
  }

  /** Draw the whole window anew. */
  show() {
    this.#isShown = false;
    this.showOverlay();
  }

  showOverlay() {
    this.#isOverlayShown = false;
    this.#soon();
  }

  /**
   * @param {number} x
   * @param {number} y
   * @returns {string | null} the colour there as `#rrggbb`, null where nothing is
   */
  colourAt(x, y) {
    const pixel = blank(1);
    const region = { x: Math.floor(x), y: Math.floor(y), width: 1, height: 1 };
    drawLayers(contextOf(pixel), this.#desk.document.layers, region);
    const [red = 0, green = 0, blue = 0, alpha = 0] = contextOf(pixel).getImageData(0, 0, 1, 1).data;
    if (alpha === 0) return null;
    return `#${[red, green, blue].map((part) => part.toString(16).padStart(2, "0")).join("")}`;
  }

  #soon() {
    if (this.#frame || this.#life.signal.aborted) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.#stage;
    if (width === 0 || height === 0) return;
    const { view } = this.#desk;
    const isFirst = view.width === 1;
    this.#ratio = devicePixelRatio;
    for (const canvas of [this.#canvas, this.#overlay]) {
      canvas.width = Math.round(width * this.#ratio);
      canvas.height = Math.round(height * this.#ratio);
    }
    view.resize(width, height);
    if (isFirst) view.fit(union(this.#desk.document.page, this.#desk.document.box));
    // A canvas that got a new size is empty: a frame later it would be seen so.
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#draw();
  }

  #recolour() {
    this.#checks = null;
    this.damage();
    this.show();
  }

  /** @param {"mask" | "paper" | "check" | "veil" | "line" | "line-back"} name */
  #tint(name) {
    return getComputedStyle(find(this.#tints, `[data-tint=${name}]`, HTMLElement)).color;
  }

  #draw() {
    if (this.#ratio !== devicePixelRatio) {
      this.#resize();
      return;
    }
    const { document } = this.#desk;
    const bounds = document.layers.reduce((sum, layer) => union(sum, layer.bounds), document.page);
    const near = outward(union(document.page, document.box), AROUND);
    const world = aligned(intersection(bounds, near) ?? document.page);
    const { x, y, width, height } = this.#world;
    if (world.x !== x || world.y !== y || world.width !== width || world.height !== height) {
      this.#world = world;
      this.#composite = blank(world.width, world.height);
      this.#damaged = "all";
    }
    const damaged = this.#damaged === "all" ? world : this.#damaged && intersection(this.#damaged, world);
    if (damaged) this.#compose(damaged);
    if (this.#damaged === "all" || !this.#isShown) this.#present(null);
    else if (damaged) this.#present(damaged);
    if (!this.#isOverlayShown) this.#presentOverlay();
    this.#damaged = null;
    this.#isShown = true;
    this.#isOverlayShown = true;
  }

  /** @param {Rect} region of the document */
  #compose(region) {
    const context = contextOf(this.#composite);
    const origin = { x: -this.#world.x, y: -this.#world.y };
    context.clearRect(region.x + origin.x, region.y + origin.y, region.width, region.height);
    const { layers } = this.#desk.document;
    drawLayers(context, layers, region, origin);
    // While results are looked at, what they were made for is not in front of them.
    if (this.#desk.staging.isOpen) return;
    for (const layer of layers) {
      if (layer.kind === "mask" && layer.visible) this.#composeMask(context, layer, region, origin);
    }
  }

  /**
   * @param {Context} context
   * @param {Layer} layer
   * @param {Rect} region
   * @param {{x: number, y: number}} origin
   */
  #composeMask(context, layer, region, origin) {
    const { width, height } = region;
    if (this.#scratch.width < width || this.#scratch.height < height) {
      this.#scratch = blank(width, height);
    }
    const scratch = contextOf(this.#scratch);
    scratch.clearRect(0, 0, width, height);
    const own = shifted(region, { x: -layer.x, y: -layer.y });
    layer.surface.draw(scratch, { x: -own.x, y: -own.y }, own);
    scratch.globalCompositeOperation = "source-in";
    scratch.fillStyle = this.#tint("mask");
    scratch.fillRect(0, 0, width, height);
    scratch.globalCompositeOperation = "source-over";
    const [x, y] = [region.x + origin.x, region.y + origin.y];
    context.globalAlpha = layer.opacity * MASK_STRENGTH;
    context.drawImage(this.#scratch, 0, 0, width, height, x, y, width, height);
    context.globalAlpha = 1;
  }

  /** @param {Rect | null} region of the document that changed; null for the whole window */
  #present(region) {
    const { view, document, staging } = this.#desk;
    const context = this.#contextOf(this.#canvas);
    context.save();
    // Smoothing reaches over the edge by a pixel of the document or of the window.
    const part = region && outward(view.toWindow(outward(region, 1)), 1);
    const { x, y, width, height } = part ?? { x: 0, y: 0, width: view.width, height: view.height };
    context.beginPath();
    context.rect(x, y, width, height);
    context.clip();
    context.clearRect(x, y, width, height);
    context.fillStyle = this.#checkerboard(context);
    // What of the box lies outside will be part of the document.
    for (const each of [document.page, document.box].map((rect) => view.toWindow(rect))) {
      context.fillRect(each.x, each.y, each.width, each.height);
    }
    const scale = view.scale * this.#ratio;
    context.imageSmoothingEnabled = scale < 2;
    // Better ones make the whole picture smaller first, in every frame.
    context.imageSmoothingQuality = scale < 0.5 ? "medium" : "low";
    const place = view.toWindow(this.#world);
    context.drawImage(this.#composite, place.x, place.y, place.width, place.height);
    const staged = staging.shown;
    if (staged) {
      const at = view.toWindow(staged.place);
      context.drawImage(staged.picture, at.x, at.y, at.width, at.height);
    }
    context.restore();
  }

  /** @param {Context} context */
  #checkerboard(context) {
    if (!this.#checks) {
      const tile = blank(2 * CHECK);
      const pen = contextOf(tile);
      pen.fillStyle = this.#tint("paper");
      pen.fillRect(0, 0, 2 * CHECK, 2 * CHECK);
      pen.fillStyle = this.#tint("check");
      pen.fillRect(0, 0, CHECK, CHECK);
      pen.fillRect(CHECK, CHECK, CHECK, CHECK);
      this.#checks = context.createPattern(tile, "repeat");
    }
    return this.#checks ?? "transparent";
  }

  #presentOverlay() {
    const { view, document, tool } = this.#desk;
    const context = this.#contextOf(this.#overlay);
    context.clearRect(0, 0, view.width, view.height);
    const { x, y, width, height } = view.toWindow(document.box);
    const box = { x: Math.round(x), y: Math.round(y), width: Math.round(width), height: Math.round(height) };
    context.fillStyle = this.#tint("veil");
    context.beginPath();
    context.rect(0, 0, view.width, view.height);
    context.rect(box.x, box.y, box.width, box.height);
    context.fill("evenodd");
    const colours = { line: this.#tint("line"), back: this.#tint("line-back") };
    outline(context, box, colours);
    tool?.paint?.(context, view, colours);
  }

  /** @param {HTMLCanvasElement} canvas */
  #contextOf(canvas) {
    const context = canvas.getContext("2d");
    if (!context) throw new Error("This browser has no 2D canvas");
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    return context;
  }
}

/**
 * Draw what can be seen of the pictures and controls of a document.
 *
 * @param {Context} context
 * @param {Layer[]} layers
 * @param {Rect} region of the document
 * @param {{x: number, y: number}} [origin] where the document's corner lies there; the region's
 *   corner lies at 0, 0 if it is left out
 * @param {("picture" | "control")[]} [kinds]
 */
export function drawLayers(context, layers, region, origin = { x: -region.x, y: -region.y }, kinds = ["picture", "control"]) {
  for (const layer of layers) {
    if (!layer.visible || layer.kind === "mask" || !kinds.includes(layer.kind)) continue;
    context.globalAlpha = layer.opacity;
    const own = shifted(region, { x: -layer.x, y: -layer.y });
    layer.surface.draw(context, shifted({ ...layer.bounds, x: layer.x, y: layer.y }, origin), own);
  }
  context.globalAlpha = 1;
}

/**
 * A line that is seen on any picture: light on dark.
 *
 * @param {Context} context
 * @param {Rect} rect
 * @param {{line: string, back: string}} colours
 */
function outline(context, { x, y, width, height }, { line, back }) {
  context.lineWidth = 3;
  context.strokeStyle = back;
  context.strokeRect(x - 0.5, y - 0.5, width + 1, height + 1);
  context.lineWidth = 1;
  context.strokeStyle = line;
  context.strokeRect(x - 0.5, y - 0.5, width + 1, height + 1);
}

/**
 * @param {Rect} rect
 * @returns {Rect} of whole tiles: it changes seldom
 */
function aligned({ x, y, width, height }) {
  const left = Math.floor(x / TILE) * TILE;
  const top = Math.floor(y / TILE) * TILE;
  const right = Math.ceil((x + width) / TILE) * TILE;
  const bottom = Math.ceil((y + height) / TILE) * TILE;
  return { x: left, y: top, width: right - left, height: bottom - top };
}
