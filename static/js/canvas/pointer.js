// @ts-check
/** Mouse, pen, fingers and arrow keys on the stage: what the tool gets, and what moves the view. */

import { announce } from "../dom.js";

/** @import {PageLife} from "../page.js" */
/** @import {Desk} from "./desk.js" */
/** @import {Point} from "./geometry.js" */
/** @import {Context} from "./surface.js" */
/** @import {View} from "./view.js" */

/**
 * @typedef {object} Sample a point of a movement, in the document
 * @property {number} x
 * @property {number} y
 * @property {number} pressure 0 to 1; 1 where the device knows none
 * @property {boolean} alt
 * @property {boolean} shift
 * @property {boolean} isTouch
 */

/**
 * @typedef {object} Tool
 * @property {string} id
 * @property {"brush" | "cross" | "move" | "hand"} cursor
 * @property {boolean} [isSteered] whether arrow keys move a cross that it works at
 * @property {(sample: Sample) => boolean} press whether it takes the movement
 * @property {(samples: Sample[]) => void} drag
 * @property {() => void} release
 * @property {() => void} cancel takes back what is under way
 * @property {(x: number, y: number, event: KeyboardEvent) => boolean} [nudge] by arrow keys, -1 to 1
 * @property {(context: Context, view: View, colours: {line: string, back: string}) => void} [paint]
 *   over the document, in the window
 * @property {(sample: Sample) => string} [cursorAt] the CSS cursor there
 */

const STEP = 8;
const LONG_STEP = 40;
// A hand that comes to rest beside the pen is no wish to paint.
const PEN_RULES_MS = 30_000;
const TWO_FINGERS_MS = 300;

export class Pointer {
  #desk;
  #area;
  #stage;
  #cursor;
  /** @type {Map<number, Point>} */
  #touches = new Map();
  /** @type {{id: number, mode: "tool" | "pan", last: Point, since: number} | null} */
  #held = null;
  #penAt = -Infinity;
  /** Where the cross of the arrow keys is, in the window. @type {Point | null} */
  #cross = null;
  #isCrossDown = false;
  #isSpaceHeld = false;

