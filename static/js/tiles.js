// @ts-check
/** What a tile knows of its picture. */

/** @import {Facts} from "./types.js" */

/**
 * @param {HTMLElement} tile
 * @returns {string}
 */
export function nameOf(tile) {
  return tile.dataset.imageName ?? "";
}

/**
 * @param {HTMLElement} tile
 * @returns {Facts}
 */
export function factsOf(tile) {
  const { board, rating, starred, tags } = tile.dataset;
  return {
    name: nameOf(tile),
    board: board ?? "none",
    starred: starred !== undefined,
    rating: Number(rating ?? 0),
    tags: tags ? tags.split(",") : [],
  };
}

/**
 * @param {HTMLElement} tile
 * @param {Partial<Facts>} facts
 */
export function changeTile(tile, { board, rating, starred, tags }) {
  if (board !== undefined) put(tile, "board", board === "none" ? null : board);
  if (rating !== undefined) put(tile, "rating", rating ? String(rating) : null);
  if (starred !== undefined) put(tile, "starred", starred ? "" : null);
  if (tags !== undefined) put(tile, "tags", tags.length > 0 ? tags.join(",") : null);
}

/**
 * @param {HTMLElement} tile
 * @param {string} name
 * @param {string | null} value
 */
function put(tile, name, value) {
  if (value === null) delete tile.dataset[name];
  else tile.dataset[name] = value;
}

/**
 * Read tiles out of what the server rendered.
 *
 * @param {DocumentFragment} part
 * @returns {{tiles: HTMLElement[], next: string | null}} `next` is where the list goes on
 */
export function readTiles(part) {
  const more = part.querySelector(".more");
  return {
    tiles: /** @type {HTMLElement[]} */ (Array.from(part.querySelectorAll(".tile"))),
    next: (more instanceof HTMLElement && more.dataset.cursor) || null,
  };
}
