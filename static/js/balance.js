// @ts-check
/** The credits in the header: as the page came, then as the socket and the API tell them. */

import { byId } from "./dom.js";
import { formatNumber } from "./i18n.js";

/** @import {StudioEvent} from "./types.js" */

export class BalanceDisplay {
  #element = byId("balance", HTMLElement);
  #available = Number(this.#element.dataset.available);
  /** @type {Set<() => void>} */
  #listeners = new Set();

  /** @returns {number} the credits that can be used now */
  get available() {
    return this.#available;
  }

  /**
   * @param {() => void} listener
   * @returns {() => void} takes it off again
   */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @param {StudioEvent} event */
  take(event) {
    if (event.type === "balance") this.show(event.available);
    else if (event.type === "snapshot") this.show(event.balance.available);
  }

  /** @param {number} available */
  show(available) {
    if (available === this.#available) return;
    this.#available = available;
    this.#element.dataset.available = String(available);
    byId("balance-number", HTMLElement).textContent = formatNumber(available);
    byId("balance-word", HTMLElement).textContent = ngettext("credit", "credits", available);
    for (const listener of this.#listeners) listener();
  }
}
