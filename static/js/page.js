// @ts-check
/** The life of one page in the document: all that it listens to or waits for ends with it. */

/** @import {EventSocket, Listener} from "./socket.js" */

export class PageLife {
  #ending = new AbortController();
  /** @type {Set<number>} */
  #timers = new Set();
  /** @type {Set<() => void>} */
  #endings = new Set();
  #socket;

  /**
   * @param {HTMLElement} root the `main` of the page
   * @param {EventSocket} socket
   */
  constructor(root, socket) {
    this.root = root;
    this.#socket = socket;
  }

  /** @returns {AbortSignal} for `addEventListener`, `fetch` and whatever else takes one */
  get signal() {
    return this.#ending.signal;
  }

  /**
   * Listen to the live events until the page ends.
   *
   * @param {Listener} listener
   */
  listen(listener) {
    this.onEnd(this.#socket.listen(listener));
  }

  /**
   * @param {() => void} act
   * @param {number} delayMs
   * @returns {number} for `cancel`
   */
  later(act, delayMs) {
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
    this.#endings.add(act);
  }

  end() {
    this.#ending.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    for (const act of this.#endings) act();
    this.#timers.clear();
    this.#endings.clear();
  }
}
