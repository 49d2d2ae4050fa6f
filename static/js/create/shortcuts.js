// @ts-check
/** The keys of a page, and the sheet that lists them: "?" opens it on every page that has some. */

import { icon, make } from "../dom.js";
import { recall, remember } from "../storage.js";

/** @import {PageLife} from "../page.js" */

export const IS_APPLE = /Mac|iPhone|iPad/.test(navigator.userAgent);
const TYPED_INTO =
  'textarea, select, input:not([type="range"], [type="radio"], [type="checkbox"], [type="file"])';
/** What stands on the key where its name is longer. */
const SIGNS = /** @type {Record<string, string>} */ ({
  Mod: IS_APPLE ? "⌘" : "Ctrl",
  Alt: IS_APPLE ? "⌥" : "Alt",
  Shift: "⇧",
  Enter: "↵",
  ArrowUp: "↑",
  ArrowDown: "↓",
  ArrowLeft: "←",
  ArrowRight: "→",
  Escape: "Esc",
  Delete: "Del",
});

/**
 * @typedef {object} Shortcut
 * @property {string | string[]} keys "s", "Shift+D", "Mod+Enter" (Ctrl, or ⌘ where that is used);
 *   of several any one will do
 * @property {string} label what it does, in the language of the page
 * @property {string} section the heading that it stands under
 * @property {(() => unknown) | null} act null if it is only listed: somebody else listens to it
 * @property {() => boolean} [when] whether there is anything to do now; else the key is left alone
 */

/**
 * @param {string} keys
 * @returns {HTMLElement} the keys as they stand on the keyboard
 */
export function drawKeys(keys) {
  const signs = partsOf(keys).map((part) => {
    const sign = SIGNS[part] ?? (part.length === 1 ? part.toUpperCase() : part);
    return make("kbd", { class: "keys__key" }, sign);
  });
  return make("span", { class: "keys" }, ...signs);
}

/**
 * @param {string} keys
 * @returns {string[]} the plus sign itself comes last, if it is the key
 */
function partsOf(keys) {
  if (keys === "+") return [keys];
  return keys.endsWith("++") ? [...keys.slice(0, -2).split("+"), "+"] : keys.split("+");
}

/**
 * Return the key that was meant: under a Korean keyboard the letter on it, not the syllable.
 *
 * @param {KeyboardEvent} event
 */
function keyOf(event) {
  const letter = /^Key([A-Z])$/.exec(event.code)?.[1];
  const isLatin = /^[\u0020-\u024f]$/.test(event.key);
  const key = letter && !isLatin ? letter : event.key;
  return key.length === 1 ? key.toLowerCase() : key;
}

/**
 * @param {KeyboardEvent} event
 * @param {string} keys
 */
function isPressed(event, keys) {
  const parts = partsOf(keys);
  const key = parts.pop() ?? "";
  const wanted = key.length === 1 ? key.toLowerCase() : key;
  // Which keys make a sign differs from country to country: "?" takes Shift on most.
  const isSign = wanted.length === 1 && !/[a-z0-9]/.test(wanted);
  const mod = IS_APPLE ? event.metaKey : event.ctrlKey;
  const other = IS_APPLE ? event.ctrlKey : event.metaKey;
  return (
    keyOf(event) === wanted &&
    mod === parts.includes("Mod") &&
    !other &&
    event.altKey === parts.includes("Alt") &&
    (isSign || event.shiftKey === parts.includes("Shift"))
  );
}

/**
 * @param {Shortcut} shortcut
 * @returns {string[]}
 */
function keysOf({ keys }) {
  return typeof keys === "string" ? [keys] : keys;
}

/** @param {string} keys */
function isSingle(keys) {
  return !/Mod|Alt/.test(keys);
}

class ShortcutTable {
  /** @type {Shortcut[]} */
  #shortcuts = [];
  /** @type {HTMLDialogElement | null} */
  #dialog = null;

