// @ts-check
/** The mark that there is no connection: since when, what still works, and what waits for it. */

import { announce, byId, make } from "./dom.js";
import { fill } from "./i18n.js";
import { toast } from "./toast.js";

/** @import {EventSocket} from "./socket.js" */

/** A blink is not worth a word: most reconnects take less than this. */
const OFFLINE_AFTER_MS = 1500;

const clock = new Intl.DateTimeFormat(document.documentElement.lang || "en", {
  timeStyle: "short",
});

export class OfflineMark {
  #socket;
  #mark = byId("connection", HTMLElement);
  #text = make("span", { class: "connection__text" });
  #title = make("h2", { class: "offline__title" });
  #card;
  /** @type {Date | null} when the connection went */
  #since = null;
  #timer = 0;

  /** @param {EventSocket} socket */
  constructor(socket) {
    this.#socket = socket;
    this.#card = this.#makeCard();
    const button = make(
      "button",
      { class: "connection__button", type: "button", popovertarget: this.#card.id, "data-made": "" },
      this.#text,
    );
    this.#mark.replaceChildren(button);
    document.body.append(this.#card);
  }

  /** @returns {boolean} whether the mark is shown */
  get isShown() {
    return !this.#mark.hidden;
  }

  start() {
    this.#socket.listen({ onStatus: (online) => (online ? this.#end() : this.#begin()) });
    // On the window: whoever sends a form without the browser has taken it by then.
    addEventListener("submit", (event) => {
      if (event.defaultPrevented || !this.isShown || isDialog(event.target)) return;
      event.preventDefault();
      this.#refuse();
    });
    addEventListener("htmx:sendError", (event) => {
      const { requestConfig } = event instanceof CustomEvent ? event.detail : {};
      // What a page asks for by itself is asked for again by itself.
      if (requestConfig?.triggeringEvent) this.#refuse();
    });
  }

  #begin() {
    if (this.#since) return;
    this.#since = new Date();
    this.#timer = setTimeout(() => {
      const time = this.#since ? clock.format(this.#since) : "";
      this.#text.textContent = fill(gettext("Offline since %(time)s"), { time });
      this.#title.textContent = fill(gettext("No connection since %(time)s"), { time });
      this.#mark.hidden = false;
    }, OFFLINE_AFTER_MS);
  }

  #end() {
    clearTimeout(this.#timer);
    this.#since = null;
    if (!this.isShown) return;
    this.#mark.hidden = true;
    if (this.#card.matches(":popover-open")) this.#card.hidePopover();
    announce(gettext("You are online again."));
  }

  /** Say that something was not sent; it can be once more. */
  #refuse() {
    const text = gettext("Nothing was sent: there is no connection. Try again when it is back.");
    toast(text, { kind: "error", stays: false });
  }

  #makeCard() {
    const again = make("button", { class: "button", type: "button" }, gettext("Try now"));
    again.addEventListener("click", () => {
      announce(gettext("Trying to connect…"));
      this.#socket.retry();
    });
    const lines = [
      gettext("What is on this page stays, and so does what you write."),
      gettext("Jobs go on without you; their pictures come when the connection is back."),
      gettext("To generate, save or delete needs the connection, and so do other pages."),
    ].map((line) => make("li", {}, line));
    const attributes = { class: "offline", id: "offline-card", popover: "", "data-made": "" };
    return make(
      "div",
      attributes,
      this.#title,
      make("ul", { class: "offline__lines" }, ...lines),
      make("p", { class: "offline__note" }, gettext("It is tried again all the time.")),
      again,
    );
  }
}

/** @param {EventTarget | null} target */
function isDialog(target) {
  return target instanceof HTMLFormElement && target.method === "dialog";
}
