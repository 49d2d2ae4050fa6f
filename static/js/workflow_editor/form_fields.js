// @ts-check
/** What the form of the workflow asks for: names and order of the fields that have a star. */

import { announce, byId, icon, make } from "../dom.js";
import { fill } from "../i18n.js";

/** @import {FormField} from "../workflow_types.js" */
/** @import {Desk} from "./desk.js" */

const MOST_TITLE = 100;

export class FormFields {
  #desk;
  #dialog = byId("form-dialog", HTMLDialogElement);
  #list = byId("form-list", HTMLElement);

  /** @param {Desk} desk */
  constructor(desk) {
    this.#desk = desk;
    const { signal } = desk.life;
    byId("form-fields", HTMLElement).addEventListener("click", () => this.#open(), { signal });
    this.#list.addEventListener("click", (event) => this.#click(event), { signal });
    this.#list.addEventListener("change", (event) => this.#rename(event), { signal });
    desk.life.onEnd(() => this.#dialog.close());
  }

  #open() {
    this.#draw();
    this.#dialog.showModal();
  }

  #draw() {
    const { form } = this.#desk.graph;
    byId("form-none", HTMLElement).hidden = form.length > 0;
    this.#list.replaceChildren(...form.map((field, index) => this.#makeRow(field, index)));
  }

  /**
   * @param {FormField} field
   * @param {number} index
   */
  #makeRow({ node, input, title: given }, index) {
    const { graph } = this.#desk;
    const declared = graph.declaredPort({ node, side: "in", name: input })?.title ?? input;
    const title = given || declared;
    const words = fill(gettext("Name of the field of %(node)s"), { node: graph.titleOf(node) });
    const name = make("input", {
      ...{ class: "input", value: given, placeholder: declared, maxlength: String(MOST_TITLE) },
      autocomplete: "off",
      ...{ "data-at": String(index), "aria-label": words },
    });
    const last = graph.form.length - 1;
    const acts = [
      makeAct("raise", fill(gettext("%(title)s: move up"), { title }), index, index === 0),
      makeAct("lower", fill(gettext("%(title)s: move down"), { title }), index, index === last),
      makeAct("close", fill(gettext("%(title)s: take it out of the form"), { title }), index, false),
    ];
    const note = make("span", { class: "workflow-dialog__note" }, graph.titleOf(node));
    return make("li", { class: "workflow-dialog__row" }, make("span", { class: "workflow-dialog__name" }, name, note), ...acts);
  }

  /** @param {Event} event */
  #rename({ target }) {
    if (!(target instanceof HTMLInputElement)) return;
    const at = Number(target.dataset.at);
    const form = this.#desk.graph.form.map((field, index) =>
      index === at ? { ...field, title: target.value.trim() } : field,
    );
    this.#desk.graph.setForm(form);
  }

  /** @param {MouseEvent} event */
  #click({ target }) {
    const button = target instanceof Element ? target.closest("button[data-act]") : null;
    if (!(button instanceof HTMLElement)) return;
    const { act = "", at: place } = button.dataset;
    const at = Number(place);
    const form = [...this.#desk.graph.form];
    const [field] = form.splice(at, 1);
    if (!field) return;
    const to = { raise: at - 1, lower: at + 1 }[act];
    if (to !== undefined) form.splice(to, 0, field);
    this.#desk.graph.setForm(form);
    this.#draw();
    const again = this.#list.querySelector(`[data-act="${act}"][data-at="${to ?? at}"]:not(:disabled)`);
    if (again instanceof HTMLElement) again.focus();
    announce(to === undefined ? fill(gettext("The form does not ask for “%(title)s” any more."), field) : fill(gettext("%(title)s is field %(number)s now."), { title: field.title, number: to + 1 }));
  }
}

/**
 * @param {string} act which is the name of its icon too
 * @param {string} label
 * @param {number} index
 * @param {boolean} isDisabled
 */
function makeAct(act, label, index, isDisabled) {
  const button = make(
    "button",
    {
      ...{ type: "button", class: "button button--quiet button--icon", "data-act": act },
      ...{ "data-at": String(index), "aria-label": label, title: label },
    },
    icon(act),
  );
  button.disabled = isDisabled;
  return button;
}
