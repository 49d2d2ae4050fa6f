// @ts-check
/** New pictures while the gallery is open: at the front, but never under who looks further down. */

import { byId } from "./dom.js";
import { fill, formatNumber } from "./i18n.js";
import { fetchPart } from "./parts.js";
import { nameOf, readTiles } from "./tiles.js";

/** @import {Grid} from "./grid.js" */
/** @import {PageLife} from "./page.js" */
/** @import {PageList} from "./page_list.js" */

export class Arrivals {
  #note = byId("arrivals", HTMLButtonElement);
  /** @type {HTMLElement[]} the oldest first */
  #waiting = [];
  /** Whether there are more than are waiting: between these and the list pictures are missing. */
  #hasGap = false;
  /** @type {Promise<void>} until the one before has come in */
  #last = Promise.resolve();
  #grid;
  #list;
  #life;

  /**
   * @param {Grid} grid
   * @param {PageList} list
   * @param {PageLife} life
   */
  constructor(grid, list, life) {
    this.#grid = grid;
    this.#list = list;
    this.#life = life;
    const { signal } = life;
    this.#note.addEventListener("click", () => {
      scrollTo(0, 0);
      this.#show();
      grid.focus(0);
    });
    addEventListener("scroll", () => scrollY === 0 && this.#show(), { passive: true, signal });
  }

  /**
   * @param {string} name of a picture that is new
   * @returns {Promise<void>}
   */
  take(name) {
    const coming = this.#fetch(name);
    // Those that are told of at once are answered in any order.
    this.#last = this.#last.then(async () => {
      const tile = await coming;
      if (!tile || this.#isKnown(tile)) return;
      this.#waiting.push(tile);
      this.#tell();
    });
    return this.#last;
  }

  /**
   * @param {string} name
   * @returns {Promise<HTMLElement | undefined>}
   */
  async #fetch(name) {
    const gallery = this.#grid.element.dataset.gallery ?? "";
    try {
      return readTiles(await fetchPart(`${gallery}${name}/tile/`)).tiles[0];
    } catch {
      // It is gone again, or comes with the list when that is opened anew.
      return undefined;
    }
  }

  /** Take in what came while nobody told of it. */
  async catchUp() {
    try {
      const { tiles, next } = await this.#list.readFirst();
      const known = tiles.findIndex((tile) => this.#isKnown(tile));
      this.#hasGap ||= known < 0 && next !== null;
      this.#waiting.push(...tiles.slice(0, known < 0 ? tiles.length : known).reverse());
    } catch {
      // The connection is gone again, and is caught up with when it is back.
      return;
    }
    this.#tell();
  }

  /** @param {HTMLElement} tile */
  #isKnown(tile) {
    const name = nameOf(tile);
    return this.#list.tileOf(name) !== null || this.#waiting.some((one) => nameOf(one) === name);
  }

  #tell() {
    if (this.#life.isOver) return;
    if (this.#grid.isAtStart) this.#show();
    else this.#announce();
  }

  #announce() {
    const count = this.#waiting.length;
    this.#note.hidden = count === 0;
    const message = ngettext("%(count)s new picture", "%(count)s new pictures", count);
    this.#note.textContent = fill(message, { count: formatNumber(count) });
  }

  #show() {
    if (this.#waiting.length === 0) return;
    if (this.#hasGap) void this.#list.reload();
    else this.#waiting.forEach((tile) => this.#comeIn(tile));
    const focused = document.activeElement;
    const position = focused instanceof HTMLElement ? this.#list.positionOf(nameOf(focused)) : -1;
    if (position >= 0) this.#grid.active = position;
    this.#waiting = [];
    this.#hasGap = false;
    this.#announce();
  }

  /** @param {HTMLElement} tile */
  #comeIn(tile) {
    tile.classList.add("tile--new");
    // Else it would come in anew whenever it is scrolled to.
    tile.addEventListener("animationend", () => tile.classList.remove("tile--new"));
    this.#list.prepend(tile);
  }
}
