// @ts-check
/** A board in the shape of the picture on which rectangles are drawn, moved and stretched. */

import { make } from "../../dom.js";
import { fill, formatNumber } from "../../i18n.js";

/** @import {PageLife} from "../../page.js" */
/** @import {Box} from "./masks.js" */

const LEAST = 0.04;
const STEP = 0.02;

/**
 * @param {number} value
 * @param {number} least
 * @param {number} most
 */
function within(value, least, most) {
  return Math.min(Math.max(value, least), most);
}

/**
 * @param {{x: number, y: number}} one
 * @param {{x: number, y: number}} other
 * @returns {Box}
 */
function between(one, other) {
  return {
    x: Math.min(one.x, other.x),
    y: Math.min(one.y, other.y),
    width: Math.max(Math.abs(one.x - other.x), LEAST),
    height: Math.max(Math.abs(one.y - other.y), LEAST),
  };
}

/**
 * @param {Box} box
 * @returns {Box} inside the board
 */
function inside({ x, y, width, height }) {
  const [w, h] = [within(width, LEAST, 1), within(height, LEAST, 1)];
  return { x: within(x, 0, 1 - w), y: within(y, 0, 1 - h), width: w, height: h };
}

export class Rectangles {
  element = make("div", { class: "regions__board" });
  #life;
  #acts;
  /** @type {{box: Box, element: HTMLElement}[]} */
  #all = [];

  /**
   * @param {PageLife} life
   * @param {{canDraw: () => boolean, onDraw: (box: Box) => void, onChange: (at: number, box: Box) => void, onRemove: (at: number) => void, onChoose: (at: number) => void}} acts
   */
  constructor(life, acts) {
    this.#life = life;
    this.#acts = acts;
    this.element.addEventListener("pointerdown", (event) => this.#press(event));
  }

  /** @param {{width: number, height: number}} shape */
  useShape({ width, height }) {
    this.element.style.aspectRatio = `${width} / ${height}`;
    // A tall picture must not push the rest of the panel away.
    this.element.style.maxWidth = `${Math.min(1, width / height) * 100}%`;
  }

  /** @param {(Box | null)[]} boxes null has no rectangle to show */
  show(boxes) {
    while (this.#all.length > boxes.length) this.#all.pop()?.element.remove();
    boxes.forEach((box, at) => {
      const known = this.#all[at] ?? this.#make(at);
      known.element.hidden = box === null;
      if (box) this.#place(known, box);
    });
  }

  /** @param {number} at */
  focus(at) {
    this.#all[at]?.element.focus();
  }

  /** @param {number} at */
  #make(at) {
    const number = formatNumber(at + 1);
    const element = make(
      "div",
      {
        ...{ class: "regions__box", tabindex: "0", role: "group", "data-at": String(at) },
        "aria-label": fill(
          gettext(
            "Region %(number)s. Arrow keys move it, with Shift they stretch it, Delete removes it.",
          ),
          { number },
        ),
      },
      make("span", { class: "regions__number", "aria-hidden": "true" }, number),
      make("span", { class: "regions__corner", "aria-hidden": "true" }),
    );
    element.style.setProperty("--region", `var(--series-${(at % 6) + 1})`);
    element.addEventListener("keydown", (event) => this.#key(event, at));
    element.addEventListener("focus", () => this.#acts.onChoose(at));
    this.element.append(element);
    const known = { box: { x: 0, y: 0, width: 1, height: 1 }, element };
    this.#all[at] = known;
    return known;
  }

  /**
   * @param {{box: Box, element: HTMLElement}} known
   * @param {Box} box
   */
  #place(known, box) {
    known.box = box;
    const { style } = known.element;
    style.left = `${box.x * 100}%`;
    style.top = `${box.y * 100}%`;
    style.width = `${box.width * 100}%`;
    style.height = `${box.height * 100}%`;
  }

  /** @param {PointerEvent} event */
  #point({ clientX, clientY }) {
    const { left, top, width, height } = this.element.getBoundingClientRect();
    return {
      x: within((clientX - left) / width, 0, 1),
      y: within((clientY - top) / height, 0, 1),
    };
  }

  /** @param {PointerEvent} event */
  #press(event) {
    if (event.button !== 0 || !(event.target instanceof Element)) return;
    const from = this.#point(event);
    const pressed = event.target.closest(".regions__box");
    const at = pressed instanceof HTMLElement ? Number(pressed.dataset.at) : -1;
    const known = this.#all[at];
    if (known) {
      const { box } = known;
      known.element.focus();
      if (event.target.closest(".regions__corner")) {
        this.#drag(event, (to) => this.#move(at, between(box, to)));
      } else {
        this.#drag(event, (to) =>
          this.#move(at, inside({ ...box, x: box.x + to.x - from.x, y: box.y + to.y - from.y })),
        );
      }
    } else if (this.#acts.canDraw()) {
      const drawn = make("div", { class: "regions__box regions__box--new" });
      this.element.append(drawn);
      let box = between(from, from);
      this.#drag(
        event,
        (to) => {
          box = between(from, to);
          this.#place({ box, element: drawn }, box);
        },
        () => {
          drawn.remove();
          // A touch without a way is no rectangle.
          if (box.width > LEAST || box.height > LEAST) this.#acts.onDraw(inside(box));
        },
      );
    }
  }

  /**
   * @param {PointerEvent} event
   * @param {(to: {x: number, y: number}) => void} onMove
   * @param {() => void} [onEnd]
   */
  #drag(event, onMove, onEnd) {
    event.preventDefault();
    this.element.setPointerCapture(event.pointerId);
    const ending = new AbortController();
    const signal = AbortSignal.any([ending.signal, this.#life.signal]);
    this.element.addEventListener("pointermove", (moved) => onMove(this.#point(moved)), { signal });
    const end = () => {
      ending.abort();
      onEnd?.();
    };
    this.element.addEventListener("pointerup", end, { signal });
    this.element.addEventListener("pointercancel", end, { signal });
  }

  /**
   * @param {number} at
   * @param {Box} box
   */
  #move(at, box) {
    const known = this.#all[at];
    if (!known) return;
    this.#place(known, box);
    this.#acts.onChange(at, box);
  }

  /**
   * @param {KeyboardEvent} event
   * @param {number} at
   */
  #key(event, at) {
    const box = this.#all[at]?.box;
    if (!box) return;
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      event.stopPropagation();
      this.#acts.onRemove(at);
      return;
    }
    const way = {
      ...{ ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0] },
      ...{ ArrowUp: [0, -STEP], ArrowDown: [0, STEP] },
    }[event.key];
    if (!way) return;
    event.preventDefault();
    event.stopPropagation();
    const [x = 0, y = 0] = way;
    const moved = event.shiftKey
      ? {
          ...box,
          width: within(box.width + x, LEAST, 1 - box.x),
          height: within(box.height + y, LEAST, 1 - box.y),
        }
      : inside({ ...box, x: box.x + x, y: box.y + y });
    this.#move(at, moved);
  }
}
