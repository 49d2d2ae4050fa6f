// @ts-check
/** What the parts of the editor share: the document, its history, the view, the tool in hand. */

import { announce } from "../dom.js";
import { fill } from "../i18n.js";
import { recallObject, remember } from "../storage.js";
import { toast } from "../toast.js";
import { CanvasDocument } from "./document.js";
import { intersection, shifted, union } from "./geometry.js";
import { History } from "./history.js";
import { LayerActs, MOST_SIDE } from "./layers.js";
import { Renderer } from "./render.js";
import { Staging } from "./staging.js";
import { View } from "./view.js";

/** @import {PageLife} from "../page.js" */
/** @import {Patch} from "./edit.js" */
/** @import {Layer, LayerKind} from "./document.js" */
/** @import {Rect} from "./geometry.js" */
/** @import {Step} from "./history.js" */
/** @import {Tool} from "./pointer.js" */

/** @typedef {{min: number, max: number, multiple: number}} Limits of a side of the box */
/** @typedef {{size: number, hardness: number, opacity: number, color: string}} Brush */

/**
 * @typedef {object} Change
 * @property {"history" | "pixels" | "layers" | "box" | "staging" | "accepted" | "discarded" | "view" | "tool" | "brush"} type
 * @property {string} [layer] the id of the layer that it is about
 * @property {string} [candidate] the id of the accepted result
 */

const BRUSH_KEY = "canvas-brush";
const PACK_AFTER_MS = 500;
const PACK_EVERY_MS = 20;
const PACK_TILES = 8;
export const MOST_SIZE = 500;
/** The box keeps to this grid. */
export const GRID = 8;

export class Desk {
  document = new CanvasDocument(512, 512, { x: 0, y: 0, width: 512, height: 512 });
  history = new History();
  /** @type {Limits} */
  limits = { min: 64, max: 2048, multiple: GRID };
  /** @type {Brush} */
  brush = lastBrush();
  /** What one finger does; two always move the view. @type {"paint" | "pan"} */
  finger = "paint";
  /** @type {Tool | null} */
  tool = null;
  /** @type {string | null} */
  #active = null;
  /** @type {Set<(change: Change) => void>} */
  #listeners = new Set();
  /** The last layer that was made for a tool. @type {{layer: Layer, state: symbol} | null} */
  #made = null;
  #packing = 0;
  #life;

  /**
   * @param {HTMLElement} root
   * @param {PageLife} life
   */
  constructor(root, life) {
    this.#life = life;
    this.view = new View(() => {
      this.renderer.show();
      this.emit({ type: "view" });
    });
    this.renderer = new Renderer(this, root, life);
    this.acts = new LayerActs(this);
    this.staging = new Staging(this, life);
  }

  /** @param {(change: Change) => void} listener */
  listen(listener) {
    this.#listeners.add(listener);
  }

  /** @param {Change} change */
  emit(change) {
    for (const listener of this.#listeners) listener(change);
  }

  /** @param {CanvasDocument} document in place of the one on the desk */
  replace(document) {
    this.tool?.cancel();
    this.staging.stop();
    this.document = document;
    this.history = new History();
    this.#active = document.layers.at(-1)?.id ?? null;
    this.renderer.damage();
    this.view.fit(union(document.page, document.box));
    for (const type of /** @type {const} */ (["layers", "box", "history"])) this.emit({ type });
  }

  /** @returns {Layer | null} the layer that is worked on */
  get active() {
    return this.document.layer(this.#active ?? "") ?? this.document.layers.at(-1) ?? null;
  }

  /** @param {Layer | null} layer */
  select(layer) {
    if (layer?.id === this.active?.id) return;
    this.#active = layer?.id ?? null;
    this.emit({ type: "layers" });
  }

  /** @param {Step} step that is taken now */
  take(step) {
    step.redo();
    this.note(step);
  }

  /** @param {Step} step that has been taken */
  note(step) {
    this.history.add(step);
    this.#packSoon();
    this.emit({ type: "history" });
  }

  /**
   * Note a change of pixels.
   *
   * @param {string} label
   * @param {Patch | null} patch
   */
  notePatch(label, patch) {
    if (!patch) return;
    const { layer } = patch;
    const swap = () => {
      patch.swap();
      this.damage(layer, patch.area);
    };
    this.note({ label, undo: swap, redo: swap, patches: [patch] });
    this.emit({ type: "pixels", layer: layer.id });
  }

  /**
   * @param {Layer} layer
   * @param {Rect} area of its surface whose pixels changed
   */
  damage(layer, area) {
    this.renderer.damage(shifted(area, layer));
  }

  undo() {
    this.#step("undo", gettext("Undone: %(what)s"), gettext("There is nothing to undo."));
  }

  redo() {
    this.#step("redo", gettext("Done again: %(what)s"), gettext("There is nothing to redo."));
  }

  /**
   * @param {"undo" | "redo"} way
   * @param {string} said
   * @param {string} nothing
   */
  #step(way, said, nothing) {
    if (this.staging.isOpen) {
      this.refuse(gettext("First use or discard the results."));
      return;
    }
    this.tool?.cancel();
    const step = this.history[way]();
    if (!step) {
      announce(nothing);
      return;
    }
    announce(fill(said, { what: step.label }));
    for (const { layer } of /** @type {{layer?: Layer}[]} */ (step.patches ?? [])) {
      if (layer) this.emit({ type: "pixels", layer: layer.id });
    }
    this.#packSoon();
    this.emit({ type: "history" });
  }

  #packSoon() {
    this.#life.cancel(this.#packing);
    const some = () => {
      if (this.history.pack(PACK_TILES)) this.#packing = this.#life.later(some, PACK_EVERY_MS);
    };
    this.#packing = this.#life.later(some, PACK_AFTER_MS);
  }

