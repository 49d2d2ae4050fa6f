// @ts-check
/** What is asked of a model follows from what lies in the box: said in words, then as a request. */

import { uploadIntermediate } from "../api.js";

/** @import {CanvasEditor} from "./editor.js" */
/** @import {Rect} from "./geometry.js" */
/** @import {RunSettings} from "./run_panel.js" */

/**
 * `new`: nothing is there. `rework`: all is there, and nothing masked. `fill`: something is masked.
 * `extend`: a picture is there whole, and room beside it. `patch`: there are holes.
 *
 * @typedef {"new" | "rework" | "fill" | "extend" | "patch"} PlanKind
 * @typedef {{kind: PlanKind, isMasked: boolean}} Plan
 */

/** So fine is looked before the words are said. */
const LOOK = 96;
const SOLID = 128;

/** What a family must be able to do. @type {Readonly<Record<PlanKind, string>>} */
export const NEEDS = {
  new: "txt2img",
  rework: "img2img",
  fill: "inpaint",
  extend: "outpaint",
  patch: "inpaint",
};

/**
 * @param {Plan} plan
 * @returns {string}
 */
export function planInWords({ kind, isMasked }) {
  return {
    new: gettext("Makes a new picture in the box."),
    rework: gettext("Works over the picture in the box. Paint a mask to change a part alone."),
    fill: gettext("Fills the masked part. The rest stays as it is."),
    extend: gettext("Grows the picture into the empty part of the box."),
    patch: isMasked
      ? gettext("Fills the masked and the empty parts of the box.")
      : gettext("Fills the empty parts of the box."),
  }[kind];
}

/**
 * @param {CanvasEditor} editor
 * @returns {Promise<Plan>}
 */
export async function readPlan(editor) {
  const { isEmpty, isFull } = editor.uncoveredInBox();
  if (isEmpty) return { kind: "new", isMasked: false };
  const size = { width: LOOK, height: LOOK };
  const mask = await editor.maskInBox(size);
  if (isFull) return { kind: mask ? "fill" : "rework", isMasked: mask !== null };
  const picture = await pixelsOf(await editor.pictureInBox(size));
  const isMasked = mask !== null && masksCovered(picture, await pixelsOf(mask));
  return { kind: !isMasked && isWhole(picture) ? "extend" : "patch", isMasked };
}

/**
 * Upload what a plan needs and say what is asked for, in the terms of the API.
 *
 * @param {CanvasEditor} editor
 * @param {Plan} plan
 * @param {RunSettings} settings
 * @returns {Promise<Record<string, unknown>>}
 */
export async function makeRequest(editor, plan, { base, strength, feather, onlyMasked, controls }) {
  const { width, height } = editor.box;
  const request = { ...base, width, height };
  const start = await startOf(editor, plan, { strength, feather, onlyMasked });
  const followed = [];
  for (const { layer, model, isDrawing } of controls) {
    const image = await uploadIntermediate(await editor.controlInBox(layer));
    followed.push({ model, image, ...(isDrawing ? { preprocessor: "none" } : {}) });
  }
  return { ...request, ...start, ...(followed.length > 0 ? { controls: followed } : {}) };
}

/**
 * @param {CanvasEditor} editor
 * @param {Plan} plan
 * @param {Pick<RunSettings, "strength" | "feather" | "onlyMasked">} settings
 */
async function startOf(editor, { kind, isMasked }, { strength, feather, onlyMasked }) {
  if (kind === "new") return {};
  const picture = await editor.pictureInBox();
  if (kind === "rework") return { init_image: await uploadIntermediate(picture), strength };
  if (kind === "extend") {
    const { left, top, right, bottom } = editor.uncoveredInBox();
    const { width, height } = editor.box;
    const inner = { x: left, y: top, width: width - left - right, height: height - top - bottom };
    const init_image = await uploadIntermediate(await cut(picture, inner));
    // Of what is empty nothing is to be kept.
    return { init_image, outpaint: { left, top, right, bottom }, strength: 1 };
  }
  const mask = await editor.maskInBox();
  // Both were looked at a moment ago; nobody can have taken the mask away meanwhile but the user.
  if (!mask) return { init_image: await uploadIntermediate(picture), strength };
  const whole = kind === "patch" ? await filled(picture) : picture;
  return {
    init_image: await uploadIntermediate(whole),
    mask: { image: await uploadIntermediate(mask), feather, only_masked: onlyMasked },
    strength: kind === "patch" && !isMasked ? 1 : strength,
  };
}

/**
 * @param {Blob} blob
 * @returns {Promise<ImageData>}
 */
async function pixelsOf(blob) {
  const bitmap = await createImageBitmap(blob);
  const context = contextOf(bitmap.width, bitmap.height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, context.canvas.width, context.canvas.height);
}

/**
 * @param {ImageData} picture
 * @param {ImageData} mask
 * @returns {boolean} whether something of the picture itself is masked
 */
function masksCovered(picture, mask) {
  for (let at = 0; at < picture.data.length; at += 4) {
    // Both are soft at the edge of the picture, where neither says anything.
    if ((picture.data[at + 3] ?? 0) === 255 && (mask.data[at] ?? 0) >= SOLID) return true;
  }
  return false;
}

/**
 * @param {ImageData} picture
 * @returns {boolean} whether what is covered of it is a rectangle without holes
 */
function isWhole({ data, width, height }) {
  const isCovered = (/** @type {number} */ x, /** @type {number} */ y) =>
    (data[(y * width + x) * 4 + 3] ?? 0) >= SOLID;
  let [left, top, right, bottom, count] = [width, height, -1, -1, 0];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (!isCovered(x, y)) continue;
      count += 1;
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    }
  }
  return count > 0 && count === (right - left + 1) * (bottom - top + 1);
}

/**
 * @param {Blob} picture
 * @param {Rect} part
 * @returns {Promise<Blob>}
 */
async function cut(picture, { x, y, width, height }) {
  const bitmap = await createImageBitmap(picture, x, y, width, height);
  const context = contextOf(width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.canvas.convertToBlob({ type: "image/png" });
}

/**
 * Lay under the holes of a picture what is around them, coarser the further it is: a model that
 * begins with it keeps to the colours of the picture.
 *
 * @param {Blob} picture
 * @returns {Promise<Blob>}
 */
async function filled(picture) {
  const bitmap = await createImageBitmap(picture);
  const { width, height } = bitmap;
  const context = contextOf(width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0);
  context.globalCompositeOperation = "destination-over";
  for (let parts = 64; parts >= 1; parts /= 2) {
    const coarse = contextOf(parts, parts);
    coarse.imageSmoothingQuality = "high";
    coarse.drawImage(bitmap, 0, 0, parts, parts);
    // Half clear at the edges of holes; drawn often enough it is not.
    for (let times = 0; times < 4; times += 1) {
      context.drawImage(coarse.canvas, 0, 0, width, height);
    }
  }
  context.fillStyle = "gray";
  context.fillRect(0, 0, width, height);
  bitmap.close();
  return context.canvas.convertToBlob({ type: "image/png" });
}

/**
 * @param {number} width
 * @param {number} height
 */
function contextOf(width, height) {
  const context = new OffscreenCanvas(width, height).getContext("2d");
  if (!context) throw new Error("no 2d context");
  return context;
}
