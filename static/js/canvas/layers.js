// @ts-check
/** What is done with whole layers; every act is one step of the history. */

import { fill } from "../i18n.js";
import { BLANK, Layer } from "./document.js";
import { Edit } from "./edit.js";
import { intersection, outward, union } from "./geometry.js";
import { contextOf, placesIn, TILE, blank } from "./surface.js";

/** @import {Desk} from "./desk.js" */
/** @import {LayerKind} from "./document.js" */
/** @import {Rect} from "./geometry.js" */

/** What a document may have, as the server says: layers, pixels of a side, and of the whole. */
export const MOST_LAYERS = 64;
export const MOST_SIDE = 8192;
const MOST_PIXELS = 40_000_000;

/** @typedef {{layers: Layer[], width: number, height: number, active: Layer | null}} Arrangement */

export class LayerActs {
  #desk;

  /** @param {Desk} desk */
  constructor(desk) {
    this.#desk = desk;
  }

  /**
   * @param {LayerKind} kind
   * @returns {Layer} a new one without pixels, above the active layer
   */
  create(kind) {
    const { document } = this.#desk;
    const name = this.#freeName(kind);
    const layer = newLayer({ kind, name, ...document.page });
    this.#insert(layer, fill(gettext("New layer “%(name)s”"), { name }));
    return layer;
  }

  /**
   * Add a picture, above the other pictures.
   *
   * @param {CanvasImageSource} picture
   * @param {{name: string, kind?: LayerKind, hides?: Layer[]} & Rect} options where it lies, its
   *   size there, and what would cover it
   * @returns {Layer}
   */
  addPicture(picture, { name, kind = "picture", hides = [], ...place }) {
    const { document } = this.#desk;
    const layer = newLayer({ kind, name, ...outward(place) });
    layer.fill(picture);
    const top = document.layers.findLastIndex((each) => each.kind === kind);
    const label = fill(gettext("New layer “%(name)s”"), { name });
    this.#insert(layer, label, top < 0 ? document.layers.length : top + 1, true, hides);
    return layer;
  }

  /** @param {Layer} layer */
  remove(layer) {
    const { layers } = this.#desk.document;
    const at = layers.indexOf(layer);
    const left = layers.filter((each) => each !== layer);
    const active = left[Math.min(at, left.length - 1)] ?? null;
    this.#arrange(layer.named(gettext("Delete “%(name)s”")), { layers: left, active }, [layer]);
  }

  /** @param {Layer} layer that was removed */
  restore(layer) {
    if (this.#desk.document.layers.includes(layer)) return;
    this.#insert(layer, layer.named(gettext("Restore “%(name)s”")));
  }

  /**
   * @param {Layer} layer
   * @param {number} to its index among all layers, bottom first
   */
  move(layer, to) {
    const { layers } = this.#desk.document;
    const at = Math.min(layers.length - 1, Math.max(0, to));
    if (layers.indexOf(layer) === at) return;
    const others = layers.filter((each) => each !== layer);
    others.splice(at, 0, layer);
    this.#arrange(layer.named(gettext("Move “%(name)s” in the order")), { layers: others });
  }

  /** @param {Layer} layer */
  duplicate(layer) {
    const { layers } = this.#desk.document;
    const { kind, visible, opacity, frame } = layer;
    const name = layer.named(gettext("%(name)s copy"));
    const copy = newLayer({ kind, name, ...layer.bounds }, layer.surface.copy());
    Object.assign(copy, { visible, opacity, x: layer.x, y: layer.y, frame });
    if (layer.revision !== BLANK) copy.revision = Symbol("pixels");
    this.#insert(copy, layer.named(gettext("Duplicate “%(name)s”")), layers.indexOf(layer) + 1);
  }

  /**
   * @param {Layer} layer
   * @returns {Layer | null} the one below that it can be merged with
   */
  belowOf(layer) {
    const { layers } = this.#desk.document;
    const below = layers.slice(0, Math.max(0, layers.indexOf(layer))).findLast(
      (each) => each.kind === layer.kind,
    );
    if (!below || below.locked || layer.locked || layer.kind === "control") return null;
    return isSaveable(union(below.bounds, layer.bounds)) ? below : null;
  }

  /** @param {Layer} layer */
  mergeDown(layer) {
    const { layers } = this.#desk.document;
    const below = this.belowOf(layer);
    if (!below) return;
    const merged = newLayer({ kind: layer.kind, name: below.name, ...union(below.bounds, layer.bounds) });
    // Each as it is seen: what is hidden adds nothing.
    for (const each of [below, layer].filter(({ visible }) => visible)) {
      const opacity = layer.kind === "mask" ? 1 : each.opacity;
      for (const { key, x, y } of placesIn(merged.frame)) {
        const tile = merged.surface.tile(key) ?? blank(TILE);
        const context = contextOf(tile);
        const [left, top] = [merged.x + x - each.x, merged.y + y - each.y];
        context.globalAlpha = opacity;
        each.surface.draw(context, { x: -left, y: -top }, { x: left, y: top, width: TILE, height: TILE });
        context.globalAlpha = 1;
        merged.surface.put(key, tile);
      }
    }
    merged.revision = Symbol("pixels");
    const after = layers.filter((each) => each !== layer);
    after[after.indexOf(below)] = merged;
    const label = layer.named(gettext("Merge “%(name)s” down"));
    this.#arrange(label, { layers: after, active: merged }, [below, layer]);
  }

  /** @param {Layer} layer a mask: what was masked is not, and the other way round */
  invert(layer) {
    if (layer.kind !== "mask" || !this.#desk.canPaint(layer)) return;
    const area = this.#desk.paintable(layer);
    const edit = new Edit(layer);
    for (const place of placesIn(area)) {
      const part = intersection(area, { x: place.x, y: place.y, width: TILE, height: TILE });
      if (!part) continue;
      const context = edit.pen(place.key);
      context.globalCompositeOperation = "xor";
      context.fillStyle = "white";
      context.fillRect(part.x - place.x, part.y - place.y, part.width, part.height);
      context.globalCompositeOperation = "source-over";
    }
    edit.touch(area);
    this.#desk.damage(layer, area);
    this.#desk.notePatch(layer.named(gettext("Invert “%(name)s”")), edit.finish());
  }

  /**
   * @param {Layer} layer
   * @param {string} label
   * @param {Partial<Pick<Layer, "name" | "visible" | "opacity" | "locked" | "x" | "y">>} values
   * @param {string} [joins]
   */
  change(layer, label, values, joins) {
    /** @type {Record<string, unknown>} */
    const before = {};
    for (const key of Object.keys(values)) before[key] = layer[/** @type {"name"} */ (key)];
    /** @param {object} now */
    const set = (now) => {
      this.#desk.renderer.damage(layer.bounds);
      Object.assign(layer, now);
      this.#desk.renderer.damage(layer.bounds);
      this.#desk.emit({ type: "layers", layer: layer.id });
    };
    this.#desk.take({
      label,
      undo: () => set(before),
      redo: () => set(values),
      ...(joins ? { joins: `${joins}:${layer.id}` } : {}),
    });
  }