  /**
   * Set the box where it may be: on the grid, of a size that the model takes.
   *
   * @param {Rect} wanted
   * @returns {Rect}
   */
  boxAt(wanted) {
    const { min, max, multiple } = this.limits;
    const least = Math.ceil(min / multiple);
    const most = Math.floor(max / multiple);
    /** @param {number} side */
    const fit = (side) => Math.min(most, Math.max(least, Math.round(side / multiple))) * multiple;
    const [width, height] = [fit(wanted.width), fit(wanted.height)];
    const { width: wide, height: high } = this.document;
    /** Keep what the document would grow to within bounds. @type {(at: number, side: number, page: number) => number} */
    const place = (at, side, page) => {
      const room = Math.max(0, MOST_SIDE - page);
      return Math.min(page + room - side, Math.max(-room, Math.round(at / GRID) * GRID));
    };
    return { x: place(wanted.x, width, wide), y: place(wanted.y, height, high), width, height };
  }

  /** @param {Rect} box shown at once; a step only when it is noted */
  showBox(box) {
    this.document.box = box;
    this.renderer.show();
    this.emit({ type: "box" });
  }

  /**
   * Note that the box was changed.
   *
   * @param {Rect} before
   * @param {string} [joins]
   */
  noteBox(before, joins) {
    const after = this.document.box;
    this.note({
      label: gettext("Box"),
      undo: () => this.showBox(before),
      redo: () => this.showBox(after),
      ...(joins ? { joins } : {}),
    });
  }

  /**
   * @param {Layer} layer
   * @returns {Rect} the part of its surface that can be painted on
   */
  paintable(layer) {
    const { page, box } = this.document;
    const own = shifted(union(page, box), { x: -layer.x, y: -layer.y });
    // Together with what the layer has, it stays of a size that can be saved.
    const { x, y, width, height } = layer.frame;
    const room = {
      x: x + width - MOST_SIDE,
      y: y + height - MOST_SIDE,
      width: 2 * MOST_SIDE - width,
      height: 2 * MOST_SIDE - height,
    };
    return intersection(own, room) ?? { x, y, width: 0, height: 0 };
  }

  /**
   * The layer that a tool works on: the active one if it is of such a kind, or the uppermost that
   * is, or a new one.
   *
   * @param {LayerKind[]} kinds the first is what a new one is
   * @returns {Layer | null} null if it refuses
   */
  target(kinds) {
    if (this.staging.isOpen) {
      this.refuse(gettext("First use or discard the results."));
      return null;
    }
    const { active } = this;
    const fits = (/** @type {Layer} */ { kind }) => kinds.includes(kind);
    const usable = this.document.layers.findLast(
      (each) => fits(each) && each.visible && !each.locked,
    );
    const found = active && fits(active) ? active : usable;
    const layer = found ?? this.acts.create(kinds[0] ?? "mask");
    this.#made = found ? null : { layer, state: this.history.state };
    this.select(layer);
    return this.canPaint(layer) ? layer : null;
  }

  /**
   * Take back a layer that `target` made for what did not come about.
   *
   * @param {Layer} layer
   */
  unmake(layer) {
    if (this.#made?.layer !== layer || this.#made.state !== this.history.state) return;
    this.#made = null;
    this.history.drop();
    this.emit({ type: "history" });
  }

  /**
   * @param {Layer} layer
   * @returns {boolean} or it says why not
   */
  canPaint(layer) {
    if (layer.locked) {
      this.refuse(layer.named(gettext("“%(name)s” is locked. Unlock it to change it.")));
    } else if (!layer.visible) {
      this.refuse(layer.named(gettext("“%(name)s” is hidden. Show it to change it.")));
    }
    return !layer.locked && layer.visible;
  }

  /** @param {Tool} tool to be in the hand */
  setTool(tool) {
    if (this.tool === tool) return;
    this.tool?.cancel();
    this.tool = tool;
    this.renderer.showOverlay();
    this.emit({ type: "tool" });
  }

  /**
   * Take the colour of a point of the document.
   *
   * @param {{x: number, y: number}} point
   */
  pick({ x, y }) {
    const color = this.renderer.colourAt(x, y);
    if (color && color !== this.brush.color) this.setBrush({ color });
  }

  /** @param {string} why */
  refuse(why) {
    toast(why);
  }

  /** @param {Partial<Brush>} values */
  setBrush(values) {
    this.brush = { ...this.brush, ...values };
    remember(BRUSH_KEY, JSON.stringify(this.brush));
    this.emit({ type: "brush" });
  }
}

/** @returns {Brush} the one that was in the hand last */
function lastBrush() {
  const { size, hardness, opacity, color } = recallObject(BRUSH_KEY);
  /** @type {(value: unknown, least: number, most: number, usual: number) => number} */
  const within = (value, least, most, usual) =>
    typeof value === "number" && value >= least && value <= most ? value : usual;
  return {
    size: within(size, 1, MOST_SIZE, 48),
    hardness: within(hardness, 0, 1, 0.8),
    opacity: within(opacity, 0.01, 1, 1),
    color: typeof color === "string" && /^#[0-9a-f]{6}$/.test(color) ? color : "#e8590c",
  };
}
