// @ts-check
/** A dialog to choose many of one's pictures at once, or to upload some. */

import { send, uploadPicture } from "../api.js";
import { byId, make } from "../dom.js";
import { fill } from "../i18n.js";
import { toastError } from "../toast.js";

/** @import {PageLife} from "../page.js" */
/** @import {Picture} from "../types.js" */

const PAGE_SIZE = 60;
const PAUSE_MS = 250;

/**
 * @param {string} address
 * @returns {Promise<{next: string | null, results: Picture[]}>}
 */
async function fetchPictures(address) {
  const response = await send(address);
  return /** @type {Promise<{next: string | null, results: Picture[]}>} */ (response.json());
}

export class SetPicker {
  #life;
  #dialog = byId("picker", HTMLDialogElement);
  #grid = byId("picker-grid", HTMLElement);
  #empty = byId("picker-empty", HTMLElement);
  #more = byId("picker-more", HTMLButtonElement);
  #words = byId("picker-words", HTMLInputElement);
  #add = byId("picker-add", HTMLButtonElement);
  /** @type {Set<string>} */
  #chosen = new Set();
  /** @type {Set<string>} */
  #known = new Set();
  /** @type {string | null} */
  #next = null;
  #asked = 0;
  #timer = 0;

  /**
   * @param {PageLife} life
   * @param {(names: string[]) => Promise<void>} take
   */
  constructor(life, take) {
    this.#life = life;
    const { signal } = life;
    this.#words.addEventListener(
      "input",
      () => {
        life.cancel(this.#timer);
        this.#timer = life.later(() => void this.#show(), PAUSE_MS);
      },
      { signal },
    );
    this.#more.addEventListener("click", () => void this.#showMore(), { signal });
    this.#grid.addEventListener(
      "change",
      (event) => {
        if (event.target instanceof HTMLInputElement) this.#choose(event.target);
      },
      { signal },
    );
    byId("picker-files", HTMLInputElement).addEventListener(
      "change",
      (event) => {
        if (event.target instanceof HTMLInputElement) void this.#upload(event.target);
      },
      { signal },
    );
    this.#dialog.addEventListener(
      "click",
      (event) => {
        if (event.target instanceof Element && event.target.closest("[data-close]")) {
          this.#dialog.close();
        }
      },
      { signal },
    );
    this.#add.addEventListener(
      "click",
      () => {
        this.#dialog.close();
        take([...this.#chosen]).catch(toastError);
      },
      { signal },
    );
    life.onEnd(() => this.#dialog.close());
  }

  /** @param {string[]} known what is in the set already */
  open(known) {
    this.#known = new Set(known);
    this.#chosen.clear();
    this.#words.value = "";
    this.#tell();
    this.#dialog.showModal();
    void this.#show();
  }

  async #show() {
    const words = this.#words.value.trim();
    const query = new URLSearchParams({ limit: String(PAGE_SIZE) });
    if (words) query.set("q", words);
    this.#asked += 1;
    const asked = this.#asked;
    this.#grid.replaceChildren();
    this.#tellEmpty("");
    this.#more.hidden = true;
    try {
      const page = await fetchPictures(`/api/v1/images?${query.toString()}`);
      if (asked !== this.#asked || this.#life.isOver) return;
      this.#append(page);
      if (page.results.length > 0) return;
      this.#tellEmpty(
        words
          ? gettext("No picture is like that. Try fewer words.")
          : gettext("You have no pictures yet. Upload a file, or make one first."),
      );
    } catch (error) {
      if (asked === this.#asked) this.#tellEmpty(error instanceof Error ? error.message : "");
    }
  }

  async #showMore() {
    if (this.#next === null) return;
    const asked = this.#asked;
    this.#more.disabled = true;
    try {
      const page = await fetchPictures(this.#next);
      if (asked === this.#asked && !this.#life.isOver) this.#append(page);
    } catch (error) {
      toastError(error);
    } finally {
      this.#more.disabled = false;
    }
  }

  /** @param {{next: string | null, results: Picture[]}} page */
  #append({ next, results }) {
    this.#next = next;
    this.#more.hidden = next === null;
    this.#grid.append(...results.map((picture) => this.#item(picture)));
  }

  /** @param {string} words in the place of pictures; "" if there are any */
  #tellEmpty(words) {
    this.#empty.textContent = words;
    this.#empty.hidden = words === "";
    this.#grid.hidden = words !== "";
  }

  /** @param {Picture} picture */
  #item(picture) {
    const name = picture.image_name;
    const label = picture.metadata.prompt || gettext("An uploaded picture");
    const box = make("input", {
      class: "training-picker__box",
      type: "checkbox",
      value: name,
      "aria-label": label,
    });
    box.checked = this.#chosen.has(name) || this.#known.has(name);
    box.disabled = this.#known.has(name);
    const shown = make("img", {
      src: picture.thumbnail_url,
      alt: "",
      width: "128",
      height: "128",
      loading: "lazy",
      decoding: "async",
    });
    const tile = make("label", { class: "training-picker__picture", title: label }, box, shown);
    return make("li", { class: "training-picker__item" }, tile);
  }

  /** @param {HTMLInputElement} box */
  #choose(box) {
    if (box.checked) this.#chosen.add(box.value);
    else this.#chosen.delete(box.value);
    this.#tell();
  }

  #tell() {
    const count = this.#chosen.size;
    this.#add.disabled = count === 0;
    const words = ngettext("Add %(count)s picture", "Add %(count)s pictures", count);
    this.#add.textContent = count === 0 ? gettext("Add") : fill(words, { count });
  }

  /** @param {HTMLInputElement} field */
  async #upload(field) {
    const files = [...(field.files ?? [])];
    const label = field.closest("label");
    label?.setAttribute("aria-busy", "true");
    try {
      for (const file of files) {
        const picture = await uploadPicture(file);
        this.#chosen.add(picture.image_name);
        this.#tellEmpty("");
        this.#grid.prepend(this.#item(picture));
        this.#tell();
      }
    } catch (error) {
      toastError(error);
    } finally {
      field.value = "";
      label?.removeAttribute("aria-busy");
    }
  }
}