  /**
   * @param {Desk} desk
   * @param {{area: HTMLElement, stage: HTMLElement, cursor: HTMLElement}} elements
   * @param {PageLife} life
   */
  constructor(desk, { area, stage, cursor }, life) {
    this.#desk = desk;
    this.#area = area;
    this.#stage = stage;
    this.#cursor = cursor;
    const { signal } = life;
    area.addEventListener("pointerdown", (event) => this.#press(event), { signal });
    area.addEventListener("pointermove", (event) => this.#move(event), { signal });
    area.addEventListener("pointerup", (event) => this.#release(event, false), { signal });
    area.addEventListener("pointercancel", (event) => this.#release(event, true), { signal });
    area.addEventListener("pointerleave", () => this.#hideCursor(), { signal });
    area.addEventListener("contextmenu", (event) => event.preventDefault(), { signal });
    area.addEventListener("wheel", (event) => this.#wheel(event), { passive: false, signal });
    stage.addEventListener("blur", () => this.#endCross(), { signal });
    desk.listen(({ type }) => {
      if (type === "tool") this.#endCross();
      if (type === "tool" || type === "brush" || type === "view" || type === "staging") this.#show();
    });
    this.#show();
  }

  /** @param {boolean} isHeld the space bar, with which dragging moves the view */
  holdSpace(isHeld) {
    if (this.#isSpaceHeld === isHeld) return;
    this.#isSpaceHeld = isHeld;
    this.#show();
  }

  /**
   * Take a key that is meant for what is drawn on.
   *
   * @param {KeyboardEvent} event
   * @returns {boolean} whether it is one
   */
  pressKey(event) {
    const { tool, view, staging } = this.#desk;
    const way = {
      ArrowLeft: { x: -1, y: 0 },
      ArrowRight: { x: 1, y: 0 },
      ArrowUp: { x: 0, y: -1 },
      ArrowDown: { x: 0, y: 1 },
    }[event.key];
    if (way && !staging.isOpen) {
      if (tool?.nudge?.(way.x, way.y, event)) return true;
      const step = event.shiftKey ? LONG_STEP : STEP;
      if (tool?.isSteered) this.#steer(way.x * step, way.y * step);
      else view.pan(-way.x * step, -way.y * step);
      return true;
    }
    if (event.key === "Enter" && tool?.isSteered && !staging.isOpen) {
      this.#pressCross(event);
      return true;
    }
    if (event.key === "Escape" && (this.#cross || this.#held)) {
      tool?.cancel();
      this.#held = null;
      this.#endCross();
      return true;
    }
    return false;
  }

  /** @param {MouseEvent} event */
  #at(event) {
    const { left, top } = this.#area.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  /**
   * @param {PointerEvent} event
   * @returns {Sample}
   */
  #sample(event) {
    const pressure = event.pointerType === "pen" ? event.pressure : 1;
    return {
      ...this.#desk.view.toDocument(this.#at(event)),
      pressure,
      alt: event.altKey,
      shift: event.shiftKey,
      isTouch: event.pointerType === "touch",
    };
  }

  /** @param {PointerEvent} event */
  #press(event) {
    event.preventDefault();
    this.#stage.focus({ preventScroll: true });
    this.#endCross();
    const isTouch = event.pointerType === "touch";
    const at = this.#at(event);
    if (event.pointerType === "pen") this.#penAt = event.timeStamp;
    if (isTouch) {
      this.#touches.set(event.pointerId, at);
      if (this.#touches.size === 2) this.#endTouch(event.timeStamp);
      if (this.#touches.size > 1) return;
    }
    if (this.#held || event.button > 1) return;
    try {
      this.#area.setPointerCapture(event.pointerId);
    } catch {
      // The pointer is gone already.
    }
    const mode = this.#pans(event) ? "pan" : "tool";
    if (mode === "tool" && !this.#desk.tool?.press(this.#sample(event))) return;
    this.#held = { id: event.pointerId, mode, last: at, since: event.timeStamp };
    this.#show();
  }

  /** @param {number} now a second finger came: the two move the view */
  #endTouch(now) {
    if (!this.#held || !this.#touches.has(this.#held.id)) return;
    const { mode, since } = this.#held;
    this.#held = null;
    if (mode !== "tool") return;
    // The first of two fingers was no stroke, unless it drew for a while.
    if (now - since < TWO_FINGERS_MS) this.#desk.tool?.cancel();
    else this.#desk.tool?.release();
  }

  /** @param {PointerEvent} event */
  #pans(event) {
    const { tool, finger, staging } = this.#desk;
    if (event.button === 1 || this.#isSpaceHeld || tool?.cursor === "hand" || staging.isOpen) return true;
    if (event.pointerType !== "touch") return false;
    return finger === "pan" || event.timeStamp - this.#penAt < PEN_RULES_MS;
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const at = this.#at(event);
    if (this.#touches.has(event.pointerId) && this.#touches.size > 1) {
      this.#pinch(event.pointerId, at);
      return;
    }
    if (this.#touches.has(event.pointerId)) this.#touches.set(event.pointerId, at);
    this.#showCursor(event, at);
    if (this.#held?.id !== event.pointerId) return;
    if (this.#held.mode === "pan") {
      this.#desk.view.pan(at.x - this.#held.last.x, at.y - this.#held.last.y);
      this.#held.last = at;
      return;
    }
    const events = event.getCoalescedEvents?.() ?? [];
    this.#desk.tool?.drag((events.length > 0 ? events : [event]).map((each) => this.#sample(each)));
  }

  /**
   * @param {number} id
   * @param {Point} at
   */
  #pinch(id, at) {
    const [a, b] = [...this.#touches.keys()];
    if (id !== a && id !== b) return;
    const before = /** @type {Point} */ (this.#touches.get(id));
    const other = /** @type {Point} */ (this.#touches.get(/** @type {number} */ (id === a ? b : a)));
    this.#touches.set(id, at);
    const { view } = this.#desk;
    // Each finger moves the middle by half.
    view.pan((at.x - before.x) / 2, (at.y - before.y) / 2);
    const ratio = distance(at, other) / Math.max(1, distance(before, other));
    view.zoom(ratio, { x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 });
  }

  /**
   * @param {PointerEvent} event
   * @param {boolean} isCancelled
   */
  #release(event, isCancelled) {
    this.#touches.delete(event.pointerId);
    if (this.#held?.id !== event.pointerId) return;
    const { mode } = this.#held;
    this.#held = null;
    if (mode === "tool" && isCancelled) this.#desk.tool?.cancel();
    else if (mode === "tool") this.#desk.tool?.release();
    if (event.pointerType === "pen") this.#penAt = event.timeStamp;
    this.#show();
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    const { view } = this.#desk;
    if (event.shiftKey && !event.ctrlKey) {
      view.pan(-(event.deltaX || event.deltaY), 0);
      return;
    }
    // A pinch on a trackpad comes as a wheel with Ctrl, in small steps.
    const speed = event.ctrlKey ? 0.01 : 0.002;
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    view.zoom(Math.exp(-event.deltaY * lines * speed), this.#at(event));
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  #steer(x, y) {
    const { view, tool } = this.#desk;
    const from = this.#cross ?? { x: view.width / 2, y: view.height / 2 };
    this.#cross = {
      x: Math.min(view.width, Math.max(0, from.x + (this.#cross ? x : 0))),
      y: Math.min(view.height, Math.max(0, from.y + (this.#cross ? y : 0))),
    };
    if (this.#isCrossDown) tool?.drag([this.#crossSample(false)]);
    this.#show();
  }

  /** @param {boolean} alt */
  #crossSample(alt) {
    const { view } = this.#desk;
    const at = this.#cross ?? { x: view.width / 2, y: view.height / 2 };
    return { ...view.toDocument(at), pressure: 1, alt, shift: false, isTouch: false };
  }

  /** @param {KeyboardEvent} event */
  #pressCross(event) {
    const { tool } = this.#desk;
    if (!this.#cross) this.#steer(0, 0);
    if (this.#isCrossDown) {
      this.#isCrossDown = false;
      tool?.release();
      announce(gettext("Tool up."));
    } else if (tool?.press(this.#crossSample(event.altKey))) {
      this.#isCrossDown = true;
      announce(gettext("Tool down: the arrow keys draw, Enter ends."));
    }
  }

  #endCross() {
    if (this.#isCrossDown) this.#desk.tool?.release();
    this.#isCrossDown = false;
    this.#cross = null;
    this.#hideCursor();
  }

  #hideCursor() {
    if (!this.#cross) this.#cursor.hidden = true;
  }

  /**
   * @param {PointerEvent} event
   * @param {Point} at
   */
  #showCursor(event, at) {
    const { tool, staging } = this.#desk;
    if (tool?.cursorAt) this.#area.style.cursor = tool.cursorAt(this.#sample(event));
    const isBrush = tool?.cursor === "brush" && event.pointerType !== "touch";
    this.#cursor.hidden = !isBrush || this.#isSpaceHeld || staging.isOpen;
    this.#put(at);
  }

  #show() {
    const { tool, staging } = this.#desk;
    const pans = this.#isSpaceHeld || this.#held?.mode === "pan" || staging.isOpen;
    const cursor = pans ? "hand" : (tool?.cursor ?? "cross");
    this.#stage.dataset.cursor = cursor;
    this.#stage.dataset.held = String(this.#held?.mode === "pan");
    this.#area.style.cursor = "";
    this.#cursor.dataset.cross = String(this.#cross !== null);
    if (cursor !== "brush" && !this.#cross) this.#cursor.hidden = true;
    if (this.#cross) {
      this.#cursor.hidden = false;
      this.#put(this.#cross);
    }
    const { brush, view } = this.#desk;
    const size = tool?.cursor === "brush" ? Math.max(3, brush.size * view.scale) : 0;
    this.#cursor.style.width = `${size}px`;
    this.#cursor.style.height = `${size}px`;
  }

  /** @param {Point} at */
  #put({ x, y }) {
    this.#cursor.style.transform = `translate(${x}px, ${y}px) translate(-50%, -50%)`;
  }
}

/**
 * @param {Point} a
 * @param {Point} b
 */
function distance(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
