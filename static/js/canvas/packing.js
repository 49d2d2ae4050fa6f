// @ts-check
/** Tiles that wait in the history, packed: runs of equal pixels take eight bytes. */

import { blank, contextOf, TILE } from "./surface.js";

const PIXELS = TILE * TILE;

/** @typedef {OffscreenCanvas | Uint32Array<ArrayBuffer> | null} Kept a tile, packed or not, or none */

/**
 * @param {OffscreenCanvas} tile
 * @returns {Kept} the tile itself where packing would not halve it
 */
export function pack(tile) {
  const { data } = contextOf(tile).getImageData(0, 0, TILE, TILE);
  const pixels = new Uint32Array(data.buffer);
  const runs = new Uint32Array(PIXELS / 2);
  let length = 0;
  for (let at = 0; at < PIXELS; ) {
    if (length === runs.length) return tile;
    const pixel = pixels[at] ?? 0;
    let end = at + 1;
    while (end < PIXELS && pixels[end] === pixel) end += 1;
    runs[length] = end - at;
    runs[length + 1] = pixel;
    length += 2;
    at = end;
  }
  return length === 2 && runs[1] === 0 ? null : runs.slice(0, length);
}

/**
 * @param {Kept} kept
 * @returns {OffscreenCanvas | null}
 */
export function unpack(kept) {
  if (!(kept instanceof Uint32Array)) return kept;
  const image = new ImageData(TILE, TILE);
  const pixels = new Uint32Array(image.data.buffer);
  let at = 0;
  for (let index = 0; index < kept.length; index += 2) {
    const end = at + (kept[index] ?? 0);
    pixels.fill(kept[index + 1] ?? 0, at, end);
    at = end;
  }
  const tile = blank(TILE);
  contextOf(tile).putImageData(image, 0, 0);
  return tile;
}

/** @param {Kept} kept */
export function bytesOf(kept) {
  if (kept === null) return 0;
  return kept instanceof Uint32Array ? kept.byteLength : PIXELS * 4;
}
