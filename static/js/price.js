// @ts-check
/** What the next picture costs at most, beside the button, and whether it can be paid. */

import { quoteGeneration } from "./api.js";
import { byId } from "./dom.js";
import { fill, formatNumber } from "./i18n.js";

/** @import {BalanceDisplay} from "./balance.js" */
/** @import {PricedSettings, Quote} from "./types.js" */

const PAUSE_MS = 250;
const FREE = ["prompt", "negative_prompt", "guidance_scale", "scheduler", "seed"];

/**
 * @param {PricedSettings} settings
 * @returns {string} equal for settings of one price
 */
function subjectOf(settings) {
  const facts = /** @type {Record<string, unknown>} */ ({ ...settings });
  return JSON.stringify(Object.entries(facts).filter(([name]) => !FREE.includes(name)).sort());
}

export class Price {
  #place = byId("price", HTMLElement);
  #generate = byId("generate", HTMLElement);
  #plans = byId("plans", HTMLAnchorElement);
  #refusal = byId("refusal", HTMLElement);
  #settings;
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
   * @param {() => PricedSettings | null} settings null while they cannot have a price
   * @param {BalanceDisplay} balance
   */
  constructor(settings, balance) {
    this.#settings = settings;
    this.#balance = balance;
    balance.listen(() => this.#show());
    this.#show();
    void this.#ask();
  }

  /** @returns {boolean} whether a picture with these settings would be refused for lack of credits */
  get refused() {
    return this.#paused || this.#few;
  }

  get #few() {
    return this.#quote !== null && this.#quote.credits > this.#balance.available;
  }

  /** Ask for another quote soon, if what costs has changed. */
  refresh() {
    const settings = this.#settings();
    const subject = settings && subjectOf(settings);
    if (subject === this.#subject && this.#place.dataset.state !== "unknown") return;
    this.#asked += 1;
    this.#subject = subject;
    clearTimeout(this.#timer);
    if (settings === null) {
      this.#forget();
      this.#show();
      return;
    }
    this.#place.dataset.state = "asking";
    this.#timer = setTimeout(() => void this.#ask(), PAUSE_MS);
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
   * Ask for a new quote for these settings, and show it if they are still the chosen ones.
   *
   * @param {PricedSettings} settings
   * @returns {Promise<Quote>}
   */
  async renew(settings) {
    const quote = await quoteGeneration(settings);
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
    const settings = this.#settings();
    if (settings === null) return;
    this.#asked += 1;
    const asked = this.#asked;
    const subject = subjectOf(settings);
    this.#subject = subject;
    this.#place.dataset.state = "asking";
    try {
      const quote = await quoteGeneration(settings);
      // Settings may have changed since: only the last question counts.
      if (asked === this.#asked) this.#take(quote, subject);
    } catch {
      if (asked !== this.#asked) return;
      this.#forget();
      this.#show({ isUnknown: true });
    }
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
      this.#place.title = gettext("The most that it can cost; what is not used comes back.");
      credits.textContent = fill(
        ngettext("≈ %(credits)s credit", "≈ %(credits)s credits", this.#quote.credits),
        { credits: formatNumber(this.#quote.credits) },
      );
    } else {
      this.#place.title = isUnknown ? gettext("A picture can be made all the same.") : "";
      credits.textContent = isUnknown ? gettext("No price just now") : "–";
    }
    if (this.#quote) this.#place.dataset.state = few ? "few" : "ready";
    else this.#place.dataset.state = isUnknown ? "unknown" : "none";
  }
}
