// @ts-check
/** What changes how the picture itself is made: second pass, variation, seams, CLIP, VAE, refiner. */

import { icon, make } from "../../dom.js";
import { fill, formatNumber } from "../../i18n.js";
import { CheckField, SliderField, TextField } from "./fields.js";
import { ModelField } from "./model_field.js";
import { numberOf, objectOf, Part, textOf, textsOf } from "./part.js";

/** @import {Desk} from "./desk.js" */

const SEED_LENGTH = 10;
const SIZE_STEP = 8;

/** @returns {string} why a part does not go with a start image */
function withoutStart() {
  return gettext("Only for pictures that start from nothing. Remove the start image to use it.");
}

export class HighRes extends Part {
  #scale;
  #strength;
  #upscaler;
  #note = make("p", { class: "field__note" });

  /** @param {Desk} desk */
  constructor(desk) {
    super(desk, "high_res");
    const { least_scale: least = 1.1, most_scale: most = 4 } = desk.offers.limits;
    const changed = () => {
      this.#tell();
      desk.changed();
    };
    this.#scale = new SliderField(
      { label: gettext("Times smaller at first"), least, most, step: 0.1, value: 2, path: "scale" },
      changed,
    );
    this.#strength = new SliderField(
      {
        ...{ label: gettext("Strength of the second pass"), least: 0, most: 1, step: 0.05 },
        ...{ value: 0.5, path: "strength" },
      },
      changed,
    );
    this.#upscaler = new ModelField(
      desk,
      { kinds: ["upscaler"], title: gettext("Choose an upscaler"), isOptional: true },
      changed,
    );
    this.body.append(
      this.#scale.element,
      this.#note,
      this.#strength.element,
      this.#upscaler.element,
    );
  }

  /** @override */
  get value() {
    return {
      ...{ scale: this.#scale.value, strength: this.#strength.value },
      upscaler: this.#upscaler.value,
    };
  }

  /** @override */
  get blocked() {
    return super.blocked || (this.desk.hasStart ? withoutStart() : "");
  }

  /**
   * @override
   * @param {unknown} value
   */
  take(value) {
    const part = objectOf(value);
    this.#scale.value = numberOf(part["scale"], 2);
    this.#strength.value = numberOf(part["strength"], 0.5);
    this.#upscaler.take(textOf(part["upscaler"]) || null);
  }

  /** @override */
  begin() {
    this.#scale.focus();
    this.desk.changed();
  }

  /** @override */
  refresh() {
    this.#upscaler.refresh();
    this.#tell();
    super.refresh();
  }

  #tell() {
    const { width, height } = this.desk.shape;
    const first = (/** @type {number} */ side) =>
      formatNumber(Math.round(side / this.#scale.value / SIZE_STEP) * SIZE_STEP);
    this.#note.textContent = fill(gettext("About %(width)s × %(height)s first, then the full size."), {
      width: first(width),
      height: first(height),
    });
  }
}

export class Variation extends Part {
  #seed;
  #strength;

