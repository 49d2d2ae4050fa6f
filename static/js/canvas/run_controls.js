// @ts-check
/** Which model follows each control layer, and how it reads it. */

import { byId, make } from "../dom.js";
import { fill } from "../i18n.js";

/** @import {PageLife} from "../page.js" */
/** @import {LayerRecord} from "./document.js" */
/** @import {CanvasModel} from "./run_panel.js" */

/** @typedef {{key: string, name: string, base: string, kind: "controlnet" | "t2i_adapter"}} ControlModel */
/** @typedef {{layer: string, model: string, isDrawing: boolean}} ControlChoice */

export class ControlChoices {
  #list = byId("run-control-list", HTMLElement);
  #models;
  /** @type {Map<string, {model: string, isDrawing: boolean}>} */
  #kept = new Map();
  #shown = "";

  /**
   * @param {ControlModel[]} models
   * @param {PageLife} life
   * @param {() => void} onChange
   */
  constructor(models, life, onChange) {
    this.#models = models;
    this.#list.addEventListener(
      "change",
      () => {
        for (const choice of this.#read()) this.#kept.set(choice.layer, choice);
        onChange();
      },
      { signal: life.signal },
    );
  }

  /** @returns {ControlChoice[]} of the layers that a model is to follow */
  get chosen() {
    return this.#read().filter(({ model }) => model !== "");
  }

  /**
   * @param {LayerRecord[]} layers of the document
   * @param {CanvasModel} model
   */
  show(layers, model) {
    const controls = layers.filter(({ kind, visible }) => kind === "control" && visible);
    const fitting = this.#models.filter(
      ({ base, kind }) => base === model.base && model.capabilities.includes(kind),
    );
    const shown = JSON.stringify([controls.map(({ id, name }) => [id, name]), model.key]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    byId("run-controls", HTMLElement).hidden = controls.length === 0;
    byId("run-control-note", HTMLElement).hidden = fitting.length > 0;
    const rows = fitting.length > 0 ? controls : [];
    this.#list.replaceChildren(...rows.map((layer) => this.#row(layer, fitting)));
  }

  /**
   * @param {LayerRecord} layer
   * @param {ControlModel[]} fitting
   */
  #row({ id, name }, fitting) {
    const kept = this.#kept.get(id) ?? { model: fitting[0]?.key ?? "", isDrawing: true };
    const options = fitting.map((each) => make("option", { value: each.key }, each.name));
    const label = fill(gettext("Model that follows “%(name)s”"), { name });
    const none = make("option", { value: "" }, gettext("Not used"));
    const models = make("select", { class: "input", "aria-label": label }, none, ...options);
    models.value = fitting.some(({ key }) => key === kept.model) ? kept.model : "";
    const way = fill(gettext("How “%(name)s” is read"), { name });
    const ways = make(
      "select",
      { class: "input", "aria-label": way },
      make("option", { value: "drawing" }, gettext("As it is drawn")),
      make("option", { value: "picture" }, gettext("As a picture to look at")),
    );
    ways.value = kept.isDrawing ? "drawing" : "picture";
    const title = make("span", { class: "run__control-name" }, name);
    return make("div", { class: "run__control", "data-layer": id }, title, models, ways);
  }

  /** @returns {ControlChoice[]} */
  #read() {
    return [...this.#list.querySelectorAll(".run__control")].flatMap((row) => {
      const [models, ways] = row.querySelectorAll("select");
      const layer = row instanceof HTMLElement ? row.dataset.layer : undefined;
      if (!layer || !models || !ways) return [];
      return [{ layer, model: models.value, isDrawing: ways.value === "drawing" }];
    });
  }
}
