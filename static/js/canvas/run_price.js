// @ts-check
/** What the next results cost at most, beside the button. */

import { quoteGeneration } from "../api.js";
import { byId } from "../dom.js";
import { fill, formatNumber } from "../i18n.js";

/** @import {PageLife} from "../page.js" */
/** @import {PricedSettings, Quote} from "../types.js" */

const PAUSE_MS = 300;

export class RunPrice {
  #place = byId("run-price", HTMLElement);
  #life;
  #settings;
  #subject = "";
  #asked = 0;
  #timer = 0;
  /** @type {Quote | null} what is shown */
  #quote = null;

  /**
   * @param {() => PricedSettings} settings
   * @param {PageLife} life
   */
  constructor(settings, life) {
    this.#settings = settings;
    this.#life = life;
    life.listen({
      onEvent: (event) => {
        const available = event.type === "balance" ? event.available : undefined;
        if (this.#quote && available !== undefined) this.show({ ...this.#quote, available });
      },
      onStatus: (online) => {
        if (online && this.#place.dataset.state === "unknown") this.#ask();
      },
    });
  }

  /** @returns {number | null} the most that is agreed to, null if that of the settings is not shown */
  get credits() {
    return this.#place.dataset.state === "asking" ? null : (this.#quote?.credits ?? null);
  }

  /** Ask for another quote soon, if what costs has changed. */
  refresh() {
    const subject = JSON.stringify(this.#settings());
    if (subject === this.#subject) return;
    this.#subject = subject;
    this.#place.dataset.state = "asking";
    this.#life.cancel(this.#timer);
    this.#timer = this.#life.later(() => this.#ask(), PAUSE_MS);
  }

  /** @param {Quote} quote of the very request, which knows more than the guess before it */
  show(quote) {
    this.#quote = quote;
    const isFew = quote.credits > quote.available;
    byId("run-credits", HTMLElement).textContent = fill(
      ngettext("≈ %(credits)s credit", "≈ %(credits)s credits", quote.credits),
      { credits: formatNumber(quote.credits) },
    );
    byId("run-balance", HTMLElement).textContent = fill(gettext("of %(credits)s"), {
      credits: formatNumber(quote.available),
    });
    this.#place.title = gettext("The most that it can cost; what is not used comes back.");
    this.#place.dataset.state = isFew ? "few" : "ready";
    if (!byId("run-refusal", HTMLElement).hidden) return;
    byId("run-go", HTMLElement).hidden = isFew;
    byId("run-plans", HTMLElement).hidden = !isFew;
    byId("run-plans", HTMLElement).textContent = gettext("Get more credits");
  }

  #ask() {
    this.#asked += 1;
    const asked = this.#asked;
    quoteGeneration(this.#settings()).then(
      // Settings may have changed since: only the last question counts.
      (quote) => {
        if (asked === this.#asked && !this.#life.signal.aborted) this.show(quote);
      },
      () => {
        if (asked !== this.#asked || this.#life.signal.aborted) return;
        this.#quote = null;
        this.#place.dataset.state = "unknown";
        this.#place.title = gettext("A picture can be made all the same.");
        byId("run-credits", HTMLElement).textContent = gettext("No price just now");
        byId("run-balance", HTMLElement).textContent = "";
      },
    );
  }
}
