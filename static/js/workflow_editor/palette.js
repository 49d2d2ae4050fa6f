// @ts-check
/** The nodes that there are, beside the graph: to click, or to drag to their place. */

import { byId, icon, make } from "../dom.js";
import { findNodes } from "./search.js";

/** @import {Point} from "../canvas/geometry.js" */
/** @import {DeclaredNode} from "../workflow_types.js" */
/** @import {Desk} from "./desk.js" */

const DRAGGED_AFTER_PX = 5;

export class NodePalette {
  #desk;
  #add;
  #words = byId("palette-words", HTMLInputElement);
  #list = byId("palette-list", HTMLElement);
  /** @type {Set<string>} categories that were closed */
  #closed = new Set();
  /** @type {{pointer: number, type: string, start: Point, ghost: HTMLElement | null} | null} */
  #drag = null;

  /**
   * @param {Desk} desk
   * @param {(type: string, client: Point | null) => void} add null adds it where there is room
   */
  constructor(desk, add) {
    this.#desk = desk;
    this.#add = add;
    const { signal } = desk.life;
    this.#words.addEventListener("input", () => this.show(), { signal });
    this.#words.addEventListener("keydown", (event) => this.#pressInSearch(event), { signal });
    this.#list.addEventListener("click", (event) => this.#click(event), { signal });
    this.#list.addEventListener("keydown", (event) => this.#pressInList(event), { signal });
    this.#list.addEventListener("pointerdown", (event) => this.#press(event), { signal });
    // One that is quick has left the list before it moves there.
    document.addEventListener("pointermove", (event) => this.#move(event), { signal });
    document.addEventListener("pointerup", (event) => this.#release(event, true), { signal });
    document.addEventListener("pointercancel", (event) => this.#release(event, false), { signal });
    desk.life.onEnd(() => this.#drag?.ghost?.remove());
  }

  focus() {
    this.#words.focus();
    this.#words.select();
  }

  show() {
    const words = this.#words.value;
    const groups = findNodes(this.#desk.graph.palette, words);
    byId("palette-none", HTMLElement).hidden = groups.length > 0;
    this.#list.replaceChildren(
      ...groups.map(({ key, title, nodes }) => {
        const part = make(
          "details",
          { class: "palette__group" },
          make("summary", { class: "palette__title" }, icon("chevron"), title),
          ...nodes.map(makeButton),
        );
        // What is searched is not hidden.
        part.open = words.trim() !== "" || !this.#closed.has(key);
        part.addEventListener("toggle", () => {
          if (this.#words.value.trim()) return;
          if (part.open) this.#closed.delete(key);
          else this.#closed.add(key);
        });
        return part;
      }),
    );
  }

  /** @param {KeyboardEvent} event */
  #pressInSearch(event) {
    const first = this.#list.querySelector("[data-type]");
    if (!(first instanceof HTMLElement)) return;
    if (event.key === "ArrowDown") first.focus();
    else if (event.key === "Enter" && !event.isComposing && this.#words.value.trim()) first.click();
    else if (event.key === "Escape" && this.#words.value) {
      this.#words.value = "";
      this.show();
    } else return;
    event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  #pressInList(event) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const stops = [...this.#list.querySelectorAll("summary, details[open] [data-type]")];
    const at = stops.findIndex((stop) => stop === document.activeElement);
    const next = stops[at + by];
    if (next instanceof HTMLElement) next.focus();
    else if (by < 0) this.#words.focus();
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const type = typeAt(event);
    if (type) this.#add(type, null);
  }

  /** @param {PointerEvent} event */
  #press(event) {
    const type = typeAt(event);
    if (!type || event.button !== 0) return;
    const start = { x: event.clientX, y: event.clientY };
    this.#drag = { pointer: event.pointerId, type, start, ghost: null };
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const drag = this.#drag;
    if (drag?.pointer !== event.pointerId) return;
    const away = Math.hypot(event.clientX - drag.start.x, event.clientY - drag.start.y);
    if (!drag.ghost) {
      if (away < DRAGGED_AFTER_PX) return;
      this.#list.setPointerCapture(event.pointerId);
      const node = this.#desk.graph.palette.nodes.find(({ type }) => type === drag.type);
      drag.ghost = make("div", { class: "palette__ghost", "aria-hidden": "true" }, node?.title ?? "");
      document.body.append(drag.ghost);
    }
    drag.ghost.style.transform = `translate(${event.clientX}px, ${event.clientY}px)`;
  }

  /**
   * @param {PointerEvent} event
   * @param {boolean} isDropped
   */
  #release(event, isDropped) {
    const drag = this.#drag;
    if (drag?.pointer !== event.pointerId) return;
    this.#drag = null;
    if (!drag.ghost) return;
    drag.ghost.remove();
    // The click that follows is not one on the button.
    const { signal } = this.#desk.life;
    const stop = (/** @type {Event} */ click) => click.stopImmediatePropagation();
    this.#list.addEventListener("click", stop, { capture: true, once: true, signal });
    this.#desk.life.later(() => this.#list.removeEventListener("click", stop, { capture: true }), 0);
    const at = { x: event.clientX, y: event.clientY };
    const isOver = document.elementFromPoint(at.x, at.y)?.closest("#graph") !== null;
    if (isDropped && isOver) this.#add(drag.type, at);
  }
}

/** @param {Event} event */
function typeAt({ target }) {
  const button = target instanceof Element ? target.closest("[data-type]") : null;
  return button instanceof HTMLElement ? (button.dataset.type ?? "") : "";
}

/** @param {DeclaredNode} node */
function makeButton({ type, title, description, category }) {
  return make(
    "button",
    ...[{ type: "button", class: "palette__node", "data-type": type, "data-category": category, title: description }],
    make("span", { class: "palette__mark", "aria-hidden": "true" }),
    make("span", { class: "palette__name" }, title),
  );
}
