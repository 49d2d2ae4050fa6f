// @ts-check
/** What can be done to the selected pictures, in a bar and its menus. */

import { downloadArchive } from "./archives.js";
import { shownBoards } from "./boards.js";
import { asked, byId, make } from "./dom.js";
import { openMenu } from "./menu.js";

/** @import {Facts} from "./types.js" */
/** @import {PictureActs} from "./picture_acts.js" */
/** @import {Selection} from "./selection.js" */

/**
 * Read tags as people write them.
 *
 * @param {string} text
 * @returns {string[]}
 */
export function tagsIn(text) {
  const tags = text.split(",").map((tag) => tag.trim());
  return [...new Set(tags)].filter((tag) => tag !== "");
}

/**
 * Offer every board and none, and move the pictures to the one that is chosen.
 *
 * @param {PictureActs} acts
 * @param {Facts[]} facts
 * @param {HTMLElement} anchor
 */
export function offerBoards(acts, facts, anchor) {
  const menu = byId("move-menu", HTMLElement);
  const boards = shownBoards().map((item) => [item.dataset.board ?? "", item.dataset.name ?? ""]);
  const items = [["none", gettext("On no board")], ...boards].map(([id = "", name = ""]) => {
    const attributes = { class: "menu__item", type: "button", role: "menuitem", "data-to": id };
    return make("button", attributes, name);
  });
  menu.replaceChildren(...items);
  openMenu(menu, anchor, (item) => {
    void acts.move(facts, item.dataset.to ?? "none", item.textContent);
  });
}

export class SelectionBar {
  #bar = byId("selection", HTMLElement);
  #count = byId("selection-count", HTMLElement);
  #selection;
  #acts;
  #onCompare;

  /**
   * @param {Selection} selection
   * @param {PictureActs} acts
   * @param {(facts: Facts[]) => void} onCompare gets two
   */
  constructor(selection, acts, onCompare) {
    this.#selection = selection;
    this.#acts = acts;
    this.#onCompare = onCompare;
    this.#bar.addEventListener("click", (event) => {
      const button = event.target instanceof Element && event.target.closest("[data-act]");
      if (button instanceof HTMLElement) this.#act(button);
    });
  }

  /** @returns {HTMLElement} what the menu of boards opens beside */
  get moveButton() {
    return byId("move-button", HTMLElement);
  }

  show() {
    const { size, inWords } = this.#selection;
    this.#bar.hidden = size === 0;
    this.#count.textContent = inWords;
    const compare = this.#bar.querySelector('[data-act="compare"]');
    if (compare instanceof HTMLButtonElement) compare.disabled = size !== 2;
  }

  /** @param {HTMLElement} button */
  #act(button) {
    const { facts } = this.#selection;
    const acts = /** @type {Record<string, () => unknown>} */ ({
      clear: () => this.#selection.clear(),
      star: () => this.#acts.star(facts, true),
      unstar: () => this.#acts.star(facts, false),
      rate: () => this.#rate(facts, button),
      tag: () => this.#tag(facts),
      move: () => offerBoards(this.#acts, facts, button),
      compare: () => this.#onCompare(facts),
      download: () => downloadArchive({ images: facts.map((fact) => fact.name) }),
      trash: () => this.#acts.trash(facts),
    });
    acts[button.dataset.act ?? ""]?.();
  }

  /**
   * @param {Facts[]} facts
   * @param {HTMLElement} button
   */
  #rate(facts, button) {
    openMenu(byId("rate-menu", HTMLElement), button, (item) => {
      void this.#acts.rate(facts, Number(item.dataset.rate));
    });
  }

  /** @param {Facts[]} facts */
  async #tag(facts) {
    const field = byId("tag-pictures-tags", HTMLInputElement);
    field.value = "";
    if (!(await asked(byId("tag-pictures", HTMLDialogElement)))) return;
    const tags = tagsIn(field.value);
    if (tags.length > 0) await this.#acts.tag(facts, tags);
  }
}
