// @ts-check
/** The settings panel of the Create page: its values, its limits, and what it remembers. */

import { put, valueOf } from "./create/fields.js";
import { SizeFields } from "./create/size.js";
import { GuidesPanel } from "./create/guides/panel.js";
import { byId, make } from "./dom.js";
import { fill, formatNumber } from "./i18n.js";
import { StartImage } from "./start_image.js";
import { recall, recallObject, remember } from "./storage.js";

/** @import {PageLife} from "./page.js" */
/** @import {ImageService, Metadata, Model, PricedSettings, Settings} from "./types.js" */

const KEPT = ["width", "height", "steps", "guidance_scale", "scheduler", "seed"];

/** @returns {number} a seed that nobody chose */
function randomSeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}

/**
 * @typedef {object} SettingsListener
 * @property {(model: Model) => void} onModel
 * @property {() => void} onChange is called after every change
 * @property {() => void} onReset the model's own settings are wanted back
 */

export class SettingsPanel {
  #model = byId("model", HTMLSelectElement);
  #steps = byId("steps", HTMLInputElement);
  #guidance = byId("guidance_scale", HTMLInputElement);
  #scheduler = byId("scheduler", HTMLSelectElement);
  #seed = byId("seed", HTMLInputElement);
  #images = byId("num_images", HTMLElement);
  #advanced = byId("advanced", HTMLDetailsElement);
  #panel = byId("settings", HTMLDetailsElement);
  #narrow = matchMedia("(width < 60rem)");
  /** @type {Map<string, Model>} */
  #models;
  /** @type {Record<string, ImageService>} */
  #services = JSON.parse(byId("image-services", HTMLScriptElement).text);
  #listener;
  #isReady = false;
  #size;

