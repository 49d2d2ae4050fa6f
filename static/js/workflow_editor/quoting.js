// @ts-check
/** What a run would cost, told while the graph is changed; a refusal says what is wrong. */

import { ApiError } from "../api.js";
import { byId } from "../dom.js";
import { fill, formatNumber, formatSeconds } from "../i18n.js";
import { problemsOf, quoteRun } from "../workflow_api.js";
import { lacksOf } from "./lacks.js";

/** @import {RunQuote} from "../workflow_types.js" */
/** @import {Desk} from "./desk.js" */
/** @import {Problems} from "./problems.js" */

const PAUSE_MS = 450;
const AGAIN_MS = 5000;

export class Quoting {
  #desk;
  #problems;
  #part = byId("quote", HTMLElement);
  #text = byId("quote-text", HTMLElement);
  #timer = 0;
  #asked = 0;
  /** What was quoted or refused last, without what costs nothing. */
  #answered = "";
  /** @type {RunQuote | null} */
  #quote = null;
  /** @type {number | null} */
  #credits = null;
  /** What is shown when no question is under way. */
  #state = "none";

  /**
   * @param {Desk} desk
   * @param {Problems} problems
   */
  constructor(desk, problems) {
    this.#desk = desk;
    this.#problems = problems;
    desk.graph.listen(({ nodes, edges }) => {
      if (nodes.size || edges.size) this.#askSoon(PAUSE_MS);
    });
  }

  /** @returns {RunQuote | null} the shown price, if it is of what is shown */
  get quote() {
    return this.#answered === this.#priced() ? this.#quote : null;
  }

  /** @returns {number | null} the credits that are shown, of what is shown or was a moment ago */
  get credits() {
    return this.#credits;
  }

  /** @returns {boolean} whether nobody knows the price, though nothing is wrong with the graph */
  get isUnknown() {
    return this.#state === "unknown";
  }

  /** Ask anew for what was answered before: no answer holds for ever. */
  async renew() {
    this.#desk.life.cancel(this.#timer);
    this.#answered = "";
    this.#quote = null;
    await this.#ask();
    return this.quote;
  }

  /** @param {number} inMs */
  #askSoon(inMs) {
    const { life } = this.#desk;
    life.cancel(this.#timer);
    this.#timer = life.later(() => void this.#ask(), inMs);
  }

  /** @returns {string} what the price depends on: not where nodes stand or what they are called */
  #priced() {
    const { graph } = this.#desk;
    const nodes = [...graph.nodes.values()].map(({ id, type, inputs }) => [id, type, inputs]);
    return JSON.stringify([nodes, [...graph.edges.values()]]);
  }

  async #ask() {
    const { graph, life } = this.#desk;
    const priced = this.#priced();
    // Whatever was asked before is about something else now.
    this.#asked += 1;
    if (priced === this.#answered) {
      this.#part.dataset.state = this.#state;
      return;
    }
    const asked = this.#asked;
    const lacks = graph.nodes.size ? lacksOf(graph) : [];
    if (lacks.length || !graph.nodes.size) {
      this.#answered = priced;
      this.#quote = null;
      this.#problems.show(lacks);
      this.#show(lacks.length ? "wrong" : "none", "–", "");
      return;
    }
    this.#part.dataset.state = "asking";
    try {
      const quote = await quoteRun({ document: graph.toJSON() });
      if (asked !== this.#asked || life.isOver) return;
      const { credits, seconds, available } = quote;
      this.#answered = priced;
      this.#quote = quote;
      this.#problems.show([]);
      const message = ngettext("≈ %(credits)s credit", "≈ %(credits)s credits", credits);
      const title = fill(gettext("About %(seconds)s of GPU time. %(available)s credits are left."), {
        seconds: formatSeconds(seconds),
        available: formatNumber(available),
      });
      const words = fill(message, { credits: formatNumber(credits) });
      this.#show(credits > available ? "dear" : "ready", words, title, credits);
    } catch (error) {
      if (asked !== this.#asked || life.isOver) return;
      this.#refused(error, priced);
    }
  }

  /**
   * @param {unknown} error
   * @param {string} priced
   */
  #refused(error, priced) {
    if (!(error instanceof ApiError)) throw error;
    this.#quote = null;
    // The machine or the way to it is at fault, so it may go well later.
    if (error.status === 0 || error.status === 429 || error.status >= 500) {
      this.#answered = "";
      this.#problems.show([]);
      this.#show("unknown", "–", error.message);
      this.#askSoon(AGAIN_MS);
      return;
    }
    const problems = problemsOf(error);
    const other = { node: error.node ?? "", input: "", message: error.message };
    this.#answered = priced;
    this.#problems.show(problems.length ? problems : [other]);
    this.#show("wrong", "–", gettext("The price is known once nothing is wrong."));
  }

  /**
   * @param {"none" | "ready" | "dear" | "wrong" | "unknown"} state
   * @param {string} words
   * @param {string} title
   * @param {number | null} [credits] that the words tell
   */
  #show(state, words, title, credits = null) {
    this.#state = state;
    this.#credits = credits;
    this.#part.dataset.state = state;
    this.#part.title = title;
    this.#text.textContent = words;
  }
}
