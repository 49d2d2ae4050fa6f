// @ts-check
/** The tools, what can be set of the one in hand, and the buttons of the view. */

import { announce } from "../dom.js";
import { fill, formatNumber, formatPercent } from "../i18n.js";
import { MOST_SIZE } from "./desk.js";
import { find } from "./elements.js";
import { isSame, union } from "./geometry.js";

/** @import {PageLife} from "../page.js" */
/** @import {Desk} from "./desk.js" */
/** @import {Tool} from "./pointer.js" */

const ZOOM = 1.25;

export class ToolBar {
  #desk;
  #root;
  #tools;
  #bar;
  /** The tools that have been used, which need no words any more. @type {Set<string>} */
  #known = new Set();

  /**
   * @param {Desk} desk
   * @param {HTMLElement} root
   * @param {Tool[]} tools
   * @param {PageLife} life
   */
  constructor(desk, root, tools, life) {
    this.#desk = desk;
    this.#root = root;
    this.#tools = tools;
    this.#bar = find(root, "[data-part=tools]", HTMLElement);
    const { signal } = life;
    root.addEventListener("click", (event) => this.#click(event), { signal });
    this.#bar.addEventListener("keydown", (event) => this.#rove(event), { signal });
    root.addEventListener("input", (event) => this.#input(event), { signal });
    root.addEventListener("change", (event) => this.#change(event), { signal });
    desk.listen(({ type }) => {
      if (type === "tool") this.#showTool();
      if (type === "brush") this.#showBrush();
      if (type === "box") this.#showBox();
      if (type === "history" || type === "staging") this.#showHistory();
      if (type === "history" && desk.tool && desk.history.canUndo) {
        this.#known.add(desk.tool.id);
        this.#showHints();
      }
      if (type === "staging") this.#showHints();
      if (type === "view") this.#showZoom();
    });
    this.#showTool();
    this.#showBrush();
    this.#showBox();
    this.#showHistory();
    this.#showZoom();
  }

  /**
   * @param {string} id
   * @param {boolean} [says] its name, to people who do not see it change
   */
  choose(id, says = false) {
    const tool = this.#tools.find((each) => each.id === id);
    if (!tool) return;
    this.#desk.setTool(tool);
    if (says) announce(this.#button(id).title);
  }

  /** @param {"in" | "out" | "fit" | "full"} way */
  zoom(way) {
    const { view, document } = this.#desk;
    if (way === "fit") view.fit(union(document.page, document.box));
    else if (way === "full") view.zoomTo(1);
    else view.zoom(way === "in" ? ZOOM : 1 / ZOOM);
  }

  /** @param {number} by which way the brush gets another size: 1 larger, -1 smaller */
  resize(by) {
    const { size } = this.#desk.brush;
    const step = Math.max(1, Math.round(size * 0.15));
    const after = Math.min(MOST_SIZE, Math.max(1, size + by * step));
    this.#desk.setBrush({ size: after });
    announce(fill(gettext("Brush size %(size)s"), { size: formatNumber(after) }));
  }

  /** @param {string} id */
  #button(id) {
    return find(this.#bar, `[data-tool=${id}]`, HTMLButtonElement);
  }

  /** @param {Event} event */
  #click({ target }) {
    const button = target instanceof Element ? target.closest("button") : null;
    if (!button || !this.#root.contains(button)) return;
    const { tool, zoom, act } = button.dataset;
    if (tool) this.choose(tool);
    if (zoom) this.zoom(/** @type {"in"} */ (zoom));
    if (act === "undo") this.#desk.undo();
    if (act === "redo") this.#desk.redo();
  }

  /** @param {KeyboardEvent} event */
  #rove(event) {
    const buttons = Array.from(this.#bar.querySelectorAll("button"));
    const at = buttons.findIndex((button) => button === document.activeElement);
    const to = {
      ArrowDown: at + 1,
      ArrowRight: at + 1,
      ArrowUp: at - 1,
      ArrowLeft: at - 1,
      Home: 0,
      End: buttons.length - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    buttons[(to + buttons.length) % buttons.length]?.focus();
  }

  /** @param {Event} event */
  #input({ target }) {
    if (!(target instanceof HTMLInputElement)) return;
    const value = Number(target.value);
    const { brush } = target.dataset;
    if (brush === "size") this.#desk.setBrush({ size: value });
    if (brush === "hardness") this.#desk.setBrush({ hardness: value / 100 });
    if (brush === "opacity") this.#desk.setBrush({ opacity: value / 100 });
    if (brush === "color") this.#desk.setBrush({ color: target.value });
  }

  /** @param {Event} event */
  #change({ target }) {
    if (!(target instanceof HTMLInputElement)) return;
    if (target.dataset.finger !== undefined) {
      this.#desk.finger = target.checked ? "paint" : "pan";
      return;
    }
    const side = /** @type {"x" | "y" | "width" | "height" | undefined} */ (target.dataset.box);
    if (!side) return;
    const before = this.#desk.document.box;
    const value = Math.round(Number(target.value));
    const after = Number.isFinite(value) ? this.#desk.boxAt({ ...before, [side]: value }) : before;
    if (!isSame(before, after)) {
      this.#desk.showBox(after);
      this.#desk.noteBox(before);
    }
    // What may not be is shown as what it became.
    this.#showBox();
  }

  #showTool() {
    const id = this.#desk.tool?.id ?? "";
    for (const button of this.#bar.querySelectorAll("button")) {
      const isChosen = button.dataset.tool === id;
      button.setAttribute("aria-pressed", String(isChosen));
      button.tabIndex = isChosen ? 0 : -1;
    }
    for (const part of this.#root.querySelectorAll("[data-for]")) {
      if (part instanceof HTMLElement) part.hidden = !part.dataset.for?.split(" ").includes(id);
    }
    this.#showHints();
    const scroll = { block: "nearest", inline: "nearest" };
    if (id) this.#button(id).scrollIntoView(/** @type {ScrollIntoViewOptions} */ (scroll));
  }

  #showHints() {
    const id = this.#desk.tool?.id ?? "";
    for (const hint of this.#root.querySelectorAll(".canvas-hint")) {
      if (!(hint instanceof HTMLElement)) continue;
      const isMeant = hint.dataset.for?.split(" ").includes(id);
      hint.hidden = !isMeant || this.#known.has(id) || this.#desk.staging.isOpen;
    }
  }

  #showBrush() {
    const { size, hardness, opacity, color } = this.#desk.brush;
    this.#set("size", String(size), formatNumber(size));
    this.#set("hardness", String(Math.round(hardness * 100)), formatPercent(hardness * 100));
    this.#set("opacity", String(Math.round(opacity * 100)), formatPercent(opacity * 100));
    find(this.#root, "[data-brush=color]", HTMLInputElement).value = color;
  }

  /**
   * @param {string} name
   * @param {string} value
   * @param {string} words
   */
  #set(name, value, words) {
    const input = find(this.#root, `[data-brush=${name}]`, HTMLInputElement);
    input.value = value;
    input.setAttribute("aria-valuetext", words);
    find(this.#root, `[data-said=${name}]`, HTMLElement).textContent = words;
  }

  #showBox() {
    const { box } = this.#desk.document;
    for (const side of /** @type {const} */ (["x", "y", "width", "height"])) {
      find(this.#root, `[data-box=${side}]`, HTMLInputElement).value = String(box[side]);
    }
  }

  #showHistory() {
    const { history, staging } = this.#desk;
    const can = { undo: history.canUndo, redo: history.canRedo };
    for (const way of /** @type {const} */ (["undo", "redo"])) {
      const button = find(this.#root, `[data-act=${way}]`, HTMLButtonElement);
      // It keeps the focus, which a disabled one would lose.
      button.setAttribute("aria-disabled", String(!can[way] || staging.isOpen));
    }
  }

  #showZoom() {
    const words = formatPercent(Math.round(this.#desk.view.scale * 100));
    find(this.#root, "[data-part=zoom]", HTMLElement).textContent = words;
  }
}
