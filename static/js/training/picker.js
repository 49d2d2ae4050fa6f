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

export class SetPicker {
  #life;
  #dialog = byId("picker", HTMLDialogElement);
  #grid = byId("picker-grid", HTMLElement);
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
    const query = new URLSearchParams({ limit: String(PAGE_SIZE) });
    if (this.#words.value.trim()) query.set("q", this.#words.value.trim());
    this.#grid.replaceChildren();
    await this.#fetch(`/api/v1/images?${query.toString()}`);
  }

  async #showMore() {
    if (this.#next !== null) await this.#fetch(this.#next);
  }

  /** @param {string} address */
  async #fetch(address) {
    this.#asked += 1;
    const asked = this.#asked;
    try {
      const response = await send(address);
      const page = /** @type {{next: string | null, results: Picture[]}} */ (await response.json());
      if (asked !== this.#asked || this.#life.isOver) return;
      this.#next = page.next;
      this.#more.hidden = page.next === null;
      this.#grid.append(...page.results.map((picture) => this.#item(picture)));
    } catch (error) {
      toastError(error);
    }
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
