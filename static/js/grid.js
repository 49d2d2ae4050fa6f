// @ts-check
/** The grid of a long list: of its full height, with tiles only where one looks. */

import { make } from "./dom.js";
import { nameOf } from "./tiles.js";

/** @import {PageList} from "./page_list.js" */

/** Rows that are there above and below what is seen. */
const ROWS_BEYOND = 3;
/** What a quick scroll passes within this time is not asked for. */
const SETTLE_MS = 90;

export class Grid {
  element;
  /** The place that the keyboard is at. */
  active = 0;
  columns = 1;
  #list;
  #onDraw;
  #rowHeight = 0;
  #gap = 0;
  #frame = 0;
  #timer = 0;
  /** @type {Map<number, HTMLElement>} */
  #skeletons = new Map();
  #awaited = -1;
  /** @type {[number, number]} */
  #wanted = [0, 0];
  #gone = new AbortController();
  #resizes = new ResizeObserver(() => this.#resize());

  /**
   * @param {HTMLElement} element
   * @param {PageList} list
   * @param {(tile: HTMLElement) => void} onDraw is called with each tile that is shown
   */
  constructor(element, list, onDraw) {
    this.element = element;
    this.#list = list;
    this.#onDraw = onDraw;
    element.dataset.virtual = "";
    element.tabIndex = -1;
    this.#measure();
    this.#resizes.observe(element);
    const { signal } = this.#gone;
    addEventListener("scroll", () => this.draw(), { passive: true, signal });
    addEventListener("resize", () => this.draw(), { signal });
    this.#draw();
  }

  close() {
    this.#gone.abort();
    this.#resizes.disconnect();
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
  }

  /** Show in the next frame what there is then. */
  draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  /** @returns {boolean} whether the first row is at its place */
  get isAtStart() {
    return this.element.getBoundingClientRect().top > 0 || scrollY === 0;
  }

  /** @returns {number} how many rows fit on the screen */
  get rowsInView() {
    return Math.max(1, Math.floor(innerHeight / Math.max(1, this.#rowHeight)) - 1);
  }

  /**
   * Bring a picture into view and the focus onto it, as soon as it is there.
   *
   * @param {number} position
   */
  focus(position) {
    if (this.#list.length === 0) return;
    this.active = Math.min(Math.max(position, 0), this.#list.length - 1);
    this.#awaited = this.active;
    this.#reveal(this.active);
    this.#draw();
  }

  /** @param {number} position */
  #reveal(position) {
    const box = this.element.getBoundingClientRect();
    const top = box.top + Math.floor(position / this.columns) * this.#rowHeight;
    const style = getComputedStyle(this.element);
    const margin = parseFloat(style.scrollMarginBlockStart) || 0;
    const below = parseFloat(style.scrollMarginBlockEnd) || 0;
    const bottom = top + this.#rowHeight - this.#gap;
    if (top < margin) scrollBy(0, top - margin);
    else if (bottom > innerHeight - below) scrollBy(0, bottom - innerHeight + below);
  }

  #measure() {
    const style = getComputedStyle(this.element);
    const tracks = style.gridTemplateColumns.split(" ");
    this.#gap = parseFloat(style.rowGap) || 0;
    this.columns = tracks.length;
    this.#rowHeight = (parseFloat(tracks[0] ?? "") || 1) + this.#gap;
  }

  /** Keep the picture that was at the top there when the columns change. */
  #resize() {
    const [columns, rowHeight] = [this.columns, this.#rowHeight];
    this.#measure();
    if (rowHeight === this.#rowHeight && columns === this.columns) return;
    const hidden = -this.element.getBoundingClientRect().top;
    const row = Math.floor(hidden / rowHeight);
    this.#draw();
    if (row <= 0) return;
    const now = Math.floor((row * columns) / this.columns) * this.#rowHeight;
    scrollBy(0, now + (hidden - row * rowHeight) - hidden);
    this.#draw();
  }

  #draw() {
    const length = this.#list.length;
    const rows = Math.ceil(length / this.columns);
    const top = -this.element.getBoundingClientRect().top;
    const lastRow = Math.ceil((top + innerHeight) / this.#rowHeight) + ROWS_BEYOND;
    const firstRow = Math.floor(top / this.#rowHeight) - ROWS_BEYOND;
    const from = Math.min(Math.max(0, firstRow), Math.max(0, rows - 1));
    const to = Math.min(rows, Math.max(lastRow, from + 1));
    const first = from * this.columns;
    const last = Math.min(length, to * this.columns) - 1;
    const focused = document.activeElement;
    this.#put(first, last);
    const { style } = this.element;
    style.paddingBlockStart = `${from * this.#rowHeight}px`;
    style.paddingBlockEnd = `${Math.max(0, rows - to) * this.#rowHeight}px`;
    // Only now: to focus is to lay out, and a grid of another height would lose its place.
    this.#keepFocus(focused);
    if (last >= 0) this.#ask(first, last);
  }

  /**
   * @param {number} first
   * @param {number} last
   */
  #put(first, last) {
    /** @type {HTMLElement[]} */
    const shown = [];
    const skeletons = new Map();
    for (let position = first; position <= last; position += 1) {
      let tile = this.#list.tileAt(position);
      if (!tile) {
        tile = this.#skeletons.get(position) ?? make("div", { class: "tile tile--awaited" });
        skeletons.set(position, tile);
      }
      shown.push(tile);
    }
    this.#skeletons = skeletons;
    this.#replaceChildren(shown);
    const current = this.#list.tileAt(this.active);
    const entry = current && shown.includes(current) ? current : shown.find((e) => nameOf(e));
    for (const tile of shown) {
      if (!nameOf(tile)) continue;
      tile.tabIndex = tile === entry ? 0 : -1;
      this.#onDraw(tile);
    }
  }

  /** @param {Element | null} focused before the tiles were changed */
  #keepFocus(focused) {
    const tile = this.#list.tileAt(this.active);
    const isLost = focused instanceof HTMLElement && !focused.isConnected && nameOf(focused) !== "";
    const isHere = isLost || document.activeElement === this.element;
    if ((this.#awaited === this.active || isHere) && tile?.isConnected) {
      this.#awaited = -1;
      tile.focus({ preventScroll: true });
      // The keyboard stays in the grid while its tile is away.
    } else if (isLost) this.element.focus({ preventScroll: true });
  }

  /** @param {HTMLElement[]} shown */
  #replaceChildren(shown) {
    const kept = new Set(shown);
    for (const child of Array.from(this.element.children)) {
      if (!(child instanceof HTMLElement && kept.has(child))) child.remove();
    }
    let next = this.element.firstElementChild;
    for (const tile of shown) {
      if (tile === next) next = next.nextElementSibling;
      else this.element.insertBefore(tile, next);
    }
  }

  /**
   * @param {number} first
   * @param {number} last
   */
  #ask(first, last) {
    this.#wanted = [first, last];
    this.#timer ||= setTimeout(() => {
      this.#timer = 0;
      this.#list.want(...this.#wanted);
    }, SETTLE_MS);
  }
}
