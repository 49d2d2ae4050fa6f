// @ts-check
/** Tools that change no pixel: moving a layer, moving the view, picking a colour. */


/** @import {Desk} from "../desk.js" */
/** @import {Layer} from "../document.js" */
/** @import {Point} from "../geometry.js" */
/** @import {Sample, Tool} from "../pointer.js" */

const LONG_NUDGE = 10;

/** @implements {Tool} */
export class MoveTool {
  id = "move";
  cursor = /** @type {const} */ ("move");
  #desk;
  /** @type {{layer: Layer, from: Point, grip: Point} | null} */
  #held = null;

  /** @param {Desk} desk */
  constructor(desk) {
    this.#desk = desk;
  }

  /** @param {Sample} sample */
  press({ x, y }) {
    const { active } = this.#desk;
    const layer = active && this.#desk.target([active.kind]);
    if (!layer) return false;
    this.#held = { layer, from: { x: layer.x, y: layer.y }, grip: { x, y } };
    return true;
  }

  /** @param {Sample[]} samples */
  drag(samples) {
    const last = samples.at(-1);
    if (!this.#held || !last) return;
    const { layer, from, grip } = this.#held;
    this.#put(layer, {
      x: from.x + Math.round(last.x - grip.x),
      y: from.y + Math.round(last.y - grip.y),
    });
  }

  release() {
    if (!this.#held) return;
    const { layer, from } = this.#held;
    const to = { x: layer.x, y: layer.y };
    this.#put(layer, from);
    this.#held = null;
    if (to.x === from.x && to.y === from.y) return;
    this.#desk.acts.change(layer, layer.named(gettext("Move “%(name)s”")), to);
  }

  cancel() {
    if (this.#held) this.#put(this.#held.layer, this.#held.from);
    this.#held = null;
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {KeyboardEvent} event
   */
  nudge(x, y, { shiftKey }) {
    const { active } = this.#desk;
    const by = shiftKey ? LONG_NUDGE : 1;
    if (active && this.#desk.canPaint(active)) this.#desk.acts.nudge(active, x * by, y * by);
    return true;
  }

  /**
   * @param {Layer} layer
   * @param {Point} to
   */
  #put(layer, { x, y }) {
    this.#desk.renderer.damage(layer.bounds);
    layer.x = x;
    layer.y = y;
    this.#desk.renderer.damage(layer.bounds);
  }
}

/** @implements {Tool} */
export class HandTool {
  id = "hand";
  cursor = /** @type {const} */ ("hand");

  // The pointer moves the view itself, whatever the tool, when it is dragged with the space bar.
  press() {
    return false;
  }

  drag() {}

  release() {}

  cancel() {}
}

/** @implements {Tool} */
export class PickerTool {
  id = "picker";
  cursor = /** @type {const} */ ("cross");
  isSteered = true;
  #desk;

  /** @param {Desk} desk */
  constructor(desk) {
    this.#desk = desk;
  }

  /** @param {Sample} sample */
  press(sample) {
    this.#desk.pick(sample);
    return true;
  }

  /** @param {Sample[]} samples */
  drag(samples) {
    const last = samples.at(-1);
    if (last) this.#desk.pick(last);
  }

  release() {}

  cancel() {}
}
