// @ts-check
/** One axis of a grid: the field that varies, and the values that it takes. */

import { make } from "../../dom.js";
import { newId, SelectField } from "./fields.js";

/** @import {Desk} from "./desk.js" */
/** @import {Axis} from "./types.js" */

const NUMBERS = ["seed", "steps", "guidance_scale", "strength", "clip_skip", "lora_weight"];
const LISTS = ["scheduler", "model", "vae"];
const ABILITIES = /** @type {Record<string, string>} */ ({
  ...{ clip_skip: "clip_skip", vae: "vae", negative_prompt: "negative_prompt" },
  strength: "img2img",
});

/** @returns {Record<string, string>} the fields in words */
function fieldNames() {
  return {
    ...{ seed: gettext("Seed"), steps: gettext("Steps"), scheduler: gettext("Scheduler") },
    ...{ guidance_scale: gettext("Guidance scale"), strength: gettext("Strength of the change") },
    ...{ model: gettext("Model"), clip_skip: gettext("CLIP skip"), vae: gettext("VAE") },
    ...{ negative_prompt: gettext("Negative prompt"), prompt: gettext("Words in the prompt") },
    lora_weight: gettext("Weight of a LoRA"),
  };
}

export class AxisField {
  #desk;
  #loras;
  #field;
  #lora;
  #texts = make("textarea", { class: "input axis__texts", rows: "2", id: newId() });
  #label = make("label", { class: "field__label", for: this.#texts.id });
  #note = make("span", { class: "field__note" });
  #written = make("div", { class: "field" }, this.#label, this.#texts, this.#note);
  #choices = make("div", { class: "axis__choices", role: "group" });
  /** @type {string[]} in the order in which they were chosen */
  #chosen = [];
  #onChange;

  /**
   * @param {Desk} desk
   * @param {{label: string, name: "x" | "y", isOptional: boolean, loras: () => [string, string][]}} shape
   * @param {() => void} onChange
   */
  constructor(desk, { label, name, isOptional, loras }, onChange) {
    this.#desk = desk;
    this.#loras = loras;
    this.#onChange = onChange;
    this.isOptional = isOptional;
    this.#field = new SelectField({ label, options: [], path: `${name}.field` }, () => {
      this.#chosen = [];
      this.#texts.value = this.#startingText();
      this.refresh();
      onChange();
    });
    this.#lora = new SelectField(
      { label: gettext("Which LoRA"), options: [], path: `${name}.lora` },
      onChange,
    );
    this.#texts.dataset.path = `${name}.values`;
    this.#texts.addEventListener("input", onChange);
    this.element = make(
      "div",
      { class: "axis" },
      this.#field.element,
      this.#lora.element,
      this.#written,
      this.#choices,
    );
    this.refresh();
    this.#field.value = isOptional ? "" : "guidance_scale";
    this.#texts.value = this.#startingText();
    this.refresh();
  }

  /** @returns {string} empty if nothing varies */
  get field() {
    return this.#field.value;
  }

  /** @returns {Axis | null} */
  get value() {
    const { field } = this;
    if (field === "") return null;
    const values = this.#values();
    if (values.length === 0) return null;
    return field === "lora_weight"
      ? { field, values, lora: this.#lora.value }
      : { field, values };
  }

  /** @param {Axis} axis */
  take({ field, values, lora = "" }) {
    this.#field.value = field;
    this.#chosen = values.map(String);
    this.#texts.value = values.join(NUMBERS.includes(field) ? ", " : "\n");
    this.refresh();
    this.#lora.value = lora;
  }

  refresh() {
    const names = fieldNames();
    const { model, hasStart } = this.#desk;
    const loras = this.#loras();
    const offered = this.#desk.offers.grid_fields.filter((field) => {
      if (field === "lora_weight") return loras.length > 0;
      if (field === "strength" && hasStart === false) return false;
      if (field === "vae" && this.#desk.ofKinds(["vae"]).length === 0) return false;
      const ability = ABILITIES[field];
      return !ability || this.#desk.lack([ability]) === "";
    });
    const options = offered.map(
      (field) => /** @type {[string, string]} */ ([field, names[field] ?? field]),
    );
    this.#field.offer(this.isOptional ? [["", gettext("Nothing")], ...options] : options);
    this.#lora.offer(loras);
    const { field } = this;
    this.#lora.element.hidden = field !== "lora_weight";
    this.#written.hidden = field === "" || LISTS.includes(field);
    this.#choices.hidden = !LISTS.includes(field);
    const isLines = !NUMBERS.includes(field);
    this.#label.textContent = isLines
      ? gettext("Values, one a line")
      : gettext("Values, with commas between them");
    this.#note.textContent =
      field === "prompt"
        ? gettext("The first one stands in the prompt; each takes its place.")
        : "";
    this.#choices.setAttribute("aria-label", names[field] ?? "");
    if (LISTS.includes(field) && model) this.#offerChoices(this.#listOf(field));
  }

  /**
   * @param {string} field
   * @returns {[string, string][]}
   */
  #listOf(field) {
    if (field === "scheduler") {
      return (this.#desk.model?.schedulers ?? []).map(({ key, name }) => [key, name]);
    }
    const models =
      field === "model"
        ? this.#desk.models.filter(({ included }) => included)
        : this.#desk.ofKinds(["vae"]).filter((model) => this.#desk.whyNot(model) === "");
    return models.map(({ key, name }) => [key, name]);
  }

  /** @param {[string, string][]} list */
  #offerChoices(list) {
    const keys = Array.from(this.#choices.children, (each) => each.getAttribute("data-value"));
    this.#chosen = this.#chosen.filter((key) => list.some(([known]) => known === key));
    if (keys.join(" ") !== list.map(([key]) => key).join(" ")) {
      const chips = list.map(([key, name]) => {
        const chip = make(
          "button",
          { class: "chip", type: "button", "data-value": key },
          make("span", { class: "chip__text" }, name),
        );
        chip.addEventListener("click", () => {
          this.#chosen = this.#chosen.includes(key)
            ? this.#chosen.filter((each) => each !== key)
            : [...this.#chosen, key];
          this.#press();
          this.#onChange();
        });
        return chip;
      });
      this.#choices.replaceChildren(...chips);
    }
    this.#press();
  }

  #press() {
    for (const chip of this.#choices.children) {
      const isChosen = this.#chosen.includes(chip.getAttribute("data-value") ?? "");
      chip.setAttribute("aria-pressed", String(isChosen));
    }
  }

  /** @returns {(string | number)[]} */
  #values() {
    const { field } = this;
    if (LISTS.includes(field)) return this.#chosen;
    const isNumbers = NUMBERS.includes(field);
    const texts = this.#texts.value.split(isNumbers ? /[,;\s]+/ : "\n").map((text) => text.trim());
    const values = texts.filter(Boolean);
    // What is no number goes as it is: the answer says so.
    return isNumbers
      ? values.map((text) => (Number.isNaN(Number(text)) ? text : Number(text)))
      : values;
  }

  /** @returns {string} values to begin with, around those of the model */
  #startingText() {
    const { model } = this.#desk;
    const around = (/** @type {number} */ value, /** @type {number} */ step) =>
      [value - step, value, value + step].filter((each) => each >= 1).join(", ");
    return (
      {
        steps: around(model?.default_steps ?? 20, 8),
        guidance_scale: around(model?.default_guidance ?? 6, 2),
        ...{ seed: "1, 2, 3", strength: "0.3, 0.5, 0.7", clip_skip: "0, 1, 2" },
        lora_weight: "0.4, 0.7, 1",
      }[this.field] ?? ""
    );
  }
}
