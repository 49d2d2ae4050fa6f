// @ts-check
/** What of the document lies in the box: the picture, the mask, and where nothing is. */

import { drawLayers } from "./render.js";
import { shifted } from "./geometry.js";
import { blank, contextOf } from "./surface.js";

/** @import {CanvasDocument, Layer} from "./document.js" */
/** @import {Rect} from "./geometry.js" */

/** @typedef {{width: number, height: number}} Size */

/**
 * @typedef {object} Uncovered
 * @property {boolean} isEmpty the box: no picture covers any of it
 * @property {boolean} isFull the box: pictures cover all of it
 * @property {number} left how many columns, from that side on, no picture reaches into
 * @property {number} top
 * @property {number} right
 * @property {number} bottom
 */

// Half covered at the soft edge of a picture is covered.
const COVERED = 128;

/**
 * @param {CanvasDocument} document
 * @param {Rect} box
 */
export function pictureIn(document, box) {
  const canvas = blank(box.width, box.height);
  drawLayers(contextOf(canvas), document.layers, box, undefined, ["picture"]);
  return canvas;
}

/**
 * @param {Layer} layer
 * @param {Rect} box
 */
export function layerIn(layer, box) {
  const canvas = blank(box.width, box.height);
  const region = shifted(box, { x: -layer.x, y: -layer.y });
  layer.surface.draw(contextOf(canvas), { x: -region.x, y: -region.y }, region);
  return canvas;
}

/**
 * @param {CanvasDocument} document
 * @param {Rect} box
 * @returns {OffscreenCanvas | null} the masks that are shown, as alpha; null if nothing is masked
 */
export function masksIn(document, box) {
  const canvas = blank(box.width, box.height);
  const context = contextOf(canvas);
  // How strongly a mask is tinted is how it is shown, not what it says.
  for (const layer of document.ofKind("mask").filter(({ visible }) => visible)) {
    context.drawImage(layerIn(layer, box), 0, 0);
  }
  return alphasOf(canvas).some((alpha) => alpha > 0) ? canvas : null;
}

/**
 * @param {CanvasDocument} document
 * @param {Rect} box
 * @returns {Uncovered}
 */
export function uncoveredIn(document, box) {
  const { width, height } = box;
  const alphas = alphasOf(pictureIn(document, box));
  let [left, top, right, bottom] = [width, height, width, height];
  let covered = 0;
  for (let at = 0; at < alphas.length; at += 1) {
    if ((alphas[at] ?? 0) < COVERED) continue;
    const x = at % width;
    const y = (at - x) / width;
    covered += 1;
    if (x < left) left = x;
    if (width - 1 - x < right) right = width - 1 - x;
    if (y < top) top = y;
    if (height - 1 - y < bottom) bottom = height - 1 - y;
  }
  return { isEmpty: covered === 0, isFull: covered === alphas.length, left, top, right, bottom };
}

/**
 * @param {CanvasDocument} document
 * @param {Rect} box
 * @returns {OffscreenCanvas | null} as alpha what is to be painted anew: the masks, and where no
 *   picture is; null if that is nothing
 */
export function paintedAnewIn(document, box) {
  const picture = pictureIn(document, box);
  const alphas = alphasOf(picture);
  const masks = masksIn(document, box);
  if (!masks && !alphas.some((alpha) => alpha < COVERED)) return null;
  const canvas = masks ?? blank(box.width, box.height);
  const image = contextOf(canvas).getImageData(0, 0, box.width, box.height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let at = 0; at < alphas.length; at += 1) {
    if ((alphas[at] ?? 0) < COVERED) pixels[at] = 0xffffffff;
  }
  contextOf(canvas).putImageData(image, 0, 0);
  return canvas;
}

/**
 * @param {OffscreenCanvas} canvas
 * @param {Size} size
 * @param {string} [ground] the colour behind it
 * @returns {Promise<Blob>} a PNG of that size
 */
export function toPng(canvas, { width, height }, ground) {
  const sized = blank(width, height);
  const context = contextOf(sized);
  if (ground) {
    context.fillStyle = ground;
    context.fillRect(0, 0, width, height);
  }
  context.imageSmoothingQuality = "high";
  context.drawImage(canvas, 0, 0, width, height);
  return sized.convertToBlob({ type: "image/png" });
}

/** @param {OffscreenCanvas} canvas */
function alphasOf(canvas) {
  const { data } = contextOf(canvas).getImageData(0, 0, canvas.width, canvas.height);
  const alphas = new Uint8Array(canvas.width * canvas.height);
  for (let at = 0; at < alphas.length; at += 1) alphas[at] = data[at * 4 + 3] ?? 0;
  return alphas;
}
