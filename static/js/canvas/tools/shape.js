// @ts-check
/** Shapes that fill the mask, or with Alt take from it: along a freehand outline, or a rectangle. */

import { Edit } from "../edit.js";
import { intersection, outward, shifted, spanned } from "../geometry.js";
import { placesIn, TILE } from "../surface.js";
import { MASK_COLOUR } from "./brush.js";

/** @import {Desk} from "../desk.js" */
/** @import {Layer} from "../document.js" */
/** @import {Point} from "../geometry.js" */
/** @import {Sample, Tool} from "../pointer.js" */
/** @import {Context} from "../surface.js" */
/** @import {View} from "../view.js" */

/** @implements {Tool} */
export class ShapeTool {
  cursor = /** @type {const} */ ("cross");
  isSteered = true;
  #desk;
  /** @type {Point[]} */
  #points = [];
  /** @type {Layer | null} */
  #layer = null;
  #takes = false;

  /**
   * @param {Desk} desk
   * @param {"lasso" | "rectangle"} id
   */
  constructor(desk, id) {
    this.#desk = desk;
    this.id = id;
  }

  /** @param {Sample} sample */
  press(sample) {
    this.#layer = this.#desk.target(["mask"]);
    if (!this.#layer) return false;
    this.#takes = sample.alt;
    this.#points = [{ x: sample.x, y: sample.y }];
    return true;
  }

  /** @param {Sample[]} samples */
  drag(samples) {
    const [first] = this.#points;
    const last = samples.at(-1);
    if (!first || !last) return;
    if (this.id === "rectangle") this.#points = [first, { x: last.x, y: last.y }];
    else this.#points.push(...samples.map(({ x, y }) => ({ x, y })));
    this.#desk.renderer.showOverlay();
  }

  release() {
    const layer = this.#layer;
    const outline = this.#outline();
    this.#end();
    if (!layer) return;
    if (outline.length < 3) {
      this.#desk.unmake(layer);
      return;
    }
    const own = outline.map(({ x, y }) => ({ x: x - layer.x, y: y - layer.y }));
    const label = this.#takes
      ? layer.named(gettext("Erase on “%(name)s”"))
      : layer.named(gettext("Paint on “%(name)s”"));
    this.#desk.notePatch(label, this.#fill(layer, own));
  }

  cancel() {
    const layer = this.#layer;
    this.#end();
    if (layer) this.#desk.unmake(layer);
  }

  #end() {
    this.#layer = null;
    this.#points = [];
    this.#desk.renderer.showOverlay();
  }

  /** @returns {Point[]} */
  #outline() {
    const [a, b] = this.#points;
    if (this.id === "lasso" || !a || !b) return this.#points;
    // Whole pixels: a rectangle has no soft edge.
    const [left, right] = [Math.round(Math.min(a.x, b.x)), Math.round(Math.max(a.x, b.x))];
    const [top, bottom] = [Math.round(Math.min(a.y, b.y)), Math.round(Math.max(a.y, b.y))];
    if (left === right || top === bottom) return [];
    return [
      { x: left, y: top },
      { x: right, y: top },
      { x: right, y: bottom },
      { x: left, y: bottom },
    ];
  }

  /**
   * @param {Layer} layer
   * @param {Point[]} outline on its surface
   */
  #fill(layer, outline) {
    const area = intersection(outward(spanned(outline)), this.#desk.paintable(layer));
    if (!area) return null;
    const edit = new Edit(layer);
    for (const place of placesIn(area)) {
      // Where nothing is, nothing can be taken away.
      if (this.#takes && !layer.surface.tile(place.key)) continue;
      const part = intersection(area, { x: place.x, y: place.y, width: TILE, height: TILE });
      if (!part) continue;
      const { x, y, width, height } = shifted(part, { x: -place.x, y: -place.y });
      const context = edit.pen(place.key);
      context.save();
      context.beginPath();
      context.rect(x, y, width, height);
      context.clip();
      context.beginPath();
      for (const point of outline) context.lineTo(point.x - place.x, point.y - place.y);
      context.closePath();
      context.globalCompositeOperation = this.#takes ? "destination-out" : "source-over";
      context.fillStyle = MASK_COLOUR;
      context.fill();
      context.restore();
    }
    edit.touch(area);
    this.#desk.damage(layer, area);
    return edit.finish(!this.#takes);
  }

  /**
   * @param {Context} context
   * @param {View} view
   * @param {{line: string, back: string}} colours
   */
  paint(context, view, { line, back }) {
    const outline = this.#outline();
    if (outline.length < 2) return;
    context.beginPath();
    for (const { x, y } of outline) context.lineTo(x * view.scale + view.x, y * view.scale + view.y);
    context.closePath();
    context.lineWidth = 3;
    context.strokeStyle = back;
    context.stroke();
    context.lineWidth = 1.5;
    context.strokeStyle = line;
    context.setLineDash([6, 4]);
    context.stroke();
    context.setLineDash([]);
  }
}
