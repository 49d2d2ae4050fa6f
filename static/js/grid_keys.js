// @ts-check
/** The gallery by keyboard and mouse: move, select, act. */

import { nameOf } from "./tiles.js";
import { toastError } from "./toast.js";

/** @import {Grid} from "./grid.js" */
/** @import {PageLife} from "./page.js" */
/** @import {PageList} from "./page_list.js" */
/** @import {Selection} from "./selection.js" */

/** Nothing is written into these. */
const CHOICES = new Set(["radio", "checkbox", "range"]);

/**
 * @param {EventTarget | null} target
 * @returns {boolean} whether keys are for what is written there
 */
export function isField(target) {
  if (target instanceof HTMLInputElement) return !CHOICES.has(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

/** @returns {boolean} whether something lies over the page and has the keys */
export function isCovered() {
  return document.querySelector("dialog[open], .menu:popover-open") !== null;
}

/**
 * @param {object} gallery
 * @param {Grid} gallery.grid
 * @param {PageList} gallery.list
 * @param {Selection} gallery.selection
 * @param {PageLife} gallery.life
 * @param {(act: "trash" | "move") => void} gallery.onAct
 */
export function startGridKeys({ grid, list, selection, life, onAct }) {
  const { element } = grid;

  /** @param {number} position */
  function extend(position) {
    selection.extend(position).catch(toastError);
  }

  /**
   * @param {number} position
   * @param {boolean} extends_
   */
  function go(position, extends_) {
    if (extends_) selection.begin(grid.active);
    grid.focus(position);
    if (extends_) extend(grid.active);
  }

  /** @param {string} key */
  function targetOf(key) {
    const page = grid.rowsInView * grid.columns;
    const steps = /** @type {Record<string, number>} */ ({
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -grid.columns,
      ArrowDown: grid.columns,
      PageUp: -page,
      PageDown: page,
      Home: -Infinity,
      End: Infinity,
    });
    const step = steps[key];
    if (step === undefined) return null;
    const to = grid.active + step;
    // At the edge the arrows stay where they are.
    if (key.startsWith("Arrow") && (to < 0 || to >= list.length)) return grid.active;
    return Math.min(Math.max(to, 0), list.length - 1);
  }

  element.addEventListener("focusin", (event) => {
    if (!(event.target instanceof HTMLElement)) return;
    const position = list.positionOf(nameOf(event.target));
    if (position >= 0) grid.active = position;
  });

  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const to = targetOf(event.key);
    const tile = list.tileAt(grid.active);
    if (to !== null) go(to, event.shiftKey);
    else if (event.key === " " && tile) selection.toggle(tile);
    else return;
    event.preventDefault();
  });

  /** @param {KeyboardEvent} event */
  function press(event) {
    if (isField(event.target) || isCovered() || event.altKey) return;
    if (event.key.toLowerCase() === "a" && (event.ctrlKey || event.metaKey)) selection.addLoaded();
    else if (event.ctrlKey || event.metaKey) return;
    else if (event.key === "Escape" && selection.size > 0) selection.clear();
    else if (event.key === "Delete") onAct("trash");
    else if (event.key.toLowerCase() === "b") onAct("move");
    else return;
    event.preventDefault();
  }

  document.addEventListener("keydown", press, { signal: life.signal });

  // Before whoever opens pictures.
  element.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const tile = target?.closest(".tile");
    if (!(tile instanceof HTMLElement) || !nameOf(tile) || event.altKey) return;
    const isTap = event instanceof PointerEvent && event.pointerType === "touch";
    const isCheck = target?.closest(".tile__check");
    if (event.shiftKey) extend(list.positionOf(nameOf(tile)));
    else if (event.ctrlKey || event.metaKey || isCheck || (isTap && selection.size > 0)) {
      selection.toggle(tile);
    } else return;
    event.preventDefault();
    tile.focus({ preventScroll: true });
  });
}
