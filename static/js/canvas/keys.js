// @ts-check
/** What the keys do in the editor. */

import { isWriting } from "./elements.js";

/** @import {PageLife} from "../page.js" */
/** @import {Desk} from "./desk.js" */
/** @import {LayerPanel} from "./layer_panel.js" */
/** @import {Pointer} from "./pointer.js" */
/** @import {ToolBar} from "./tool_bar.js" */

/** @type {Record<string, string>} */
const TOOL_OF_KEY = {
  b: "brush",
  e: "eraser",
  l: "lasso",
  r: "rectangle",
  p: "paint",
  i: "picker",
  v: "move",
  c: "box",
  h: "hand",
};

/**
 * @param {object} parts
 * @param {Desk} parts.desk
 * @param {HTMLElement} parts.stage
 * @param {ToolBar} parts.bar
 * @param {LayerPanel} parts.panel
 * @param {Pointer} parts.pointer
 * @param {PageLife} life
 */
export function startKeys({ desk, stage, bar, panel, pointer }, life) {
  const { signal } = life;
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.defaultPrevented || isWriting(event.target)) return;
      if (document.querySelector("dialog[open], [popover=auto]:popover-open")) return;
      if (press(event)) event.preventDefault();
    },
    { signal },
  );
  document.addEventListener(
    "keyup",
    (event) => {
      if (event.key === " ") pointer.holdSpace(false);
      if (letterOf(event) === "q") desk.staging.compare(false);
    },
    { signal },
  );
  addEventListener(
    "blur",
    () => {
      pointer.holdSpace(false);
      desk.staging.compare(false);
    },
    { signal },
  );

  /**
   * @param {KeyboardEvent} event
   * @returns {boolean} whether it means something here
   */
  function press(event) {
    const letter = letterOf(event);
    if (event.ctrlKey || event.metaKey) return pressWithControl(letter, event.shiftKey);
    const isOnStage = event.target === stage || event.target === document.body;
    if (desk.staging.isOpen && pressStaged(event.key, letter, isOnStage)) return true;
    if (isOnStage && pressOnStage(event)) return true;
    if (event.altKey) return false;
    return pressAnywhere(event.key, letter);
  }

  /**
   * @param {string} letter
   * @param {boolean} isShifted
   */
  function pressWithControl(letter, isShifted) {
    const { active } = desk;
    const isFree = active && !desk.staging.isOpen;
    if (letter === "z" && !isShifted) desk.undo();
    else if ((letter === "z" && isShifted) || letter === "y") desk.redo();
    else if (letter === "j" && isFree) desk.acts.duplicate(active);
    else if (letter === "e" && isFree) desk.acts.mergeDown(active);
    else if (letter === "i" && isFree && !isShifted) desk.acts.invert(active);
    else return false;
    return true;
  }

  /**
   * @param {string} key
   * @param {string} letter
   * @param {boolean} isOnStage
   */
  function pressStaged(key, letter, isOnStage) {
    if (letter === "q") desk.staging.compare(true);
    else if (!isOnStage) return false;
    else if (key === "ArrowLeft") desk.staging.step(-1);
    else if (key === "ArrowRight") desk.staging.step(1);
    else if (key === "Enter") desk.staging.accept();
    else if (key === "Escape" || key === "Delete") desk.staging.discard();
    else return false;
    return true;
  }

  /** @param {KeyboardEvent} event */
  function pressOnStage(event) {
    if (event.key === " ") pointer.holdSpace(true);
    else if (event.key === "Delete" || event.key === "Backspace") panel.removeActive();
    else return pointer.pressKey(event);
    return true;
  }

  /**
   * @param {string} key
   * @param {string} letter
   */
  function pressAnywhere(key, letter) {
    const tool = TOOL_OF_KEY[letter];
    if (tool) bar.choose(tool, true);
    else if (key === "[") bar.resize(-1);
    else if (key === "]") bar.resize(1);
    else if (key === "0") bar.zoom("fit");
    else if (key === "1") bar.zoom("full");
    else if (key === "+" || key === "=") bar.zoom("in");
    else if (key === "-") bar.zoom("out");
    else if (letter === "m") panel.add("mask");
    else return false;
    return true;
  }
}

/**
 * The letter of a key, where it stands on most keyboards while another script is written.
 *
 * @param {KeyboardEvent} event
 */
function letterOf({ key, code }) {
  if (/^[a-z]$/i.test(key)) return key.toLowerCase();
  return code.startsWith("Key") ? code.slice(3).toLowerCase() : "";
}
