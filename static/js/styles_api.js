// @ts-check
/** The part of the JSON API that is about styles, wildcards and templates. */

import { send } from "./api.js";

/** @import {Picture} from "./types.js" */

const ROOT = "/api/v1";

/**
 * @typedef {object} Style
 * @property {string} id
 * @property {string} name
 * @property {string} prompt
 * @property {string} negative_prompt
 * @property {string | null} cover the name of a picture
 *
 * @typedef {{id: string, name: string, values: string[]}} Wildcard
 *
 * @typedef {object} Trial
 * @property {string} prompt a template
 * @property {string | null} preset
 * @property {number} count
 * @property {"random" | "all"} mode
 *
 * @typedef {{prompt: string, negative_prompt: string}} MadePrompt
 */

/**
 * @param {string} path
 * @param {string} [method]
 * @param {unknown} [body]
 * @returns {Promise<Response>}
 */
function ask(path, method, body) {
  if (!method) return send(`${ROOT}/${path}`);
  if (body === undefined) return send(`${ROOT}/${path}`, { method });
  return send(`${ROOT}/${path}`, {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

/**
 * @param {string} id
 * @returns {Promise<Style>}
 */
export async function getStyle(id) {
  return /** @type {Promise<Style>} */ ((await ask(`style-presets/${id}`)).json());
}

/**
 * @param {Omit<Style, "id">} style
 * @param {string | null} id of the one to change, null for a new one
 * @returns {Promise<Style>}
 */
export async function keepStyle(style, id) {
  const response = id
    ? await ask(`style-presets/${id}`, "PATCH", style)
    : await ask("style-presets", "POST", style);
  return /** @type {Promise<Style>} */ (response.json());
}

/** @param {string} id */
export async function deleteStyle(id) {
  await ask(`style-presets/${id}`, "DELETE");
}

/**
 * @param {string} id
 * @returns {Promise<Wildcard>}
 */
export async function getWildcard(id) {
  return /** @type {Promise<Wildcard>} */ ((await ask(`wildcards/${id}`)).json());
}

/**
 * @param {{name: string, values?: string[]}} wildcard values that are left out stay
 * @param {string | null} id of the one to change, null for a new one
 * @returns {Promise<Wildcard>}
 */
export async function keepWildcard(wildcard, id) {
  const response = id
    ? await ask(`wildcards/${id}`, "PATCH", wildcard)
    : await ask("wildcards", "POST", wildcard);
  return /** @type {Promise<Wildcard>} */ (response.json());
}

/** @param {string} id */
export async function deleteWildcard(id) {
  await ask(`wildcards/${id}`, "DELETE");
}

/**
 * @param {Trial} trial
 * @returns {Promise<MadePrompt[]>}
 */
export async function expandTemplate(trial) {
  const response = await ask("prompts/expand", "POST", trial);
  const made = /** @type {{prompts: MadePrompt[]}} */ (await response.json());
  return made.prompts;
}

/**
 * @param {number} limit
 * @returns {Promise<Picture[]>} the newest pictures
 */
export async function latestPictures(limit) {
  const response = await ask(`images?limit=${String(limit)}`);
  const page = /** @type {{results: Picture[]}} */ (await response.json());
  return page.results;
}
