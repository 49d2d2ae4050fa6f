// @ts-check
/** Pictures beside the prompt: those that an IP-Adapter reads, and those that a model looks at. */

import { make } from "../../dom.js";
import { SliderField } from "./fields.js";
import { ModelField } from "./model_field.js";
import { numberOf, objectOf, Part, textOf, textsOf } from "./part.js";
import { PictureField } from "./picture_field.js";

/** @import {Desk} from "./desk.js" */

/** Up to so many pictures, with a place for one more. */
class PictureList {
  #desk;
  #title;
  /** @type {PictureField[]} */
  #fields = [];
  element = make("div", { class: "guide__pictures" });
  #most = 1;
  #onChange;

  /**
   * @param {Desk} desk
   * @param {string} title of the dialog
   * @param {() => void} onChange
   */
  constructor(desk, title, onChange) {
    this.#desk = desk;
    this.#title = title;
    this.#onChange = onChange;
  }

  /** @returns {string[]} */
  get value() {
    return this.#fields.map(({ value }) => value ?? "").filter(Boolean);
  }

  /** @param {string[]} names */
  take(names) {
    for (const { element } of this.#fields) element.remove();
    this.#fields = [];
    for (const name of names) this.#append().take(name);
  }

  /** @param {number} most */
  refresh(most) {
    this.#most = most;
    this.#tidy();
  }

  async pick() {
    await this.#fields.at(-1)?.pick();
  }

  /** Leave the pictures and one empty place, if there may be another. */
  #tidy() {
    const empty = this.#fields.filter(({ value }) => value === null);
    const keep = this.value.length < this.#most ? empty.at(-1) : undefined;
    for (const field of empty) if (field !== keep) field.element.remove();
    this.#fields = this.#fields.filter((field) => field.value !== null || field === keep);
    if (!keep && this.#fields.length < this.#most) this.#append();
  }

  #append() {
    const shape = {
      ...{ title: this.#title, label: gettext("Choose a picture"), path: "images" },
      isRemovable: true,
    };
    const field = new PictureField(this.#desk, shape, () => {
      this.#tidy();
      this.#onChange();
    });
    this.#fields.push(field);
    this.element.append(field.element);
    return field;
  }
}

export class ImagePrompt extends Part {
  #model;
  #pictures;
  #weight;

  /** @param {Desk} desk */
  constructor(desk) {
    super(desk, "image_prompt");
    const changed = () => desk.changed();
    this.#model = new ModelField(
      desk,
      { kinds: ["ip_adapter"], title: gettext("Choose an IP-Adapter") },
      changed,
    );
    this.#pictures = new PictureList(desk, gettext("Choose a picture to read"), changed);
    const { weight: most = 2 } = desk.offers.limits;
    this.#weight = new SliderField(
      { label: gettext("Weight"), least: 0, most, step: 0.05, value: 1, path: "weight" },
      changed,
    );
    this.body.append(this.#model.element, this.#pictures.element, this.#weight.element);
  }

  /** @override */
  get value() {
    const { value: model } = this.#model;
    const { value: images } = this.#pictures;
    if (!model || images.length === 0) return undefined;
    return { model, images, weight: this.#weight.value };
  }

  /**
   * @override
   * @param {unknown} value
   */
  take(value) {
    const part = objectOf(value);
    this.#model.take(textOf(part["model"]));
    this.#pictures.take(textsOf(part["images"]));
    this.#weight.value = numberOf(part["weight"], 1);
  }

  /** @override */
  begin() {
    void this.#model.pick().then((isChosen) => (isChosen ? this.#pictures.pick() : undefined));
  }

  /** @override */
  refresh() {
    this.#model.refresh();
    this.#pictures.refresh(this.desk.most("image_prompt"));
    super.refresh();
  }

  /** @override */
  get blocked() {
    return super.blocked || this.#model.problem;
  }

  /** @override */
  get missing() {
    return this.value ? "" : gettext("Not used until it has a model and a picture.");
  }
}

export class References extends Part {
  #pictures;

  /** @param {Desk} desk */
  constructor(desk) {
    super(desk, "references");
    const title = gettext("Choose a reference picture");
    this.#pictures = new PictureList(desk, title, () => desk.changed());
    this.body.append(this.#pictures.element);
  }

  /** @override */
  get value() {
    const { value } = this.#pictures;
    return value.length > 0 ? value : undefined;
  }

  /**
   * @override
   * @param {unknown} value
   */
  take(value) {
    this.#pictures.take(textsOf(value));
  }

  /** @override */
  begin() {
    void this.#pictures.pick();
  }

  /** @override */
  refresh() {
    this.#pictures.refresh(this.desk.most("references"));
    super.refresh();
  }

  /** @override */
  get missing() {
    return this.value ? "" : gettext("Not used until it has a picture.");
  }
}
