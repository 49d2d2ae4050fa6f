// @ts-check
/**
 * One WebSocket to the server's live events, reopened whenever it goes.
 *
 * Each message says how far one has come; a socket that is opened again says so in its address,
 * and the server tells what was missed.
 */

/** @import {StudioEvent} from "./types.js" */

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** The server says something every 20 seconds: a connection that is longer silent is none. */
const SILENCE_MS = 50_000;
const LOOK_MS = 5000;
/** Longer than the server takes to render a page, from when it is asked for. */
const RECENT_MS = 30_000;
const MOST_RECENT = 100;
const NOT_SIGNED_IN = 4401;
const TYPES = new Set([
  "snapshot",
  "balance",
  "queue",
  "queued",
  "started",
  "progress",
  "node",
  "training",
  "image",
  "finished",
  "failed",
  "archive",
]);

/**
 * @param {unknown} data
 * @returns {{cursor: string | null, event: StudioEvent | null}} each null if it is not known here
 */
function parse(data) {
  const nothing = { cursor: null, event: null };
  if (typeof data !== "string") return nothing;
  try {
    /** @type {unknown} */
    const message = JSON.parse(data);
    if (typeof message !== "object" || message === null || !("type" in message)) return nothing;
    const isKnown = TYPES.has(String(message.type));
    return {
      cursor: "cursor" in message && typeof message.cursor === "string" ? message.cursor : null,
      event: isKnown ? /** @type {StudioEvent} */ (message) : null,
    };
  } catch {
    return nothing;
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
  #watch = 0;
  #heardAt = 0;
  #cursor = "";
  /** @type {{at: number, event: StudioEvent}[]} what was told a moment ago */
  #recent = [];
  #stopped = false;
  #url;

  /** @param {string} path */
  constructor(path) {
    this.#url = `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${path}`;
    addEventListener("online", this.#hurry);
    addEventListener("offline", this.#drop);
    addEventListener("pagehide", this.#pause);
    addEventListener("pageshow", this.#hurry);
    document.addEventListener("visibilitychange", this.#hurry);
  }

  get isOnline() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /**
   * Listen from now on, or from a moment ago: what came while a page was on its way may be missing
   * on it, and is told as if it came now.
   *
   * @param {Listener} listener is told of a connection that is there, too
   * @param {number} [since] as `performance.now` tells it
   * @returns {() => void} takes it off again
   */
  listen(listener, since = Infinity) {
    this.#listeners.add(listener);
    queueMicrotask(() => {
      if (!this.#listeners.has(listener)) return;
      if (this.isOnline) listener.onStatus?.(true);
      for (const { at, event } of this.#recent) if (at >= since) listener.onEvent?.(event);
    });
    return () => this.#listeners.delete(listener);
  }

  open() {
    if (this.#socket || this.#stopped) return;
    const query = this.#cursor ? `?cursor=${encodeURIComponent(this.#cursor)}` : "";
    const socket = new WebSocket(this.#url + query);
    this.#socket = socket;
    this.#heardAt = Date.now();
    // One that is never answered is as dead as one that fell silent.
    this.#watch = setInterval(this.#look, LOOK_MS);
    socket.addEventListener("open", () => {
      if (this.#socket !== socket) return;
      this.#failures = 0;
      for (const { onStatus } of this.#listeners) onStatus?.(true);
    });
    socket.addEventListener("message", (message) => {
      if (this.#socket === socket) this.#hear(message.data);
    });
    socket.addEventListener("close", (closed) => {
      if (this.#socket !== socket) return;
      if (closed.code === NOT_SIGNED_IN) {
        this.stop();
        for (const { onSignedOut } of this.#listeners) onSignedOut?.();
      } else this.#drop();
    });
  }

  /** Try again now what would be tried in a moment. */
  retry() {
    this.#failures = 0;
    this.#hurry();
  }

  stop() {
    this.#stopped = true;
    removeEventListener("online", this.#hurry);
    removeEventListener("offline", this.#drop);
    removeEventListener("pagehide", this.#pause);
    removeEventListener("pageshow", this.#hurry);
    document.removeEventListener("visibilitychange", this.#hurry);
    this.#pause();
  }

  /** @param {unknown} data */
  #hear(data) {
    this.#heardAt = Date.now();
    const { cursor, event } = parse(data);
    if (event) {
      for (const { onEvent } of this.#listeners) onEvent?.(event);
      this.#remember(event);
    }
    // Only what has been taken in is not asked for again.
    if (cursor !== null) this.#cursor = cursor;
  }

  /** @param {StudioEvent} event */
  #remember(event) {
    // The next one tells as much, and its preview is large.
    if (event.type === "progress") return;
    const at = performance.now();
    this.#recent = this.#recent.filter((known) => at - known.at < RECENT_MS).slice(1 - MOST_RECENT);
    this.#recent.push({ at, event });
  }

  // A page in the back-forward cache must not hold a connection.
  #pause = () => {
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
    const socket = this.#socket;
    this.#socket = null;
    // The browser warns of one that is closed before it is open.
    if (socket?.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close();
    else socket?.close();
  };

  #drop = () => {
    if (this.#stopped) return;
    this.#pause();
    for (const { onStatus } of this.#listeners) onStatus?.(false);
    this.#retryLater();
  };

  #look = () => {
    if (Date.now() - this.#heardAt > SILENCE_MS) this.#drop();
  };

  #hurry = () => {
    if (document.visibilityState === "hidden" || this.#stopped) return;
    // Timers slept while the window did.
    if (this.#socket) this.#look();
    if (this.#socket) return;
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
