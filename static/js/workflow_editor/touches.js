// @ts-check
/** Two fingers on the graph move and zoom the view. */

/** @import {Point} from "../canvas/geometry.js" */
/** @import {GraphView} from "./view.js" */

export class Touches {
  #view;
  #stage;
  #onSecond;
  /** @type {Map<number, Point>} */
  #fingers = new Map();

  /**
   * @param {GraphView} view
   * @param {HTMLElement} stage
   * @param {() => void} onSecond what one finger did is no more
   */
  constructor(view, stage, onSecond) {
    this.#view = view;
    this.#stage = stage;
    this.#onSecond = onSecond;
  }

  /**
   * @param {PointerEvent} event
   * @returns {boolean} whether it is one of two fingers
   */
  press(event) {
    this.#fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.#fingers.size < 2) return false;
    this.#onSecond();
    return true;
  }

  /**
   * @param {PointerEvent} event
   * @returns {boolean} whether it is one of two fingers
   */
  move(event) {
    const before = this.#fingers.get(event.pointerId);
    if (!before) return false;
    const now = { x: event.clientX, y: event.clientY };
    this.#fingers.set(event.pointerId, now);
    const other = [...this.#fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (!other) return false;
    const { left, top } = this.#stage.getBoundingClientRect();
    const ratio = distance(now, other) / Math.max(1, distance(before, other));
    this.#view.zoom(ratio, { x: (now.x + other.x) / 2 - left, y: (now.y + other.y) / 2 - top });
    // Each finger moves the middle by half.
    this.#view.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    return true;
  }

  /** @param {PointerEvent} event */
  release(event) {
    this.#fingers.delete(event.pointerId);
  }
}

/**
 * @param {Point} a
 * @param {Point} b
 */
function distance(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
