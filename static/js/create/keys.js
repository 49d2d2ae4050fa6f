// @ts-check
/** The keys of the Create page, beside those of the prompt. */

import { RESULT_KEYS, resultLabels } from "./result.js";
import { registerShortcuts } from "./shortcuts.js";

/** @import {PageLife} from "../page.js" */
/** @import {Stage} from "../stage.js" */
/** @import {ResultAct} from "./result.js" */
/** @import {Shortcut} from "./shortcuts.js" */

/**
 * @typedef {object} PageKeys
 * @property {Stage} stage
 * @property {(by: 1 | -1) => void} stepInHistory
 * @property {() => void} openHistory
 * @property {() => void} openStyles
 * @property {() => void} pickStart
 * @property {() => void} swapSize
 * @property {() => void} toggleQueue
 * @property {() => void} togglePause
 * @property {(by: 1 | -1) => void} stepInStrip
 */

/**
 * @param {PageLife} life
 * @param {PageKeys} page
 */
export function registerPageKeys(life, page) {
  const prompt = gettext("Prompt");
  const picture = gettext("Settings");
  const queue = gettext("Queue");
  registerShortcuts(life, [
    {
      keys: "Alt+ArrowUp",
      label: gettext("Earlier prompt"),
      section: prompt,
      act: () => page.stepInHistory(1),
    },
    {
      keys: "Alt+ArrowDown",
      label: gettext("Later prompt"),
      section: prompt,
      act: () => page.stepInHistory(-1),
    },
    {
      keys: "H",
      label: gettext("Search earlier prompts"),
      section: prompt,
      act: page.openHistory,
    },
    { keys: "T", label: gettext("Choose a style"), section: prompt, act: page.openStyles },
    {
      keys: "G",
      label: gettext("Start image from the gallery"),
      section: picture,
      act: page.pickStart,
    },
    {
      keys: "Mod+V",
      label: gettext("Paste a start image"),
      section: picture,
      act: null,
    },
    { keys: "W", label: gettext("Swap width and height"), section: picture, act: page.swapSize },
    { keys: "Q", label: gettext("Open or close the queue"), section: queue, act: page.toggleQueue },
    { keys: "P", label: gettext("Pause or resume the queue"), section: queue, act: page.togglePause },
    {
      keys: "C",
      label: gettext("Cancel what is on the stage"),
      section: queue,
      act: () => page.stage.control("cancel")?.click(),
      when: () => page.stage.control("cancel") !== null,
    },
    {
      keys: "J",
      label: gettext("Older picture"),
      section: gettext("Stage"),
      act: () => page.stepInStrip(1),
    },
    {
      keys: "K",
      label: gettext("Newer picture"),
      section: gettext("Stage"),
      act: () => page.stepInStrip(-1),
    },
    ...resultKeys(page.stage),
  ]);
}

/**
 * @param {Stage} stage
 * @returns {Shortcut[]}
 */
function resultKeys(stage) {
  const labels = resultLabels();
  return /** @type {ResultAct[]} */ (Object.keys(RESULT_KEYS)).map((name) => ({
    keys: name === "remove" ? ["Delete", "Backspace"] : RESULT_KEYS[name],
    label: labels[name],
    section: gettext("Stage"),
    act: () => press(stage.control(name)),
    when: () => stage.control(name) !== null,
  }));
}

/** @param {HTMLElement | null} control */
function press(control) {
  if (control instanceof HTMLSelectElement) {
    control.focus();
    control.showPicker();
  } else control?.click();
}
