// @ts-check
/** Where the document lies in the window: scale and place, in CSS pixels. */

/** @import {Point, Rect} from "./geometry.js" */

const LEAST = 0.02;
const MOST = 32;
const MARGIN = 32;

export class View {
  scale = 1;
  x = 0;
  y = 0;
  width = 1;
  height = 1;
  #onChange;

  /** @param {() => void} onChange */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /**
   * Take a new size of the window; the middle stays in the middle.
   *
   * @param {number} width
   * @param {number} height
   */
  resize(width, height) {
    this.x += (width - this.width) / 2;
    this.y += (height - this.height) / 2;
    this.width = width;
    this.height = height;
    this.#onChange();
  }

  /**
   * @param {Point} point of the window
   * @returns {Point} of the document
   */
  toDocument({ x, y }) {
    return { x: (x - this.x) / this.scale, y: (y - this.y) / this.scale };
  }

  /**
   * @param {Rect} rect of the document
   * @returns {Rect} of the window
   */
  toWindow({ x, y, width, height }) {
    const { scale } = this;
    return {
      x: x * scale + this.x,
      y: y * scale + this.y,
      width: width * scale,
      height: height * scale,
    };
  }

  /**
   * Zoom so that what is at a point of the window stays there.
   *
   * @param {number} factor
   * @param {Point} [at] the middle if it is left out
   */
  zoom(factor, at = { x: this.width / 2, y: this.height / 2 }) {
    const scale = Math.min(MOST, Math.max(LEAST, this.scale * factor));
    const ratio = scale / this.scale;
    this.x = at.x - (at.x - this.x) * ratio;
    this.y = at.y - (at.y - this.y) * ratio;
    this.scale = scale;
    this.#onChange();
  }

  /** @param {number} scale around the middle */
  zoomTo(scale) {
    this.zoom(scale / this.scale);
    this.#settle();
  }

  /** Whole pixels lie on whole pixels where they can. */
  #settle() {
    this.x = Math.round(this.x);
    this.y = Math.round(this.y);
    this.#onChange();
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  pan(x, y) {
    this.x += x;
    this.y += y;
    this.#onChange();
  }

  /** @param {Rect} rect of the document, all of it in the window */
  fit(rect) {
    const margin = Math.min(MARGIN, this.width / 12, this.height / 12);
    const across = (this.width - 2 * margin) / Math.max(1, rect.width);
    const down = (this.height - 2 * margin) / Math.max(1, rect.height);
    // Small documents are looked at in whole multiples: their pixels stay squares.
    const scale = Math.min(across, down);
    this.scale = Math.min(MOST, Math.max(LEAST, scale > 2 ? Math.floor(scale) : scale));
    this.x = (this.width - rect.width * this.scale) / 2 - rect.x * this.scale;
    this.y = (this.height - rect.height * this.scale) / 2 - rect.y * this.scale;
    this.#settle();
  }
}
