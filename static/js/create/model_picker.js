// @ts-check
/** The button that shows the chosen model and opens the dialog; the menu behind it keeps the value. */

import { byId, icon, make } from "../dom.js";
import { planNeeded } from "./guides/desk.js";
import { coverOf } from "./model_cover.js";
import { pickModel } from "./model_dialog.js";

/** @import {PageLife} from "../page.js" */
/** @import {FullModel} from "./guides/types.js" */

export class ModelPicker {
  #select = byId("model", HTMLSelectElement);
  #button = make("button", {
    ...{ class: "model-button", type: "button", id: "model-button" },
    ...{ "aria-haspopup": "dialog", "aria-describedby": "model-error" },
  });

  /**
   * @param {PageLife} life
   * @param {FullModel[]} models
   */
  constructor(life, models) {
    // It stays in the form: what is chosen is what it says, whoever changes it.
    this.#select.classList.add("visually-hidden");
    this.#select.tabIndex = -1;
    this.#select.setAttribute("aria-hidden", "true");
    this.#select.before(this.#button);
    // A label of what is not seen would lead the focus nowhere.
    for (const label of Array.from(this.#select.labels)) label.htmlFor = this.#button.id;
    life.onEnd(() => this.#button.remove());
    const { signal } = life;
    this.#select.addEventListener("change", () => this.#show(models), { signal });
    this.#select.addEventListener("focus", () => this.#button.focus(), { signal });
    this.#button.addEventListener(
      "click",
      () =>
        void pickModel(life, {
          title: gettext("Choose a model"),
          models,
          chosen: this.#select.value,
          empty: gettext("There is no model here yet."),
        }).then((model) => {
          if (!model) return;
          this.#select.value = model.key;
          this.#select.dispatchEvent(new Event("change", { bubbles: true }));
        }),
      { signal },
    );
    this.#show(models);
  }

  /** @param {FullModel} model */
  show(model) {
    const facts = [model.base_name, model.included ? model.license : planNeeded(model)];
    this.#button.replaceChildren(
      coverOf(model),
      make(
        "span",
        { class: "model-button__about" },
        make("span", { class: "model-button__name" }, model.name),
        make("span", { class: "model-button__facts" }, facts.filter(Boolean).join(" · ")),
      ),
      icon("chevron"),
    );
  }

  /** @param {FullModel[]} models */
  #show(models) {
    const model = models.find(({ key }) => key === this.#select.value);
    if (model) this.show(model);
  }
}
