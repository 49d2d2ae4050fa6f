// @ts-check
/**
 * The life of one page in the document: all that it listens to or waits for ends with it.
 *
 * A page module exports `start(life)` and is named by `data-module` of the `main`. Pages follow
 * each other in one document, so what a module leaves behind stays: it does nothing when it is
 * imported, and listens, waits and observes through its life alone. A page that puts addresses of
 * its own into the history keeps what is in `history.state` beside what it adds.
 */

import { visit } from "./router.js";

/** @import {EventSocket, Listener} from "./socket.js" */

export class PageLife {
  #ending = new AbortController();
  /** @type {Set<number>} */
  #timers = new Set();
  /** @type {Set<() => void>} */
  #endings = new Set();
  /** @type {Set<() => boolean | string>} */
  #guards = new Set();
  #socket;
  #askedAt;

  /**
   * @param {HTMLElement} root the `main` of the page
   * @param {EventSocket} socket
   * @param {number} [askedAt] when a page that follows another one was asked for
   */
  constructor(root, socket, askedAt) {
    this.root = root;
    this.#socket = socket;
    this.#askedAt = askedAt;
  }

  /** @returns {AbortSignal} for `addEventListener`, `fetch` and whatever else takes one */
  get signal() {
    return this.#ending.signal;
  }

  /** @returns {boolean} whether another page has followed; what was awaited comes too late */
  get isOver() {
    return this.#ending.signal.aborted;
  }

  /** @returns {boolean} whether live events can come now */
  get isOnline() {
    return this.#socket.isOnline;
  }

  /**
   * Listen to the live events until the page ends, from when it was asked for. What came meanwhile
   * may be on the page already: to be told of it again changes nothing.
   *
   * @param {Listener} listener
   */
  listen(listener) {
    this.onEnd(this.#socket.listen(listener, this.#askedAt));
  }

  /**
   * @param {() => void} act
   * @param {number} delayMs
   * @returns {number} for `cancel`
   */
  later(act, delayMs) {
    if (this.isOver) return 0;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, delayMs);
    this.#timers.add(timer);
    return timer;
  }

  /**
   * @param {() => void} act
   * @param {number} periodMs
   * @returns {number} for `cancel`
   */
  every(act, periodMs) {
    if (this.isOver) return 0;
    const timer = setInterval(act, periodMs);
    this.#timers.add(timer);
    return timer;
  }

  /** @param {number} timer of `later` or `every`; one that has gone off does no harm */
  cancel(timer) {
    clearTimeout(timer);
    this.#timers.delete(timer);
  }

  /** @param {() => void} act is done once, when the page ends: observers, object URLs, media queries */
  onEnd(act) {
    if (this.isOver) act();
    else this.#endings.add(act);
  }

  /**
   * Have the user asked before the page is left, whether for another one or with the window.
   *
   * @param {() => boolean | string} losing whether something would be lost now, or what it is
   */
  guard(losing) {
    this.#guards.add(losing);
    addEventListener(
      "beforeunload",
      (event) => {
        if (losing()) event.preventDefault();
      },
      { signal: this.signal },
    );
  }

  /** @returns {string} what would be lost if the page were left now, in words; "" if nothing */
  get loss() {
    for (const losing of this.#guards) {
      const loss = losing();
      if (loss) return loss === true ? gettext("What you changed here is not saved.") : loss;
    }
    return "";
  }

  /**
   * Go to another page of the studio as a link would.
   *
   * @param {string} href
   */
  visit(href) {
    visit(href);
  }

  end() {
    this.#ending.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    for (const act of this.#endings) act();
    this.#timers.clear();
    this.#endings.clear();
    this.#guards.clear();
  }
}
