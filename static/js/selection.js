// @ts-check
/** Which pictures are selected, also while their tiles are away. */

import { announce } from "./dom.js";
import { fill, formatNumber } from "./i18n.js";
import { factsOf, nameOf } from "./tiles.js";
import { toast } from "./toast.js";

/** @import {Facts} from "./types.js" */
/** @import {PageList} from "./page_list.js" */

/** Each costs a part of a request to fetch, and later a part of one to act on. */
const MOST_IN_RANGE = 5000;

/**
 * Say how many are selected, and of how many if that is known and more.
 *
 * @param {number} count
 * @param {number} [total]
 * @returns {string}
 */
export function selectedInWords(count, total = 0) {
  const message =
    total > count
      ? ngettext("%(count)s of %(total)s selected", "%(count)s of %(total)s selected", count)
      : ngettext("%(count)s selected", "%(count)s selected", count);
  return fill(message, { count: formatNumber(count), total: formatNumber(total) });
}

export class Selection {
  /** @type {Map<string, Facts>} */
  #chosen = new Map();
  /** Where a range begins; the position is for when the picture is not here any more. */
  #anchor = { name: "", position: 0 };
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

  /** @returns {string} */
  get inWords() {
    return selectedInWords(this.size, this.#list.total ?? 0);
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
    this.#anchor = { name, position: this.#list.positionOf(name) };
    this.#changed();
  }

  /**
   * Select all from the last one that was chosen to this place, fetched if need be.
   *
   * @param {number} position
   */
  async extend(position) {
    const known = this.#list.positionOf(this.#anchor.name);
    const anchor = known < 0 ? this.#anchor.position : known;
    const furthest = MOST_IN_RANGE - 1;
    const end = Math.min(Math.max(position, anchor - furthest), anchor + furthest);
    if (end !== position) {
      const message = gettext("The selection ends after %(count)s pictures: no range is longer.");
      toast(fill(message, { count: formatNumber(MOST_IN_RANGE) }));
    }
    this.#add(await this.#list.between(Math.min(anchor, end), Math.max(anchor, end)));
  }

  /** @param {number} position where a range with the keyboard begins, if none has begun */
  begin(position) {
    if (this.size > 0) return;
    const tile = this.#list.tileAt(position);
    this.#anchor = { name: tile ? nameOf(tile) : "", position };
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
    announce(this.inWords);
    this.#onChange();
  }
}
