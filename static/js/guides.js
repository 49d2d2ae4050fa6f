// @ts-check
/** What guided a picture beside the fields of the panel: taken over whole, shown in words, dropped. */

import { byId } from "./dom.js";
import { fill } from "./i18n.js";

/** @import {Guides, Metadata} from "./types.js" */

/** @type {Record<keyof Guides, () => string>} */
const NAMES = {
  mask: () => gettext("mask"),
  outpaint: () => gettext("outpainting"),
  upscale: () => gettext("enlarging"),
  high_res: () => gettext("second pass"),
  variation: () => gettext("variation"),
  loras: () => gettext("LoRAs"),
  embeddings: () => gettext("embeddings"),
  controls: () => gettext("control pictures"),
  image_prompt: () => gettext("picture prompt"),
  references: () => gettext("reference pictures"),
  regions: () => gettext("regions"),
  clip_skip: () => gettext("CLIP skip"),
  vae: () => gettext("VAE"),
  seamless: () => gettext("seamless"),
  refiner: () => gettext("refiner"),
};

/**
 * Tell whether a value is one of ours: other tools name LoRAs that nobody has here.
 *
 * @param {unknown} value
 * @returns {boolean}
 */
function isOurs(value) {
  if (Array.isArray(value)) return value.length > 0 && value.every(isOurs);
  if (typeof value !== "object" || value === null) return Boolean(value);
  return !("name" in value);
}

export class GuidesNote {
  #note = byId("guides", HTMLElement);
  #text = byId("guides-text", HTMLElement);
  /** @type {Partial<Guides>} */
  #guides = {};

  /** @param {() => void} onDrop */
  constructor(onDrop) {
    byId("guides-drop", HTMLElement).addEventListener("click", () => {
      this.clear();
      onDrop();
    });
  }

  /** @returns {Partial<Guides>} */
  get value() {
    return this.#guides;
  }

  /** @param {Metadata} metadata */
  take(metadata) {
    const known = Object.entries(metadata).filter(([name, value]) => name in NAMES && isOurs(value));
    this.#guides = Object.fromEntries(known);
    this.#show();
  }

  clear() {
    this.#guides = {};
    this.#show();
  }

  #show() {
    const names = Object.entries(NAMES).filter(([name]) => name in this.#guides);
    this.#note.hidden = names.length === 0;
    this.#text.textContent = fill(gettext("Taken over as well: %(parts)s."), {
      parts: names.map(([, name]) => name()).join(", "),
    });
  }
}
