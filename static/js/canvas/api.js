// @ts-check
/** The part of the JSON API that is about canvases. */

import { send } from "../api.js";

const ROOT = "/api/v1";

/**
 * @typedef {object} CanvasSummary
 * @property {string} id
 * @property {string} url
 * @property {string} name
 * @property {number} width
 * @property {number} height
 * @property {number} version counts the saves
 * @property {string | null} preview_url
 *
 * The document is what the editor makes and reads.
 * @typedef {CanvasSummary & {document: unknown}} Canvas
 */

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} body
 */
function sendJson(method, path, body) {
  return send(`${ROOT}/${path}`, {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

/**
 * @param {{image: string} | {width: number, height: number}} begin
 * @returns {Promise<Canvas>}
 */
export async function createCanvas(begin) {
  const response = await sendJson("POST", "canvases", begin);
  return /** @type {Promise<Canvas>} */ (response.json());
}

/**
 * @param {string} id
 * @returns {Promise<Canvas>}
 */
export async function getCanvas(id) {
  const response = await send(`${ROOT}/canvases/${id}`);
  return /** @type {Promise<Canvas>} */ (response.json());
}

/**
 * @param {string} id
 * @param {{version: number, document: unknown, preview?: string}} save
 * @returns {Promise<CanvasSummary>}
 */
export async function saveCanvas(id, save) {
  const response = await sendJson("PUT", `canvases/${id}`, save);
  return /** @type {Promise<CanvasSummary>} */ (response.json());
}

/**
 * @param {string} id
 * @param {string} name
 */
export async function renameCanvas(id, name) {
  await sendJson("PATCH", `canvases/${id}`, { name });
}

/**
 * @param {string} id
 * @returns {Promise<Canvas>}
 */
export async function duplicateCanvas(id) {
  const response = await send(`${ROOT}/canvases/${id}/duplicate`, { method: "POST" });
  return /** @type {Promise<Canvas>} */ (response.json());
}

/** @param {string} id */
export async function trashCanvas(id) {
  await send(`${ROOT}/canvases/${id}`, { method: "DELETE" });
}

/** @param {string} id */
export async function restoreCanvas(id) {
  await send(`${ROOT}/canvases/${id}/restore`, { method: "POST" });
}

/**
 * @param {string} id
 * @param {Blob} pixels a PNG
 * @returns {Promise<string>} the name that a save may give a layer
 */
export async function uploadLayer(id, pixels) {
  const body = new FormData();
  body.append("file", pixels, "layer.png");
  const response = await send(`${ROOT}/canvases/${id}/layers`, { method: "POST", body });
  const { name } = /** @type {{name: string}} */ (await response.json());
  return name;
}

/**
 * @param {string} id
 * @param {string} name
 * @returns {Promise<ImageBitmap>}
 */
export async function readLayer(id, name) {
  const response = await send(`${ROOT}/canvases/${id}/layers/${name}`);
  return createImageBitmap(await response.blob());
}
