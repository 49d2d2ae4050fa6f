// @ts-check
/** What the next pictures cost at most, beside the button, and whether it can be paid. */

import { quoteGeneration } from "./api.js";
import { quoteGrid } from "./create/guides/grid_api.js";
import { byId } from "./dom.js";
import { fill, formatNumber } from "./i18n.js";

/** @import {BalanceDisplay} from "./balance.js" */
/** @import {PageLife} from "./page.js" */
/** @import {GridAxes} from "./create/guides/types.js" */
/** @import {GenerationRequest, PricedSettings, Quote} from "./types.js" */

/**
 * @typedef {object} Chosen what the next pictures are made with
 * @property {() => PricedSettings | null} settings null while they cannot have a price
 * @property {() => number} count how often all of it is asked for
 * @property {() => {base: GenerationRequest, axes: GridAxes} | null} grid what varies, if anything
 */

const PAUSE_MS = 250;
const UNPRICED = new Set([
  "prompt",
  "negative_prompt",
  "guidance_scale",
  "scheduler",
  "seed",
  "quote",
]);

/**
 * Return what decides the price of a request.
 *
 * @param {PricedSettings} request
 * @returns {PricedSettings}
 */
export function pricedOf(request) {
  const priced = Object.entries(request).filter(
    ([name, value]) => !UNPRICED.has(name) && value !== undefined,
  );
  priced.sort(([a], [b]) => (a < b ? -1 : 1));
  return /** @type {PricedSettings} */ (Object.fromEntries(priced));
}

/**
 * @param {PricedSettings} settings
 * @returns {string} equal for settings of one price
 */
function subjectOf(settings) {
  return JSON.stringify(pricedOf(settings));
}

export class Price {
  #place = byId("price", HTMLElement);
  #generate = byId("generate", HTMLElement);
  #plans = byId("plans", HTMLAnchorElement);
  #refusal = byId("refusal", HTMLElement);
  #life;
  #chosen;
  #balance;
  #paused = !this.#refusal.hidden;
  /** @type {Quote | null} */
  #quote = null;
  /** @type {string | null} what `#quote` is for */
  #quoted = null;
  /** @type {string | null} what is chosen, and quoted or being asked for */
  #subject = null;
  #asked = 0;
  #timer = 0;

