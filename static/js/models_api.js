// @ts-check
/** Installs of models in the JSON API. */

import { send } from "./api.js";

const ROOT = "/api/v1/models/installs";

/** @typedef {{id: string, done_bytes: number}} Install */
/**
 * @typedef {object} Announcement
 * @property {{file_name: string, size: number}} upload
 * @property {boolean} commercial_use
 * @property {string} [name]
 */

/**
 * @param {Announcement} announcement
 * @returns {Promise<Install>}
 */
export async function announceUpload(announcement) {
  const response = await send(ROOT, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(announcement),
  });
  return /** @type {Install} */ (await response.json());
}

/**
 * @param {string} id
 * @param {Blob} part
 * @param {number} start its first byte in a file of `total` bytes
 * @param {number} total
 * @returns {Promise<Install>}
 */
export async function sendPart(id, part, start, total) {
  const range = `bytes ${String(start)}-${String(start + part.size - 1)}/${String(total)}`;
  const response = await send(`${ROOT}/${id}/content`, {
    method: "PUT",
    headers: { "Content-Type": "application/octet-stream", "Content-Range": range },
    body: part,
  });
  return /** @type {Install} */ (await response.json());
}
