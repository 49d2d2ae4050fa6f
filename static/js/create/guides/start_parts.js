// @ts-check
/** What is done with the start image: a mask on it, more around it, more of its pixels. */

import { byId, make } from "../../dom.js";
import { CheckField, newId, SliderField } from "./fields.js";
import { ModelField } from "./model_field.js";
import { numberOf, objectOf, Part, textOf } from "./part.js";
import { PictureField } from "./picture_field.js";

/** @import {Desk} from "./desk.js" */

/** Of these a picture can have one, in this order of what counts. */
const OF_STARTS = ["mask", "outpaint", "upscale"];

class StartPart extends Part {
  /** @override */
  get blocked() {
    const lack = super.blocked;
    if (lack) return lack;
    if (this.desk.hasStart === false) return gettext("Not used until there is a start image.");
    const first = OF_STARTS.find((name) => this.desk.parts.has(name));
    return first === this.name
      ? ""
      : gettext("Use one of mask, outpainting and enlarging. Remove the others to use this one.");
  }
}

export class Mask extends StartPart {
  #picture;
  #feather;
  #onlyMasked;
  #padding;

  /** @param {Desk} desk */
  constructor(desk) {
    super(desk, "mask");
    const changed = () => desk.changed();
    const { feather = 128, padding = 512 } = desk.offers.limits;
    this.#picture = new PictureField(
      desk,
      {
        ...{ title: gettext("Choose a mask"), label: gettext("Choose a mask: white may change") },
        path: "image",
      },
      changed,
    );
    this.#feather = new SliderField(
      {
        ...{ label: gettext("Soft edge in pixels"), least: 0, most: feather, step: 1 },
        ...{ value: 8, path: "feather" },
      },
      changed,
    );
    this.#onlyMasked = new CheckField(
      { label: gettext("Make the masked part at the full size"), path: "only_masked" },
      () => {
        this.refresh();
        changed();
      },
    );
    this.#padding = new SliderField(
      {
        ...{ label: gettext("Pixels around it that are looked at"), least: 0, most: padding },
        ...{ step: 8, value: 32, path: "padding" },
      },
      changed,
    );
    this.body.append(
      this.#picture.element,
      this.#feather.element,
      this.#onlyMasked.element,
      this.#padding.element,
    );
  }

  /** @override */
  get value() {
    const { value: image } = this.#picture;
    if (!image) return undefined;
    const onlyMasked = this.#onlyMasked.value;
    return {
      ...{ image, feather: this.#feather.value, only_masked: onlyMasked },
      ...(onlyMasked ? { padding: this.#padding.value } : {}),
    };
  }

  /** @override */
  get missing() {
    return this.value ? "" : gettext("Not used until it has a picture.");
  }

  /**
   * @override
   * @param {unknown} value
   */
  take(value) {
    const part = objectOf(value);
    this.#picture.take(textOf(part["image"]));
    this.#feather.value = numberOf(part["feather"], 8);
    this.#onlyMasked.value = part["only_masked"] === true;
    this.#padding.value = numberOf(part["padding"], 32);
  }

  /** @override */
  begin() {
    void this.#picture.pick();
  }

  /** @override */
  refresh() {
    this.#padding.element.hidden = !this.#onlyMasked.value;
    super.refresh();
  }
}

const SIDES = /** @type {const} */ (["top", "left", "right", "bottom"]);

/** @returns {Record<typeof SIDES[number], string>} */
function sideNames() {
  return {
    ...{ top: gettext("Above, in pixels"), left: gettext("On the left, in pixels") },
    ...{ right: gettext("On the right, in pixels"), bottom: gettext("Below, in pixels") },
  };
}

export class Outpaint extends StartPart {
  #sides;
  #feather;
  #inner = make("div", { class: "outpaint__inner" });

  /** @param {Desk} desk */
  constructor(desk) {
    super(desk, "outpaint");
    const { margin = 1024, feather = 128 } = desk.offers.limits;
    const changed = () => {
      this.refresh();
      desk.changed();
    };
    const names = sideNames();
    this.#sides = SIDES.map((side) => {
      const input = make("input", {
        ...{ class: `input input--number outpaint__${side}`, type: "number", id: newId() },
        ...{ min: "0", max: String(margin), step: "8", value: "0", inputmode: "numeric" },
        ...{ "aria-label": names[side], title: names[side], "data-path": side },
      });
      input.addEventListener("input", changed);
      return input;
    });
    this.#feather = new SliderField(
      {
        ...{ label: gettext("Soft edge in pixels"), least: 0, most: feather, step: 1 },
        ...{ value: 16, path: "feather" },
      },
      () => desk.changed(),
    );
    const frame = make("div", { class: "outpaint__frame", "aria-hidden": "true" }, this.#inner);
    this.body.append(
      make("div", { class: "outpaint" }, ...this.#sides, frame),
      make("p", { class: "field__note" }, gettext("The size above is that of the whole.")),
      this.#feather.element,
    );
  }

  /** @override */
  get value() {
    const margins = this.#margins;
    if (margins.every((margin) => margin === 0)) return undefined;
    const sides = Object.fromEntries(SIDES.map((side, at) => [side, margins[at] ?? 0]));
    return { ...sides, feather: this.#feather.value };
  }

  /** @override */
  get missing() {
    const [top = 0, left = 0, right = 0, bottom = 0] = this.#margins;
    const { width, height } = this.desk.shape;
    if (left + right >= width || top + bottom >= height) {
      return gettext("The margins leave no room for the picture; make them smaller.");
    }
    return this.value ? "" : gettext("Give a margin on at least one side.");
  }

  /**
   * @override
   * @param {unknown} value
   */
  take(value) {
    const part = objectOf(value);
    SIDES.forEach((side, at) => {
      const input = this.#sides[at];
      if (input) input.value = String(numberOf(part[side], 0));
    });
    this.#feather.value = numberOf(part["feather"], 16);
  }

  /** @override */
  begin() {
    this.#sides[0]?.focus();
  }

  /** @override */
  refresh() {
    super.refresh();
    const [top = 0, left = 0, right = 0, bottom = 0] = this.#margins;
    const { width, height } = this.desk.shape;
    const part = (/** @type {number} */ margin, /** @type {number} */ side) =>
      `${Math.min(margin / side, 0.48) * 100}%`;
    const { style } = this.#inner;
    style.inset = [part(top, height), part(right, width), part(bottom, height), part(left, width)].join(
      " ",
    );
    const start = byId("start-picture", HTMLImageElement).getAttribute("src");
    style.backgroundImage = start ? `url("${CSS.escape(start)}")` : "";
    const frame = this.#inner.parentElement;
    if (frame) frame.style.aspectRatio = `${width} / ${height}`;
  }

  /** @returns {number[]} in the order of `SIDES` */
  get #margins() {
    return this.#sides.map((input) => Math.round(Number(input.value)) || 0);
  }
}

export class Upscale extends StartPart {
  #strength;
  #upscaler;
  #tile;
  #overlap;

  /** @param {Desk} desk */
  constructor(desk) {
    super(desk, "upscale");
    const changed = () => desk.changed();
    const { least_tile: least = 64, most_tile: most = 2048 } = desk.offers.limits;
    this.#upscaler = new ModelField(
      desk,
      { kinds: ["upscaler"], title: gettext("Choose an upscaler"), isOptional: true },
      changed,
    );
    this.#strength = new SliderField(
      {
        ...{ label: gettext("How much of each tile is worked over"), least: 0, most: 1 },
        ...{ step: 0.05, value: 0.25, path: "strength" },
      },
      changed,
    );
    this.#tile = new SliderField(
      {
        ...{ label: gettext("Tile in pixels"), least, most, step: 64, value: 512 },
        path: "tile",
      },
      changed,
    );
    this.#overlap = new SliderField(
      {
        ...{ label: gettext("Overlap in pixels"), least: 0, most: most / 2, step: 8, value: 64 },
        path: "overlap",
      },
      changed,
    );
    this.body.append(
      make(
        "p",
        { class: "field__note" },
        gettext("It grows to the size above; each side can be up to 4096."),
      ),
      this.#upscaler.element,
      this.#strength.element,
      this.#tile.element,
      this.#overlap.element,
    );
  }

  /** @override */
  get value() {
    return {
      ...{ strength: this.#strength.value, upscaler: this.#upscaler.value },
      ...{ tile: this.#tile.value, overlap: this.#overlap.value },
    };
  }

  /**
   * @override
   * @param {unknown} value
   */
  take(value) {
    const part = objectOf(value);
    this.#strength.value = numberOf(part["strength"], 0.25);
    this.#upscaler.take(textOf(part["upscaler"]) || null);
    this.#tile.value = numberOf(part["tile"], 512);
    this.#overlap.value = numberOf(part["overlap"], 64);
  }

  /** @override */
  begin() {
    this.#strength.focus();
    this.desk.changed();
  }

  /** @override */
  refresh() {
    this.#upscaler.refresh();
    super.refresh();
  }
}
