// @ts-check
/** A change of a layer's pixels: what it touches is copied first, and can be taken back. */

import { outward, union } from "./geometry.js";
import { bytesOf, pack, unpack } from "./packing.js";
import { blank, contextOf, copyOf, TILE } from "./surface.js";

/** @import {Layer} from "./document.js" */
/** @import {Rect} from "./geometry.js" */
/** @import {Kept} from "./packing.js" */

/** The tiles, the frame and the revision that a layer does not have at the moment. */
export class Patch {
  #layer;
  #kept;
  #frame;
  #revision;
  #area;

  /**
   * @param {Layer} layer
   * @param {Map<string, Kept>} kept
   * @param {Rect} frame
   * @param {symbol} revision
   * @param {Rect} area of the surface that differs
   */
  constructor(layer, kept, frame, revision, area) {
    this.#layer = layer;
    this.#kept = kept;
    this.#frame = frame;
    this.#revision = revision;
    this.#area = area;
  }

  get layer() {
    return this.#layer;
  }

  get area() {
    return this.#area;
  }

  get bytes() {
    let sum = 0;
    for (const kept of this.#kept.values()) sum += bytesOf(kept);
    return sum;
  }

  /** Exchange what it has with what the layer has: back, and the same once more is forth. */
  swap() {
    const { surface, frame, revision } = this.#layer;
    for (const [key, kept] of this.#kept) {
      const now = surface.tile(key);
      surface.put(key, unpack(kept));
      this.#kept.set(key, now);
    }
    this.#layer.frame = this.#frame;
    this.#layer.revision = this.#revision;
    this.#frame = frame;
    this.#revision = revision;
  }

  /**
   * Pack some of what is not packed: all at once would be felt.
   *
   * @param {number} most tiles
   * @returns {number} how many were looked at
   */
  pack(most) {
    let done = 0;
    for (const [key, kept] of this.#kept) {
      if (done === most) break;
      if (kept instanceof OffscreenCanvas) {
        this.#kept.set(key, pack(kept));
        done += 1;
      }
    }
    return done;
  }
}

export class Edit {
  #layer;
  /** @type {Map<string, OffscreenCanvas | null>} */
  #before = new Map();
  #frame;
  #revision;
  /** @type {Rect} */
  #area = { x: 0, y: 0, width: 0, height: 0 };

  /** @param {Layer} layer */
  constructor(layer) {
    this.#layer = layer;
    this.#frame = layer.frame;
    this.#revision = layer.revision;
  }

  /**
   * @param {string} key
   * @returns {OffscreenCanvas | null} the tile as it was before this edit
   */
  before(key) {
    const before = this.#before.get(key);
    return before === undefined ? this.#layer.surface.tile(key) : before;
  }

  /**
   * @param {string} key
   * @returns {OffscreenCanvasRenderingContext2D} to change that tile with
   */
  pen(key) {
    const { surface } = this.#layer;
    if (!this.#before.has(key)) {
      const before = surface.tile(key);
      this.#before.set(key, before);
      surface.put(key, before ? copyOf(before) : blank(TILE));
    }
    return contextOf(/** @type {OffscreenCanvas} */ (surface.tile(key)));
  }

  /** @param {Rect} area of the surface that was changed */
  touch(area) {
    this.#area = union(this.#area, outward(area));
  }

  /**
   * @param {boolean} [grows] whether the frame reaches around what was changed
   * @returns {Patch | null} null if it changed nothing
   */
  finish(grows = true) {
    if (this.#before.size === 0) return null;
    if (grows) this.#layer.frame = union(this.#layer.frame, this.#area);
    this.#layer.revision = Symbol("pixels");
    return new Patch(this.#layer, this.#before, this.#frame, this.#revision, this.#area);
  }

  /** @returns {Rect} what was taken back */
  cancel() {
    for (const [key, tile] of this.#before) this.#layer.surface.put(key, tile);
    return this.#area;
  }
}
