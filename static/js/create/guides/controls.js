// @ts-check
/** Control pictures: ControlNets or T2I adapters, each with its picture and how it is prepared. */

import { icon, make } from "../../dom.js";
import { fill, formatNumber } from "../../i18n.js";
import { SelectField, SliderField } from "./fields.js";
import { ModelField } from "./model_field.js";
import { addButton } from "./model_row.js";
import { numberOf, objectOf, objectsOf, Part, textOf } from "./part.js";
import { PictureField } from "./picture_field.js";

/** @import {Desk} from "./desk.js" */
/** @import {NumberFacts, Preprocessor} from "./types.js" */

const KINDS = ["controlnet", "t2i_adapter"];
const ADAPTER = "t2i_adapter";

class Control {
  #desk;
  #model;
  #picture;
  #preprocessor;
  #weight;
  #start;
  #end;
  #numbers = make("div", { class: "guide__numbers" });
  /** @type {Map<string, SliderField>} */
  #parameters = new Map();
  #name = make("h5", { class: "guide__subtitle" });
  #span = make("div", { class: "guide__pair" });
  #rest = make("div", { class: "guide__body" });

  /**
   * @param {Desk} desk
   * @param {() => void} onRemove
   */
  constructor(desk, onRemove) {
    this.#desk = desk;
    const changed = () => desk.changed();
    this.#model = new ModelField(
      desk,
      { kinds: KINDS, title: gettext("Choose what looks at it") },
      () => this.#useModel(),
    );
    this.#picture = new PictureField(
      desk,
      {
        title: gettext("Choose a control picture"),
        label: gettext("Choose a picture"),
        path: "image",
      },
      changed,
    );
    const options = desk.offers.preprocessors.map(
      ({ key, name }) => /** @type {[string, string]} */ ([key, name]),
    );
    this.#preprocessor = new SelectField(
      { label: gettext("Prepared by"), options, path: "preprocessor" },
      () => {
        this.#offerNumbers({});
        changed();
      },
    );
    const { weight: most = 2 } = desk.offers.limits;
    const part = { least: 0, most: 1, step: 0.05 };
    this.#weight = new SliderField(
      { label: gettext("Weight"), least: 0, most, step: 0.05, value: 1, path: "weight" },
      changed,
    );
    this.#start = new SliderField(
      { label: gettext("From"), ...part, value: 0, path: "start" },
      changed,
    );
    this.#end = new SliderField({ label: gettext("To"), ...part, value: 1, path: "end" }, changed);
    this.#span.append(this.#start.element, this.#end.element);
    this.#rest.append(this.#preprocessor.element, this.#numbers, this.#weight.element, this.#span);
    const words = gettext("Remove this control picture");
    const remove = make(
      "button",
      {
        ...{ class: "button button--quiet button--icon", type: "button" },
        ...{ "aria-label": words, title: words },
      },
      icon("close"),
    );
    remove.addEventListener("click", onRemove);
    this.element = make(
      "div",
      { class: "guide__line", "data-line": "" },
      make("div", { class: "guide__linehead" }, this.#name, remove),
      this.#model.element,
      this.#picture.element,
      this.#rest,
    );
    this.#offerNumbers({});
  }

  /** @returns {object | undefined} */
  get value() {
    const { value: model } = this.#model;
    const { value: image } = this.#picture;
    if (!model || !image || this.#model.problem) return undefined;
    const numbers = Array.from(this.#parameters, ([key, field]) => [key, field.value]);
    return {
      ...{ model, image, preprocessor: this.#preprocessor.value },
      ...(numbers.length > 0 ? { parameters: Object.fromEntries(numbers) } : {}),
      weight: this.#weight.value,
      // An adapter works from the first step to the last.
      ...(this.isAdapter ? {} : { start: this.#start.value, end: this.#end.value }),
    };
  }

  /** @returns {boolean} */
  get isAdapter() {
    return this.#model.model?.kind === ADAPTER;
  }

  /** @returns {string | null} the kind of its model, as far as it is known */
  get kind() {
    return this.#model.model?.kind ?? null;
  }

  /** @param {Record<string, unknown>} value */
  take(value) {
    this.#model.take(textOf(value["model"]));
    this.#picture.take(textOf(value["image"]));
    this.#preprocessor.value = textOf(value["preprocessor"]) || "none";
    this.#offerNumbers(objectOf(value["parameters"]));
    this.#weight.value = numberOf(value["weight"], 1);
    this.#start.value = numberOf(value["start"], 0);
    this.#end.value = numberOf(value["end"], 1);
  }

  async begin() {
    if (await this.#model.pick()) await this.#picture.pick();
  }

  /** @param {number} at */
  refresh(at) {
    this.#name.textContent = fill(gettext("Picture %(number)s"), { number: formatNumber(at + 1) });
    this.#model.refresh();
    this.#span.hidden = this.isAdapter;
    this.#offerPreprocessors();
  }

  #useModel() {
    const own = this.#model.model?.preprocessor;
    if (own) {
      this.#preprocessor.value = own;
      this.#offerNumbers({});
    }
    this.#span.hidden = this.isAdapter;
    this.#desk.changed();
  }

  // Without an estimator nothing can tell what is near and what is far.
  #offerPreprocessors() {
    const canDepth = !this.#desk.knowsCatalog || this.#desk.ofKinds(["depth"]).length > 0;
    const offered = this.#desk.offers.preprocessors.filter(
      ({ key, needs_depth_model: needs }) =>
        canDepth || !needs || key === this.#preprocessor.value,
    );
    this.#preprocessor.offer(offered.map(({ key, name }) => [key, name]));
  }

  /** @param {Record<string, unknown>} values */
  #offerNumbers(values) {
    const facts = /** @type {Preprocessor | undefined} */ (
      this.#desk.offers.preprocessors.find(({ key }) => key === this.#preprocessor.value)
    );
    this.#parameters = new Map(
      (facts?.parameters ?? []).map((number) => [
        number.key,
        new SliderField(sliderOf(number, values[number.key]), () => this.#desk.changed()),
      ]),
    );
    this.#numbers.replaceChildren(
      ...Array.from(this.#parameters.values(), (field) => field.element),
    );
  }
}

/**
 * @param {NumberFacts} facts
 * @param {unknown} value
 */
function sliderOf({ key, name, least, most, default: fallback, whole }, value) {
  return {
    ...{ label: name, least, most, step: whole ? 1 : 0.5, path: `parameters.${key}` },
    value: numberOf(value, fallback),
    // A slider over four billion seeds hits none.
    to: Math.min(most, 1024),
  };
}

export class Controls extends Part {
  /** @type {Control[]} */
  #controls = [];
  #add;

  /** @param {Desk} desk */
  constructor(desk) {
    super(desk, "controls");
    this.#add = addButton(gettext("Another control picture"), () => this.begin());
    this.body.append(this.#add);
  }

  /** @override */
  get value() {
    const values = this.#controls.map((control) => control.value).filter(Boolean);
    return values.length > 0 ? values : undefined;
  }

  /**
   * @override
   * @param {unknown} value
   */
  take(value) {
    for (const control of this.#controls) control.element.remove();
    this.#controls = [];
    for (const each of objectsOf(value)) this.#append().take(each);
    this.refresh();
  }

  /** @override */
  begin() {
    const control = this.#append();
    this.refresh();
    void control.begin();
  }

  /** @override */
  refresh() {
    this.#controls.forEach((control, at) => control.refresh(at));
    this.#add.hidden = this.#controls.length >= this.desk.most("controls");
    super.refresh();
  }

  /** @override */
  get blocked() {
    const kinds = new Set(this.#controls.map(({ kind }) => kind).filter(Boolean));
    if (kinds.size > 1) return gettext("Use ControlNets or T2I adapters, not both.");
    // Each of the two is another ability.
    return this.desk.lack(kinds.size > 0 ? [...kinds].map(String) : this.needs);
  }

  /** @override */
  get missing() {
    if (this.#controls.length > 0 && this.#controls.every(({ value }) => value)) return "";
    return gettext("Not used until it has a model and a picture.");
  }

  #append() {
    const control = new Control(this.desk, () => {
      this.#controls = this.#controls.filter((each) => each !== control);
      control.element.remove();
      this.#add.focus();
      this.refresh();
      this.desk.changed();
    });
    this.#controls.push(control);
    this.#add.before(control.element);
    return control;
  }
}
