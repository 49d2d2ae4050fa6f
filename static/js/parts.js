// @ts-check
/** Parts of pages, as the server renders them. */

/**
 * @param {string} path
 * @returns {Promise<Response>}
 */
async function ask(path) {
  const response = await fetch(path, { headers: { "HX-Request": "true" } });
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
