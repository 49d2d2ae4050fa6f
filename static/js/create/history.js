// @ts-check
/** The prompts of earlier: one by one with Alt and the arrows, or from a list that is searched. */

import { byId, make } from "../dom.js";
import { recall, remember } from "../storage.js";
import { placeBeside } from "./popup.js";
import { IS_APPLE } from "./shortcuts.js";

/** @import {PageLife} from "../page.js" */
/** @import {Prompts} from "../types.js" */

const MOST = 50;

/**
 * @param {Prompts} one
 * @param {Prompts} other
 */
function isSame(one, other) {
  return one.prompt === other.prompt && one.negative_prompt === other.negative_prompt;
}

/**
 * @param {unknown} value
 * @returns {value is Prompts}
 */
function isPrompts(value) {
  return (
    typeof value === "object" &&
    value !== null &&
    "prompt" in value &&
    typeof value.prompt === "string" &&
    "negative_prompt" in value &&
    typeof value.negative_prompt === "string"
  );
}

/**
 * @param {string} key
 * @returns {Prompts[]}
 */
function read(key) {
  try {
    /** @type {unknown} */
    const kept = JSON.parse(recall(key) ?? "[]");
    return Array.isArray(kept) ? kept.filter(isPrompts).slice(0, MOST) : [];
  } catch {
    return [];
  }
}

export class PromptHistory {
  #popup = byId("history", HTMLElement);
  #button = byId("history-open", HTMLButtonElement);
  #search = byId("history-search", HTMLInputElement);
  #list = byId("history-list", HTMLElement);
  #empty = byId("history-empty", HTMLElement);
  #clear = byId("history-clear", HTMLButtonElement);
  /** One machine may serve several people, who must not see what others wrote. */
  #key = `prompts.${document.body.dataset.userId ?? ""}`;
  /** @type {Prompts[]} the newest first */
  #own = read(this.#key);
  /** @type {Prompts[]} of jobs that were asked for elsewhere */
  #others = [];
  /** How far back one has gone; -1 is what is being written. */
  #at = -1;
  /** @type {Prompts} */
  #draft = { prompt: "", negative_prompt: "" };
  #active = 0;
  #composer;

  /**
   * @param {PageLife} life
   * @param {{read: () => Prompts, write: (prompts: Prompts) => void}} composer
   */
  constructor(life, composer) {
    this.#composer = composer;
    const { signal } = life;
    const keys = IS_APPLE ? "⌥ ↑ ↓" : "Alt ↑ ↓";
    byId("history-keys", HTMLElement).textContent = `${keys} · ↵ · Esc`;
    this.#button.addEventListener("click", () => this.toggle(), { signal });
    this.#popup.addEventListener(
      "toggle",
      (event) => {
        const isOpen = event.newState === "open";
        this.#button.setAttribute("aria-expanded", String(isOpen));
        if (!isOpen && document.activeElement === document.body) this.#button.focus();
      },
      { signal },
    );
    this.#search.addEventListener("input", () => this.#show(), { signal });
    this.#search.addEventListener("keydown", (event) => this.#press(event), { signal });
    this.#list.addEventListener("click", (event) => this.#click(event), { signal });
    this.#clear.addEventListener(
      "click",
      () => {
        this.#own = [];
        this.#others = [];
        remember(this.#key, null);
        this.#show();
        this.#search.focus();
      },
      { signal },
    );
  }

  /** @param {Prompts} prompts that are asked for now */
  add(prompts) {
    this.#at = -1;
    this.#own = [prompts, ...this.#own.filter((other) => !isSame(other, prompts))].slice(0, MOST);
    remember(this.#key, JSON.stringify(this.#own));
  }

  /** @param {Prompts} prompts of a job; what is known already is not listed twice */
  addOfJob({ prompt, negative_prompt }) {
    const prompts = { prompt, negative_prompt };
    if (this.#all().some((known) => isSame(known, prompts))) return;
    this.#others = [...this.#others, prompts].slice(0, MOST);
  }

  /** What is written from now on is the newest again. */
  leave() {
    this.#at = -1;
  }

  /** @param {1 | -1} by 1 goes back in time */
  step(by) {
    const all = this.#all();
    const to = this.#at + by;
    if (to < -1 || to >= all.length) return;
    if (this.#at === -1) this.#draft = this.#composer.read();
    // What is written now may be the newest that was asked for: that is no step back.
    const skipsFirst = this.#at === -1 && by === 1 && all[0] && isSame(all[0], this.#draft);
    const at = skipsFirst ? to + 1 : to;
    const prompts = at === -1 ? this.#draft : all[at];
    if (!prompts) return;
    this.#composer.write(prompts);
    this.#at = at;
  }

  toggle() {
    if (this.#popup.matches(":popover-open")) {
      this.#popup.hidePopover();
      return;
    }
    this.#search.value = "";
    this.#show();
    this.#popup.showPopover();
    placeBeside(this.#popup, this.#button);
    this.#search.focus();
  }

  #all() {
    const others = this.#others.filter((one) => !this.#own.some((known) => isSame(known, one)));
    return [...this.#own, ...others].slice(0, MOST);
  }

  /** @returns {Prompts[]} */
  #found() {
    const words = this.#search.value.toLowerCase().split(/\s+/).filter(Boolean);
    return this.#all().filter(({ prompt, negative_prompt }) => {
      const text = `${prompt} ${negative_prompt}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
  }

  #show() {
    const found = this.#found();
    this.#active = 0;
    const items = found.map(({ prompt, negative_prompt }, index) => {
      const item = make(
        "li",
        { class: "history__item", role: "option", id: `history-${index}` },
        make("span", { class: "history__prompt" }, prompt),
      );
      item.dataset.index = String(index);
      if (negative_prompt) {
        item.append(make("span", { class: "history__negative" }, `− ${negative_prompt}`));
      }
      return item;
    });
    this.#list.replaceChildren(...items);
    this.#empty.hidden = items.length > 0;
    this.#empty.textContent = this.#search.value
      ? gettext("No earlier prompt has these words.")
      : gettext("What you ask for is listed here, to be taken up again.");
    this.#clear.hidden = this.#all().length === 0;
    this.#mark();
  }

  #mark() {
    for (const [index, item] of Array.from(this.#list.children).entries()) {
      item.setAttribute("aria-selected", String(index === this.#active));
      if (index === this.#active) item.scrollIntoView({ block: "nearest" });
    }
    if (this.#list.childElementCount > 0) {
      this.#search.setAttribute("aria-activedescendant", `history-${this.#active}`);
    } else this.#search.removeAttribute("aria-activedescendant");
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    event.stopPropagation();
    const last = this.#list.childElementCount - 1;
    if (event.isComposing) return;
    if (event.key === "ArrowDown") this.#active = Math.min(last, this.#active + 1);
    else if (event.key === "ArrowUp") this.#active = Math.max(0, this.#active - 1);
    else if (event.key === "Enter") this.#choose(this.#active);
    else return;
    event.preventDefault();
    this.#mark();
  }

  /** @param {Event} event */
  #click(event) {
    const item = event.target instanceof Element && event.target.closest(".history__item");
    if (item instanceof HTMLElement) this.#choose(Number(item.dataset.index));
  }

  /** @param {number} index */
  #choose(index) {
    const prompts = this.#found()[index];
    if (!prompts) return;
    this.#popup.hidePopover();
    this.#at = -1;
    this.#composer.write(prompts);
  }
}
