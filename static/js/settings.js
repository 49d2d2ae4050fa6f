// @ts-check
/** The settings panel of the Create page: its values, its limits, and what it remembers. */

import { GuidesPanel } from "./create/guides/panel.js";
import { byId, make } from "./dom.js";
import { fill, formatNumber } from "./i18n.js";
import { PageLife } from "./page.js";
import { socket } from "./shell.js";
import { StartImage } from "./start_image.js";
import { recall, recallObject, remember } from "./storage.js";

/** @import {GenerationRequest, Metadata, Model, PricedSettings} from "./types.js" */

const MULTIPLE = 8;
const KEPT = [
  "width",
  "height",
  "steps",
  "guidance_scale",
  "scheduler",
  "negative_prompt",
  "seed",
];
const NARROW = matchMedia("(width < 60rem)");

/** @returns {number} a seed that nobody chose */
function randomSeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
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
  const fit = (/** @type {number} */ side) => {
    const rounded = Math.round(side / MULTIPLE) * MULTIPLE;
    return Math.min(model.max_size, Math.max(model.min_size, rounded));
  };
  const scale = longest / Math.max(across, down);
  return { width: fit(across * scale), height: fit(down * scale) };
}

/**
 * Read a field as the API takes it. What is no number goes as it is: the answer says so.
 *
 * @param {HTMLInputElement} field
 * @returns {number | string | undefined} undefined leaves the choice to the server
 */
function valueOf(field) {
  // A number field that holds something else has no value to send, but must not pass as empty.
  if (field.validity.badInput) return "?";
  const text = field.value.trim();
  if (text === "") return undefined;
  return Number.isNaN(Number(text)) ? text : Number(text);
}

export class SettingsPanel {
  #model = byId("model", HTMLSelectElement);
  #width = byId("width", HTMLInputElement);
  #height = byId("height", HTMLInputElement);
  #steps = byId("steps", HTMLInputElement);
  #guidance = byId("guidance_scale", HTMLInputElement);
  #scheduler = byId("scheduler", HTMLSelectElement);
  #seed = byId("seed", HTMLInputElement);
  #negative = byId("negative_prompt", HTMLTextAreaElement);
  #advanced = byId("advanced", HTMLDetailsElement);
  #panel = byId("settings", HTMLDetailsElement);
  /** @type {Map<string, Model>} */
  #models;
  #longest = 0;

  /** @type {() => void} */
  #onChange = () => undefined;

  /** The picture that the next one starts from, if any. */
  startImage = new StartImage(() => {
    this.guides.useStart(this.startImage.value() !== null);
    this.#onChange();
  });
  guides = new GuidesPanel(
    new PageLife(byId("main", HTMLElement), socket),
    () => this.#changed(),
    () => this.request(byId("prompt", HTMLTextAreaElement).value.trim()),
  );

