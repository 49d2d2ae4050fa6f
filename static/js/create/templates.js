// @ts-check
/** Prompts with `{a|b}` and `__wildcards__`: what comes out of them, before anything is made. */

import { ApiError } from "../api.js";
import { byId, make } from "../dom.js";
import { fill, formatNumber } from "../i18n.js";
import { expandPrompts } from "./create_api.js";

/** @import {PageLife} from "../page.js" */
/** @import {Prompts} from "../types.js" */

const PAUSE_MS = 400;
const SHOWN = 40;
const PARTS = /[{}]|__[\p{L}\p{N}_][\p{L}\p{N}_/-]*__/u;

/**
 * @typedef {object} TemplateSource
 * @property {() => Prompts} read what is written
 * @property {() => string | null} style the id of the style to put it in
 */

export class TemplatePreview {
  #place = byId("template", HTMLElement);
  #title = byId("template-title", HTMLElement);
  #list = byId("template-list", HTMLElement);
  #error = byId("template-error", HTMLElement);
  #countField = byId("template-count-field", HTMLElement);
  #count = byId("template-count", HTMLInputElement);
  #modes = byId("template-modes", HTMLElement);
  #life;
  #source;
  #onChange;
  /** @type {string} what is shown, or asked for */
  #subject = "";
  /** @type {{prompts: Prompts[], seed: number} | null} */
  #made = null;
  #asked = 0;
  #timer = 0;

  /**
   * @param {PageLife} life
   * @param {TemplateSource} source
   * @param {() => void} onChange the number of prompts is another one
   */
  constructor(life, source, onChange) {
    this.#life = life;
    this.#source = source;
    this.#onChange = onChange;
    const { signal } = life;
    this.#modes.addEventListener("change", () => this.refresh(), { signal });
    this.#count.addEventListener("input", () => this.refresh(), { signal });
  }

  /** @returns {number} how many prompts come out */
  get count() {
    return this.#isTemplate() && this.#made ? this.#made.prompts.length : 1;
  }

  /** Show what comes out, soon; nothing where nothing is to be made of the prompt. */
  refresh() {
    const isTemplate = this.#isTemplate();
    const subject = isTemplate ? JSON.stringify(this.#asks()) : "";
    if (subject === this.#subject) return;
    this.#subject = subject;
    this.#asked += 1;
    this.#life.cancel(this.#timer);
    this.#countField.hidden = this.#mode !== "random";
    if (!isTemplate) {
      this.#place.hidden = true;
      this.#made = null;
      this.#onChange();
      return;
    }
    if (this.#place.hidden) {
      this.#place.hidden = false;
      this.#title.textContent = gettext("Several prompts in one…");
      this.#list.replaceChildren(make("li", { class: "template__prompt skeleton" }));
    }
    this.#place.setAttribute("aria-busy", "true");
    this.#timer = this.#life.later(() => void this.#ask(), PAUSE_MS);
  }

  /**
   * Return the prompts to ask for: those that are shown, in their style. What was not shown yet is
   * from now on, so that nobody gets more of them than they have seen.
   *
   * @returns {Promise<Prompts[]>}
   */
  async make() {
    const isTemplate = this.#isTemplate();
    if (!isTemplate && this.#source.style() === null) return [this.#source.read()];
    const asks = this.#asks();
    const subject = JSON.stringify(asks);
    const seed = this.#made && this.#subject === subject ? this.#made.seed : null;
    const made = await expandPrompts({ ...asks, seed });
    if (isTemplate) {
      this.#asked += 1;
      this.#life.cancel(this.#timer);
      this.#subject = subject;
      this.#take(made);
    }
    return made.prompts;
  }

  /** Draw other prompts at random, after those that are shown have been asked for. */
  renew() {
    if (!this.#isTemplate() || this.#mode !== "random") return;
    this.#subject = "";
    this.refresh();
  }

  #isTemplate() {
    const { prompt, negative_prompt } = this.#source.read();
    return PARTS.test(prompt) || PARTS.test(negative_prompt);
  }

  /** @returns {"all" | "random"} */
  get #mode() {
    const checked = this.#modes.querySelector("input:checked");
    return checked instanceof HTMLInputElement && checked.value === "random" ? "random" : "all";
  }

  #asks() {
    const isPlain = !this.#isTemplate();
    const mode = isPlain ? /** @type {const} */ ("all") : this.#mode;
    const wanted = this.#count.valueAsNumber;
    const count = mode === "random" && Number.isInteger(wanted) ? wanted : 1;
    return { ...this.#source.read(), preset: this.#source.style(), mode, count, seed: null };
  }

  async #ask() {
    const asked = this.#asked;
    try {
      const made = await expandPrompts(this.#asks());
      if (asked !== this.#asked || this.#life.signal.aborted) return;
      this.#take(made);
    } catch (error) {
      if (asked !== this.#asked || this.#life.signal.aborted) return;
      this.#made = null;
      this.#title.textContent = gettext("Several prompts in one");
      this.#list.replaceChildren();
      this.#error.textContent = wordsOf(error);
      this.#place.removeAttribute("aria-busy");
      this.#onChange();
    }
  }

  /** @param {{prompts: Prompts[], seed: number}} made */
  #take(made) {
    this.#made = made;
    this.#place.hidden = false;
    this.#place.removeAttribute("aria-busy");
    this.#show(made.prompts);
    this.#onChange();
  }

  /** @param {Prompts[]} prompts */
  #show(prompts) {
    const message = ngettext("Makes %(count)s prompt", "Makes %(count)s prompts", prompts.length);
    this.#title.textContent = fill(message, { count: formatNumber(prompts.length) });
    this.#error.textContent = "";
    const items = prompts
      .slice(0, SHOWN)
      .map(({ prompt }) => make("li", { class: "template__prompt", title: prompt }, prompt));
    const left = prompts.length - items.length;
    if (left > 0) {
      const more = ngettext("and %(count)s more", "and %(count)s more", left);
      items.push(
        make("li", { class: "template__more" }, fill(more, { count: formatNumber(left) })),
      );
    }
    this.#list.replaceChildren(...items);
  }
}

/**
 * @param {unknown} error
 * @returns {string}
 */
function wordsOf(error) {
  if (!(error instanceof ApiError)) return "";
  const words = Object.values(error.fields).flat();
  return words.length > 0 ? words.join(" ") : error.message;
}
