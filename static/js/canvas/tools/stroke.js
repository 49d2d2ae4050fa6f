// @ts-check
/** One stroke of a round brush over a layer. */

import { Edit } from "../edit.js";
import { intersection, outward, union } from "../geometry.js";
import { blank, contextOf, placesIn, TILE } from "../surface.js";

/** @import {Desk} from "../desk.js" */
/** @import {Layer} from "../document.js" */
/** @import {Rect} from "../geometry.js" */
/** @import {Sample} from "../pointer.js" */

/** @typedef {{size: number, hardness: number, opacity: number, color: string, erases: boolean}} Ink the colour as `#rrggbb` */

const SPACING = 0.12;
const LEAST_SPACING = 0.5;
// The lightest touch of a pen still leaves a line.
const LEAST_PRESSURE = 0.1;

export class Stroke {
  #desk;
  #layer;
  #ink;
  #edit;
  #limits;
  #tip;
  /** What the brush has left, by tile; laid over the layer with the opacity of the whole stroke. @type {Map<string, OffscreenCanvas>} */
  #wet = new Map();
  /** @type {{x: number, y: number, radius: number} | null} */
  #last = null;
  #untilNext = 0;

  /**
   * @param {Desk} desk
   * @param {Layer} layer
   * @param {Ink} ink
   */
  constructor(desk, layer, ink) {
    this.#desk = desk;
    this.#layer = layer;
    this.#ink = ink;
    this.#edit = new Edit(layer);
    this.#limits = desk.paintable(layer);
    this.#tip = ink.hardness < 1 ? softTip(ink) : null;
  }

  /** @param {Sample[]} samples */
  extend(samples) {
    /** @type {Map<string, Rect>} */
    const touched = new Map();
    for (const sample of samples) {
      const radius = (this.#ink.size / 2) * Math.max(LEAST_PRESSURE, sample.pressure);
      this.#walk({ x: sample.x - this.#layer.x, y: sample.y - this.#layer.y, radius }, touched);
    }
    for (const [key, area] of touched) this.#lay(key, area);
  }

  /** @param {string} label */
  finish(label) {
    this.#desk.notePatch(label, this.#edit.finish(!this.#ink.erases));
  }

  cancel() {
    this.#desk.damage(this.#layer, this.#edit.cancel());
  }

  /**
   * @param {{x: number, y: number, radius: number}} to
   * @param {Map<string, Rect>} touched
   */
  #walk(to, touched) {
    const from = this.#last ?? to;
    if (!this.#last) this.#stamp(to, touched);
    const length = Math.hypot(to.x - from.x, to.y - from.y);
    let at = this.#last ? this.#untilNext : spacing(to.radius);
    while (at <= length) {
      const part = at / length;
      const radius = from.radius + (to.radius - from.radius) * part;
      const x = from.x + (to.x - from.x) * part;
      const y = from.y + (to.y - from.y) * part;
      this.#stamp({ x, y, radius }, touched);
      at += spacing(radius);
    }
    this.#untilNext = at - length;
    this.#last = to;
  }

  /**
   * @param {{x: number, y: number, radius: number}} stamp
   * @param {Map<string, Rect>} touched
   */
  #stamp({ x, y, radius }, touched) {
    const around = outward({ x: x - radius, y: y - radius, width: 2 * radius, height: 2 * radius }, 1);
    const area = intersection(around, this.#limits);
    if (!area) return;
    for (const place of placesIn(area)) {
      const wet = this.#wet.get(place.key) ?? blank(TILE);
      this.#wet.set(place.key, wet);
      const context = contextOf(wet);
      if (this.#tip) {
        const [left, top] = [x - radius - place.x, y - radius - place.y];
        context.drawImage(this.#tip, left, top, 2 * radius, 2 * radius);
      } else {
        context.fillStyle = this.#ink.color;
        context.beginPath();
        context.arc(x - place.x, y - place.y, radius, 0, 2 * Math.PI);
        context.fill();
      }
      const tile = { x: place.x, y: place.y, width: TILE, height: TILE };
      const part = intersection(area, tile);
      if (!part) continue;
      const before = touched.get(place.key);
      touched.set(place.key, before ? union(before, part) : part);
    }
  }

  /**
   * Put a part of a tile together anew: what was there, and the stroke over it.
   *
   * @param {string} key
   * @param {Rect} area of the surface
   */
  #lay(key, area) {
    const place = placesIn(area)[0];
    const wet = this.#wet.get(key);
    if (!place || !wet) return;
    const { width, height } = area;
    const [x, y] = [area.x - place.x, area.y - place.y];
    const context = this.#edit.pen(key);
    const before = this.#edit.before(key);
    context.clearRect(x, y, width, height);
    if (before) context.drawImage(before, x, y, width, height, x, y, width, height);
    context.globalAlpha = this.#ink.opacity;
    context.globalCompositeOperation = this.#ink.erases ? "destination-out" : "source-over";
    context.drawImage(wet, x, y, width, height, x, y, width, height);
    context.globalAlpha = 1;
    context.globalCompositeOperation = "source-over";
    this.#edit.touch(area);
    this.#desk.damage(this.#layer, area);
  }
}

/** @param {number} radius */
function spacing(radius) {
  return Math.max(LEAST_SPACING, 2 * radius * SPACING);
}

/** @param {Ink} ink */
function softTip({ size, hardness, color }) {
  const side = Math.max(2, Math.ceil(size));
  const tip = blank(side);
  const context = contextOf(tip);
  const middle = side / 2;
  const fade = context.createRadialGradient(middle, middle, middle * hardness, middle, middle, middle);
  fade.addColorStop(0, color);
  fade.addColorStop(1, `${color}00`);
  context.fillStyle = fade;
  context.fillRect(0, 0, side, side);
  return tip;
}
