// @ts-check
/** A dialog to choose one of one's pictures: the latest, by words, or a file from this machine. */

import { send, uploadPicture } from "../api.js";
import { icon, make } from "../dom.js";
import { toastError } from "../toast.js";

/** @import {PageLife} from "../page.js" */
/** @import {Picture} from "../types.js" */

const PAGE_SIZE = 48;
const PAUSE_MS = 250;
const AWAITED = 12;

/**
 * @param {string} words
 * @returns {string} the address of the first page of what they find
 */
function addressOf(words) {
  const query = new URLSearchParams({ limit: String(PAGE_SIZE) });
  if (words) query.set("q", words);
  return `/api/v1/images?${query.toString()}`;
}

/**
 * @param {string} address
 * @returns {Promise<{next: string | null, results: Picture[]}>}
 */
async function fetchPictures(address) {
  const response = await send(address);
  return /** @type {Promise<{next: string | null, results: Picture[]}>} */ (response.json());
}

class PicturePicker {
  #life;
  #closing = new AbortController();
  #dialog;
  #words = make("input", {
    class: "input",
    type: "search",
    autocomplete: "off",
    placeholder: gettext("Search prompts and notes"),
    "aria-label": gettext("Search prompts and notes"),
  });
  #grid = make("ul", { class: "picture-picker__grid", role: "list" });
  #empty = make("p", { class: "picture-picker__empty", role: "status" });
  #more = make("button", { class: "button button--quiet", type: "button" }, gettext("Show more"));
  /** @type {string | null} */
  #next = null;
  #asked = 0;
  #timer = 0;
  /** @type {(picture: Picture | null) => void} */
  #settle = () => undefined;

  /**
   * @param {PageLife} life
   * @param {string} title
   */
  constructor(life, title) {
    this.#life = life;
    this.#dialog = this.#build(title);
    /** @type {Promise<Picture | null>} */
    this.chosen = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#wire();
    document.body.append(this.#dialog);
    this.#dialog.showModal();
    // On a phone the keyboard would cover the pictures that are to be looked at.
    if (matchMedia("(pointer: fine)").matches) this.#words.focus();
    void this.#show("");
  }

  /** @param {string} title */
  #build(title) {
    const close = make("button", {
      class: "button button--quiet button--icon",
      type: "button",
      "aria-label": gettext("Close"),
      title: gettext("Close"),
    });
    close.append(icon("close"));
    close.addEventListener("click", () => this.#end(null));
    const file = make("input", {
      class: "visually-hidden",
      type: "file",
      accept: "image/png,image/jpeg,image/webp,image/avif",
    });
    const upload = make("label", { class: "button" }, icon("plus"), gettext("Upload a file"), file);
    file.addEventListener("change", () => void this.#upload(file, upload));
    this.#more.hidden = true;
    this.#empty.hidden = true;
    return make(
      "dialog",
      { class: "dialog picture-picker", "aria-label": title },
      make(
        "div",
        { class: "picture-picker__head" },
        make("h2", { class: "dialog__title" }, title),
        close,
      ),
      make("div", { class: "picture-picker__tools" }, this.#words, upload),
      make("div", { class: "picture-picker__list" }, this.#grid, this.#empty, this.#more),
    );
  }

  #wire() {
    const { signal } = this.#closing;
    this.#life.signal.addEventListener("abort", () => this.#end(null), { signal });
    this.#dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#end(null);
    });
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) this.#end(null);
    });
    this.#words.addEventListener("input", () => {
      this.#life.cancel(this.#timer);
      this.#timer = this.#life.later(() => void this.#show(this.#words.value.trim()), PAUSE_MS);
    });
    this.#more.addEventListener("click", () => void this.#showMore());
    this.#dialog.addEventListener("keydown", (event) => this.#press(event));
  }

  /** @param {string} words */
  async #show(words) {
    this.#asked += 1;
    const asked = this.#asked;
    const awaited = Array.from({ length: AWAITED }, () =>
      make("li", { class: "picture-picker__item skeleton", "aria-hidden": "true" }),
    );
    this.#grid.replaceChildren(...awaited);
    this.#empty.hidden = true;
    this.#more.hidden = true;
    try {
      const page = await fetchPictures(addressOf(words));
      if (asked !== this.#asked) return;
      this.#grid.replaceChildren();
      this.#add(page);
      this.#empty.hidden = page.results.length > 0;
      this.#empty.textContent = words
        ? gettext("No picture is like that. Try fewer words.")
        : gettext("You have no pictures yet. Upload a file, or make one first.");
    } catch (error) {
      if (asked !== this.#asked) return;
      this.#grid.replaceChildren();
      this.#empty.hidden = false;
      this.#empty.textContent = error instanceof Error ? error.message : "";
    }
  }

  async #showMore() {
    if (this.#next === null) return;
    this.#more.disabled = true;
    try {
      const last = this.#buttons().length;
      this.#add(await fetchPictures(this.#next));
      this.#focus(last);
    } catch (error) {
      toastError(error);
    } finally {
      this.#more.disabled = false;
    }
  }

  /** @param {{next: string | null, results: Picture[]}} page */
  #add({ next, results }) {
    this.#next = next;
    this.#more.hidden = next === null;
    for (const picture of results) this.#grid.append(this.#item(picture));
    this.#buttons().forEach((button, index) => {
      button.tabIndex = index === 0 ? 0 : -1;
    });
  }

  /** @param {Picture} picture */
  #item(picture) {
    const label = picture.metadata.prompt || gettext("An uploaded picture");
    const button = make(
      "button",
      { class: "picture-picker__picture", type: "button", "aria-label": label, title: label },
      make("img", {
        src: picture.thumbnail_url,
        alt: "",
        width: "128",
        height: "128",
        loading: "lazy",
        decoding: "async",
      }),
    );
    button.addEventListener("click", () => this.#end(picture));
    return make("li", { class: "picture-picker__item" }, button);
  }

  /**
   * @param {HTMLInputElement} file
   * @param {HTMLElement} label
   */
  async #upload(file, label) {
    const chosen = file.files?.[0];
    if (!chosen) return;
    label.setAttribute("aria-busy", "true");
    try {
      this.#end(await uploadPicture(chosen));
    } catch (error) {
      toastError(error);
      file.value = "";
    } finally {
      label.removeAttribute("aria-busy");
    }
  }

  /** @returns {HTMLButtonElement[]} */
  #buttons() {
    return Array.from(this.#grid.querySelectorAll("button"));
  }

  /** @param {number} index */
  #focus(index) {
    const buttons = this.#buttons();
    const wanted = buttons[Math.max(0, Math.min(index, buttons.length - 1))];
    if (!wanted) return;
    for (const button of buttons) button.tabIndex = button === wanted ? 0 : -1;
    wanted.focus();
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    // What a key means in the page it does not mean here.
    event.stopPropagation();
    if (event.isComposing) return;
    const buttons = this.#buttons();
    if (event.target === this.#words) {
      if (event.key !== "ArrowDown" && event.key !== "Enter") return;
      event.preventDefault();
      this.#focus(0);
      return;
    }
    const at = buttons.findIndex((button) => button === event.target);
    if (at < 0) return;
    const columns = getComputedStyle(this.#grid).gridTemplateColumns.split(" ").length;
    const to = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      ArrowDown: at + columns,
      ArrowUp: at - columns,
      Home: 0,
      End: buttons.length - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to < 0 && event.key === "ArrowUp") this.#words.focus();
    else this.#focus(to);
  }

  /** @param {Picture | null} picture */
  #end(picture) {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#asked += 1;
    this.#life.cancel(this.#timer);
    this.#dialog.close();
    this.#dialog.remove();
    this.#settle(picture);
  }
}

/**
 * Let the user choose a picture; its styles are in `css/picture_picker.css`.
 *
 * @param {PageLife} life
 * @param {{title: string}} question
 * @returns {Promise<Picture | null>} null if none was chosen
 */
export function pickPicture(life, { title }) {
  return new PicturePicker(life, title).chosen;
}
