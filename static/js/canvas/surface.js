// @ts-check
/**
 * Pixels without bounds, in tiles that exist where something was painted: growing to any side
 * moves nothing, and a step back is an exchange of the tiles that changed.
 */

/** @import {Point, Rect} from "./geometry.js" */

/** @typedef {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} Context */

export const TILE = 256;

/**
 * @param {OffscreenCanvas} canvas
 * @returns {OffscreenCanvasRenderingContext2D}
 */
export function contextOf(canvas) {
  // Pixels that are read and copied all the time are kept where that is cheap.
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("This browser has no 2D canvas");
  return context;
}

/**
 * @param {number} width
 * @param {number} [height]
 */
export function blank(width, height = width) {
  const canvas = new OffscreenCanvas(Math.max(1, width), Math.max(1, height));
  contextOf(canvas);
  return canvas;
}

/** @param {OffscreenCanvas} canvas */
export function copyOf(canvas) {
  const copy = blank(canvas.width, canvas.height);
  contextOf(copy).drawImage(canvas, 0, 0);
  return copy;
}

/** @typedef {{key: string, x: number, y: number}} Place a tile and where its corner lies */

/**
 * @param {Rect} rect
 * @returns {Place[]} the tiles that it touches
 */
export function placesIn(rect) {
  const places = [];
  const right = Math.ceil((rect.x + rect.width) / TILE);
  const bottom = Math.ceil((rect.y + rect.height) / TILE);
  for (let row = Math.floor(rect.y / TILE); row < bottom; row += 1) {
    for (let column = Math.floor(rect.x / TILE); column < right; column += 1) {
      places.push({ key: `${column},${row}`, x: column * TILE, y: row * TILE });
    }
  }
  return places;
}

export class Surface {
  /** @type {Map<string, OffscreenCanvas>} */
  #tiles = new Map();

  /** @param {string} key */
  tile(key) {
    return this.#tiles.get(key) ?? null;
  }

  /**
   * @param {string} key
   * @param {OffscreenCanvas | null} tile null where nothing is painted
   */
  put(key, tile) {
    if (tile) this.#tiles.set(key, tile);
    else this.#tiles.delete(key);
  }

  /**
   * Draw a part of it.
   *
   * @param {Context} context
   * @param {Point} origin where the point 0, 0 of this surface lies there
   * @param {Rect} region of this surface, in whole pixels
   */
  draw(context, origin, region) {
    for (const { key, x, y } of placesIn(region)) {
      const tile = this.#tiles.get(key);
      if (!tile) continue;
      const left = Math.max(x, region.x);
      const top = Math.max(y, region.y);
      const width = Math.min(x + TILE, region.x + region.width) - left;
      const height = Math.min(y + TILE, region.y + region.height) - top;
      const [toX, toY] = [origin.x + left, origin.y + top];
      context.drawImage(tile, left - x, top - y, width, height, toX, toY, width, height);
    }
  }

  get bytes() {
    return this.#tiles.size * TILE * TILE * 4;
  }

  copy() {
    const copy = new Surface();
    for (const [key, tile] of this.#tiles) copy.put(key, copyOf(tile));
    return copy;
  }
}
