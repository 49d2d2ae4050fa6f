// @ts-check
/** Small values kept in this browser; every one may be lost or refused without harm. */

/**
 * @param {string} key
 * @returns {string | null}
 */
export function recall(key) {
  try {
    return localStorage.getItem(`easel.${key}`);
  } catch {
    return null;
  }
}

/**
 * @param {string} key
 * @param {string | null} value null forgets
 */
export function remember(key, value) {
  try {
    if (value === null) localStorage.removeItem(`easel.${key}`);
    else localStorage.setItem(`easel.${key}`, value);
  } catch {
    // A full or forbidden store costs a convenience, nothing more.
  }
}

/**
 * Read a remembered object of plain strings and numbers.
 *
 * @param {string} key
 * @returns {Record<string, unknown>}
 */
export function recallObject(key) {
  try {
    /** @type {unknown} */
    const value = JSON.parse(recall(key) ?? "{}");
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
