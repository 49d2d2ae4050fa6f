// @ts-check
/** One model that helps, chosen from a dialog. */

import { toastError } from "../../toast.js";
import { make } from "../../dom.js";
import { addButton, ModelRow, pickHelper } from "./model_row.js";

/** @import {Desk} from "./desk.js" */
/** @import {FullModel} from "./types.js" */

export class ModelField {
  #desk;
  #shape;
  #onChange;
  #choose;
  /** @type {ModelRow | null} */
  #row = null;

  /**
   * @param {Desk} desk
   * @param {{kinds: string[], title: string, isOptional?: boolean}} shape `title` is that of the dialog
   * @param {(model: FullModel | null) => void} onChange
   */
  constructor(desk, shape, onChange) {
    this.#desk = desk;
    this.#shape = shape;
    this.#onChange = onChange;
    this.#choose = addButton(shape.title, () => void this.pick());
    this.element = make("div", { class: "guide__one" }, this.#choose);
  }

  /** @returns {string | null} the key of the model */
  get value() {
    return this.#row?.key ?? null;
  }

  get model() {
    return this.#row?.model ?? null;
  }

  /** @returns {string} why the chosen one cannot be used, empty if it can */
  get problem() {
    return this.#row?.problem ?? "";
  }

  /** @returns {Promise<boolean>} whether one is chosen */
  async pick() {
    const { kinds, title } = this.#shape;
    try {
      const model = await pickHelper(this.#desk, { kinds, title, chosen: this.value ?? "" });
      if (!model) return this.value !== null;
      this.take(model.key);
      this.#onChange(model);
      return true;
    } catch (error) {
      toastError(error);
      return false;
    }
  }

  /** @param {string | null} key */
  take(key) {
    this.#row?.element.remove();
    this.#row = key ? new ModelRow(this.#desk, key) : null;
    this.#choose.hidden = this.#row !== null;
    if (!this.#row) return;
    this.element.prepend(this.#row.element);
    this.#row.addAct("vary", gettext("Choose another"), () => void this.pick());
    if (!this.#shape.isOptional) return;
    this.#row.addAct("close", gettext("Without it"), () => {
      this.take(null);
      this.#choose.focus();
      this.#onChange(null);
    });
  }

  refresh() {
    const { kinds, isOptional = false } = this.#shape;
    const isNone = this.#desk.knowsCatalog && this.#desk.ofKinds(kinds).length === 0;
    this.element.hidden = isOptional && isNone && this.#row === null;
    this.#row?.refresh();
  }
}
