// @ts-check
/** A search for a node to add, at the place where it is to be. */

import { announce, byId, make } from "../dom.js";
import { fill } from "../i18n.js";
import { findNodes } from "./search.js";

/** @import {Point} from "../canvas/geometry.js" */
/** @import {DeclaredNode} from "../workflow_types.js" */
/** @import {Desk} from "./desk.js" */

const EDGE = 8;

export class Finder {
  #desk;
  #popup = byId("finder", HTMLElement);
  #words = byId("finder-words", HTMLInputElement);
  #list = byId("finder-list", HTMLElement);
  #none = byId("finder-none", HTMLElement);
  /** @type {(node: DeclaredNode) => boolean} */
  #fits = () => true;
  /** @type {(type: string) => void} */
  #choose = () => undefined;
  #chosen = 0;

  /** @param {Desk} desk */
  constructor(desk) {
    this.#desk = desk;
    const { signal } = desk.life;
    this.#words.addEventListener("input", () => this.#show(), { signal });
    this.#popup.addEventListener("keydown", (event) => this.#press(event), { signal });
    this.#list.addEventListener("click", (event) => this.#click(event), { signal });
    this.#list.addEventListener("pointermove", (event) => this.#point(event), { signal });
    // The words keep the focus while one clicks on what they found.
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault(), { signal });
    desk.life.onEnd(() => {
      if (this.#popup.matches(":popover-open")) this.#popup.hidePopover();
    });
  }

  /**
   * @param {Point} client where it opens
   * @param {{choose: (type: string) => void, fits?: (node: DeclaredNode) => boolean}} options
   */
  open({ x, y }, { choose, fits = () => true }) {
    this.#fits = fits;
    this.#choose = choose;
    this.#words.value = "";
    this.#show();
    this.#popup.showPopover();
    const { offsetWidth: width, offsetHeight: height } = this.#popup;
    this.#popup.style.left = `${Math.max(EDGE, Math.min(x, innerWidth - width - EDGE))}px`;
    this.#popup.style.top = `${Math.max(EDGE, Math.min(y, innerHeight - height - EDGE))}px`;
    this.#words.focus();
  }

  /** @returns {HTMLElement[]} */
  get #options() {
    return /** @type {HTMLElement[]} */ ([...this.#list.querySelectorAll("[role=option]")]);
  }

  #show() {
    const groups = findNodes(this.#desk.graph.palette, this.#words.value, this.#fits);
    let count = 0;
    this.#list.replaceChildren(
      ...groups.map(({ title, nodes }) => {
        const options = nodes.map(({ type, title: name, description, category }) => {
          count += 1;
          return make(
            "div",
            ...[{ class: "finder__node", role: "option", id: `finder-${count}`, "data-type": type, "data-category": category }],
            make("span", { class: "palette__mark", "aria-hidden": "true" }),
            make("span", { class: "finder__name" }, name),
            make("span", { class: "finder__about" }, description),
          );
        });
        const head = make("div", { class: "finder__group", "aria-hidden": "true" }, title);
        return make("div", { role: "group", "aria-label": title }, head, ...options);
      }),
    );
    this.#none.hidden = count > 0;
    this.#list.scrollTop = 0;
    this.#mark(0);
    const words = ngettext("%(count)s node", "%(count)s nodes", count);
    if (this.#popup.matches(":popover-open")) announce(fill(words, { count }));
  }

  /** @param {number} at */
  #mark(at) {
    const options = this.#options;
    this.#chosen = options.length ? (at + options.length) % options.length : 0;
    for (const [index, option] of options.entries()) {
      option.setAttribute("aria-selected", String(index === this.#chosen));
    }
    const option = options[this.#chosen];
    if (!option) this.#words.removeAttribute("aria-activedescendant");
    else {
      this.#words.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    }
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    // What a key means on the graph it does not mean here.
    event.stopPropagation();
    if (event.isComposing) return;
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (by !== undefined) this.#mark(this.#chosen + by);
    else if (event.key === "Enter") this.#take(this.#options[this.#chosen]);
    else if (event.key === "Tab") this.#popup.hidePopover();
    else return;
    event.preventDefault();
  }

  /** @param {MouseEvent} event */
  #click({ target }) {
    const option = target instanceof Element ? target.closest("[role=option]") : null;
    if (option instanceof HTMLElement) this.#take(option);
  }

  /** @param {PointerEvent} event */
  #point({ target }) {
    const option = target instanceof Element ? target.closest("[role=option]") : null;
    const at = this.#options.findIndex((one) => one === option);
    if (at >= 0 && at !== this.#chosen) this.#mark(at);
  }

  /** @param {HTMLElement | undefined} option */
  #take(option) {
    const { type } = option?.dataset ?? {};
    if (!type) return;
    // The focus goes back by itself to where it was, unless what is chosen takes it.
    this.#popup.hidePopover();
    this.#choose(type);
  }
}