  /**
   * @param {PageLife} life
   * @param {Model[]} models
   * @param {SettingsListener} listener
   */
  constructor(life, models, listener) {
    this.#models = new Map(models.map((model) => [model.key, model]));
    this.#listener = listener;
    this.#size = new SizeFields(life, () => this.#changed());
    /** The picture that the next one starts from, if any. */
    this.startImage = new StartImage(life, () => this.#changed());
    const prompt = byId("prompt", HTMLTextAreaElement);
    const whole = () => ({ ...this.value, prompt: prompt.value.trim(), negative_prompt: "" });
    this.guides = new GuidesPanel(life, () => this.#changed(), whole);
    this.#wire(life);
    const kept = recall("model");
    if (kept && this.#models.has(kept)) this.#model.value = kept;
    this.#useModel();
    this.#restore();
    // Never folded here: a quick user may have opened it before this script was there.
    if (recall("advanced") === "open") this.#advanced.open = true;
    const fold = () => (this.#panel.open = !this.#narrow.matches);
    this.#narrow.addEventListener("change", fold, { signal: life.signal });
    fold();
    this.#panel.classList.remove("settings--fresh");
    this.#refresh();
    this.#isReady = true;
  }

  /** @returns {Model} */
  get model() {
    const model = this.#models.get(this.#model.value);
    if (!model) throw new Error("There is no model to choose");
    return model;
  }

  /** @returns {Settings} all that is asked for beside the prompts */
  get value() {
    const start = this.startImage.value();
    const all = {
      model: this.#model.value,
      width: valueOf(this.#size.width),
      height: valueOf(this.#size.height),
      steps: valueOf(this.#steps),
      guidance_scale: valueOf(this.#guidance),
      scheduler: this.#scheduler.value,
      seed: valueOf(this.#seed),
      num_images: this.#count(),
      ...(start ? { init_image: start.imageName, strength: start.strength } : {}),
      ...this.guides.value,
    };
    const taken = Object.entries(all).filter(([name]) => this.#takes(name));
    return /** @type {Settings} */ (Object.fromEntries(taken));
  }

  /**
   * Return what decides the cost, if it is within the limits of the model.
   *
   * @returns {PricedSettings | null}
   */
  priced() {
    const fields = [this.#size.width, this.#size.height, this.#steps];
    if (fields.some((field) => !field.checkValidity())) return null;
    if (!this.guides.isWithinLimits) return null;
    const settings = this.value;
    const { steps, strength } = settings;
    if (strength !== undefined && typeof steps === "number" && steps * strength < 1) return null;
    return settings;
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
    put(this.#size.width, metadata.width);
    put(this.#size.height, metadata.height);
    put(this.#steps, metadata.steps);
    put(this.#guidance, metadata.guidance_scale);
    put(this.#seed, metadata.seed);
    if (metadata.scheduler && this.#offersScheduler(metadata.scheduler)) {
      this.#scheduler.value = metadata.scheduler;
    }
    this.#size.restore();
    this.guides.take(metadata);
    this.#changed();
  }

  /** Make room for the stage where the panel lies above it. */
  fold() {
    if (this.#narrow.matches) this.#panel.open = false;
  }

  /** @param {number} seed */
  useSeed(seed) {
    this.#seed.value = String(seed);
    this.#changed();
  }

  swapSize() {
    this.#size.swap();
  }

  /**
   * Tell what is wrong with a part of the guides, on its card.
   *
   * @param {string} name
   * @param {string[]} messages
   * @returns {boolean} whether it is of one that is there
   */
  showError(name, messages) {
    const isThere = this.guides.showError(name, messages);
    if (isThere) this.#panel.open = true;
    return isThere;
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

  /** @param {PageLife} life */
  #wire({ signal }) {
    this.#model.addEventListener(
      "change",
      () => {
        remember("model", this.#model.value);
        this.#useModel();
        this.#changed();
      },
      { signal },
    );
    for (const [field, id] of /** @type {const} */ ([
      [this.#steps, "steps-range"],
      [this.#guidance, "guidance_scale-range"],
    ])) {
      byId(id, HTMLInputElement).addEventListener(
        "input",
        (event) => {
          if (event.target instanceof HTMLInputElement) put(field, event.target.value);
          this.#changed();
        },
        { signal },
      );
    }
    this.#panel.addEventListener("input", () => this.#changed(), { signal });
    const press = (/** @type {string} */ id, /** @type {() => void} */ act) =>
      byId(id, HTMLElement).addEventListener("click", act, { signal });
    press("seed-dice", () => this.useSeed(randomSeed()));
    press("seed-clear", () => {
      this.#seed.value = "";
      this.#changed();
      this.#seed.focus();
    });
    press("reset", () => {
      this.#seed.value = "";
      this.startImage.clear();
      this.guides.clear();
      this.#useModel();
      this.#listener.onReset();
      this.#changed();
    });
    this.#advanced.addEventListener(
      "toggle",
      () => remember("advanced", this.#advanced.open ? "open" : null),
      { signal },
    );
  }

  #useModel() {
    const { model } = this;
    this.#size.useModel(model);
    put(this.#steps, model.default_steps);
    put(this.#guidance, model.default_guidance);
    this.#steps.max = String(model.max_steps);
    // The slider covers what is sensible; the number beside it may go to the limit.
    byId("steps-range", HTMLInputElement).max = String(Math.min(model.max_steps, 60));
    this.#scheduler.replaceChildren(
      ...model.schedulers.map(({ key, name }) => make("option", { value: key }, name)),
    );
    this.#scheduler.value = model.default_scheduler;
    this.#offerCounts(model.max_images);
    this.#offerSettings();
    this.guides.useModel(model);
    this.#listener.onModel(model);
  }

  /** @param {string} name of a setting */
  #takes(name) {
    return !this.model.settings_not_taken.includes(name);
  }

  /** Take away what the model has no use for, and say who makes its pictures. */
  #offerSettings() {
    for (const name of ["steps", "guidance_scale", "scheduler", "seed"]) {
      const field = byId(name, HTMLElement).closest(".field");
      if (field instanceof HTMLElement) field.hidden = !this.#takes(name);
    }
    byId("strength-field", HTMLElement).hidden = !this.#takes("strength");
    this.#advanced.hidden = ["steps", "scheduler", "seed"].every((name) => !this.#takes(name));
    const note = byId("model-service", HTMLElement);
    const service = this.#services[this.model.provider ?? ""];
    note.hidden = !service;
    if (!service) return;
    note.textContent = fill(
      service.key_owner === "own"
        ? gettext("%(service)s makes these pictures, by your own key. Your prompt goes there.")
        : gettext("%(service)s makes these pictures, by our key. Your prompt goes there."),
      { service: service.name },
    );
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
    this.#images.replaceChildren(...options);
  }

  /** @returns {number} */
  #count() {
    const checked = this.#images.querySelector("input:checked");
    return checked instanceof HTMLInputElement ? Number(checked.value) : 1;
  }

  /** @param {string} key */
  #offersScheduler(key) {
    return this.model.schedulers.some((scheduler) => scheduler.key === key);
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
    // While it is put together, nobody has it to ask for its values.
    if (this.#isReady) this.#listener.onChange();
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
    this.#size.restore();
  }

  /** Bring what only shows the values up to date with them. */
  #refresh() {
    this.guides.useStart(this.startImage.value() !== null);
    byId("steps-range", HTMLInputElement).value = this.#steps.value;
    byId("guidance_scale-range", HTMLInputElement).value = this.#guidance.value;
    this.#size.show();
    byId("settings-digest", HTMLElement).textContent = fill(
      this.#takes("steps")
        ? gettext("%(model)s · %(width)s × %(height)s · %(steps)s steps")
        : gettext("%(model)s · %(width)s × %(height)s"),
      {
        model: this.model.name,
        width: this.#size.width.value,
        height: this.#size.height.value,
        steps: this.#steps.value,
      },
    );
  }
}
