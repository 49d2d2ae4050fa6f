// @ts-check
/** The document: its layers, bottom first, and the box that is painted anew. */

import { fill } from "../i18n.js";
import { shifted } from "./geometry.js";
import { blank, contextOf, placesIn, Surface, TILE } from "./surface.js";

/** @import {Rect} from "./geometry.js" */

/** @typedef {"picture" | "mask" | "control"} LayerKind */

/**
 * @typedef {object} LayerRecord
 * @property {string} id
 * @property {LayerKind} kind
 * @property {string} name
 * @property {boolean} visible
 * @property {number} opacity 0 to 1
 * @property {boolean} locked
 * @property {number} x
 * @property {number} y
 * @property {number} width
 * @property {number} height
 * @property {string | null} image the name that the server knows the pixels by
 */

/** @typedef {{version: 1, width: number, height: number, layers: LayerRecord[], box: Rect}} DocumentRecord */

/** The pixels of a layer that nothing was painted on. */
export const BLANK = Symbol("blank");

export class Layer {
  /** Stands for the pixels as they are: the same pixels, after undo say, have the same one. */
  revision = BLANK;
  /** What the server has: pixels, their frame, and with which save of the document. @type {{image: string, revision: symbol, frame: Rect, save: number} | null} */
  saved = null;

  /**
   * @param {Omit<LayerRecord, "image">} record
   * @param {Surface} [surface]
   */
  constructor({ id, kind, name, visible, opacity, locked, x, y, width, height }, surface) {
    this.id = id;
    this.kind = kind;
    this.name = name;
    this.visible = visible;
    this.opacity = opacity;
    this.locked = locked;
    /** Where the point 0, 0 of the surface lies in the document. */
    this.x = x;
    this.y = y;
    this.surface = surface ?? new Surface();
    /** The part of the surface that belongs to the layer. @type {Rect} */
    this.frame = { x: 0, y: 0, width, height };
  }

  /** @returns {Rect} in the document */
  get bounds() {
    return shifted(this.frame, this);
  }

  /**
   * @param {string} message translated, with a place for its name
   * @returns {string}
   */
  named(message) {
    return fill(message, { name: this.name });
  }

  /** @param {CanvasImageSource} picture drawn over the whole frame */
  fill(picture) {
    const { x, y, width, height } = this.frame;
    for (const place of placesIn(this.frame)) {
      const tile = this.surface.tile(place.key) ?? blank(TILE);
      contextOf(tile).drawImage(picture, x - place.x, y - place.y, width, height);
      this.surface.put(place.key, tile);
    }
    this.revision = Symbol("pixels");
  }

  /** @returns {OffscreenCanvas} the pixels of the frame */
  flat() {
    const { x, y, width, height } = this.frame;
    const canvas = blank(width, height);
    this.surface.draw(contextOf(canvas), { x: -x, y: -y }, this.frame);
    return canvas;
  }

  /**
   * @param {number} save the last save of the document
   * @returns {boolean} whether the server lacks these pixels
   */
  isChanged(save) {
    if (this.revision === BLANK) return false;
    // What was not in the document at its last save may be gone from the server.
    return this.saved?.revision !== this.revision || this.saved.save !== save;
  }

  /**
   * @param {number} save the last save of the document
   * @returns {LayerRecord} with the pixels that the server has, and where those lie
   */
  toRecord(save) {
    const kept = this.revision !== BLANK && this.saved?.save === save ? this.saved : null;
    const { id, kind, name, visible, opacity, locked } = this;
    const place = shifted(kept?.frame ?? this.frame, this);
    return { id, kind, name, visible, opacity, locked, ...place, image: kept?.image ?? null };
  }
}

export class CanvasDocument {
  /** @type {Layer[]} */
  layers = [];
  /** How often it was saved: see `Layer.saved`. */
  save = 0;

  /**
   * @param {number} width
   * @param {number} height
   * @param {Rect} box
   */
  constructor(width, height, box) {
    this.width = width;
    this.height = height;
    this.box = box;
  }

  /** @returns {Rect} */
  get page() {
    return { x: 0, y: 0, width: this.width, height: this.height };
  }

  /**
   * @param {DocumentRecord} record
   * @param {(layer: LayerRecord) => Promise<ImageBitmap | null>} readLayer
   */
  static async read(record, readLayer) {
    const read = new CanvasDocument(record.width, record.height, { ...record.box });
    const pictures = await Promise.all(
      record.layers.map((each) => (each.image === null ? null : readLayer(each))),
    );
    read.layers = record.layers.map((each, index) => {
      const layer = new Layer(each);
      const picture = pictures[index];
      if (!picture || each.image === null) return layer;
      layer.fill(picture);
      picture.close();
      const { revision, frame } = layer;
      layer.saved = { image: each.image, revision, frame, save: read.save };
      return layer;
    });
    return read;
  }

  /** @returns {DocumentRecord} */
  toRecord() {
    const { width, height, box } = this;
    const layers = this.layers.map((layer) => layer.toRecord(this.save));
    return { version: 1, width, height, layers, box: { ...box } };
  }

  /** @param {string} id */
  layer(id) {
    return this.layers.find((layer) => layer.id === id) ?? null;
  }

  /** @param {LayerKind} kind */
  ofKind(kind) {
    return this.layers.filter((layer) => layer.kind === kind);
  }
}
