// @ts-check
/** Brushes: one for masks, one that paints with a colour, and one that takes away. */

import { Stroke } from "./stroke.js";

/** @import {Desk} from "../desk.js" */
/** @import {Layer} from "../document.js" */
/** @import {Sample, Tool} from "../pointer.js" */

/** Masks are kept as white of some opacity; their colour is how they are shown. */
export const MASK_COLOUR = "#ffffff";

/** @implements {Tool} */
export class BrushTool {
  cursor = /** @type {const} */ ("brush");
  isSteered = true;
  #desk;
  /** @type {Stroke | null} */
  #stroke = null;
  /** @type {Layer | null} */
  #layer = null;
  #label = "";
  /** Where the last stroke ended. @type {Sample | null} */
  #end = null;

  /**
   * @param {Desk} desk
   * @param {"brush" | "paint" | "eraser"} id
   */
  constructor(desk, id) {
    this.#desk = desk;
    this.id = id;
  }

  /** @param {Sample} sample */
  press(sample) {
    if (this.id === "paint" && sample.alt) {
      this.#desk.pick(sample);
      return false;
    }
    const layer = this.#target();
    if (!layer) return false;
    this.#layer = layer;
    const { brush } = this.#desk;
    const erases = this.id === "eraser" || (this.id === "brush" && sample.alt);
    const color = layer.kind === "mask" ? MASK_COLOUR : brush.color;
    this.#label = erases
      ? layer.named(gettext("Erase on “%(name)s”"))
      : layer.named(gettext("Paint on “%(name)s”"));
    this.#stroke = new Stroke(this.#desk, layer, { ...brush, color, erases });
    const from = sample.shift && this.#end ? [{ ...this.#end, pressure: sample.pressure }] : [];
    this.#stroke.extend([...from, sample]);
    this.#end = sample;
    return true;
  }

  /** @returns {Layer | null} */
  #target() {
    if (this.id === "brush") return this.#desk.target(["mask"]);
    if (this.id === "paint") return this.#desk.target(["picture", "control"]);
    const { active } = this.#desk;
    return active && this.#desk.target([active.kind]);
  }

  /** @param {Sample[]} samples */
  drag(samples) {
    this.#stroke?.extend(samples);
    this.#end = samples.at(-1) ?? this.#end;
  }

  release() {
    this.#stroke?.finish(this.#label);
    this.#stroke = null;
  }

  cancel() {
    if (!this.#stroke || !this.#layer) return;
    this.#stroke.cancel();
    this.#stroke = null;
    this.#desk.unmake(this.#layer);
  }
}
