// @ts-check
/** One field for each declared input of a node, in the graph and in a form. */

import { icon, make } from "./dom.js";
import { fill } from "./i18n.js";
import { boardWidget, modelWidget, pictureWidget } from "./workflow_choices.js";

/** @import {PageLife} from "./page.js" */
/** @import {DeclaredInput, Literal} from "./workflow_types.js" */

/** @typedef {(value: Literal | undefined) => void} OnChange undefined leaves it to the default */

/**
 * @typedef {object} WidgetParts
 * @property {HTMLElement} control what a label belongs to and an error points at
 * @property {Node[]} body in the order to stand in
 * @property {Node[]} [head] beside the label
 * @property {(value: Literal | undefined) => void} put
 */

/** @typedef {(input: DeclaredInput, id: string, onChange: OnChange, life: PageLife) => WidgetParts} MakeWidget */

/** @type {Record<string, MakeWidget>} */
const WIDGETS = {
  text: textWidget,
  textarea: areaWidget,
  number: numberWidget,
  slider: sliderWidget,
  switch: switchWidget,
  choice: choiceWidget,
  seed: seedWidget,
  colour: colourWidget,
  picture: pictureWidget,
  board: boardWidget,
  model: modelWidget,
};

const HEX = /^#[0-9a-f]{6}$/i;
const DRAWN_BELOW = 2 ** 32;
/** Numbers that the model has itself, where none is given. */
const OWN_OF_MODEL = new Set(["width", "height", "steps", "guidance_scale"]);

/** @type {WeakMap<HTMLElement, WidgetParts>} */
const made = new WeakMap();
let fieldCount = 0;

/**
 * Make the field of an input; its styles are in `css/workflow_fields.css`.
 *
 * @param {DeclaredInput} input
 * @param {Literal | undefined} value undefined shows the default
 * @param {OnChange} onChange with each change of the user's, not with those of `putValue`
 * @param {PageLife} life of the page that it stands on
 * @returns {HTMLElement}
 */
export function makeField(input, value, onChange, life) {
  fieldCount += 1;
  const id = `workflow-field-${fieldCount}`;
  const widget = input.widget || "text";
  // Nothing chosen is no value, unless that is one.
  const take = (/** @type {Literal | undefined} */ chosen) =>
    onChange(chosen === null && !input.nullable ? undefined : chosen);
  const parts = (WIDGETS[widget] ?? textWidget)(input, id, take, life);
  parts.control.id = id;
  const title = input.required ? [input.title, requiredMark()] : [input.title];
  const label = make("label", { class: "field__label", for: id }, ...title);
  const hint = make("p", { class: "field__note", id: `${id}-hint` }, input.description ?? "");
  const error = make("p", { class: "field__error", id: `${id}-error` });
  parts.control.setAttribute("aria-describedby", `${error.id} ${hint.id}`);
  if (input.required) parts.control.setAttribute("aria-required", "true");
  hint.hidden = !input.description;
  const field = make(
    "div",
    { class: "field workflow-field", "data-input": input.name, "data-widget": widget },
    make("div", { class: "field__head" }, label, ...(parts.head ?? [])),
    ...parts.body,
    hint,
    error,
  );
  made.set(field, parts);
  parts.put(value === undefined ? input.default : value);
  return field;
}

/**
 * Show another value in a field, as after undoing a change of it.
 *
 * @param {HTMLElement} field that `makeField` made
 * @param {Literal | undefined} value
 */
export function putValue(field, value) {
  made.get(field)?.put(value);
}

/**
 * Say beside a field what is wrong with it.
 *
 * @param {HTMLElement} field that `makeField` made
 * @param {string} message "" if nothing is wrong any more
 */
export function showProblem(field, message) {
  const parts = made.get(field);
  const error = field.querySelector(".field__error");
  if (!parts || !error) return;
  error.textContent = message;
  if (message) parts.control.setAttribute("aria-invalid", "true");
  else parts.control.removeAttribute("aria-invalid");
}

/** @param {HTMLElement} field that `makeField` made */
export function focusField(field) {
  made.get(field)?.control.focus();
}

function requiredMark() {
  return make("span", { class: "workflow-field__required", "aria-hidden": "true" }, "*");
}

/**
 * @param {number | null | undefined} value
 * @param {string} name
 * @returns {Record<string, string>}
 */
function attribute(name, value) {
  return value === null || value === undefined ? {} : { [name]: String(value) };
}

/**
 * @param {DeclaredInput} input
 * @returns {Record<string, string>}
 */
function numberAttributes({ type, least, most, step }) {
  const isWhole = type === "integer" || type === "seed";
  return {
    inputmode: isWhole && (least ?? -1) >= 0 ? "numeric" : "decimal",
    step: String(step ?? (isWhole ? 1 : "any")),
    ...attribute("min", least),
    ...attribute("max", most),
  };
}

/**
 * @param {HTMLInputElement} field of numbers
 * @returns {Literal | undefined} what is no number goes as it is: the answer says so
 */
function numberOf(field) {
  if (field.validity.badInput) return "?";
  return field.value === "" ? undefined : field.valueAsNumber;
}

