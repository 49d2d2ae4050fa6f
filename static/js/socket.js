// @ts-check
/** One WebSocket to the server's live events, reopened whenever it goes. */

/** @import {StudioEvent} from "./types.js" */

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const NOT_SIGNED_IN = 4401;
const TYPES = new Set([
  "snapshot",
  "balance",
  "queue",
  "queued",
  "started",
  "progress",
  "image",
  "finished",
  "failed",
  "archive",
]);

/**
 * @param {unknown} data
 * @returns {StudioEvent | null} null for what this page does not know
 */
function parse(data) {
  if (typeof data !== "string") return null;
  try {
    /** @type {unknown} */
    const message = JSON.parse(data);
    if (typeof message !== "object" || message === null || !("type" in message)) return null;
    return TYPES.has(String(message.type)) ? /** @type {StudioEvent} */ (message) : null;
  } catch {
    return null;
  }
}

/**
 * @typedef {object} Listener
 * @property {(event: StudioEvent) => void} [onEvent]
 * @property {(online: boolean) => void} [onStatus]
 * @property {() => void} [onSignedOut]
 */

export class EventSocket {
  /** @type {Set<Listener>} */
  #listeners = new Set();
  /** @type {WebSocket | null} */
  #socket = null;
  #failures = 0;
  #timer = 0;
  #stopped = false;
  #url;

  /** @param {string} path */
  constructor(path) {
    this.#url = `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${path}`;
    addEventListener("online", this.#hurry);
    addEventListener("pagehide", this.#pause);
    addEventListener("pageshow", this.#hurry);
    document.addEventListener("visibilitychange", this.#hurry);
  }

  /**
   * @param {Listener} listener
   * @returns {() => void} takes it off again
   */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  open() {
    if (this.#socket || this.#stopped) return;
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.addEventListener("open", () => {
      this.#failures = 0;
      for (const { onStatus } of this.#listeners) onStatus?.(true);
    });
    socket.addEventListener("message", (message) => {
      const event = parse(message.data);
      if (event) for (const { onEvent } of this.#listeners) onEvent?.(event);
    });
    socket.addEventListener("close", (closed) => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      if (closed.code === NOT_SIGNED_IN) {
        this.stop();
        for (const { onSignedOut } of this.#listeners) onSignedOut?.();
        return;
      }
      for (const { onStatus } of this.#listeners) onStatus?.(false);
      this.#retryLater();
    });
  }

  stop() {
    this.#stopped = true;
    removeEventListener("online", this.#hurry);
    removeEventListener("pagehide", this.#pause);
    removeEventListener("pageshow", this.#hurry);
    document.removeEventListener("visibilitychange", this.#hurry);
    this.#pause();
  }

  // A page in the back-forward cache must not hold a connection.
  #pause = () => {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    // The browser warns of one that is closed before it is open.
    if (socket?.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close();
    else socket?.close();
  };

  #hurry = () => {
    if (document.visibilityState === "hidden" || this.#stopped) return;
    clearTimeout(this.#timer);
    this.open();
  };

  #retryLater() {
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures);
    this.#failures += 1;
    // Up to half as long again, so that a restarted server does not meet everyone at once.
    this.#timer = setTimeout(() => this.open(), wait * (1 + Math.random() / 2));
  }
}
