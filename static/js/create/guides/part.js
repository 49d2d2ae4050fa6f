// @ts-check
/** A part of the guides, on a card that can be removed; what it is about is told by a subclass. */

import { byId, icon, make } from "../../dom.js";
import { fill } from "../../i18n.js";

/** @import {Desk} from "./desk.js" */

export class Part {
  /** @type {HTMLElement} */
  body = make("div", { class: "guide__body" });
  #hint = make("p", { class: "guide__hint", hidden: "" });
  #error;
  #remove;
  /** @type {() => void} */
  #onRemove = () => undefined;

  /**
   * @param {Desk} desk
   * @param {string} name a field of the request, as the item of the menu names it
   */
  constructor(desk, name) {
    this.desk = desk;
    this.name = name;
    const item = byId("guides-menu", HTMLElement).querySelector(`[data-part="${name}"]`);
    this.title = item?.querySelector(".guides-menu__title")?.textContent ?? name;
    this.needs = (item?.getAttribute("data-needs") ?? "").split(" ").filter(Boolean);
    const picture = item?.querySelector("use")?.getAttribute("href")?.replace("#icon-", "");
    const words = fill(gettext("Remove: %(part)s"), { part: this.title });
    this.#remove = make(
      "button",
      {
        ...{ class: "button button--quiet button--icon", type: "button" },
        ...{ "aria-label": words, title: words },
      },
      icon("close"),
    );
    this.#error = make("p", {
      ...{ class: "field__error", id: `${name}-error`, role: "alert" },
    });
    this.element = make(
      "section",
      { class: "guide", "data-part": name, "aria-label": this.title, tabindex: "-1" },
      make(
        "div",
        { class: "guide__head" },
        icon(picture ?? "plus"),
        make("h4", { class: "guide__title" }, this.title),
        this.#remove,
      ),
      this.#hint,
      this.body,
      this.#error,
    );
    this.#remove.addEventListener("click", () => this.#onRemove());
  }

  /** @param {() => void} act */
  onRemove(act) {
    this.#onRemove = act;
  }

  /** @returns {unknown} as the API takes it; undefined while something is missing */
  get value() {
    return undefined;
  }

  /** @returns {unknown} what is remembered: also what the chosen model does not take */
  get kept() {
    return this.value;
  }

  /**
   * Show what the API or a picture's metadata has of this part.
   *
   * @param {unknown} value
   */
  take(value) {
    void value;
  }

  /** Open at once what has to be chosen first, after the part was added by hand. */
  begin() {
    this.#remove.focus();
  }

  /** @returns {string} why it is not used at all with what else is chosen, empty if it is */
  get blocked() {
    return this.desk.lack(this.needs);
  }

  /** @returns {string} what is missing before it is used whole, empty if nothing is */
  get missing() {
    return "";
  }

  /** Something has changed around it: the model, the catalog, the size, another part. */
  refresh() {
    const words = this.blocked || this.missing;
    this.#hint.textContent = words;
    this.#hint.hidden = words === "";
    this.element.dataset.idle = String(words !== "");
  }

  /** @returns {Promise<void>} when all that is on its way to the server is there */
  settled() {
    return Promise.resolve();
  }

  /**
   * @param {string} path the rest of the name of the field that is wrong
   * @param {string[]} messages
   */
  showError(path, messages) {
    const said = this.#error.textContent;
    this.#error.textContent = [...(said ? [said] : []), ...messages].join(" ");
    const [, line, rest = ""] = /^(?:(\d+)\.)?(.*)$/.exec(path) ?? [];
    const scope = line ? this.element.querySelectorAll("[data-line]")[Number(line)] : this.element;
    const field = scope?.querySelector(`[data-path="${CSS.escape(rest)}"]`);
    if (!(field instanceof HTMLElement)) return;
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", this.#error.id);
  }

  clearError() {
    this.#error.textContent = "";
    for (const field of this.element.querySelectorAll("[aria-invalid]")) {
      field.removeAttribute("aria-invalid");
    }
  }
}

/**
 * @param {unknown} value
 * @returns {Record<string, unknown>} empty if it is no object
 */
export function objectOf(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}

/**
 * @param {unknown} value
 * @param {number} fallback
 * @returns {number}
 */
export function numberOf(value, fallback) {
  return typeof value === "number" && Number.isFinite(value) ? value : fallback;
}

/**
 * @param {unknown} value
 * @returns {string} empty if it is none
 */
export function textOf(value) {
  return typeof value === "string" ? value : "";
}

/**
 * @param {unknown} value
 * @returns {Record<string, unknown>[]}
 */
export function objectsOf(value) {
  return Array.isArray(value) ? value.map(objectOf) : [];
}

/**
 * @param {unknown} value
 * @returns {string[]}
 */
export function textsOf(value) {
  return Array.isArray(value) ? value.map(textOf).filter(Boolean) : [];
}
