// @ts-check
/** The form beside a canvas: what is to be in the box, and how it is made. */

import { ApiError } from "../api.js";
import { byId, make } from "../dom.js";
import { fill, formatNumber, formatPercent } from "../i18n.js";
import { recallObject, remember } from "../storage.js";
import { toastError } from "../toast.js";
import { ControlChoices } from "./run_controls.js";
import { NEEDS, planInWords } from "./run_plan.js";

/** @import {PageLife} from "../page.js" */
/** @import {Model} from "../types.js" */
/** @import {LayerRecord} from "./document.js" */
/** @import {ControlChoice, ControlModel} from "./run_controls.js" */
/** @import {Plan} from "./run_plan.js" */

/** @typedef {Model & {base: string, capabilities: string[], size_multiple: number}} CanvasModel */

/**
 * @typedef {object} RunSettings
 * @property {Record<string, unknown>} base what is asked for whatever lies in the box
 * @property {number} strength
 * @property {number} feather
 * @property {boolean} onlyMasked
 * @property {ControlChoice[]} controls
 */

const KEY = "canvas.settings";
const KEPT = ["prompt", "negative_prompt", "strength", "feather", "steps", "guidance_scale", "seed"];

/** @param {string} name */
const input = (name) => byId(`run-${name}`, HTMLInputElement);

export class RunPanel {
  #form = byId("run", HTMLFormElement);
  #prompt = byId("run-prompt", HTMLTextAreaElement);
  #negative = byId("run-negative_prompt", HTMLTextAreaElement);
  #model = byId("run-model", HTMLSelectElement);
  #go = byId("run-go", HTMLButtonElement);
  #models;
  #controls;
  #onChange;
  #onModel;
  /** @type {Plan | null} */
  #plan = null;

