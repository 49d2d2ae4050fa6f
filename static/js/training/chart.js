// @ts-check
/** The losses of a training as a drawing: each step, and a smoothed line over them. */

import { fill, formatNumber } from "../i18n.js";

const SPACE = "http://www.w3.org/2000/svg";
const WIDTH = 720;
const HEIGHT = 260;
const LEFT = 56;
const RIGHT = 692;
const TOP = 12;
const BOTTOM = 228;
const TICKS = 4;
/** What is left of the mean so far at each point. */
const SMOOTHING = 0.9;

const small = new Intl.NumberFormat(document.documentElement.lang || "en", {
  maximumSignificantDigits: 3,
});

/** @typedef {[number, number]} Point step and loss */

/**
 * @param {Point[]} points
 * @returns {Point[]}
 */
export function smoothed(points) {
  let mean = points[0]?.[1] ?? 0;
  return points.map(([step, loss], index) => {
    // The first ones know little: their own mean is nearer than one of many.
    const kept = Math.min(SMOOTHING, index / (index + 1));
    mean = kept * mean + (1 - kept) * loss;
    return [step, mean];
  });
}

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {string} [text]
 */
function draw(tag, attributes, text) {
  const element = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  if (text !== undefined) element.textContent = text;
  return element;
}

/**
 * @param {number} most
 * @returns {number} a round number at or above it
 */
function roundUp(most) {
  const unit = 10 ** Math.floor(Math.log10(most));
  return ([1, 2, 2.5, 5, 10].find((each) => each * unit >= most) ?? 10) * unit;
}

export class LossChart {
  #place;
  #total;
  /** @type {Point[]} */
  #points = [];

  /**
   * @param {HTMLElement} place
   * @param {number} total the steps of the training
   */
  constructor(place, total) {
    this.#place = place;
    this.#total = total;
  }

  /** @param {Point[]} points all there are */
  show(points) {
    this.#points = [...points];
    this.#draw();
  }

  /** @param {Point[]} points what has come since; a step told again is the later one's */
  add(points) {
    const first = points[0]?.[0];
    if (first === undefined) return;
    this.#points = [...this.#points.filter(([step]) => step < first), ...points];
    this.#draw();
  }

  #draw() {
    const points = this.#points;
    const most = points.length ? roundUp(Math.max(...points.map(([, loss]) => loss), 1e-6)) : 1;
    /** @type {(step: number) => number} */
    const x = (step) => LEFT + ((RIGHT - LEFT) * step) / this.#total;
    /** @type {(loss: number) => number} */
    const y = (loss) => BOTTOM - ((BOTTOM - TOP) * Math.min(loss, most)) / most;
    const svg = draw("svg", {
      class: "losses__drawing",
      viewBox: `0 0 ${String(WIDTH)} ${String(HEIGHT)}`,
      role: "img",
      "aria-label": this.#inWords(),
    });
    for (let tick = 0; tick <= TICKS; tick += 1) {
      const loss = (most * tick) / TICKS;
      const step = Math.round((this.#total * tick) / TICKS);
      const at = y(loss);
      svg.append(
        draw("path", { class: "losses__line", d: `M${String(LEFT)} ${String(at)}H${String(RIGHT)}` }),
        draw(
          "text",
          { class: "losses__label losses__label--scale", x: LEFT - 8, y: at },
          small.format(loss),
        ),
        draw(
          "text",
          { class: "losses__label losses__label--axis", x: x(step), y: BOTTOM + 24 },
          formatNumber(step),
        ),
      );
    }
    /** @type {(each: Point[]) => string} */
    const path = (each) =>
      each.map(([step, loss], i) => `${i ? "L" : "M"}${x(step).toFixed(1)} ${y(loss).toFixed(1)}`).join("");
    svg.append(
      draw("path", { class: "losses__each", d: path(points) }),
      draw("path", { class: "losses__mean", d: path(smoothed(points)) }),
    );
    this.#place.replaceChildren(svg);
  }

  #inWords() {
    const last = smoothed(this.#points).at(-1);
    const first = smoothed(this.#points)[0];
    if (!last || !first) return gettext("No step is done yet.");
    return fill(gettext("Losses by step: %(first)s at the beginning, %(last)s at step %(step)s."), {
      first: small.format(first[1]),
      last: small.format(last[1]),
      step: formatNumber(last[0]),
    });
  }
}