  /**
   * @param {Layer} layer
   * @param {number} x
   * @param {number} y
   */
  nudge(layer, x, y) {
    const label = layer.named(gettext("Move “%(name)s”"));
    this.change(layer, label, { x: layer.x + x, y: layer.y + y }, "nudge");
  }

  /**
   * @param {Layer} layer
   * @param {string} label
   * @param {number} [at]
   * @param {boolean} [grows] whether the document reaches around it
   * @param {Layer[]} [hides] what is seen no longer
   */
  #insert(layer, label, at, grows = false, hides = []) {
    const { document, active } = this.#desk;
    const layers = [...document.layers];
    const above = active ? layers.indexOf(active) + 1 : layers.length;
    layers.splice(at ?? (layer.kind === "mask" ? layers.length : above), 0, layer);
    const around = outward(union(document.page, layer.bounds));
    const page = grows && isSaveable(around) ? around : document.page;
    this.#arrange(label, { layers, active: layer, hides }, [], page);
  }

  /**
   * @param {string} label
   * @param {{layers: Layer[], active?: Layer | null, hides?: Layer[]}} wanted
   * @param {Layer[]} [gone] what only the history holds from now on
   * @param {Rect} [page] what is the document from now on: its corner becomes 0, 0
   */
  #arrange(
    label,
    { layers, active = this.#desk.active, hides = [] },
    gone = [],
    page = this.#desk.document.page,
  ) {
    const { document } = this.#desk;
    /** @param {boolean} visible */
    const show = (visible) => {
      for (const each of hides) each.visible = visible;
    };
    const by = { x: -page.x, y: -page.y };
    const before = { layers: document.layers, width: document.width, height: document.height, active: this.#desk.active };
    const after = { layers, width: page.width, height: page.height, active };
    this.#desk.take({
      label,
      undo: () => {
        show(true);
        this.#put(before, { x: -by.x, y: -by.y });
      },
      redo: () => {
        show(false);
        this.#put(after, by);
      },
      patches: gone.map(({ surface }) => ({ bytes: surface.bytes, pack: () => 0 })),
    });
  }

  /**
   * @param {Arrangement} arrangement
   * @param {{x: number, y: number}} by all that is there, and what is seen stays where it is seen
   */
  #put({ layers, width, height, active }, by) {
    const desk = this.#desk;
    const { document, view } = desk;
    if (by.x !== 0 || by.y !== 0) {
      for (const layer of new Set([...document.layers, ...layers])) {
        layer.x += by.x;
        layer.y += by.y;
      }
      desk.showBox({ ...document.box, x: document.box.x + by.x, y: document.box.y + by.y });
      view.pan(-by.x * view.scale, -by.y * view.scale);
    }
    Object.assign(document, { layers, width, height });
    desk.renderer.damage();
    desk.select(active);
    desk.emit({ type: "layers" });
  }

  /** @param {LayerKind} kind */
  #freeName(kind) {
    const message = {
      mask: gettext("Mask %(number)s"),
      picture: gettext("Layer %(number)s"),
      control: gettext("Control %(number)s"),
    }[kind];
    const taken = new Set(this.#desk.document.layers.map(({ name }) => name));
    let number = 1;
    while (taken.has(fill(message, { number }))) number += 1;
    return fill(message, { number });
  }
}

/**
 * @param {{kind: LayerKind, name: string} & Rect} values
 * @param {import("./surface.js").Surface} [surface]
 */
function newLayer(values, surface) {
  const rest = { visible: true, opacity: 1, locked: false };
  return new Layer({ id: newId(), ...rest, ...values }, surface);
}

/** @param {Rect} rect */
function isSaveable({ width, height }) {
  return width <= MOST_SIDE && height <= MOST_SIDE && width * height <= MOST_PIXELS;
}

// `crypto.randomUUID` is not there on a page that came without TLS.
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
