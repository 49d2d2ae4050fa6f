// @ts-check
/** Parts of pages, as the server renders them. */

import { ApiError } from "./api.js";

/**
 * @param {string} path
 * @returns {Promise<Response>}
 */
async function ask(path) {
  let response;
  try {
    response = await fetch(path, { headers: { "HX-Request": "true" } });
  } catch {
    const detail = gettext("The server cannot be reached. Check the connection and try again.");
    throw new ApiError(0, { detail, code: "unreachable" });
  }
  // An ended session leads to the sign-in, which is no part of this page.
  if (response.redirected) location.assign(response.url);
  if (!response.ok || response.redirected) throw new Error(`${path}: ${response.status}`);
  return response;
}

/**
 * @param {string} path
 * @returns {Promise<DocumentFragment>}
 */
export async function fetchPart(path) {
  const response = await ask(path);
  return document.createRange().createContextualFragment(await response.text());
}

/**
 * @param {string} path
 * @returns {Promise<unknown>}
 */
export async function fetchFacts(path) {
  const response = await ask(path);
  return /** @type {Promise<unknown>} */ (response.json());
}