  /** @param {Desk} desk */
  constructor(desk) {
    super(desk, "variation");
    const changed = () => desk.changed();
    this.#seed = new TextField(
      {
        ...{ label: gettext("Towards this seed"), most: SEED_LENGTH, path: "seed" },
        ...{ numeric: true, value: anySeed() },
      },
      () => {
        this.refresh();
        changed();
      },
    );
    const words = gettext("Throw a seed");
    const dice = make(
      "button",
      { class: "button button--icon", type: "button", "aria-label": words, title: words },
      icon("dice"),
    );
    dice.addEventListener("click", () => {
      this.#seed.value = anySeed();
      this.refresh();
      changed();
    });
    this.#strength = new SliderField(
      {
        ...{ label: gettext("How far"), least: 0, most: 1, step: 0.01, value: 0.2 },
        path: "strength",
      },
      changed,
    );
    const row = make("div", { class: "guide__withbutton" }, this.#seed.element, dice);
    this.body.append(row, this.#strength.element);
  }

  /** @override */
  get value() {
    const { value } = this.#seed;
    if (!/^\d+$/.test(value)) return undefined;
    return { seed: Number(value), strength: this.#strength.value };
  }

  /** @override */
  get blocked() {
    return super.blocked || (this.desk.hasStart ? withoutStart() : "");
  }

  /** @override */
  get missing() {
    return this.value ? "" : gettext("Not used until it has a seed: a whole number.");
  }

  /**
   * @override
   * @param {unknown} value
   */
  take(value) {
    const part = objectOf(value);
    this.#seed.value = String(numberOf(part["seed"], 0));
    this.#strength.value = numberOf(part["strength"], 0.2);
  }

  /** @override */
  begin() {
    this.#strength.focus();
    this.desk.changed();
  }
}

/** @returns {string} */
function anySeed() {
  return String(crypto.getRandomValues(new Uint32Array(1))[0] ?? 0);
}

export class Seamless extends Part {
  #across;
  #down;

  /** @param {Desk} desk */
  constructor(desk) {
    super(desk, "seamless");
    const changed = () => {
      this.refresh();
      desk.changed();
    };
    this.#across = new CheckField({ label: gettext("The left edge meets the right one") }, changed);
    this.#down = new CheckField({ label: gettext("The upper edge meets the lower one") }, changed);
    this.#across.value = true;
    this.#down.value = true;
    this.body.append(this.#across.element, this.#down.element);
  }

  /** @override */
  get value() {
    const axes = [...(this.#across.value ? ["x"] : []), ...(this.#down.value ? ["y"] : [])];
    return axes.length > 0 ? axes : undefined;
  }

  /** @override */
  get missing() {
    return this.value ? "" : gettext("Nothing is chosen yet.");
  }

  /**
   * @override
   * @param {unknown} value
   */
  take(value) {
    const axes = textsOf(value);
    this.#across.value = axes.includes("x");
    this.#down.value = axes.includes("y");
  }

  /** @override */
  begin() {
    this.#across.focus();
    this.desk.changed();
  }
}

export class ClipSkip extends Part {
  #layers;

  /** @param {Desk} desk */
  constructor(desk) {
    super(desk, "clip_skip");
    const most = desk.offers.limits["clip_skip"] ?? 4;
    this.#layers = new SliderField(
      { label: gettext("Layers left out"), least: 1, most, step: 1, value: 1 },
      () => desk.changed(),
    );
    this.body.append(this.#layers.element);
  }

  /** @override */
  get value() {
    return this.#layers.value;
  }

  /**
   * @override
   * @param {unknown} value
   */
  take(value) {
    this.#layers.value = numberOf(value, 1);
  }

  /** @override */
  begin() {
    this.#layers.focus();
    this.desk.changed();
  }
}

export class Vae extends Part {
  #model;

  /** @param {Desk} desk */
  constructor(desk) {
    super(desk, "vae");
    const shape = { kinds: ["vae"], title: gettext("Choose a VAE") };
    this.#model = new ModelField(desk, shape, () => desk.changed());
    this.body.append(this.#model.element);
  }

  /** @override */
  get value() {
    return this.#model.value ?? undefined;
  }

  /** @override */
  get blocked() {
    return super.blocked || this.#model.problem;
  }

  /** @override */
  get missing() {
    return this.value ? "" : gettext("Nothing is chosen yet.");
  }

  /**
   * @override
   * @param {unknown} value
   */
  take(value) {
    this.#model.take(textOf(value) || null);
  }

  /** @override */
  begin() {
    void this.#model.pick();
  }

  /** @override */
  refresh() {
    this.#model.refresh();
    super.refresh();
  }
}

export class Refiner extends Part {
  #model;
  #strength;

  /** @param {Desk} desk */
  constructor(desk) {
    super(desk, "refiner");
    const changed = () => desk.changed();
    const shape = { kinds: ["main"], title: gettext("Choose a refiner") };
    this.#model = new ModelField(desk, shape, changed);
    this.#strength = new SliderField(
      {
        ...{ label: gettext("Part of the steps at the end"), least: 0, most: 1, step: 0.05 },
        ...{ value: 0.2, path: "strength" },
      },
      changed,
    );
    this.body.append(this.#model.element, this.#strength.element);
  }

  /** @override */
  get value() {
    const { value: model } = this.#model;
    return model ? { model, strength: this.#strength.value } : undefined;
  }

  /** @override */
  get blocked() {
    return super.blocked || this.#model.problem;
  }

  /** @override */
  get missing() {
    return this.value ? "" : gettext("Nothing is chosen yet.");
  }

  /**
   * @override
   * @param {unknown} value
   */
  take(value) {
    const part = objectOf(value);
    this.#model.take(textOf(part["model"]) || null);
    this.#strength.value = numberOf(part["strength"], 0.2);
  }

  /** @override */
  begin() {
    void this.#model.pick();
  }

  /** @override */
  refresh() {
    this.#model.refresh();
    super.refresh();
  }
}
