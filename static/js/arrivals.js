// @ts-check
/** New pictures while the gallery is open: at the front, but never under who looks further down. */

import { byId } from "./dom.js";
import { fill, formatNumber } from "./i18n.js";
import { fetchPart } from "./parts.js";
import { nameOf, readTiles } from "./tiles.js";

/** @import {Grid} from "./grid.js" */
/** @import {PageList} from "./page_list.js" */

export class Arrivals {
  #note = byId("arrivals", HTMLButtonElement);
  /** @type {HTMLElement[]} the oldest first */
  #waiting = [];
  #grid;
  #list;
  #onShow;

  /**
   * @param {Grid} grid
   * @param {PageList} list
   * @param {() => void} onShow
   */
  constructor(grid, list, onShow) {
    this.#grid = grid;
    this.#list = list;
    this.#onShow = onShow;
    this.#note.addEventListener("click", () => {
      scrollTo(0, 0);
      this.#show();
      grid.focus(0);
    });
    addEventListener("scroll", () => scrollY === 0 && this.#show(), { passive: true });
  }

  /** @param {string} name of a picture that is new */
  async take(name) {
    const gallery = this.#grid.element.dataset.gallery ?? "";
    try {
      const [tile] = readTiles(await fetchPart(`${gallery}${name}/tile/`)).tiles;
      if (!tile || this.#waiting.some(({ id }) => id === tile.id)) return;
      this.#waiting.push(tile);
    } catch {
      // It is gone again, or comes with the list when that is opened anew.
      return;
    }
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
    for (const tile of this.#waiting) {
      tile.classList.add("tile--new");
      // Else it would come in anew whenever it is scrolled to.
      tile.addEventListener("animationend", () => tile.classList.remove("tile--new"));
      this.#list.prepend(tile);
    }
    const focused = document.activeElement;
    const position = focused instanceof HTMLElement ? this.#list.positionOf(nameOf(focused)) : -1;
    if (position >= 0) this.#grid.active = position;
    this.#waiting = [];
    this.#announce();
    this.#onShow();
  }
}
