// @ts-check
/** The size of a picture: shapes to choose from, numbers, a lock on their ratio, and a swap. */

import { byId, icon, make } from "../dom.js";
import { fill, formatNumber } from "../i18n.js";
import { recall, remember } from "../storage.js";
import { put } from "./fields.js";

/** @import {PageLife} from "../page.js" */
/** @import {Model} from "../types.js" */

const MULTIPLE = 8;

/**
 * Return a side that the model takes, as near as there is one.
 *
 * @param {Model} model
 * @param {number} side
 */
function fit(model, side) {
  const rounded = Math.round(side / MULTIPLE) * MULTIPLE;
  return Math.min(model.max_size, Math.max(model.min_size, rounded));
}

/**
 * Return the size of the shape `across:down` whose longer side is `longest`, within the model.
 *
 * @param {Model} model
 * @param {string} shape
 * @param {number} longest
 * @returns {{width: number, height: number}}
 */
function sizeOf(model, shape, longest) {
  const [across = 1, down = 1] = shape.split(":").map(Number);
  const scale = longest / Math.max(across, down);
  return { width: fit(model, across * scale), height: fit(model, down * scale) };
}

export class SizeFields {
  width = byId("width", HTMLInputElement);
  height = byId("height", HTMLInputElement);
  #lock = byId("size-lock", HTMLButtonElement);
  #fixed = byId("size-fixed", HTMLSelectElement);
  #longest = 0;
  /** @type {number | null} width by height while they are locked together */
  #ratio = null;
  /** @type {Model | null} */
  #model = null;
  #onChange;

  /**
   * @param {PageLife} life
   * @param {() => void} onChange
   */
  constructor(life, onChange) {
    this.#onChange = onChange;
    const { signal } = life;
    byId("shapes", HTMLElement).addEventListener(
      "change",
      (event) => {
        if (event.target instanceof HTMLInputElement) this.#take(event.target.value);
      },
      { signal },
    );
    // Before whoever hears of any input shows the old size again.
    this.#fixed.addEventListener("input", () => this.#takeFixed(), { signal });
    byId("size-swap", HTMLElement).addEventListener("click", () => this.swap(), { signal });
    this.#lock.addEventListener("click", () => this.#toggleLock(), { signal });
    for (const [field, other] of /** @type {const} */ ([
      [this.width, this.height],
      [this.height, this.width],
    ])) {
      field.addEventListener("input", () => this.#follow(field, other), { signal });
      field.addEventListener("change", () => this.measure(), { signal });
    }
  }

  /** @param {Model} model whose own size is taken */
  useModel(model) {
    this.#model = model;
    for (const field of [this.width, this.height]) {
      field.min = String(model.min_size);
      field.max = String(model.max_size);
    }
    this.#longest = Math.max(model.default_width, model.default_height);
    put(this.width, model.default_width);
    put(this.height, model.default_height);
    this.#relock();
    this.#offerFixed(model);
    byId("size-note", HTMLElement).textContent = model.sizes.length > 0 ? "" : fill(gettext("%(min)s to %(max)s pixels a side"), {
      min: formatNumber(model.min_size),
      max: formatNumber(model.max_size),
    });
  }

  /**
   * Offer the sizes of a model that makes no others.
   *
   * @param {Model} model
   */
  #offerFixed({ sizes }) {
    const isFixed = sizes.length > 0;
    byId("shapes", HTMLElement).hidden = isFixed;
    byId("size-numbers", HTMLElement).hidden = isFixed;
    this.#fixed.hidden = !isFixed;
    this.#fixed.replaceChildren(
      ...sizes.map(([width, height]) =>
        make(
          "option",
          { value: `${width}x${height}` },
          `${formatNumber(width)} × ${formatNumber(height)}`,
        ),
      ),
    );
  }

  #takeFixed() {
    const [width, height] = this.#fixed.value.split("x");
    put(this.width, width);
    put(this.height, height);
    this.#onChange();
  }

  /** Put back whether the ratio is locked, after the sizes of last time are. */
  restore() {
    this.measure();
    if (recall("size-lock") === "on") this.#relock({ isOn: true });
  }

  /** Take a size that somebody set, so that the shapes keep to it. */
  measure() {
    const model = this.#model;
    if (!model) return;
    const longest = Math.max(Number(this.width.value), Number(this.height.value));
    if (longest >= model.min_size && longest <= model.max_size) this.#longest = longest;
    if (model.sizes.length > 0 && !model.sizes.some((size) => this.#isNow(size))) {
      put(this.width, model.default_width);
      put(this.height, model.default_height);
    }
    this.show();
  }

  /** @param {[number, number]} size */
  #isNow([width, height]) {
    return width === Number(this.width.value) && height === Number(this.height.value);
  }

  swap() {
    const across = [Number(this.height.value), Number(this.width.value)];
    const { sizes } = this.#model ?? { sizes: [] };
    if (sizes.length > 0 && !sizes.some((size) => size.join() === across.join())) return;
    [this.width.value, this.height.value] = [this.height.value, this.width.value];
    this.#relock();
    this.#onChange();
  }

  /** Bring the shapes up to date with the numbers. */
  show() {
    const model = this.#model;
    if (!model) return;
    const width = Number(this.width.value);
    const height = Number(this.height.value);
    if (model.sizes.length > 0) this.#fixed.value = `${width}x${height}`;
    for (const input of document.querySelectorAll('input[name="shape"]')) {
      if (!(input instanceof HTMLInputElement)) continue;
      const size = sizeOf(model, input.value, this.#longest);
      input.checked = size.width === width && size.height === height;
    }
  }

  /** @param {string} shape */
  #take(shape) {
    if (!this.#model) return;
    const { width, height } = sizeOf(this.#model, shape, this.#longest);
    put(this.width, width);
    put(this.height, height);
    this.#relock();
    this.#onChange();
  }

  #toggleLock() {
    const isOn = this.#ratio === null;
    remember("size-lock", isOn ? "on" : null);
    this.#relock({ isOn });
  }

  // A shape that was chosen is the one to keep from then on.
  #relock({ isOn = this.#ratio !== null } = {}) {
    const ratio = Number(this.width.value) / Number(this.height.value);
    this.#ratio = isOn && Number.isFinite(ratio) && ratio > 0 ? ratio : null;
    this.#lock.setAttribute("aria-pressed", String(this.#ratio !== null));
    this.#lock.replaceChildren(icon(this.#ratio === null ? "unlock" : "lock"));
  }

  /**
   * @param {HTMLInputElement} field that was typed into
   * @param {HTMLInputElement} other that keeps the ratio
   */
  #follow(field, other) {
    const side = Number(field.value);
    if (this.#ratio === null || !this.#model || !field.validity.valid || side <= 0) return;
    const wanted = field === this.width ? side / this.#ratio : side * this.#ratio;
    put(other, fit(this.#model, wanted));
  }
}
