// @ts-check
/** What a run costs at most, beside the button that starts it, and its start at that price. */

import { ApiError } from "./api.js";
import { byId } from "./dom.js";
import { fill, formatNumber } from "./i18n.js";
import { problemsOf, quoteRun } from "./workflow_api.js";

/** @import {BalanceDisplay} from "./balance.js" */
/** @import {PageLife} from "./page.js" */
/** @import {Job} from "./types.js" */
/** @import {WorkflowRun} from "./workflow_run.js" */
/** @import {Problem, RunQuote, RunSubject} from "./workflow_types.js" */

const PAUSE_MS = 300;

export class RunPrice {
  #place = byId("quote", HTMLElement);
  #life;
  #balance;
  #subject;
  #onChange;
  /** @type {RunQuote | null} */
  #quote = null;
  /** @type {string | null} what `#quote` is for */
  #quoted = null;
  /** @type {Problem[]} */
  #problems = [];
  /** @type {Error | null} what the last question was answered with instead of a price */
  #refusal = null;
  #asked = 0;
  #timer = 0;

  /**
   * @param {PageLife} life
   * @param {BalanceDisplay} balance
   * @param {() => RunSubject} subject what would run now
   * @param {() => void} onChange another price, or other problems
   */
  constructor(life, balance, subject, onChange) {
    this.#life = life;
    this.#balance = balance;
    this.#subject = subject;
    this.#onChange = onChange;
    life.onEnd(balance.listen(() => this.#show()));
  }

  /** @returns {Problem[]} why there is no price */
  get problems() {
    return this.#problems;
  }

  /** @returns {boolean} whether the run would be refused for lack of credits */
  get isTooMuch() {
    return this.#quote !== null && this.#quote.credits > this.#balance.available;
  }

  /** Ask for another price soon, if what would run has changed. */
  refresh() {
    this.#life.cancel(this.#timer);
    if (this.#holds) {
      // What was taken back again may be asked about just now: its answer is of nothing any more.
      this.#asked += 1;
      this.#show();
      return;
    }
    this.#place.dataset.state = "asking";
    this.#timer = this.#life.later(() => void this.renew(), PAUSE_MS);
  }

  /** Ask for the price of what would run now. */
  async renew() {
    this.#life.cancel(this.#timer);
    this.#asked += 1;
    this.#refusal = null;
    const asked = this.#asked;
    const subject = this.#subject();
    this.#place.dataset.state = "asking";
    try {
      const quote = await quoteRun(subject);
      if (asked !== this.#asked || this.#life.isOver) return;
      this.#quote = quote;
      this.#quoted = JSON.stringify(subject);
      this.#problems = [];
      this.#balance.show(quote.available);
    } catch (error) {
      // Only the last question counts.
      if (asked !== this.#asked || this.#life.isOver) return;
      this.#quote = null;
      this.#quoted = null;
      this.#refusal = /** @type {Error} */ (error);
      this.#problems = problemsOf(error);
      const isOther = this.#problems.length === 0 && error instanceof ApiError && error.status > 0;
      if (isOther) this.#problems = [{ node: "", input: "", message: error.message }];
    }
    this.#show();
    this.#onChange();
  }

  /**
   * Start what would run now, at the price that is shown; if it does not hold any more, at a new
   * one that is no higher.
   *
   * @param {WorkflowRun} run
   * @returns {Promise<Job | null>} null if there is a price to look at first; a refusal is thrown
   */
  async start(run) {
    const agreed = this.#quote?.credits ?? null;
    if (!this.#holds) await this.renew();
    try {
      return await this.#begin(run, agreed);
    } catch (error) {
      if (!(error instanceof ApiError && error.code === "quote_expired")) throw error;
    }
    await this.renew();
    return this.#begin(run, agreed);
  }

  /**
   * @param {WorkflowRun} run
   * @param {number | null} agreed credits
   */
  #begin(run, agreed) {
    if (this.#refusal) throw this.#refusal;
    if (!this.#quote || !this.#holds || agreed === null || this.#quote.credits > agreed) return null;
    return run.start({ ...this.#subject(), quote: this.#quote.token });
  }

  /** Whether the latest price is of what would run now. */
  get #holds() {
    return JSON.stringify(this.#subject()) === this.#quoted;
  }

  #show() {
    if (this.#life.isOver) return;
    const credits = byId("quote-credits", HTMLElement);
    const balance = byId("quote-balance", HTMLElement);
    balance.textContent = fill(gettext("of %(credits)s"), {
      credits: formatNumber(this.#balance.available),
    });
    if (!this.#quote) {
      credits.textContent = this.#problems.length > 0 ? "–" : gettext("No price just now");
      this.#place.dataset.state = this.#problems.length > 0 ? "none" : "unknown";
      this.#place.title = "";
      return;
    }
    this.#place.title = gettext("The most that it can cost; what is not used comes back.");
    credits.textContent = fill(
      ngettext("≈ %(credits)s credit", "≈ %(credits)s credits", this.#quote.credits),
      { credits: formatNumber(this.#quote.credits) },
    );
    this.#place.dataset.state = this.isTooMuch ? "few" : "ready";
  }
}
