// @ts-check
/** The picture that the next one starts from: chosen, dropped, pasted or from the gallery. */

import { uploadPicture } from "./api.js";
import { pickPicture } from "./create/picture_picker.js";
import { byId } from "./dom.js";
import { formatPercent } from "./i18n.js";
import { toastError } from "./toast.js";
import { offerWorkflow } from "./workflow_files.js";

/** @import {PageLife} from "./page.js" */
/** @import {Picture} from "./types.js" */

export class StartImage {
  #drop = byId("start-drop", HTMLElement);
  #file = byId("start-file", HTMLInputElement);
  #gallery = byId("start-gallery", HTMLButtonElement);
  #chosen = byId("start-chosen", HTMLElement);
  #picture = byId("start-picture", HTMLImageElement);
  #strength = byId("strength", HTMLInputElement);
  /** @type {string | null} */
  #imageName = null;
  #life;
  #onChange;

  /**
   * @param {PageLife} life
   * @param {() => void} onChange
   */
  constructor(life, onChange) {
    this.#life = life;
    this.#onChange = onChange;
    const { signal } = life;
    this.#file.addEventListener(
      "change",
      () => {
        const file = this.#file.files?.[0];
        if (file) void this.#upload(file);
      },
      { signal },
    );
    this.#gallery.addEventListener("click", () => void this.pick(), { signal });
    byId("start-remove", HTMLElement).addEventListener(
      "click",
      () => {
        this.clear();
        this.#gallery.focus();
      },
      { signal },
    );
    this.#strength.addEventListener("input", () => this.#showStrength(), { signal });
    this.#wireDrop(signal);
    addEventListener(
      "paste",
      (event) => {
        const file = pictureIn(event.clipboardData);
        if (file && !document.querySelector("dialog[open]")) void this.#upload(file);
      },
      { signal },
    );
    this.#showStrength();
  }

  /** @returns {{imageName: string, strength: number} | null} */
  value() {
    if (this.#imageName === null) return null;
    return { imageName: this.#imageName, strength: Number(this.#strength.value) };
  }

  /** Let the user choose one from the gallery. */
  async pick() {
    const picture = await pickPicture(this.#life, { title: gettext("Choose a start image") });
    if (picture) this.use(picture);
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
      const picture = await uploadPicture(file);
      if (this.#life.isOver) return;
      this.use(picture);
      if (picture.has_workflow) void offerWorkflow(this.#life, picture, file);
    } catch (error) {
      toastError(error);
      this.#file.value = "";
    } finally {
      this.#drop.removeAttribute("aria-busy");
    }
  }

  /** @param {AbortSignal} signal */
  #wireDrop(signal) {
    const over = (/** @type {DragEvent} */ event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      this.#drop.dataset.over = "true";
    };
    // Anywhere on the page: a picture that misses the box must not replace the page.
    addEventListener("dragover", over, { signal });
    addEventListener("dragleave", () => delete this.#drop.dataset.over, { signal });
    addEventListener(
      "drop",
      (event) => {
        delete this.#drop.dataset.over;
        if (!event.dataTransfer?.types.includes("Files")) return;
        event.preventDefault();
        const file = pictureIn(event.dataTransfer);
        if (file) void this.#upload(file);
      },
      { signal },
    );
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
