// @ts-check
/** The box of what is painted anew: moved inside, resized at its handles. */

import { announce } from "../../dom.js";
import { fill } from "../../i18n.js";
import { GRID } from "../desk.js";
import { holds, isSame } from "../geometry.js";

/** @import {Desk} from "../desk.js" */
/** @import {Point, Rect} from "../geometry.js" */
/** @import {Sample, Tool} from "../pointer.js" */
/** @import {Context} from "../surface.js" */
/** @import {View} from "../view.js" */

const HANDLE = 10;
const REACH = 12;
const TOUCH_REACH = 24;

/** Which sides a handle moves: -1 left or top, 1 right or bottom. @typedef {{x: -1 | 0 | 1, y: -1 | 0 | 1}} Grip */

/** @type {Grip[]} corners first: they win where a box is small */
const GRIPS = [
  { x: -1, y: -1 },
  { x: 1, y: -1 },
  { x: -1, y: 1 },
  { x: 1, y: 1 },
  { x: 0, y: -1 },
  { x: 0, y: 1 },
  { x: -1, y: 0 },
  { x: 1, y: 0 },
];

/** @implements {Tool} */
export class BoxTool {
  id = "box";
  cursor = /** @type {const} */ ("cross");
  #desk;
  /** @type {{before: Rect, from: Point, grip: Grip | null} | null} */
  #held = null;

  /** @param {Desk} desk */
  constructor(desk) {
    this.#desk = desk;
  }

  /** @param {Sample} sample */
  press(sample) {
    const { box } = this.#desk.document;
    const grip = this.#gripAt(sample);
    if (!grip && !holds(box, sample)) return false;
    this.#held = { before: box, from: { x: sample.x, y: sample.y }, grip };
    return true;
  }

  /** @param {Sample[]} samples */
  drag(samples) {
    const last = samples.at(-1);
    if (!this.#held || !last) return;
    const { before, from, grip } = this.#held;
    const by = { x: last.x - from.x, y: last.y - from.y };
    this.#desk.showBox(grip ? this.#resized(before, grip, by) : this.#moved(before, by));
  }

  release() {
    const before = this.#held?.before;
    this.#held = null;
    if (before && !isSame(before, this.#desk.document.box)) this.#desk.noteBox(before);
  }

  cancel() {
    if (this.#held) this.#desk.showBox(this.#held.before);
    this.#held = null;
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {KeyboardEvent} event
   */
  nudge(x, y, { shiftKey }) {
    const { box } = this.#desk.document;
    const { multiple } = this.#desk.limits;
    const after = shiftKey
      ? this.#desk.boxAt({ ...box, width: box.width + x * multiple, height: box.height + y * multiple })
      : this.#moved(box, { x: x * GRID, y: y * GRID });
    if (isSame(box, after)) return true;
    this.#desk.showBox(after);
    this.#desk.noteBox(box, "nudge-box");
    announce(
      fill(gettext("Box: %(width)s × %(height)s at %(x)s, %(y)s"), { ...after }),
    );
    return true;
  }

  /**
   * @param {Rect} box
   * @param {Point} by
   */
  #moved(box, by) {
    return this.#desk.boxAt({ ...box, x: box.x + by.x, y: box.y + by.y });
  }

  /**
   * @param {Rect} box
   * @param {Grip} grip
   * @param {Point} by
   * @returns {Rect} the side across from the handle stays
   */
  #resized(box, grip, by) {
    const width = box.width + grip.x * by.x;
    const height = box.height + grip.y * by.y;
    const sized = this.#desk.boxAt({ ...box, width, height });
    return this.#desk.boxAt({
      ...sized,
      x: grip.x < 0 ? box.x + box.width - sized.width : box.x,
      y: grip.y < 0 ? box.y + box.height - sized.height : box.y,
    });
  }

  /**
   * @param {Sample} sample
   * @returns {Grip | null}
   */
  #gripAt({ x, y, isTouch }) {
    const { document, view } = this.#desk;
    const reach = (isTouch ? TOUCH_REACH : REACH) / view.scale;
    const near = (/** @type {Grip} */ grip) => {
      const at = gripPoint(document.box, grip);
      return Math.abs(at.x - x) <= reach && Math.abs(at.y - y) <= reach;
    };
    return GRIPS.find(near) ?? null;
  }

  /** @param {Sample} sample */
  cursorAt(sample) {
    const grip = this.#gripAt(sample);
    if (!grip) return holds(this.#desk.document.box, sample) ? "move" : "default";
    if (grip.x === 0) return "ns-resize";
    if (grip.y === 0) return "ew-resize";
    return grip.x === grip.y ? "nwse-resize" : "nesw-resize";
  }

  /**
   * @param {Context} context
   * @param {View} view
   * @param {{line: string, back: string}} colours
   */
  paint(context, view, { line, back }) {
    const box = view.toWindow(this.#desk.document.box);
    for (const grip of GRIPS) {
      const { x, y } = gripPoint(box, grip);
      context.fillStyle = line;
      context.strokeStyle = back;
      context.lineWidth = 1.5;
      context.beginPath();
      context.roundRect(x - HANDLE / 2, y - HANDLE / 2, HANDLE, HANDLE, 2);
      context.fill();
      context.stroke();
    }
  }
}

/**
 * @param {Rect} box
 * @param {Grip} grip
 * @returns {Point}
 */
function gripPoint({ x, y, width, height }, grip) {
  return { x: x + (width * (grip.x + 1)) / 2, y: y + (height * (grip.y + 1)) / 2 };
}
