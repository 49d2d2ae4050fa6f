// @ts-check
/** Which pictures are selected, also while their tiles are away. */

import { announce } from "./dom.js";
import { fill, formatNumber } from "./i18n.js";
import { factsOf, nameOf } from "./tiles.js";

/** @import {Facts} from "./types.js" */
/** @import {PageList} from "./page_list.js" */

/**
 * @param {number} count
 * @returns {string}
 */
export function selectedInWords(count) {
  return fill(ngettext("%(count)s selected", "%(count)s selected", count), {
    count: formatNumber(count),
  });
}

export class Selection {
  /** @type {Map<string, Facts>} */
  #chosen = new Map();
  /** Where a range begins. */
  #anchor = 0;
  #list;
  #onChange;

  /**
   * @param {PageList} list
   * @param {() => void} onChange
   */
  constructor(list, onChange) {
    this.#list = list;
    this.#onChange = onChange;
  }

  get size() {
    return this.#chosen.size;
  }

  /** @returns {Facts[]} in the order in which they were chosen */
  get facts() {
    return [...this.#chosen.values()];
  }

  /** @param {string} name */
  has(name) {
    return this.#chosen.has(name);
  }

  /** @param {HTMLElement} tile */
  toggle(tile) {
    const name = nameOf(tile);
    if (!this.#chosen.delete(name)) this.#chosen.set(name, factsOf(tile));
    this.#anchor = this.#list.positionOf(name);
    this.#changed();
  }

  /**
   * Select all from the last one that was chosen to this place, fetched if need be.
   *
   * @param {number} position
   */
  async extend(position) {
    const [first, last] = [this.#anchor, position].sort((a, b) => a - b);
    this.#add(await this.#list.between(first ?? 0, last ?? 0));
  }

  /** @param {number} position where a range with the keyboard begins, if none has begun */
  begin(position) {
    if (this.size === 0) this.#anchor = position;
  }

  addLoaded() {
    this.#add(this.#list.loaded());
  }

  clear() {
    if (this.size === 0) return;
    this.#chosen.clear();
    this.#changed();
  }

  /** @param {string[]} names */
  drop(names) {
    for (const name of names) this.#chosen.delete(name);
    this.#changed();
  }

  /**
   * @param {string} name
   * @param {Partial<Facts>} facts
   */
  change(name, facts) {
    const known = this.#chosen.get(name);
    if (known) this.#chosen.set(name, { ...known, ...facts });
  }

  /** @param {HTMLElement[]} tiles */
  #add(tiles) {
    for (const tile of tiles) this.#chosen.set(nameOf(tile), factsOf(tile));
    this.#changed();
  }

  #changed() {
    announce(selectedInWords(this.size));
    this.#onChange();
  }
}
