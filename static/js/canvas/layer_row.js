// @ts-check
/** One layer in the list: its picture and name, whether it is shown and locked, and its place. */

import { make } from "../dom.js";
import { fill } from "../i18n.js";
import { find } from "./elements.js";
import { blank, contextOf } from "./surface.js";

/** @import {Desk} from "./desk.js" */
/** @import {Layer} from "./document.js" */

const MOST_NAME = 80;

export class LayerRow {
  #desk;
  #gone = new AbortController();
  #main;
  #name;

  /**
   * @param {Desk} desk
   * @param {Layer} layer
   * @param {HTMLTemplateElement} template
   */
  constructor(desk, layer, template) {
    this.#desk = desk;
    this.layer = layer;
    const copy = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
    this.element = find(/** @type {any} */ (copy), "li", HTMLLIElement);
    this.element.dataset.layer = layer.id;
    this.element.dataset.kind = layer.kind;
    this.#main = find(this.element, "[data-act=select]", HTMLButtonElement);
    this.#name = find(this.element, "[data-part=name]", HTMLElement);
    for (const words of this.element.querySelectorAll("[data-kind-name]")) {
      if (words instanceof HTMLElement) words.hidden = words.dataset.kindName !== layer.kind;
    }
    const { signal } = this.#gone;
    this.#main.addEventListener("click", () => desk.select(layer), { signal });
    this.#main.addEventListener("dblclick", () => this.rename(), { signal });
    this.#button("show").addEventListener("click", () => this.#toggleShown(), { signal });
    this.#button("lock").addEventListener("click", () => this.#toggleLock(), { signal });
    this.#startDragging(signal);
  }

  remove() {
    this.#gone.abort();
    this.element.remove();
  }

  focus() {
    this.#main.focus();
  }

  /** @param {boolean} isActive */
  show(isActive) {
    const { name, visible, locked } = this.layer;
    this.#name.textContent = name;
    this.#main.setAttribute("aria-pressed", String(isActive));
    this.element.dataset.active = String(isActive);
    this.element.dataset.visible = String(visible);
    this.#button("show").setAttribute("aria-pressed", String(visible));
    this.#button("show").setAttribute("aria-label", fill(gettext("Show “%(name)s”"), { name }));
    this.#button("lock").setAttribute("aria-pressed", String(locked));
    this.#button("lock").setAttribute("aria-label", fill(gettext("Lock “%(name)s”"), { name }));
  }

  showThumb() {
    const canvas = find(this.element, "canvas", HTMLCanvasElement);
    const context = canvas.getContext("2d");
    if (!context) return;
    const { width, height } = canvas;
    const { frame } = this.layer;
    context.clearRect(0, 0, width, height);
    const scale = Math.min(width / Math.max(1, frame.width), height / Math.max(1, frame.height));
    const flat = this.layer.flat();
    const [wide, high] = [frame.width * scale, frame.height * scale];
    if (this.layer.kind === "mask") {
      const pen = contextOf(flat);
      pen.globalCompositeOperation = "source-in";
      pen.fillStyle = getComputedStyle(canvas).color;
      pen.fillRect(0, 0, flat.width, flat.height);
    }
    // In halves: at once it would leave most pixels out.
    const half = blank(Math.ceil(wide * 2), Math.ceil(high * 2));
    contextOf(half).drawImage(flat, 0, 0, half.width, half.height);
    context.drawImage(half, (width - wide) / 2, (height - high) / 2, wide, high);
  }

  /** Let the name be written anew in its place. */
  rename() {
    const { layer } = this;
    const input = make("input", {
      class: "input canvas-layer__rename",
      maxlength: String(MOST_NAME),
      "aria-label": gettext("Name of the layer"),
    });
    input.value = layer.name;
    this.#main.hidden = true;
    this.#main.after(input);
    input.focus();
    input.select();
    let isDone = false;
    /** @param {boolean} keeps */
    const end = (keeps) => {
      if (isDone) return;
      isDone = true;
      const hadFocus = document.activeElement === input;
      const name = input.value.trim();
      this.#main.hidden = false;
      input.remove();
      if (hadFocus) this.focus();
      if (!keeps || !name || name === layer.name) return;
      this.#desk.acts.change(layer, layer.named(gettext("Rename “%(name)s”")), { name });
    };
    const { signal } = this.#gone;
    input.addEventListener("blur", () => end(true), { signal });
    input.addEventListener(
      "keydown",
      (event) => {
        // What a key means in the list it does not mean in a name.
        event.stopPropagation();
        if (event.isComposing) return;
        if (event.key !== "Enter" && event.key !== "Escape") return;
        event.preventDefault();
        end(event.key === "Enter");
      },
      { signal },
    );
  }

  /** @param {string} act */
  #button(act) {
    return find(this.element, `[data-act=${act}]`, HTMLButtonElement);
  }

  #toggleShown() {
    const { layer } = this;
    const label = layer.visible
      ? layer.named(gettext("Hide “%(name)s”"))
      : layer.named(gettext("Show “%(name)s”"));
    this.#desk.acts.change(layer, label, { visible: !layer.visible });
  }

  #toggleLock() {
    const { layer } = this;
    const label = layer.locked
      ? layer.named(gettext("Unlock “%(name)s”"))
      : layer.named(gettext("Lock “%(name)s”"));
    this.#desk.acts.change(layer, label, { locked: !layer.locked });
  }

  /** @param {AbortSignal} signal */
  #startDragging(signal) {
    const grip = find(this.element, "[data-part=grip]", HTMLElement);
    grip.addEventListener(
      "pointerdown",
      (event) => {
        if (event.button !== 0 || this.#desk.staging.isOpen) return;
        event.preventDefault();
        grip.setPointerCapture(event.pointerId);
        this.element.dataset.dragged = "true";
      },
      { signal },
    );
    grip.addEventListener(
      "pointermove",
      ({ clientY }) => {
        if (this.element.dataset.dragged) this.#mark(clientY);
      },
      { signal },
    );
    for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
      grip.addEventListener(
        end,
        ({ clientY, type }) => {
          if (!this.element.dataset.dragged) return;
          delete this.element.dataset.dragged;
          const to = this.#mark(clientY);
          this.#unmark();
          if (type === "pointerup") this.#desk.acts.move(this.layer, to);
        },
        { signal },
      );
    }
  }

  #unmark() {
    for (const row of this.element.parentElement?.children ?? []) {
      if (row instanceof HTMLElement) delete row.dataset.drop;
    }
  }

  /**
   * @param {number} clientY
   * @returns {number} the index it would have among the layers
   */
  #mark(clientY) {
    this.#unmark();
    const rows = Array.from(this.element.parentElement?.children ?? []);
    const others = rows.filter((row) => row !== this.element);
    const above = others.filter((row) => {
      const { top, height } = row.getBoundingClientRect();
      return clientY > top + height / 2;
    });
    const [before, after] = [above.at(-1), others[above.length]];
    if (after instanceof HTMLElement) after.dataset.drop = "before";
    else if (before instanceof HTMLElement) before.dataset.drop = "after";
    return others.length - above.length;
  }
}
