// @ts-check
/** A list of pictures of any length, of which only the pages that are looked at are here. */

import { fetchFacts, fetchPart } from "./parts.js";
import { nameOf, readTiles } from "./tiles.js";

/** @import {Outline} from "./types.js" */

/** As many as the server gives; `place` of the outline means pages of this size. */
const PAGE_SIZE = 48;
const PAGES_KEPT = 40;
const MOST_REQUESTS = 4;

/**
 * @typedef {object} ListPage
 * @property {string | null} place the cursor after which it begins, "" for the start of the list,
 *   null while that is not known
 * @property {number} count how many pictures it has, a guess until its end is known
 * @property {HTMLElement[] | null} tiles null while they are not here
 */

/**
 * @typedef {object} ListSource
 * @property {string} gallery where its pages are
 * @property {string} query which list it is
 * @property {string | undefined} places where its outline is, if it has one
 * @property {number | null} total how many pictures it has, if that is known
 * @property {string} start the cursor of its first page
 */

export class PageList {
  /** @type {ListPage[]} */
  #pages;
  /** @type {number[]} where each page begins, and the length as the last */
  #starts = [];
  /** @type {Map<string, {page: ListPage, index: number}>} */
  #where = new Map();
  /** @type {Map<ListPage, Promise<void>>} */
  #loading = new Map();
  /** @type {Promise<void> | null} */
  #walking = null;
  #goesOn = true;
  #source;
  #onChange;
  #onError;

  /**
   * @param {ListSource} source
   * @param {{tiles: HTMLElement[], next: string | null}} first its first page
   * @param {{onChange: () => void, onError: (error: unknown) => void}} listener
   */
  constructor(source, { tiles, next }, { onChange, onError }) {
    this.#source = source;
    this.#onChange = onChange;
    this.#onError = onError;
    this.#pages = [{ place: source.start, count: tiles.length, tiles }];
    if (next) this.#guess(next, source.total === null ? PAGE_SIZE : source.total - tiles.length);
    this.#count();
  }

  get length() {
    return this.#starts.at(-1) ?? 0;
  }

  /** @returns {number | null} how many pictures it has, null while `length` is a guess */
  get total() {
    const isKnown =
      this.#source.total !== null || !this.#goesOn || this.#pages.every(({ tiles }) => tiles);
    return isKnown ? this.length : null;
  }

  /**
   * @param {number} position
   * @returns {HTMLElement | null} null while it is not here
   */
  tileAt(position) {
    if (position < 0 || position >= this.length) return null;
    const index = this.#pageOf(position);
    return this.#at(index).tiles?.[position - (this.#starts[index] ?? 0)] ?? null;
  }

