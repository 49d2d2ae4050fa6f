// @ts-check
/** A style for the prompt: chosen from cards, shown as a chip, put around the prompt by the server. */

import { byId, icon, make } from "../dom.js";
import { fill } from "../i18n.js";
import { recallObject, remember } from "../storage.js";
import { listStyles } from "./create_api.js";

/** @import {PageLife} from "../page.js" */
/** @import {StylePreset} from "../types.js" */

/** @typedef {Pick<StylePreset, "id" | "name">} ChosenStyle */

const AWAITED = 8;
/** Hues for cards without a cover, so that each style keeps its own. */
const HUES = 12;

/**
 * @param {string} name
 * @returns {number}
 */
function hueOf(name) {
  const sum = Array.from(name).reduce((total, letter) => total + (letter.codePointAt(0) ?? 0), 0);
  return sum % HUES;
}

export class StylePicker {
  #button = byId("style-open", HTMLButtonElement);
  #chip = byId("style-chosen", HTMLElement);
  #life;
  #onChange;
  /** @type {ChosenStyle | null} */
  #style = null;

  /**
   * @param {PageLife} life
   * @param {() => void} onChange
   */
  constructor(life, onChange) {
    this.#life = life;
    this.#onChange = onChange;
    const { signal } = life;
    this.#button.addEventListener("click", () => this.open(), { signal });
    byId("style-remove", HTMLElement).addEventListener(
      "click",
      () => {
        this.use(null);
        this.#button.focus();
      },
      { signal },
    );
    const { id, name } = recallObject("style");
    if (typeof id === "string" && typeof name === "string") this.#style = { id, name };
    this.#show();
  }

  /** @returns {string | null} the id of the style */
  get value() {
    return this.#style?.id ?? null;
  }

  /** @param {ChosenStyle | null} style */
  use(style) {
    this.#style = style && { id: style.id, name: style.name };
    remember("style", this.#style && JSON.stringify(this.#style));
    this.#show();
    this.#onChange();
  }

  open() {
    const closing = new AbortController();
    const { signal } = closing;
    const close = make("button", {
      class: "button button--quiet button--icon",
      type: "button",
      "aria-label": gettext("Close"),
      title: gettext("Close"),
    });
    close.append(icon("close"));
    const cards = make("div", { class: "styles__cards", role: "group" });
    const dialog = make(
      "dialog",
      { class: "dialog styles", "aria-label": gettext("Choose a style") },
      make(
        "div",
        { class: "styles__head" },
        make("h2", { class: "dialog__title" }, gettext("Choose a style")),
        close,
      ),
      make(
        "p",
        { class: "styles__note" },
        gettext("A style adds words around your prompt when the picture is made."),
      ),
      cards,
    );
    const end = () => {
      if (signal.aborted) return;
      closing.abort();
      dialog.close();
      dialog.remove();
    };
    this.#life.signal.addEventListener("abort", end, { signal });
    close.addEventListener("click", end);
    dialog.addEventListener("close", end);
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) end();
    });
    dialog.addEventListener("keydown", (event) => move(cards, event));
    document.body.append(dialog);
    dialog.showModal();
    void this.#fill(cards, end);
  }

  /**
   * @param {HTMLElement} cards
   * @param {() => void} end
   */
  async #fill(cards, end) {
    const awaited = Array.from({ length: AWAITED }, () =>
      make("div", { class: "styles__awaited skeleton", "aria-hidden": "true" }),
    );
    cards.replaceChildren(...awaited);
    try {
      const styles = await listStyles();
      const none = this.#card(null, end);
      cards.replaceChildren(none, ...styles.map((style) => this.#card(style, end)));
      const chosen = cards.querySelector('[aria-pressed="true"]');
      if (chosen instanceof HTMLElement) chosen.focus();
    } catch (error) {
      const words = error instanceof Error ? error.message : "";
      cards.replaceChildren(make("p", { class: "field__error" }, words));
    }
  }

  /**
   * @param {StylePreset | null} style
   * @param {() => void} end
   */
  #card(style, end) {
    const name = style?.name ?? gettext("No style");
    const cover = style?.cover_url
      ? make("img", { src: style.cover_url, alt: "", width: "160", height: "100", loading: "lazy" })
      : make("span", { class: "styles__letter" }, style ? name.slice(0, 1) : "–");
    const face = make("span", { class: "styles__cover", "aria-hidden": "true" }, cover);
    if (style) face.dataset.hue = String(hueOf(style.id));
    const card = make(
      "button",
      {
        class: "styles__card",
        type: "button",
        "aria-pressed": String((style?.id ?? null) === this.value),
        title: style?.prompt ?? "",
      },
      face,
      make("span", { class: "styles__name" }, name),
    );
    card.addEventListener("click", () => {
      end();
      this.use(style);
    });
    return card;
  }

  #show() {
    this.#chip.hidden = this.#style === null;
    if (!this.#style) return;
    byId("style-name", HTMLElement).textContent = fill(gettext("Style: %(name)s"), {
      name: this.#style.name,
    });
  }
}

/**
 * Walk over cards with the arrows.
 *
 * @param {HTMLElement} cards
 * @param {KeyboardEvent} event
 */
function move(cards, event) {
  // What a key means in the page it does not mean here.
  event.stopPropagation();
  const all = Array.from(cards.querySelectorAll("button"));
  const at = all.findIndex((card) => card === event.target);
  if (at < 0) return;
  const columns = getComputedStyle(cards).gridTemplateColumns.split(" ").length;
  const to = {
    ArrowRight: at + 1,
    ArrowLeft: at - 1,
    ArrowDown: at + columns,
    ArrowUp: at - columns,
    Home: 0,
    End: all.length - 1,
  }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  all[Math.max(0, Math.min(to, all.length - 1))]?.focus();
}