  /**
   * @param {{models: CanvasModel[], controls: ControlModel[]}} tools
   * @param {PageLife} life
   * @param {{onChange: () => void, onModel: (model: CanvasModel) => void, onSubmit: () => Promise<void>}} listener
   */
  constructor({ models, controls }, life, { onChange, onModel, onSubmit }) {
    this.#models = models;
    this.#onChange = onChange;
    this.#onModel = onModel;
    this.#controls = new ControlChoices(controls, life, () => this.#changed());
    const { signal } = life;
    this.#form.addEventListener("input", (event) => this.#input(event), { signal });
    this.#form.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        void this.#submit(onSubmit);
      },
      { signal },
    );
    this.#model.addEventListener("change", () => this.#useModel(), { signal });
    byId("run-dice", HTMLElement).addEventListener("click", () => this.#throwSeed(), { signal });
    addEventListener("keydown", (event) => this.#key(event), { signal });
    byId("run-settings", HTMLDetailsElement).open = matchMedia("(width >= 64rem)").matches;
    this.#restore();
  }

  /** @returns {CanvasModel} */
  get model() {
    const found = this.#models.find(({ key }) => key === this.#model.value) ?? this.#models[0];
    if (!found) throw new Error("there is no model");
    return found;
  }

  /** @returns {RunSettings} */
  get settings() {
    const number = (/** @type {string} */ name) => {
      const text = input(name).value.trim();
      return text === "" || Number.isNaN(Number(text)) ? undefined : Number(text);
    };
    const negative = this.model.capabilities.includes("negative_prompt");
    return {
      base: {
        prompt: this.#prompt.value.trim(),
        ...(negative ? { negative_prompt: this.#negative.value.trim() } : {}),
        model: this.model.key,
        steps: number("steps"),
        guidance_scale: number("guidance_scale"),
        // What is no number goes as it is: the answer says so.
        seed: input("seed").value.trim() === "" ? undefined : (number("seed") ?? input("seed").value),
        num_images: this.#count,
      },
      strength: Number(input("strength").value),
      feather: Number(input("feather").value),
      onlyMasked: input("only_masked").checked,
      controls: this.#controls.chosen,
    };
  }

  /** @returns {string | null} why the model cannot do what the box asks for */
  get obstacle() {
    if (!this.#plan || this.model.capabilities.includes(NEEDS[this.#plan.kind])) return null;
    return fill(gettext("%(model)s cannot do this. Choose another model in the settings."), {
      model: this.model.name,
    });
  }

  /** @param {Plan} plan */
  showPlan(plan) {
    this.#plan = plan;
    const words = this.obstacle ?? planInWords(plan);
    const place = byId("run-plan-text", HTMLElement);
    // It is read out: only what is new is worth a word.
    if (place.textContent !== words) place.textContent = words;
    byId("run-plan", HTMLElement).dataset.kind = this.obstacle ? "obstacle" : plan.kind;
    const isMask = ["fill", "patch"].includes(plan.kind);
    this.#need("start", plan.kind === "rework" || plan.kind === "fill" || plan.isMasked);
    this.#need("mask", isMask);
    this.#need("negative", this.model.capabilities.includes("negative_prompt"));
  }

  /** @param {LayerRecord[]} layers of the document */
  showControls(layers) {
    this.#controls.show(layers, this.model);
  }

  /** @param {boolean} isBusy while nothing else can be asked for */
  setBusy(isBusy) {
    if (isBusy) this.#go.setAttribute("aria-disabled", "true");
    else this.#go.removeAttribute("aria-disabled");
  }

  /** @param {string} text something to know before the next try */
  showNote(text) {
    byId("run-error", HTMLElement).textContent = text;
  }

  /**
   * Show an error beside the fields it names; the rest of it below the button.
   *
   * @param {unknown} error
   */
  showError(error) {
    if (!(error instanceof ApiError) || Object.keys(error.fields).length === 0) {
      if (error instanceof ApiError) this.showNote(error.message);
      else toastError(error);
      return;
    }
    /** @type {string[]} */
    const homeless = [];
    for (const [name, messages] of Object.entries(error.fields)) {
      const field = name.split(".").find((part) => document.getElementById(`run-${part}-error`));
      if (!field) {
        homeless.push(...messages);
        continue;
      }
      byId(`run-${field}-error`, HTMLElement).textContent = messages.join(" ");
      const element = document.getElementById(`run-${field}`);
      element?.setAttribute("aria-invalid", "true");
      if (element?.closest("#run-settings")) byId("run-settings", HTMLDetailsElement).open = true;
      element?.focus();
    }
    this.showNote(homeless.join(" "));
  }

  get #count() {
    const checked = this.#form.querySelector('[name="num_images"]:checked');
    return checked instanceof HTMLInputElement ? Number(checked.value) : 1;
  }

  /** @param {() => Promise<void>} submit */
  async #submit(submit) {
    if (this.#go.getAttribute("aria-disabled") === "true" || this.#go.hidden) return;
    this.#clearErrors();
    if (this.#prompt.value.trim() === "") {
      byId("run-prompt-error", HTMLElement).textContent = gettext("Say what the picture should show.");
      this.#prompt.setAttribute("aria-invalid", "true");
      this.#prompt.focus();
      return;
    }
    if (this.obstacle) {
      this.showNote(this.obstacle);
      return;
    }
    try {
      await submit();
    } catch (error) {
      this.showError(error);
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return;
    event.preventDefault();
    this.#form.requestSubmit();
  }

  /** @param {Event} event */
  #input(event) {
    if (event.target instanceof HTMLElement) {
      event.target.removeAttribute("aria-invalid");
      const place = document.getElementById(`run-${event.target.getAttribute("name")}-error`);
      if (place) place.textContent = "";
    }
    this.#changed();
  }

  #throwSeed() {
    input("seed").value = String(crypto.getRandomValues(new Uint32Array(1))[0] ?? 0);
    this.#changed();
  }

  #useModel() {
    const { default_steps, default_guidance } = this.model;
    input("steps").value = String(default_steps);
    input("guidance_scale").value = String(default_guidance);
    this.#changed();
    this.#onModel(this.model);
  }

  #changed() {
    const values = Object.fromEntries(KEPT.map((name) => [name, fieldOf(name).value]));
    remember(KEY, JSON.stringify({ ...values, model: this.#model.value, count: this.#count }));
    this.#showValues();
    this.#onChange();
  }

  #restore() {
    const kept = recallObject(KEY);
    const known = this.#models.some(({ key, included }) => included && key === kept.model);
    if (known) this.#model.value = String(kept.model);
    this.#offerCounts(Number(kept.count) || 1);
    input("steps").value = String(this.model.default_steps);
    input("guidance_scale").value = String(this.model.default_guidance);
    for (const name of KEPT) {
      const value = kept[name];
      if (typeof value === "string" && (known || !/steps|guidance/.test(name))) {
        fieldOf(name).value = value;
      }
    }
    this.#showValues();
  }

  /** @param {number} chosen */
  #offerCounts(chosen) {
    const most = this.model.max_images;
    const options = Array.from({ length: most }, (_, index) => {
      const radio = make("input", {
        class: "segments__input",
        type: "radio",
        name: "num_images",
        value: String(index + 1),
      });
      radio.checked = index + 1 === Math.min(chosen, most);
      const text = make("span", { class: "segments__text" }, formatNumber(index + 1));
      return make("label", { class: "segments__option" }, radio, text);
    });
    byId("run-num_images", HTMLElement).replaceChildren(...options);
  }

  #showValues() {
    const percent = formatPercent(Number(input("strength").value) * 100);
    byId("run-strength-value", HTMLElement).textContent = percent;
    byId("run-feather-value", HTMLElement).textContent = fill(gettext("%(count)s px"), {
      count: formatNumber(Number(input("feather").value)),
    });
    byId("run-digest", HTMLElement).textContent = this.model.name;
  }

  /**
   * @param {string} what
   * @param {boolean} isNeeded
   */
  #need(what, isNeeded) {
    for (const part of this.#form.querySelectorAll(`[data-needs="${what}"]`)) {
      if (part instanceof HTMLElement) part.hidden = !isNeeded;
    }
  }

  #clearErrors() {
    for (const place of this.#form.querySelectorAll(".field__error")) place.textContent = "";
    for (const field of this.#form.querySelectorAll("[aria-invalid]")) {
      field.removeAttribute("aria-invalid");
    }
  }
}

/** @param {string} name */
function fieldOf(name) {
  const field = document.getElementById(`run-${name}`);
  if (!(field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement)) {
    throw new TypeError(`#run-${name} is missing`);
  }
  return field;
}
