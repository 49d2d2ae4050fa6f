// @ts-check
/** The fields that cards are made of: each is an element, a value, and the path of its errors. */

import { make } from "../../dom.js";

let fieldCount = 0;

/** @returns {string} an id that no other field has */
export function newId() {
  fieldCount += 1;
  return `guide-field-${fieldCount}`;
}

/**
 * @typedef {object} NumberShape
 * @property {string} label
 * @property {number} least
 * @property {number} most
 * @property {number} step
 * @property {number} value
 * @property {number} [from] where the slider begins, where that is above `least`
 * @property {number} [to] where it ends
 * @property {string} [path] the end of the name of the field that a refusal names
 * @property {boolean} [isWhole]
 */

/** A number with a slider: the slider covers what is sensible, the number goes to the limits. */
export class SliderField {
  #number;
  #slider;
  #shape;

  /**
   * @param {NumberShape} shape
   * @param {() => void} onInput
   */
  constructor(shape, onInput) {
    this.#shape = shape;
    const { label, least, most, step, value, path = "" } = shape;
    const id = newId();
    this.#number = make("input", {
      ...{ class: "input input--number", type: "number", id, "data-path": path },
      ...{ inputmode: "decimal", min: String(least), max: String(most), step: String(step) },
    });
    this.#slider = make("input", {
      ...{ class: "range", type: "range", "aria-label": label },
      ...{ min: String(shape.from ?? least), max: String(shape.to ?? most), step: String(step) },
    });
    this.element = make(
      "div",
      { class: "field guide__number" },
      make("div", { class: "field__head" }, labelFor(id, label), this.#number),
      this.#slider,
    );
    this.value = value;
    this.#number.addEventListener("input", () => {
      this.#slider.value = this.#number.value;
      onInput();
    });
    this.#slider.addEventListener("input", () => {
      this.#number.value = this.#slider.value;
      onInput();
    });
    // An emptied number goes back to what it was made with: nothing is no number.
    this.#number.addEventListener("change", () => {
      if (this.#number.value !== "") return;
      this.value = shape.value;
      onInput();
    });
  }

  /** @returns {number} */
  get value() {
    const { value, valueAsNumber } = this.#number;
    return value === "" ? this.#shape.value : valueAsNumber;
  }

  set value(value) {
    this.#number.value = String(value);
    this.#slider.value = String(value);
  }

  focus() {
    this.#number.focus();
  }
}

/** One of some values, in a menu. */
export class SelectField {
  #select;

  /**
   * @param {{label: string, options: [string, string][], path?: string}} shape pairs of value and words
   * @param {() => void} onInput
   */
  constructor({ label, options, path = "" }, onInput) {
    const id = newId();
    this.#select = make("select", { class: "input", id, "data-path": path });
    this.element = make("div", { class: "field" }, labelFor(id, label), this.#select);
    this.offer(options);
    this.#select.addEventListener("change", onInput);
  }

  /** @param {[string, string][]} options; the chosen one stays if it is among them */
  offer(options) {
    const chosen = this.#select.value;
    this.#select.replaceChildren(
      ...options.map(([value, words]) => make("option", { value }, words)),
    );
    if (options.some(([value]) => value === chosen)) this.#select.value = chosen;
  }

  get value() {
    return this.#select.value;
  }

  set value(value) {
    this.#select.value = value;
  }

  focus() {
    this.#select.focus();
  }
}

/** Yes or no. */
export class CheckField {
  #check;

  /**
   * @param {{label: string, path?: string}} shape
   * @param {() => void} onInput
   */
  constructor({ label, path = "" }, onInput) {
    this.#check = make("input", { type: "checkbox", class: "guide__check", "data-path": path });
    this.element = make("label", { class: "guide__choice" }, this.#check, label);
    this.#check.addEventListener("change", onInput);
  }

  get value() {
    return this.#check.checked;
  }

  set value(value) {
    this.#check.checked = value;
  }

  focus() {
    this.#check.focus();
  }
}

/** Words. */
export class TextField {
  #input;

  /**
   * @param {{label: string, most: number, placeholder?: string, path?: string, value?: string, numeric?: boolean}} shape
   * @param {() => void} onInput
   */
  constructor({ label, most, placeholder = "", path = "", value = "", numeric = false }, onInput) {
    const id = newId();
    this.#input = make("input", {
      ...{ class: "input", type: "text", id, "data-path": path, autocomplete: "off" },
      ...{ maxlength: String(most), placeholder, ...(numeric ? { inputmode: "numeric" } : {}) },
    });
    this.#input.value = value;
    this.element = make("div", { class: "field" }, labelFor(id, label), this.#input);
    this.#input.addEventListener("input", onInput);
  }

  get value() {
    return this.#input.value.trim();
  }

  set value(value) {
    this.#input.value = value;
  }

  focus() {
    this.#input.focus();
  }
}

/**
 * @param {string} id
 * @param {string} words
 * @returns {HTMLLabelElement}
 */
function labelFor(id, words) {
  return make("label", { class: "field__label", for: id }, words);
}
