// @ts-check
/** The cover of a model: its own, or one drawn from its name. */

import { make } from "../dom.js";

/**
 * @param {string} text
 * @returns {number} 0 to 359, the same for the same text
 */
function hueOf(text) {
  let hash = 7;
  for (const letter of text) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 3600;
  return hash % 360;
}

/**
 * @param {{name: string, cover_url: string | null}} model
 * @returns {HTMLElement} of the size that its place gives it
 */
export function coverOf({ name, cover_url: url }) {
  if (url) {
    return make(
      "span",
      { class: "cover" },
      make("img", { src: url, alt: "", loading: "lazy", decoding: "async" }),
    );
  }
  const words = name.split(/[\s_-]+/).filter(Boolean);
  const initials = words.slice(0, 2).map((word) => Array.from(word)[0] ?? "");
  const cover = make(
    "span",
    { class: "cover cover--drawn", "aria-hidden": "true" },
    initials.join("").toUpperCase(),
  );
  cover.style.setProperty("--hue", String(hueOf(name)));
  return cover;
}
