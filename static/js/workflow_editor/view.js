// @ts-check
/** Where the graph lies in the window. */

import { View } from "../canvas/view.js";

/** @import {Point, Rect} from "../canvas/geometry.js" */

const LEAST = 0.08;
const MOST = 2;
const MARGIN = 48;
const READABLE = 0.6;

export class GraphView extends View {
  /**
   * @override
   * @param {number} factor
   * @param {Point} [at]
   */
  zoom(factor, at) {
    super.zoom(Math.min(MOST, Math.max(LEAST, this.scale * factor)) / this.scale, at);
  }

  /**
   * Show all of `rect`, but nothing larger than it is.
   *
   * @override
   * @param {Rect} rect of the graph
   * @param {number} [below] how much of the window is covered at its lower edge
   */
  fit(rect, below = 0) {
    const across = (this.width - 2 * MARGIN) / Math.max(1, rect.width);
    const room = this.height - MARGIN - Math.max(MARGIN, below);
    const down = room / Math.max(1, rect.height);
    const scale = Math.min(1, Math.max(LEAST, Math.min(across, down)));
    this.scale = scale;
    const lower = Math.max(0, below - MARGIN) / 2;
    this.center({ x: rect.x + rect.width / 2, y: rect.y + rect.height / 2 + lower / scale });
  }

  /** @param {Rect} rect of the graph, of which the upper left is shown so large that it can be read */
  begin({ x, y }) {
    this.scale = READABLE;
    this.x = MARGIN / 2 - x * READABLE;
    this.y = MARGIN / 2 - y * READABLE;
    this.pan(0, 0);
  }

  /** @param {Point} point of the graph, which comes into the middle */
  center({ x, y }) {
    this.x = Math.round(this.width / 2 - x * this.scale);
    this.y = Math.round(this.height / 2 - y * this.scale);
    this.pan(0, 0);
  }

  /** @returns {Rect} what can be seen of the graph */
  get shown() {
    const { x, y } = this.toDocument({ x: 0, y: 0 });
    return { x, y, width: this.width / this.scale, height: this.height / this.scale };
  }
}
