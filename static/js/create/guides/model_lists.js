// @ts-check
/** LoRAs with their weights, and embeddings with the words that stand for them. */

import { fill } from "../../i18n.js";
import { toastError } from "../../toast.js";
import { SliderField, TextField } from "./fields.js";
import { addButton, ModelRow, pickHelper } from "./model_row.js";
import { numberOf, objectsOf, Part, textOf } from "./part.js";

/** @import {Desk} from "./desk.js" */
/** @import {FullModel} from "./types.js" */

const SENSIBLE_WEIGHT = 2;

/** @typedef {{row: ModelRow, field: SliderField | TextField}} Line */

/** Several models of one kind, each with one thing to say of it. */
class ModelList extends Part {
  /** @type {Line[]} */
  lines = [];
  #kind;
  #pickTitle;
  #add;

  /**
   * @param {Desk} desk
   * @param {string} name
   * @param {{kind: string, pick: string, add: string}} what
   */
  constructor(desk, name, { kind, pick, add }) {
    super(desk, name);
    this.#kind = kind;
    this.#pickTitle = pick;
    this.#add = addButton(add, () => void this.#pick());
    this.body.append(this.#add);
  }

  /** @override */
  begin() {
    void this.#pick();
  }

  /** @override */
  refresh() {
    for (const { row } of this.lines) row.refresh();
    this.#add.hidden = this.lines.length >= this.desk.most(this.name);
    super.refresh();
  }

  /** @override */
  get missing() {
    return this.lines.length === 0 ? gettext("Nothing is chosen yet.") : "";
  }

  /**
   * @param {ModelRow} row
   * @returns {SliderField | TextField}
   */
  makeField(row) {
    throw new Error(`No field for ${row.key}`);
  }

  /**
   * @param {string} key
   * @returns {Line}
   */
  add(key) {
    const row = new ModelRow(this.desk, key);
    const line = { row, field: this.makeField(row) };
    row.element.dataset.line = "";
    row.element.append(line.field.element);
    row.addAct("close", fill(gettext("Remove %(name)s"), { name: row.model?.name ?? key }), () => {
      this.lines = this.lines.filter((each) => each !== line);
      row.element.remove();
      this.#add.focus();
      this.refresh();
      this.desk.changed();
    });
    this.lines.push(line);
    this.#add.before(row.element);
    return line;
  }

  /** @returns {Line[]} those that the chosen model takes */
  get used() {
    return this.lines.filter(({ row }) => row.problem === "");
  }

  clear() {
    for (const { row } of this.lines) row.element.remove();
    this.lines = [];
  }

  async #pick() {
    const except = this.lines.map(({ row }) => row.key);
    try {
      const wanted = { kinds: [this.#kind], title: this.#pickTitle, except };
      const model = await pickHelper(this.desk, wanted);
      if (!model) return;
      const { field } = this.add(model.key);
      this.refresh();
      this.desk.changed();
      field.focus();
    } catch (error) {
      toastError(error);
    }
  }
}

/**
 * @param {FullModel | null} model
 * @returns {number} the weight that it suggests
 */
function weightOf(model) {
  return numberOf(model?.suggested["weight"], 1);
}

/** @param {Line[]} lines */
function toLoras(lines) {
  const loras = lines.map(({ row, field }) => ({ model: row.key, weight: field.value }));
  return loras.length > 0 ? loras : undefined;
}

/** @param {Line[]} lines */
function toEmbeddings(lines) {
  const embeddings = lines.map(({ row, field }) => ({
    model: row.key,
    ...(field.value ? { token: field.value } : {}),
  }));
  return embeddings.length > 0 ? embeddings : undefined;
}

export class Loras extends ModelList {
  /** @param {Desk} desk */
  constructor(desk) {
    super(desk, "loras", {
      kind: "lora",
      pick: gettext("Choose a LoRA"),
      add: gettext("Add a LoRA"),
    });
  }

  /** @override */
  get value() {
    return toLoras(this.used);
  }

  /** @override */
  get kept() {
    return toLoras(this.lines);
  }

  /**
   * @override
   * @param {unknown} value
   */
  take(value) {
    this.clear();
    for (const lora of objectsOf(value)) {
      const line = this.add(textOf(lora["model"]));
      if (line.field instanceof SliderField) line.field.value = numberOf(lora["weight"], 1);
    }
  }

  /** @returns {[string, string][]} key and name of each */
  get chosen() {
    return this.lines.map(({ row }) => [row.key, row.model?.name ?? row.key]);
  }

  /**
   * @override
   * @param {ModelRow} row
   * @returns {SliderField}
   */
  makeField(row) {
    const most = this.desk.offers.limits["lora_weight"] ?? SENSIBLE_WEIGHT;
    const shape = {
      ...{ label: gettext("Weight"), least: -most, most, step: 0.05, value: weightOf(row.model) },
      ...{ from: -SENSIBLE_WEIGHT, to: SENSIBLE_WEIGHT, path: "weight" },
    };
    return new SliderField(shape, () => this.desk.changed());
  }
}

export class Embeddings extends ModelList {
  /** @param {Desk} desk */
  constructor(desk) {
    super(desk, "embeddings", {
      kind: "embedding",
      pick: gettext("Choose an embedding"),
      add: gettext("Add an embedding"),
    });
  }

  /** @override */
  get value() {
    return toEmbeddings(this.used);
  }

  /** @override */
  get kept() {
    return toEmbeddings(this.lines);
  }

  /**
   * @override
   * @param {unknown} value
   */
  take(value) {
    this.clear();
    for (const embedding of objectsOf(value)) {
      const line = this.add(textOf(embedding["model"]));
      if (line.field instanceof TextField) line.field.value = textOf(embedding["token"]);
    }
  }

  /**
   * @override
   * @param {ModelRow} row
   * @returns {TextField}
   */
  makeField(row) {
    const shape = {
      label: gettext("Its word in the prompt"),
      most: this.desk.offers.limits["token"] ?? 64,
      placeholder: row.model?.trigger_words[0] ?? row.key,
      path: "token",
    };
    return new TextField(shape, () => this.desk.changed());
  }
}
