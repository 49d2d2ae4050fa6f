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

/**
 * List what this browser remembers, whoever wrote it.
 *
 * @param {readonly string[]} besides keys that are left out
 * @returns {Map<string, string>}
 */
export function remembered(besides) {
  /** @type {Map<string, string>} */
  const found = new Map();
  try {
    for (const name of Object.keys(localStorage)) {
      const key = name.startsWith("easel.") ? name.slice("easel.".length) : "";
      const value = recall(key);
      if (key && value !== null && !besides.includes(key)) found.set(key, value);
    }
  } catch {
    // A store that may not be read remembers nothing.
  }
  return found;
}

/** @param {Iterable<string>} keys */
export function forget(keys) {
  for (const key of keys) remember(key, null);
}

/** @param {ReadonlyMap<string, string>} values of `remembered` */
export function restore(values) {
  for (const [key, value] of values) remember(key, value);
}