/** @type {MakeWidget} */
function textWidget({ max_length }, _id, onChange) {
  const control = make("input", {
    ...{ class: "input", type: "text", autocomplete: "off" },
    ...attribute("maxlength", max_length),
  });
  control.addEventListener("input", () => onChange(control.value));
  return { control, body: [control], put: (value) => (control.value = String(value ?? "")) };
}

/** @type {MakeWidget} */
function areaWidget({ max_length }, _id, onChange) {
  const control = make("textarea", {
    ...{ class: "input", rows: "3", autocomplete: "off" },
    ...attribute("maxlength", max_length),
  });
  control.addEventListener("input", () => onChange(control.value));
  return { control, body: [control], put: (value) => (control.value = String(value ?? "")) };
}

/** @type {MakeWidget} */
function numberWidget(input, _id, onChange) {
  const control = make("input", {
    ...{ class: "input input--number", type: "number", autocomplete: "off" },
    ...numberAttributes(input),
    ...(input.nullable && OWN_OF_MODEL.has(input.name) ? { placeholder: gettext("The model's own") } : {}),
  });
  control.addEventListener("input", () => onChange(numberOf(control)));
  emptyIsDefault(control, input);
  return { control, body: [], head: [control], put: (value) => (control.value = String(value ?? "")) };
}

/**
 * An emptied number shows what it is then: its default.
 *
 * @param {HTMLInputElement} control
 * @param {DeclaredInput} input
 */
function emptyIsDefault(control, input) {
  control.addEventListener("change", () => {
    if (control.value === "" && !control.validity.badInput) control.value = String(input.default ?? "");
  });
}

/** @type {MakeWidget} */
function sliderWidget(input, _id, onChange) {
  const number = make("input", {
    ...{ class: "input input--number", type: "number", autocomplete: "off" },
    ...numberAttributes(input),
  });
  const slider = make("input", {
    ...{ class: "range", type: "range", "aria-label": input.title },
    ...numberAttributes(input),
  });
  number.addEventListener("input", () => {
    slider.value = number.value;
    onChange(numberOf(number));
  });
  slider.addEventListener("input", () => {
    number.value = slider.value;
    onChange(numberOf(number));
  });
  emptyIsDefault(number, input);
  number.addEventListener("change", () => (slider.value = number.value));
  /** @param {Literal | undefined} value */
  function put(value) {
    number.value = String(value ?? "");
    slider.value = number.value;
  }
  return { control: number, head: [number], body: [slider], put };
}

/** @type {MakeWidget} */
function switchWidget(_input, _id, onChange) {
  const control = make("input", { class: "workflow-field__switch", type: "checkbox", role: "switch" });
  control.addEventListener("change", () => onChange(control.checked));
  return { control, head: [control], body: [], put: (value) => (control.checked = value === true) };
}

/** @type {MakeWidget} */
function choiceWidget(input, _id, onChange) {
  const choices = input.choices ?? [];
  const control = make("select", { class: "input" });
  // By its place, for a value may be a number.
  control.append(
    ...choices.map(({ title }, index) => make("option", { value: String(index) }, title)),
  );
  control.addEventListener("change", () => onChange(choices[control.selectedIndex]?.value));
  /** @param {Literal | undefined} value */
  function put(value) {
    control.selectedIndex = choices.findIndex((choice) => choice.value === value);
  }
  return { control, body: [control], put };
}

/** @type {MakeWidget} */
function seedWidget(input, _id, onChange) {
  const control = make("input", {
    ...{ class: "input", type: "number", autocomplete: "off" },
    ...numberAttributes(input),
    placeholder: gettext("New each time"),
  });
  const random = make(
    "button",
    {
      ...{ type: "button", class: "button button--icon workflow-field__random" },
      ...{ "aria-label": gettext("Random seed"), title: gettext("Random seed") },
    },
    icon("dice"),
  );
  control.addEventListener("input", () => onChange(numberOf(control) ?? null));
  random.addEventListener("click", () => {
    control.value = String(drawSeed(input));
    onChange(numberOf(control));
  });
  return {
    control,
    body: [make("div", { class: "workflow-field__row" }, control, random)],
    put: (value) => (control.value = String(value ?? "")),
  };
}

/**
 * @param {DeclaredInput} input
 * @returns {number}
 */
function drawSeed({ least, most }) {
  const [drawn = 0] = crypto.getRandomValues(new Uint32Array(1));
  const lowest = least ?? 0;
  return lowest + (drawn % Math.min(DRAWN_BELOW, (most ?? DRAWN_BELOW - 1) - lowest + 1));
}

/** @type {MakeWidget} */
function colourWidget(input, _id, onChange) {
  const control = make("input", {
    ...{ class: "input", type: "text", autocomplete: "off", spellcheck: "false", maxlength: "7" },
  });
  const colour = make("input", {
    ...{ class: "workflow-field__colour", type: "color" },
    "aria-label": fill(gettext("%(title)s: choose a colour"), { title: input.title }),
  });
  control.addEventListener("input", () => {
    if (HEX.test(control.value)) colour.value = control.value;
    onChange(control.value);
  });
  colour.addEventListener("input", () => {
    control.value = colour.value;
    onChange(colour.value);
  });
  /** @param {Literal | undefined} value */
  function put(value) {
    control.value = String(value ?? "");
    if (HEX.test(control.value)) colour.value = control.value;
  }
  return { control, body: [make("div", { class: "workflow-field__row" }, colour, control)], put };
}