  /**
   * @param {PageLife} life
   * @param {Chosen} chosen
   * @param {BalanceDisplay} balance
   */
  constructor(life, chosen, balance) {
    this.#life = life;
    this.#chosen = chosen;
    this.#balance = balance;
    life.onEnd(balance.listen(() => this.#show()));
    this.#show();
    void this.#ask();
  }

  /** @returns {boolean} whether a picture with these settings would be refused for lack of credits */
  get refused() {
    return this.#paused || this.#few;
  }

  get #few() {
    return this.#quote !== null && this.#credits > this.#balance.available;
  }

  get #credits() {
    return (this.#quote?.credits ?? 0) * this.#chosen.count();
  }

  /** Ask for another quote soon, if what costs has changed. */
  refresh() {
    const settings = this.#chosen.settings();
    const subject = settings && this.#subjectOf(settings);
    if (subject === this.#subject && this.#place.dataset.state !== "unknown") {
      // The number of generations may have changed: that needs no other quote.
      if (this.#place.dataset.state !== "asking") this.#show();
      return;
    }
    this.#asked += 1;
    this.#subject = subject;
    this.#life.cancel(this.#timer);
    if (settings === null) {
      this.#forget();
      this.#show();
      return;
    }
    this.#place.dataset.state = "asking";
    this.#timer = this.#life.later(() => void this.#ask(), PAUSE_MS);
  }

  /** Ask again if the price could not be had. */
  retry() {
    if (this.#place.dataset.state === "unknown") void this.#ask();
  }

  /**
   * Return the quote for these settings, unless what is shown is still that of earlier ones.
   *
   * @param {PricedSettings} settings
   * @returns {Quote | null}
   */
  quoteFor(settings) {
    return subjectOf(settings) === this.#quoted ? this.#quote : null;
  }

  /**
   * Ask what other settings than the chosen ones cost, without showing it.
   *
   * @param {PricedSettings} settings
   * @returns {Promise<Quote | null>} null if it cannot be had: a picture can be made all the same
   */
  async quoteOnly(settings) {
    try {
      return await quoteGeneration(pricedOf(settings));
    } catch {
      return null;
    }
  }

  /**
   * Ask for a new quote for these settings, and show it if they are still the chosen ones.
   *
   * @param {PricedSettings} settings
   * @returns {Promise<Quote>}
   */
  async renew(settings) {
    const quote = await quoteGeneration(pricedOf(settings));
    const subject = subjectOf(settings);
    if (subject === this.#subject) this.#take(quote, subject);
    return quote;
  }

  /** @param {string} why nothing is made, as the API said it */
  pause(why) {
    this.#paused = true;
    this.#refusal.textContent = why;
    this.#refusal.hidden = false;
    this.#show();
  }

  /** Lead to what would help. */
  pointToPlans() {
    this.#plans.focus();
  }

  async #ask() {
    const settings = this.#chosen.settings();
    if (settings === null) return;
    this.#asked += 1;
    const asked = this.#asked;
    const subject = this.#subjectOf(settings);
    this.#subject = subject;
    this.#place.dataset.state = "asking";
    try {
      const quote = await this.#quoteOf(settings);
      // Settings may have changed since, or the page: only the last question counts.
      if (asked === this.#asked && !this.#life.signal.aborted) this.#take(quote, subject);
    } catch {
      if (asked !== this.#asked || this.#life.signal.aborted) return;
      this.#forget();
      this.#show({ isUnknown: true });
    }
  }

  /** @param {PricedSettings} settings */
  #subjectOf(settings) {
    const grid = this.#chosen.grid();
    return grid ? subjectOf(settings) + JSON.stringify(grid.axes) : subjectOf(settings);
  }

  /**
   * @param {PricedSettings} settings
   * @returns {Promise<Quote>} without a token for a grid, whose cells differ in price
   */
  async #quoteOf(settings) {
    const grid = this.#chosen.grid();
    if (!grid) return quoteGeneration(pricedOf(settings));
    const { credits } = await quoteGrid(grid.base, grid.axes, this.#life.signal);
    return { credits, available: this.#balance.available, token: "" };
  }

  #forget() {
    this.#quote = null;
    this.#quoted = null;
  }

  /**
   * @param {Quote} quote
   * @param {string} subject
   */
  #take(quote, subject) {
    this.#quote = quote;
    this.#quoted = subject;
    this.#balance.show(quote.available);
    this.#show();
  }

  #show({ isUnknown = false } = {}) {
    if (this.#life.isOver) return;
    const few = this.#few;
    this.#generate.hidden = this.refused;
    this.#plans.hidden = !this.refused;
    this.#plans.textContent =
      few && !this.#paused ? gettext("Get more credits") : gettext("See plans");
    const credits = byId("price-credits", HTMLElement);
    const balance = byId("price-balance", HTMLElement);
    balance.textContent = fill(gettext("of %(credits)s"), {
      credits: formatNumber(this.#balance.available),
    });
    if (this.#quote) {
      const isPrice = this.#quote.basis === "price";
      this.#place.title = isPrice
        ? gettext("A price for each picture; those that are not made cost nothing.")
        : gettext("The most that it can cost; what is not used comes back.");
      credits.textContent = fill(
        isPrice
          ? ngettext("%(credits)s credit", "%(credits)s credits", this.#credits)
          : ngettext("≈ %(credits)s credit", "≈ %(credits)s credits", this.#credits),
        { credits: formatNumber(this.#credits) },
      );
    } else {
      this.#place.title = isUnknown ? gettext("A picture can be made all the same.") : "";
      credits.textContent = isUnknown ? gettext("No price just now") : "–";
    }
    if (this.#quote) this.#place.dataset.state = few ? "few" : "ready";
    else this.#place.dataset.state = isUnknown ? "unknown" : "none";
  }
}
