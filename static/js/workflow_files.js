// @ts-check
/** Workflows in files: as JSON, or inside a PNG that a workflow of Easel made. */

import { toast } from "./toast.js";

/** @import {PageLife} from "./page.js" */
/** @import {Picture} from "./types.js" */

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const KEYWORD = "easel_workflow";

/**
 * @param {File} file
 * @returns {Promise<unknown>} the document in it, whatever that is; null if there is none
 */
export async function documentIn(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const text = isPng(bytes) ? textOfPng(bytes) : new TextDecoder().decode(bytes);
  if (text === null) return null;
  try {
    return /** @type {unknown} */ (JSON.parse(text));
  } catch {
    return null;
  }
}

/**
 * Offer to open the workflow that came with an uploaded picture, if it is one of Easel.
 *
 * @param {PageLife} life
 * @param {Picture} picture
 * @param {File} file
 */
export async function offerWorkflow(life, picture, file) {
  const found = await documentIn(file).catch(() => null);
  if (found === null || life.isOver) return;
  const address = `/workflows/new/?image=${encodeURIComponent(picture.image_name)}`;
  const act = { text: gettext("Open its workflow"), run: () => life.visit(address) };
  life.onEnd(toast(gettext("A workflow made this picture."), { act }));
}

/** @param {Uint8Array} bytes */
function isPng(bytes) {
  return SIGNATURE.every((byte, index) => bytes[index] === byte);
}

/**
 * Return the text of the chunk that carries the workflow; it is never compressed.
 *
 * @param {Uint8Array} bytes of a PNG
 * @returns {string | null}
 */
function textOfPng(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = SIGNATURE.length; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const data = bytes.subarray(at + 8, at + 8 + length);
    const end = data.indexOf(0);
    if (/^[it]TXt$/i.test(type) && new TextDecoder().decode(data.subarray(0, end)) === KEYWORD) {
      // In iTXt, two bytes on compression follow the keyword, then a language and its own keyword.
      const start = type === "iTXt" ? afterNul(data, afterNul(data, end + 3)) : end + 1;
      return new TextDecoder().decode(data.subarray(start));
    }
    at += 12 + length;
  }
  return null;
}

/**
 * @param {Uint8Array} data
 * @param {number} from
 */
function afterNul(data, from) {
  return data.indexOf(0, from) + 1;
}
