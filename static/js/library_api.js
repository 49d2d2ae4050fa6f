// @ts-check
/** The part of the JSON API that is about pictures, in any number, and boards. */

import { send } from "./api.js";

/** @import {Day} from "./types.js" */

const ROOT = "/api/v1";
/** As many as one request may name. */
const MOST_NAMES = 1000;

/** What the document hears when pictures changed that a page of before had taken away. */
export const PICTURES_CHANGED = "pictures-changed";

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
 * @typedef {object} Outcome of an act on many pictures, of which a part may have failed
 * @property {string[]} done the names for which it was done
 * @property {unknown} error why not for the others, null if there are none
 */

/**
 * @param {string[]} names
 * @param {(names: string[]) => Promise<unknown>} act
 * @returns {Promise<Outcome>}
 */
async function inParts(names, act) {
  for (let start = 0; start < names.length; start += MOST_NAMES) {
    try {
      await act(names.slice(start, start + MOST_NAMES));
    } catch (error) {
      return { done: names.slice(0, start), error };
    }
  }
  return { done: names, error: null };
}

/**
 * @param {"star" | "unstar" | "rate" | "tag" | "untag" | "trash" | "restore"} act
 * @param {string[]} names
 * @param {{rating?: number, tags?: string[]}} [values]
 */
export function actOnPictures(act, names, values = {}) {
  return inParts(names, (images) => sendJson("POST", "images/acts", { act, images, ...values }));
}

/**
 * @param {string[]} names
 * @param {string} board its id, or "none"
 */
export function movePictures(names, board) {
  const path = `boards/${encodeURIComponent(board)}/images`;
  return inParts(names, (images) => sendJson("POST", path, { images }));
}

/** @type {Map<string, Promise<unknown>>} the last change of each picture that is under way */
const edits = new Map();

/**
 * Change a picture, after the changes of it before: sent at once, one could overtake another.
 *
 * @param {string} name
 * @param {{starred?: boolean, rating?: number, note?: string, tags?: string[]}} changes
 * @returns {Promise<void>}
 */
export function editPicture(name, changes) {
  const edit = (edits.get(name) ?? Promise.resolve()).then(async () => {
    await sendJson("PATCH", `images/${encodeURIComponent(name)}`, changes);
  });
  const ended = edit
    .catch(() => {})
    .then(() => {
      if (edits.get(name) === ended) edits.delete(name);
    });
  edits.set(name, ended);
  return edit;
}

/** @param {string} name */
export async function createBoard(name) {
  await sendJson("POST", "boards", { name });
}

/**
 * @param {string} id
 * @param {{name?: string, description?: string, is_archived?: boolean, is_auto_add?: boolean,
 *   cover?: string}} changes `cover` is the name of a picture on it
 */
export async function editBoard(id, changes) {
  await sendJson("PATCH", `boards/${encodeURIComponent(id)}`, changes);
}

/**
 * @param {string} id
 * @param {"keep" | "trash"} pictures what becomes of those on it
 */
export async function deleteBoard(id, pictures) {
  const path = `${ROOT}/boards/${encodeURIComponent(id)}?pictures=${pictures}`;
  await send(path, { method: "DELETE" });
}

/** @param {string[]} boards their ids, in the order to be */
export async function orderBoards(boards) {
  await sendJson("POST", "boards/order", { boards });
}

/**
 * @param {string} zone a time zone by its name
 * @returns {Promise<Day[]>} the days that have pictures, the newest first
 */
export async function listDays(zone) {
  const response = await send(`${ROOT}/boards/days?zone=${encodeURIComponent(zone)}`);
  return /** @type {Promise<Day[]>} */ (response.json());
}
