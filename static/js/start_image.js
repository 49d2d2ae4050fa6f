// @ts-check
/** The picture that the next one starts from: chosen, dropped, pasted or from the gallery. */

import { uploadPicture } from "./api.js";
import { byId } from "./dom.js";
import { formatPercent } from "./i18n.js";
import { toastError } from "./toast.js";

/** @import {Picture} from "./types.js" */

export class StartImage {
  #drop = byId("start-drop", HTMLElement);
  #file = byId("start-file", HTMLInputElement);
  #chosen = byId("start-chosen", HTMLElement);
  #picture = byId("start-picture", HTMLImageElement);
  #strength = byId("strength", HTMLInputElement);
  /** @type {string | null} */
  #imageName = null;
  #onChange;

  /** @param {() => void} onChange */
  constructor(onChange) {
    this.#onChange = onChange;
    this.#file.addEventListener("change", () => {
      const file = this.#file.files?.[0];
      if (file) void this.#upload(file);
    });
    byId("start-remove", HTMLElement).addEventListener("click", () => {
      this.clear();
      this.#file.focus();
    });
    this.#strength.addEventListener("input", () => this.#showStrength());
    this.#wireDrop();
    addEventListener("paste", (event) => {
      const file = pictureIn(event.clipboardData);
      if (file) void this.#upload(file);
    });
    this.#showStrength();
  }

  /** @returns {{imageName: string, strength: number} | null} */
  value() {
    if (this.#imageName === null) return null;
    return { imageName: this.#imageName, strength: Number(this.#strength.value) };
  }

  /** @param {Pick<Picture, "image_name" | "thumbnail_url">} picture */
  use(picture) {
    this.#imageName = picture.image_name;
    this.#picture.src = picture.thumbnail_url;
    this.#drop.hidden = true;
    this.#chosen.hidden = false;
    this.#onChange();
  }

  /** @param {number} strength */
  useStrength(strength) {
    this.#strength.value = String(strength);
    this.#showStrength();
    this.#onChange();
  }

  clear() {
    this.#imageName = null;
    this.#file.value = "";
    this.#picture.removeAttribute("src");
    this.#drop.hidden = false;
    this.#chosen.hidden = true;
    this.#onChange();
  }

  /** @param {File} file */
  async #upload(file) {
    this.#drop.setAttribute("aria-busy", "true");
    try {
      this.use(await uploadPicture(file));
    } catch (error) {
      toastError(error);
      this.#file.value = "";
    } finally {
      this.#drop.removeAttribute("aria-busy");
    }
  }

  #wireDrop() {
    const over = (/** @type {DragEvent} */ event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      this.#drop.dataset.over = "true";
    };
    // Anywhere on the page: a picture that misses the box must not replace the page.
    addEventListener("dragover", over);
    addEventListener("dragleave", () => delete this.#drop.dataset.over);
    addEventListener("drop", (event) => {
      delete this.#drop.dataset.over;
      const file = pictureIn(event.dataTransfer);
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      if (file) void this.#upload(file);
    });
  }

  #showStrength() {
    byId("strength-value", HTMLElement).textContent = formatPercent(
      Number(this.#strength.value) * 100,
    );
  }
}

/**
 * @param {DataTransfer | null} data
 * @returns {File | null}
 */
function pictureIn(data) {
  const files = Array.from(data?.files ?? []);
  return files.find((file) => file.type.startsWith("image/")) ?? null;
}
