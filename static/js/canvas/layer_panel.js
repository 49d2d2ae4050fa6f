// @ts-check
/** The list of layers, uppermost first, and what is done with the one that is worked on. */

import { announce } from "../dom.js";
import { fill, formatPercent } from "../i18n.js";
import { openMenu } from "../menu.js";
import { toast } from "../toast.js";
import { find } from "./elements.js";
import { MOST_LAYERS } from "./layers.js";
import { LayerRow } from "./layer_row.js";

/** @import {PageLife} from "../page.js" */
/** @import {Desk} from "./desk.js" */
/** @import {Layer, LayerKind} from "./document.js" */
/** @import {Imports} from "./imports.js" */

const THUMBS_AFTER_MS = 250;

export class LayerPanel {
  #desk;
  #life;
  #panel;
  #list;
  #toggle;
  #template;
  #imports;
  /** @type {Map<string, LayerRow>} */
  #rows = new Map();
  /** @type {Set<string>} */
  #stale = new Set();
  #thumbs = 0;

  /**
   * @param {Desk} desk
   * @param {HTMLElement} root
   * @param {Imports} imports
   * @param {PageLife} life
   */
  constructor(desk, root, imports, life) {
    this.#desk = desk;
    this.#life = life;
    this.#imports = imports;
    this.#panel = find(root, "[data-part=layers]", HTMLElement);
    this.#list = find(root, "[data-part=list]", HTMLElement);
    this.#toggle = find(root, "[data-act=layers]", HTMLButtonElement);
    this.#template = find(root, "template[data-part=row]", HTMLTemplateElement);
    const { signal } = life;
    this.#panel.addEventListener("click", (event) => this.#click(event), { signal });
    this.#panel.addEventListener("keydown", (event) => this.#press(event), { signal });
    this.#toggle.addEventListener("click", () => this.#open(this.#panel.dataset.open !== "true"), { signal });
    const opacity = find(this.#panel, "[data-layer-opacity]", HTMLInputElement);
    opacity.addEventListener("input", () => this.#setOpacity(Number(opacity.value) / 100), { signal });
    desk.listen(({ type, layer }) => {
      if (type === "layers") this.#show();
      if (type === "pixels" && layer) this.#showThumb(layer);
    });
    life.onEnd(() => {
      for (const row of this.#rows.values()) row.remove();
    });
    this.#show();
  }

  /** @param {LayerKind} kind */
  add(kind) {
    if (!this.#mayAdd()) return;
    const layer = this.#desk.acts.create(kind);
    announce(layer.named(gettext("New layer “%(name)s”")));
  }

  /** Delete the layer that is worked on; a word on the page takes it back. */
  removeActive() {
    const { active, staging } = this.#desk;
    if (!active || staging.isOpen || !this.#isFree(active)) return;
    const hadFocus = this.#list.contains(document.activeElement);
    this.#desk.acts.remove(active);
    const { state } = this.#desk.history;
    const takeWord = toast(active.named(gettext("“%(name)s” is deleted.")), {
      act: {
        text: gettext("Undo"),
        run: () => {
          // What came after it is not what is meant.
          if (this.#desk.history.state === state) this.#desk.undo();
          else this.#desk.acts.restore(active);
        },
      },
    });
    // Nothing would take it back once the canvas is left.
    this.#life.onEnd(takeWord);
    if (hadFocus) this.#rows.get(this.#desk.active?.id ?? "")?.focus();
  }

  #mayAdd() {
    const { document, staging } = this.#desk;
    if (staging.isOpen) {
      this.#desk.refuse(gettext("First use or discard the results."));
    } else if (document.layers.length >= MOST_LAYERS) {
      this.#desk.refuse(gettext("There is no room for more layers. Merge or delete some first."));
    } else return true;
    return false;
  }

  /** @param {Layer} layer */
  #isFree(layer) {
    if (layer.locked) {
      this.#desk.refuse(layer.named(gettext("“%(name)s” is locked. Unlock it to change it.")));
    }
    return !layer.locked;
  }

  /** @param {boolean} isOpen on a phone, where it lies over the stage */
  #open(isOpen) {
    this.#panel.dataset.open = String(isOpen);
    this.#toggle.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) find(this.#panel, "[data-act=close-layers]", HTMLButtonElement).focus();
    else this.#toggle.focus();
  }

  /** @param {Event} event */
  #click({ target }) {
    const button = target instanceof Element ? target.closest("button") : null;
    if (!button) return;
    const { active, acts } = this.#desk;
    const { act } = button.dataset;
    if (act === "close-layers") this.#open(false);
    if (act === "add") this.#openAdd(button);
    if (this.#desk.staging.isOpen || !active) return;
    if (act === "duplicate" && this.#mayAdd()) acts.duplicate(active);
    if (act === "invert") acts.invert(active);
    if (act === "merge") acts.mergeDown(active);
    if (act === "raise") this.#raise(active, 1);
    if (act === "lower") this.#raise(active, -1);
    if (act === "rename") this.#rows.get(active.id)?.rename();
    if (act === "delete") this.removeActive();
  }

  /** @param {HTMLButtonElement} button */
  #openAdd(button) {
    const menu = find(this.#panel, "[data-part=add-menu]", HTMLElement);
    openMenu(menu, button, (item) => {
      const { kind } = item.dataset;
      if (!this.#mayAdd()) return;
      if (kind === "file") this.#imports.choose();
      else this.add(/** @type {LayerKind} */ (kind));
    });
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const { target, key } = event;
    if (key === "Escape" && this.#panel.dataset.open === "true") {
      this.#open(false);
      return;
    }
    if (!(target instanceof HTMLButtonElement) || !this.#list.contains(target)) return;
    const layer = this.#desk.document.layer(target.closest("li")?.dataset.layer ?? "");
    if (!layer) return;
    const by = { ArrowUp: 1, ArrowDown: -1 }[key];
    if (by && event.altKey) this.#raise(layer, by);
    else if (by) this.#focusBeside(layer, by);
    else if (key === "F2") this.#rows.get(layer.id)?.rename();
    else if (key === "Delete") {
      this.#desk.select(layer);
      this.removeActive();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /**
   * @param {Layer} layer
   * @param {number} by
   */
  #raise(layer, by) {
    const { layers } = this.#desk.document;
    const to = layers.indexOf(layer) + by;
    if (this.#desk.staging.isOpen || to < 0 || to >= layers.length) return;
    const focused = document.activeElement;
    this.#desk.acts.move(layer, to);
    // A row that changes its place lets go of the focus.
    if (focused instanceof HTMLElement) focused.focus();
    const place = { number: layers.length - to, count: layers.length };
    announce(fill(gettext("Layer %(number)s of %(count)s from the top"), place));
  }

  /**
   * @param {Layer} layer
   * @param {number} by
   */
  #focusBeside(layer, by) {
    const { layers } = this.#desk.document;
    const beside = layers[layers.indexOf(layer) + by];
    if (!beside) return;
    this.#desk.select(beside);
    this.#rows.get(beside.id)?.focus();
  }

  /** @param {number} opacity */
  #setOpacity(opacity) {
    const { active, acts } = this.#desk;
    if (!active) return;
    acts.change(active, active.named(gettext("Opacity of “%(name)s”")), { opacity }, "opacity");
  }

  #show() {
    const { document: drawn, active } = this.#desk;
    const shown = drawn.layers.toReversed();
    for (const [id, row] of this.#rows) {
      if (drawn.layer(id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    shown.forEach((layer, index) => {
      let row = this.#rows.get(layer.id);
      if (row?.layer !== layer) {
        row?.remove();
        row = new LayerRow(this.#desk, layer, this.#template);
        this.#rows.set(layer.id, row);
        this.#showThumb(layer.id);
      }
      row.show(layer === active);
      if (this.#list.children[index] !== row.element) {
        this.#list.insertBefore(row.element, this.#list.children[index] ?? null);
      }
    });
    find(this.#panel, "[data-part=no-layers]", HTMLElement).hidden = shown.length > 0;
    this.#showActive(active);
  }

  /** @param {Layer | null} active */
  #showActive(active) {
    const { layers } = this.#desk.document;
    const acts = find(this.#panel, "[data-part=layer-acts]", HTMLElement);
    acts.hidden = !active;
    if (!active) return;
    find(acts, "[data-act=invert]", HTMLElement).hidden = active.kind !== "mask";
    const at = layers.indexOf(active);
    const cannot = {
      merge: !this.#desk.acts.belowOf(active),
      raise: at === layers.length - 1,
      lower: at === 0,
      delete: active.locked,
    };
    for (const [act, isOff] of Object.entries(cannot)) {
      find(acts, `[data-act=${act}]`, HTMLElement).setAttribute("aria-disabled", String(isOff));
    }
    const percent = Math.round(active.opacity * 100);
    const input = find(acts, "[data-layer-opacity]", HTMLInputElement);
    input.value = String(percent);
    input.setAttribute("aria-valuetext", formatPercent(percent));
    find(acts, "[data-part=layer-opacity]", HTMLElement).textContent = formatPercent(percent);
  }

  /** @param {string} id */
  #showThumb(id) {
    this.#stale.add(id);
    this.#life.cancel(this.#thumbs);
    this.#thumbs = this.#life.later(() => {
      for (const each of this.#stale) this.#rows.get(each)?.showThumb();
      this.#stale.clear();
    }, THUMBS_AFTER_MS);
  }
}
