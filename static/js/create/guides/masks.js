// @ts-check
/** Masks of rectangles: drawn here, kept as pictures, read again from them. */

import { getPicture, uploadIntermediate } from "../../api.js";
import { make } from "../../dom.js";

/**
 * A rectangle as parts of the sides of a picture, 0 to 1.
 *
 * @typedef {{x: number, y: number, width: number, height: number}} Box
 */

// Masks are scaled to the picture: more pixels than these say nothing more about a rectangle.
const LONGEST = 512;
const WHITE = 128;

/**
 * Keep a picture that is white in the box and black elsewhere.
 *
 * @param {Box} box
 * @param {{width: number, height: number}} shape of the picture to be made
 * @returns {Promise<string>} its name
 */
export async function uploadMask(box, shape) {
  const scale = Math.min(1, LONGEST / Math.max(shape.width, shape.height));
  const width = Math.round(shape.width * scale);
  const height = Math.round(shape.height * scale);
  const canvas = make("canvas", { width: String(width), height: String(height) });
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser does not draw");
  context.fillStyle = "black";
  context.fillRect(0, 0, width, height);
  context.fillStyle = "white";
  const left = Math.round(box.x * width);
  const top = Math.round(box.y * height);
  const right = Math.round((box.x + box.width) * width);
  const bottom = Math.round((box.y + box.height) * height);
  context.fillRect(left, top, Math.max(right - left, 1), Math.max(bottom - top, 1));
  const blob = await new Promise((/** @type {(blob: Blob | null) => void} */ resolve) => {
    canvas.toBlob(resolve, "image/png");
  });
  if (!blob) throw new Error("This browser writes no PNG");
  return uploadIntermediate(blob);
}

/**
 * Find the box around what is white in a mask.
 *
 * @param {string} name of a picture
 * @returns {Promise<Box | null>} null if nothing is
 */
export async function boxOfMask(name) {
  const { full_url: url } = await getPicture(name);
  const image = new Image();
  image.src = url;
  await image.decode();
  const { naturalWidth, naturalHeight } = image;
  const scale = Math.min(1, LONGEST / Math.max(naturalWidth, naturalHeight));
  const width = Math.max(1, Math.round(naturalWidth * scale));
  const height = Math.max(1, Math.round(naturalHeight * scale));
  const canvas = make("canvas", { width: String(width), height: String(height) });
  const context = canvas.getContext("2d");
  if (!context) return null;
  context.drawImage(image, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let at = 0; at < width * height; at += 1) {
    if ((data[at * 4] ?? 0) < WHITE) continue;
    const [x, y] = [at % width, Math.floor(at / width)];
    left = Math.min(left, x);
    top = Math.min(top, y);
    right = Math.max(right, x + 1);
    bottom = Math.max(bottom, y + 1);
  }
  if (right <= left) return null;
  return {
    ...{ x: left / width, y: top / height },
    ...{ width: (right - left) / width, height: (bottom - top) / height },
  };
}
