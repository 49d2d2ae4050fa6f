// @ts-check
/** A model that helps, in a card: its cover, its name, and what to do with it. */

import { icon, make } from "../../dom.js";
import { fill } from "../../i18n.js";
import { coverOf } from "../model_cover.js";
import { pickModel } from "../model_dialog.js";

/** @import {Desk} from "./desk.js" */
/** @import {FullModel} from "./types.js" */

/** The event by which words go into the prompt: `detail.text` is what to insert. */
export const INSERT = "easel:insert";

export class ModelRow {
  #desk;
  #cover = make("span", { class: "guide__cover" });
  #name = make("span", { class: "guide__name" });
  #facts = make("span", { class: "guide__facts" });
  #why = make("p", { class: "guide__why", hidden: "" });
  #words = make("div", { class: "guide__words", role: "group" });
  #buttons = make("span", { class: "guide__acts" });
  /** @type {FullModel | null | undefined} undefined before anything is shown */
  #shown;

  /**
   * @param {Desk} desk
   * @param {string} key of the model
   */
  constructor(desk, key) {
    this.#desk = desk;
    this.key = key;
    this.element = make(
      "div",
      { class: "guide__model", "data-key": key },
      this.#cover,
      make("span", { class: "guide__about" }, this.#name, this.#facts),
      this.#buttons,
      this.#why,
      this.#words,
    );
    this.refresh();
  }

  /** @returns {FullModel | null} null until the catalog is there */
  get model() {
    return this.#desk.find(this.key);
  }

  /**
   * @param {string} picture the name of an icon
   * @param {string} words
   * @param {() => void} act
   */
  addAct(picture, words, act) {
    const button = make(
      "button",
      {
        ...{ class: "button button--quiet button--icon", type: "button" },
        ...{ "aria-label": words, title: words },
      },
      icon(picture),
    );
    button.addEventListener("click", act);
    this.#buttons.append(button);
  }

  refresh() {
    const { model } = this;
    this.#why.textContent = this.problem;
    this.#why.hidden = this.problem === "";
    // The rest stays as it is: a new picture would flicker, a new button lose the focus.
    if (this.#shown === model) return;
    this.#shown = model;
    const name = model?.name ?? this.key;
    this.#cover.replaceChildren(coverOf({ name, cover_url: model?.cover_url ?? null }));
    this.#name.textContent = name;
    this.#facts.textContent = model?.base_name ?? "";
    this.#showWords(model?.trigger_words ?? []);
  }

  /** @returns {string} why it cannot be used, empty if it can or nobody knows yet */
  get problem() {
    if (this.model) return this.#desk.whyNot(this.model);
    return this.#desk.knowsCatalog ? gettext("This model is gone. Remove it here.") : "";
  }

  /** @param {string[]} words that set the model off, each with a click into the prompt */
  #showWords(words) {
    this.#words.hidden = words.length === 0;
    this.#words.setAttribute("aria-label", gettext("Trigger words"));
    const chips = words.map((text) => {
      const title = fill(gettext("Put “%(word)s” into the prompt"), { word: text });
      const chip = make(
        "button",
        { class: "chip guide__word", type: "button", title, "aria-label": title },
        make("span", { class: "chip__text" }, icon("plus"), text),
      );
      chip.addEventListener("click", () => {
        document.dispatchEvent(new CustomEvent(INSERT, { detail: { text } }));
      });
      return chip;
    });
    this.#words.replaceChildren(...chips);
  }
}

/**
 * Let the user choose a model of some kinds; those that fit come first.
 *
 * @param {Desk} desk
 * @param {{kinds: string[], title: string, chosen?: string, except?: string[]}} wanted
 * @returns {Promise<FullModel | null>}
 */
export async function pickHelper(desk, { kinds, title, chosen = "", except = [] }) {
  await desk.catalog();
  const rank = (/** @type {FullModel} */ model) => {
    if (!model.included) return 2;
    return desk.fits(model) ? 0 : 1;
  };
  const models = desk.ofKinds(kinds).filter(({ key }) => !except.includes(key));
  return pickModel(desk.life, {
    title,
    models: models.toSorted((one, other) => rank(one) - rank(other)),
    chosen,
    whyNot: (model) => desk.whyNot(model),
    empty: gettext("There is none of this kind here yet. Bring one on the page of models."),
  });
}

/**
 * @param {string} words
 * @param {() => void} act
 * @returns {HTMLButtonElement}
 */
export function addButton(words, act) {
  const button = make("button", { class: "button guide__more", type: "button" }, icon("plus"), words);
  button.addEventListener("click", act);
  return button;
}