  /** @param {PageLife} life */
  constructor(life) {
    document.addEventListener("keydown", (event) => this.#press(event), { signal: life.signal });
    life.onEnd(() => this.#dialog?.remove());
  }

  /** @param {Shortcut[]} shortcuts */
  add(shortcuts) {
    this.#shortcuts.push(...shortcuts);
  }

  open() {
    if (this.#dialog) return;
    const dialog = this.#build();
    this.#dialog = dialog;
    document.body.append(dialog);
    dialog.addEventListener("close", () => {
      dialog.remove();
      this.#dialog = null;
    });
    dialog.showModal();
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (event.defaultPrevented || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return;
    const { target } = event;
    const isTyped = target instanceof Element && target.matches(TYPED_INTO);
    if (!isTyped && isPressed(event, "?")) {
      event.preventDefault();
      this.open();
      return;
    }
    const areSinglesOff = recall("single-keys") === "off";
    const found = this.#shortcuts.find(
      (shortcut) =>
        shortcut.act &&
        keysOf(shortcut).some(
          (keys) => isPressed(event, keys) && !(isSingle(keys) && (isTyped || areSinglesOff)),
        ) &&
        (shortcut.when?.() ?? true),
    );
    if (!found) return;
    event.preventDefault();
    found.act?.();
  }

  #build() {
    const close = make("button", {
      class: "button button--quiet button--icon",
      type: "button",
      "aria-label": gettext("Close"),
      title: gettext("Close"),
    });
    close.append(icon("close"));
    const dialog = make(
      "dialog",
      { class: "dialog shortcuts", "aria-labelledby": "shortcuts-title" },
      make(
        "div",
        { class: "shortcuts__head" },
        make("h2", { class: "dialog__title", id: "shortcuts-title" }, gettext("Keyboard shortcuts")),
        close,
      ),
      make("div", { class: "shortcuts__sections" }, ...this.#sections()),
      this.#switch(),
    );
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
    return dialog;
  }

  #sections() {
    const help = { keys: "?", label: gettext("Show this list"), section: gettext("Everywhere") };
    const sections = Map.groupBy([...this.#shortcuts, help], ({ section }) => section);
    return Array.from(sections, ([name, shortcuts]) => {
      const rows = shortcuts.map((shortcut) => {
        const signs = [shortcut.keys].flat().map(drawKeys);
        return make(
          "div",
          { class: "shortcuts__row" },
          make("dt", { class: "shortcuts__label" }, shortcut.label),
          make("dd", { class: "shortcuts__keys" }, ...signs),
        );
      });
      return make(
        "section",
        { class: "shortcuts__section" },
        make("h3", { class: "shortcuts__name" }, name),
        make("dl", { class: "shortcuts__list" }, ...rows),
      );
    });
  }

  // Who speaks to the machine, or hits keys by chance, must be able to do without single keys.
  #switch() {
    const box = make("input", { type: "checkbox", class: "shortcuts__box" });
    box.checked = recall("single-keys") !== "off";
    box.addEventListener("change", () => remember("single-keys", box.checked ? null : "off"));
    return make(
      "label",
      { class: "shortcuts__switch" },
      box,
      gettext("Keys without Ctrl, ⌘ or Alt work too"),
    );
  }
}

/** @type {WeakMap<PageLife, ShortcutTable>} */
const tables = new WeakMap();
/** @type {ShortcutTable | null} the one of the page that is shown */
let current = null;

/**
 * Let keys act on the page until it ends, and list them in the sheet of help.
 *
 * Keys without Ctrl, ⌘ or Alt do nothing while one types, and a user may turn them off.
 *
 * @param {PageLife} life
 * @param {Shortcut[]} shortcuts
 */
export function registerShortcuts(life, shortcuts) {
  let table = tables.get(life);
  if (!table) {
    table = new ShortcutTable(life);
    tables.set(life, table);
    current = table;
    const ended = table;
    life.onEnd(() => {
      if (current === ended) current = null;
    });
  }
  table.add(shortcuts);
}

/** Show the keys of this page. */
export function openHelp() {
  current?.open();
}