  /**
   * @param {string} name
   * @returns {number} -1 if it is not here
   */
  positionOf(name) {
    const found = this.#where.get(name);
    return found ? (this.#starts[this.#pages.indexOf(found.page)] ?? 0) + found.index : -1;
  }

  /**
   * @param {string} name
   * @returns {HTMLElement | null}
   */
  tileOf(name) {
    const found = this.#where.get(name);
    return found?.page.tiles?.[found.index] ?? null;
  }

  /** @returns {HTMLElement[]} all that are here */
  loaded() {
    return this.#pages.flatMap(({ tiles }) => tiles ?? []);
  }

  /**
   * See to it that these pictures come, a few requests at a time, and that far ones go.
   *
   * @param {number} first
   * @param {number} last
   */
  want(first, last) {
    if (this.length === 0) return;
    const [from, to] = [this.#pageOf(first), this.#pageOf(last)];
    for (let index = from; index <= to; index += 1) {
      if (this.#loading.size >= MOST_REQUESTS) break;
      const page = this.#at(index);
      if (!page.tiles && !this.#loading.has(page)) this.#start(page);
    }
    this.#forgetFarFrom((from + to) / 2);
  }

  /**
   * @param {number} first
   * @param {number} last
   * @returns {Promise<HTMLElement[]>} the tiles from one place to another, fetched if need be
   */
  async between(first, last) {
    /** @type {HTMLElement[]} */
    const found = [];
    for (let position = first; position <= Math.min(last, this.length - 1); ) {
      const index = this.#pageOf(position);
      const page = this.#at(index);
      if (!page.tiles) await (this.#loading.get(page) ?? this.#load(page));
      const start = this.#starts[index] ?? 0;
      found.push(...(page.tiles?.slice(position - start, last - start + 1) ?? []));
      position = Math.max(position + 1, this.#starts[index + 1] ?? Infinity);
    }
    return found;
  }

  /** Learn how long the list is, where nothing said so. */
  async measure() {
    if (!this.#source.places || this.#source.total !== null || this.#pages.length === 1) return;
    try {
      while (await this.#walk());
    } catch (error) {
      this.#onError(error);
    }
  }

  /** @returns {Promise<{tiles: HTMLElement[], next: string | null}>} the first page as it is now */
  async readFirst() {
    return readTiles(await fetchPart(this.#address(this.#source.gallery, this.#source.start)));
  }

  /** Read the list anew, after more of it has changed than is known here. */
  async reload() {
    try {
      const { tiles, next } = await this.readFirst();
      const left = this.length - tiles.length;
      this.#source.total = null;
      this.#goesOn = true;
      this.#pages = [{ place: this.#source.start, count: tiles.length, tiles }];
      if (next) this.#guess(next, left);
      this.#changed();
    } catch (error) {
      this.#onError(error);
    }
    await this.measure();
  }

  /** @param {HTMLElement} tile of a picture that is newer than all others */
  prepend(tile) {
    const first = this.#at(0);
    if (!first.tiles || this.#where.has(nameOf(tile))) return;
    first.tiles.unshift(tile);
    this.#changed();
  }

  /**
   * Take pictures out of the list.
   *
   * @param {string[]} names
   * @returns {() => void} puts them where they were
   */
  remove(names) {
    const gone = new Set(names);
    const left = this.length - names.length;
    /** @type {{page: ListPage, index: number, tile: HTMLElement}[]} */
    const taken = [];
    for (const page of this.#pages) {
      for (const [index, tile] of (page.tiles ?? []).entries()) {
        if (gone.has(nameOf(tile))) taken.push({ page, index, tile });
      }
      page.tiles &&= page.tiles.filter((tile) => !gone.has(nameOf(tile)));
    }
    const isKnown = taken.length === names.length;
    if (!isKnown) this.#startOver(left);
    this.#changed();
    return () => {
      if (isKnown && !taken.every(({ page }) => this.#pages.includes(page))) {
        // The pages they were on are not those of the list any more.
        void this.reload();
        return;
      }
      const whole = this.length + names.length;
      for (const { page, index, tile } of taken) {
        // One that was fetched again since has it already.
        if (page.tiles && !page.tiles.includes(tile)) page.tiles.splice(index, 0, tile);
        else if (!page.tiles) page.count += 1;
      }
      if (!isKnown) this.#startOver(whole);
      this.#changed();
    };
  }

  /**
   * Forget all pages but the first, after pictures came or went of which the pages are unknown.
   *
   * @param {number} length as it is now
   */
  #startOver(length) {
    const [first, following] = this.#pages;
    if (!first || !following?.place) return;
    this.#pages = [first];
    this.#goesOn = true;
    this.#guess(following.place, length - (this.#at(0).tiles?.length ?? 0));
  }

  /**
   * Lay out pages after the first, whose ends are not known yet.
   *
   * @param {string} place
   * @param {number} count
   */
  #guess(place, count) {
    for (let left = Math.max(1, count); left > 0; left -= PAGE_SIZE) {
      this.#pages.push({ place: null, count: Math.min(left, PAGE_SIZE), tiles: null });
    }
    this.#at(1).place = place;
  }

  /** @param {ListPage} page */
  #start(page) {
    const work = this.#load(page).then(
      () => {
        this.#loading.delete(page);
        this.#changed();
      },
      (/** @type {unknown} */ error) => {
        this.#loading.delete(page);
        this.#onError(error);
      },
    );
    this.#loading.set(page, work);
  }

  /** @param {ListPage} page */
  async #load(page) {
    while (page.place === null && this.#pages.includes(page)) await this.#approach(page);
    // The list turned out to be shorter.
    if (!this.#pages.includes(page)) return;
    const part = await fetchPart(this.#address(this.#source.gallery, page.place ?? ""));
    const { tiles, next } = readTiles(part);
    const index = this.#pages.indexOf(page);
    if (index < 0) return;
    const following = this.#pages[index + 1];
    // What left this page since it was first read must not be made up for by the next one's.
    page.tiles = following?.place ? tiles.slice(0, page.count) : tiles;
    if (!next) this.#pages.length = index + 1;
    else if (!following) this.#pages.push({ place: next, count: PAGE_SIZE, tiles: null });
    else following.place ??= next;
    this.#count();
  }

  /**
   * Learn where a page begins: by the outline, or page by page where there is none.
   *
   * @param {ListPage} page
   */
  async #approach(page) {
    if (this.#source.places) await this.#walk();
    else {
      const index = this.#pages.findIndex(({ place }) => place === null);
      const before = this.#at(index - 1);
      if (before !== page) await this.#load(before);
    }
  }

  /** @returns {Promise<boolean>} whether the outline goes on */
  async #walk() {
    this.#walking ??= this.#readOutline().finally(() => (this.#walking = null));
    await this.#walking;
    return this.#goesOn;
  }

  /** Take in the next stretch of the outline: where the pages after the last known one begin. */
  async #readOutline() {
    const known = this.#pages.findLastIndex(({ place }) => place !== null);
    const from = this.#at(known);
    const path = this.#address(this.#source.places ?? "", from.place ?? "");
    const pages = this.#pages;
    const outline = /** @type {Outline} */ (await fetchFacts(path));
    // They were laid out anew meanwhile.
    if (this.#pages !== pages) return;
    const { cursors, length, goes_on: goesOn } = outline;
    for (const [index, place] of cursors.entries()) {
      if (!this.#at(known + index).tiles) this.#at(known + index).count = PAGE_SIZE;
      const following = this.#pages[known + index + 1];
      if (following) following.place ??= place;
      else this.#pages.push({ place, count: PAGE_SIZE, tiles: null });
    }
    this.#goesOn = goesOn;
    if (!goesOn) {
      const rest = length - cursors.length * PAGE_SIZE;
      const end = known + cursors.length;
      this.#pages.length = rest > 0 ? end + 1 : end;
      const last = this.#pages[end];
      if (last && !last.tiles) last.count = rest;
    }
    this.#changed();
  }

  /**
   * @param {string} path
   * @param {string} place
   */
  #address(path, place) {
    const query = new URLSearchParams(this.#source.query);
    if (place) query.set("cursor", place);
    return `${path}?${query}`;
  }

  /** @param {number} middle */
  #forgetFarFrom(middle) {
    const here = this.#pages.flatMap(({ tiles }, index) => (tiles && index > 0 ? [index] : []));
    if (here.length <= PAGES_KEPT) return;
    here.sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle));
    for (const index of here.slice(PAGES_KEPT)) this.#at(index).tiles = null;
    this.#count();
  }

  /** @param {number} index */
  #at(index) {
    const page = this.#pages[index];
    if (!page) throw new RangeError(`there is no page ${index}`);
    return page;
  }

  /** @param {number} position */
  #pageOf(position) {
    let [low, high] = [0, this.#pages.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #count() {
    let start = 0;
    this.#starts = [0];
    this.#where.clear();
    for (const page of this.#pages) {
      if (page.tiles) page.count = page.tiles.length;
      page.tiles?.forEach((tile, index) => this.#where.set(nameOf(tile), { page, index }));
      start += page.count;
      this.#starts.push(start);
    }
  }

  #changed() {
    this.#count();
    this.#onChange();
  }
}