  /**
   * @param {Model[]} models
   * @param {(model: Model) => void} onModel
   */
  constructor(models, onModel) {
    this.#models = new Map(models.map((model) => [model.key, model]));
    this.#wire(onModel);
    const kept = recall("model");
    if (kept && this.#models.has(kept)) this.#model.value = kept;
    this.#useModel(onModel);
    this.#restore();
    this.guides.useStart(false);
    // Never folded here: a quick user may have opened it before this script was there.
    if (recall("advanced") === "open") this.#advanced.open = true;
    const fold = () => (this.#panel.open = !NARROW.matches);
    NARROW.addEventListener("change", fold);
    fold();
    this.#refresh();
  }

  /** @returns {Model} */
  get model() {
    const model = this.#models.get(this.#model.value);
    if (!model) throw new Error("There is no model to choose");
    return model;
  }

  /**
   * @param {string} prompt
   * @returns {GenerationRequest}
   */
  request(prompt) {
    const start = this.startImage.value();
    return {
      prompt,
      negative_prompt: this.#negative.value.trim(),
      model: this.#model.value,
      width: valueOf(this.#width),
      height: valueOf(this.#height),
      steps: valueOf(this.#steps),
      guidance_scale: valueOf(this.#guidance),
      scheduler: this.#scheduler.value,
      seed: valueOf(this.#seed),
      num_images: this.#count(),
      ...(start ? { init_image: start.imageName, strength: start.strength } : {}),
      ...this.guides.value,
    };
  }

  /**
   * Return what decides the cost, if it is within the limits of the model.
   *
   * @returns {PricedSettings | null}
   */
  priced() {
    const fields = [this.#width, this.#height, this.#steps];
    if (fields.some((field) => !field.checkValidity())) return null;
    const { model, width, height, steps, num_images } = this.request("");
    const start = this.startImage.value();
    if (start && typeof steps === "number" && steps * start.strength < 1) return null;
    return {
      ...{ model, width, height, steps, num_images },
      ...(start ? { init_image: start.imageName, strength: start.strength } : {}),
      ...this.guides.value,
    };
  }

  /** @param {() => void} onChange is called after every change */
  listen(onChange) {
    this.#onChange = onChange;
  }

  /**
   * Take over the settings that made a picture.
   *
   * @param {Metadata} metadata
   */
  apply(metadata) {
    if (metadata.model && this.#models.has(metadata.model)) {
      this.#model.value = metadata.model;
      this.#model.dispatchEvent(new Event("change"));
    }
    this.#set(this.#width, metadata.width);
    this.#set(this.#height, metadata.height);
    this.#set(this.#steps, metadata.steps);
    this.#set(this.#guidance, metadata.guidance_scale);
    this.#set(this.#seed, metadata.seed);
    this.#negative.value = metadata.negative_prompt ?? "";
    if (metadata.scheduler && this.#offersScheduler(metadata.scheduler)) {
      this.#scheduler.value = metadata.scheduler;
    }
    this.guides.take(metadata);
    this.#changed();
  }

  /** Make room for the stage where the panel lies above it. */
  fold() {
    if (NARROW.matches) this.#panel.open = false;
  }

  /** @param {number} seed */
  useSeed(seed) {
    this.#seed.value = String(seed);
    this.#changed();
  }

  /**
   * Unfold whatever hides this element, so that a message beside it can be seen.
   *
   * @param {Element} element
   */
  reveal(element) {
    if (this.#panel.contains(element)) this.#panel.open = true;
    if (this.#advanced.contains(element)) this.#advanced.open = true;
  }

  /** @param {(model: Model) => void} onModel */
  #wire(onModel) {
    this.#model.addEventListener("change", () => {
      remember("model", this.#model.value);
      this.#useModel(onModel);
      this.#changed();
    });
    byId("shapes", HTMLElement).addEventListener("change", (event) => {
      if (!(event.target instanceof HTMLInputElement)) return;
      const { width, height } = sizeOf(this.model, event.target.value, this.#longest);
      this.#set(this.#width, width);
      this.#set(this.#height, height);
      this.#changed();
    });
    for (const [field, id] of /** @type {const} */ ([
      [this.#steps, "steps-range"],
      [this.#guidance, "guidance_scale-range"],
    ])) {
      byId(id, HTMLInputElement).addEventListener("input", (event) => {
        if (event.target instanceof HTMLInputElement) this.#set(field, event.target.value);
        this.#changed();
      });
    }
    this.#panel.addEventListener("input", () => this.#changed());
    for (const field of [this.#width, this.#height]) {
      field.addEventListener("change", () => this.#remeasure());
    }
    byId("seed-dice", HTMLElement).addEventListener("click", () => this.useSeed(randomSeed()));
    byId("seed-clear", HTMLElement).addEventListener("click", () => {
      this.#seed.value = "";
      this.#changed();
      this.#seed.focus();
    });
    byId("reset", HTMLElement).addEventListener("click", () => {
      this.#seed.value = "";
      this.#negative.value = "";
      this.startImage.clear();
      this.guides.clear();
      this.#useModel(onModel);
      this.#changed();
    });
    this.#advanced.addEventListener("toggle", () => {
      remember("advanced", this.#advanced.open ? "open" : null);
    });
  }

  /** @param {(model: Model) => void} onModel */
  #useModel(onModel) {
    const model = this.model;
    for (const field of [this.#width, this.#height]) {
      field.min = String(model.min_size);
      field.max = String(model.max_size);
    }
    this.#longest = Math.max(model.default_width, model.default_height);
    this.#set(this.#width, model.default_width);
    this.#set(this.#height, model.default_height);
    this.#set(this.#steps, model.default_steps);
    this.#set(this.#guidance, model.default_guidance);
    this.#steps.max = String(model.max_steps);
    // The slider covers what is sensible; the number beside it may go to the limit.
    byId("steps-range", HTMLInputElement).max = String(Math.min(model.max_steps, 60));
    this.#scheduler.replaceChildren(
      ...model.schedulers.map(({ key, name }) => make("option", { value: key }, name)),
    );
    this.#scheduler.value = model.default_scheduler;
    this.#offerCounts(model.max_images);
    byId("size-note", HTMLElement).textContent = fill(gettext("%(min)s to %(max)s"), {
      min: formatNumber(model.min_size),
      max: formatNumber(model.max_size),
    });
    this.guides.useModel(model);
    onModel(model);
  }

  /** @param {number} most */
  #offerCounts(most) {
    const chosen = Math.min(this.#count(), most);
    const options = Array.from({ length: most }, (_, index) => {
      const value = String(index + 1);
      const input = make("input", {
        class: "segments__input",
        type: "radio",
        name: "num_images",
        value,
        "aria-describedby": "num_images-error",
      });
      input.checked = index + 1 === chosen;
      const text = make("span", { class: "segments__text" }, formatNumber(index + 1));
      return make("label", { class: "segments__option" }, input, text);
    });
    byId("num_images", HTMLElement).replaceChildren(...options);
  }

  /** @returns {number} */
  #count() {
    const checked = document.querySelector('input[name="num_images"]:checked');
    return checked instanceof HTMLInputElement ? Number(checked.value) : 1;
  }

  /**
   * @param {HTMLInputElement} field
   * @param {string | number | null | undefined} value
   */
  #set(field, value) {
    if (value !== null && value !== undefined) field.value = String(value);
  }

  /** @param {string} key */
  #offersScheduler(key) {
    return this.model.schedulers.some((scheduler) => scheduler.key === key);
  }

  // A size typed by hand becomes the one that the shapes keep to.
  #remeasure() {
    const longest = Math.max(Number(this.#width.value), Number(this.#height.value));
    if (longest >= this.model.min_size && longest <= this.model.max_size) this.#longest = longest;
    this.#refresh();
  }

  #changed() {
    const values = Object.fromEntries(
      KEPT.map((id) => {
        const field = byId(id, HTMLElement);
        return [id, "value" in field ? String(field.value) : ""];
      }),
    );
    remember("settings", JSON.stringify(values));
    this.#refresh();
    this.#onChange();
  }

  #restore() {
    const kept = recallObject("settings");
    for (const id of KEPT) {
      const field = byId(id, HTMLElement);
      const value = kept[id];
      if (typeof value !== "string") continue;
      if (field === this.#scheduler && !this.#offersScheduler(value)) continue;
      if ("value" in field && (value !== "" || id === "seed")) field.value = value;
    }
    this.#remeasure();
  }

  /** Bring what only shows the values up to date with them. */
  #refresh() {
    byId("steps-range", HTMLInputElement).value = this.#steps.value;
    byId("guidance_scale-range", HTMLInputElement).value = this.#guidance.value;
    const width = Number(this.#width.value);
    const height = Number(this.#height.value);
    for (const input of document.querySelectorAll('input[name="shape"]')) {
      if (!(input instanceof HTMLInputElement)) continue;
      const size = sizeOf(this.model, input.value, this.#longest);
      input.checked = size.width === width && size.height === height;
    }
    byId("settings-digest", HTMLElement).textContent = fill(
      gettext("%(model)s · %(width)s × %(height)s · %(steps)s steps"),
      { model: this.model.name, width, height, steps: this.#steps.value },
    );
  }
}
