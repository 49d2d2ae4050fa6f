// @ts-check
/** Rows of a list that are put elsewhere by their grip: dragged, or with the arrow keys. */

/** @import {PageLife} from "../page.js" */
/** @import {Move} from "../types.js" */

const GRIP = '[data-act="move"]';
const MOVABLE = '[data-state="queued"]';

export class Reordering {
  #list;
  #onMove;
  /** @type {HTMLElement | null} the row that is dragged */
  #dragged = null;
  /** @type {Element | null} what came after it before */
  #after = null;

  /**
   * @param {PageLife} life
   * @param {HTMLElement} list of rows with a `data-job`
   * @param {(id: string, move: Move) => void} onMove the row is in its new place already
   */
  constructor({ signal }, list, onMove) {
    this.#list = list;
    this.#onMove = onMove;
    list.addEventListener("pointerdown", (event) => this.#grasp(event), { signal });
    list.addEventListener("pointermove", (event) => this.#drag(event), { signal });
    list.addEventListener("pointerup", () => this.#drop(), { signal });
    list.addEventListener("pointercancel", () => this.#putBack(), { signal });
    list.addEventListener("keydown", (event) => this.#press(event), { signal });
  }

  get isActive() {
    return this.#dragged !== null;
  }

  /** @returns {HTMLElement[]} */
  get #rows() {
    return Array.from(this.#list.querySelectorAll(MOVABLE));
  }

  /** @param {PointerEvent} event */
  #grasp(event) {
    const grip = event.target instanceof Element && event.target.closest(GRIP);
    const row = grip && grip.closest(MOVABLE);
    if (!(row instanceof HTMLElement) || event.button !== 0) return;
    event.preventDefault();
    if (grip instanceof HTMLElement) grip.focus();
    this.#list.setPointerCapture(event.pointerId);
    this.#dragged = row;
    this.#after = row.nextElementSibling;
    row.dataset.dragged = "true";
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    const row = this.#dragged;
    if (!row) return;
    const others = this.#rows.filter((other) => other !== row);
    const next = others.find((other) => {
      const box = other.getBoundingClientRect();
      return event.clientY < box.top + box.height / 2;
    });
    const last = others.at(-1);
    if (next && next !== row.nextElementSibling) next.before(row);
    else if (!next && last && last.nextElementSibling !== row) last.after(row);
  }

  #drop() {
    const row = this.#dragged;
    if (!row) return;
    this.#dragged = null;
    delete row.dataset.dragged;
    if (row.nextElementSibling !== this.#after) this.#tell(row);
  }

  #putBack() {
    if (this.#dragged) this.#list.insertBefore(this.#dragged, this.#after);
    delete this.#dragged?.dataset.dragged;
    this.#dragged = null;
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (event.key === "Escape" && this.#dragged) {
      event.preventDefault();
      this.#putBack();
      return;
    }
    const grip = event.target instanceof Element && event.target.closest(GRIP);
    const row = grip && grip.closest(MOVABLE);
    if (!(row instanceof HTMLElement) || event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = this.#rows;
    const at = rows.indexOf(row);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const target = rows[Math.max(0, Math.min(to, rows.length - 1))];
    if (!target || target === row) return;
    if (to < at) target.before(row);
    else target.after(row);
    if (grip instanceof HTMLElement) grip.focus();
    this.#tell(row);
  }

  /** @param {HTMLElement} row in its new place */
  #tell(row) {
    const rows = this.#rows;
    const next = rows[rows.indexOf(row) + 1];
    const before = next?.dataset.job;
    const previous = rows[rows.indexOf(row) - 1]?.dataset.job;
    const id = row.dataset.job ?? "";
    if (rows[0] === row) this.#onMove(id, { to: "front" });
    else if (before) this.#onMove(id, { before });
    else if (previous) this.#onMove(id, { after: previous });
  }
}
