// @ts-check
/** The page of a receipt: print it. */

import { byId } from "./dom.js";

/** @import {PageLife} from "./page.js" */

/** @param {PageLife} life */
export function start(life) {
  byId("print", HTMLButtonElement).addEventListener("click", () => window.print(), {
    signal: life.signal,
  });
}
