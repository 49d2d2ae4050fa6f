// @ts-check
/** What guides a picture beside its prompt: parts that are added from a menu and lie there as cards. */

import { byId } from "../../dom.js";
import { fill } from "../../i18n.js";
import { openMenu } from "../../menu.js";
import { recallObject, remember } from "../../storage.js";
import { toast, toastError } from "../../toast.js";
import { ModelPicker } from "../model_picker.js";
import { Controls } from "./controls.js";
import { Desk } from "./desk.js";
import { GridPart } from "./grid_part.js";
import { ClipSkip, HighRes, Refiner, Seamless, Vae, Variation } from "./made_parts.js";
import { Embeddings, Loras } from "./model_lists.js";
import { ImagePrompt, References } from "./pictures.js";
import { Regions } from "./regions.js";
import { Mask, Outpaint, Upscale } from "./start_parts.js";

/** @import {PageLife} from "../../page.js" */
/** @import {GenerationRequest, Guides, Model} from "../../types.js" */
/** @import {Part} from "./part.js" */
/** @import {FullModel, GridAxes} from "./types.js" */

/** @type {Record<string, new (desk: Desk) => Part>} */
const PARTS = {
  loras: Loras,
  embeddings: Embeddings,
  vae: Vae,
  refiner: Refiner,
  controls: Controls,
  image_prompt: ImagePrompt,
  references: References,
  regions: Regions,
  high_res: HighRes,
  variation: Variation,
  seamless: Seamless,
  clip_skip: ClipSkip,
  mask: Mask,
  outpaint: Outpaint,
  upscale: Upscale,
};
const GRID = "grid";
/** Kinds of models without which a part is nothing; their capabilities are called like them. */
const KINDS = /** @type {Record<string, string[]>} */ ({
  controls: ["controlnet", "t2i_adapter"],
  image_prompt: ["ip_adapter"],
  vae: ["vae"],
  refiner: ["main"],
});

/**
 * Tell whether a value is one of ours: other tools name LoRAs that nobody has here.
 *
 * @param {unknown} value
 * @returns {boolean}
 */
function isOurs(value) {
  if (Array.isArray(value)) return value.length > 0 && value.every(isOurs);
  if (typeof value !== "object" || value === null) return Boolean(value);
  return !("name" in value);
}

export class GuidesPanel {
  #desk;
  #onChange;
  #readBase;
  #picker;
  #cards = byId("guides-cards", HTMLElement);
  #menu = byId("guides-menu", HTMLElement);
  #add = byId("guides-add", HTMLButtonElement);
  /** @type {Map<string, Part>} */
  #parts = new Map();

  /**
   * @param {PageLife} life
   * @param {() => void} onChange is called after every change
   * @param {() => GenerationRequest | null} [readBase] the request as it is, for the price of a grid
   */
  constructor(life, onChange, readBase = () => null) {
    this.#desk = new Desk(life, () => this.#changed());
    this.#onChange = onChange;
    this.#readBase = readBase;
    this.#picker = new ModelPicker(life, this.#desk.models);
    const { signal } = life;
    this.#add.addEventListener("click", () => this.#openMenu(), { signal });
    this.#menu.addEventListener(
      "click",
      (event) => {
        const item = event.target instanceof Element && event.target.closest(".menu__item");
        // What cannot be used stays to be read: the menu does not close on it.
        if (item && item.getAttribute("aria-disabled") === "true") event.stopImmediatePropagation();
      },
      { signal, capture: true },
    );
    // Sizes, counts and the prompt are the page's: parts that show them follow.
    const follow = () => this.#refresh();
    document.addEventListener("change", follow, { signal });
    byId("prompt", HTMLTextAreaElement).addEventListener("input", follow, { signal });
    this.#add.disabled = false;
    // Without a word to the page: it is not whole yet, and nothing has changed.
    this.#show(recallObject(this.#storage));
    this.#refresh();
  }

  /** @returns {Partial<Guides>} to be spread into a request; what cannot be used is left out */
  get value() {
    const used = Array.from(this.#parts.values(), (part) =>
      part.name === GRID || part.blocked ? [] : [part.name, part.value],
    );
    return Object.fromEntries(used.filter(([, value]) => value !== undefined));
  }

  /** @returns {boolean} whether all numbers are within their limits, so that it can have a price */
  get isWithinLimits() {
    // Steps are of the sliders: a number between two of them is as good.
    return Array.from(this.#cards.querySelectorAll("input")).every(
      ({ validity }) => !(validity.rangeUnderflow || validity.rangeOverflow || validity.badInput),
    );
  }

  /**
   * Wait until all that a request names is on the server: masks are drawn here and sent later.
   *
   * @returns {Promise<void>}
   */
  async settled() {
    await Promise.all(Array.from(this.#parts.values(), (part) => part.settled()));
  }

  /** @returns {GridAxes | null} what varies, if a grid is asked for */
  gridRequest() {
    const part = this.#parts.get(GRID);
    return part instanceof GridPart ? part.axes : null;
  }

  /**
   * Show what guided a picture, by its metadata or its job.
   *
   * @param {object} metadata
   */
  take(metadata) {
    this.#show(metadata);
    this.#changed();
  }

  /** @param {object} metadata */
  #show(metadata) {
    for (const part of this.#parts.values()) part.element.remove();
    this.#parts.clear();
    const known = Object.entries(metadata).filter(([name, value]) => name in PARTS && isOurs(value));
    for (const [name, value] of known) this.#put(name).take(value);
    if (known.length > 0) this.#loadCatalog();
  }

  clear() {
    this.take({});
  }

  /** @param {Model} model that pictures are made with from now on */
  useModel(model) {
    const full = this.#desk.models.find(({ key }) => key === model.key);
    if (!full) return;
    this.#desk.model = full;
    this.#picker.show(full);
    this.#refresh();
  }

  /** @param {boolean} hasStart whether the next picture starts from another one */
  useStart(hasStart) {
    if (this.#desk.hasStart === hasStart) return;
    this.#desk.hasStart = hasStart;
    this.#refresh();
  }

  /**
   * Show what the API says is wrong with a part.
   *
   * @param {string} name of a field, with dots
   * @param {string[]} messages
   * @returns {boolean} whether it is one of a part here
   */
  showError(name, messages) {
    const [first = "", ...rest] = name.split(".");
    const isGrid = ["x", "y", "cells"].includes(first);
    const part = this.#parts.get(isGrid ? GRID : first);
    if (!part) return false;
    part.showError(isGrid ? name : rest.join("."), messages);
    part.element.scrollIntoView({ block: "nearest" });
    return true;
  }

  clearErrors() {
    for (const part of this.#parts.values()) part.clearError();
  }

  /** Keys of the guides of another user would lead nowhere. */
  get #storage() {
    return `guides.${document.body.dataset.userId ?? ""}`;
  }

  /** @param {string} name */
  #put(name) {
    const known = this.#parts.get(name);
    if (known) return known;
    const part = this.#make(name);
    this.#parts.set(name, part);
    part.onRemove(() => this.#remove(part));
    this.#cards.append(part.element);
    return part;
  }

  /** @param {Part} part */
  #remove(part) {
    const { name, kept } = part;
    this.#parts.delete(name);
    part.element.remove();
    this.#add.focus();
    this.#changed();
    const restore = () => {
      if (this.#desk.life.signal.aborted || this.#parts.has(name)) return;
      this.#put(name).take(kept);
      this.#changed();
    };
    const words = fill(gettext("Removed: %(part)s"), { part: part.title });
    // What was empty is as soon added anew.
    toast(words, kept === undefined ? {} : { act: { text: gettext("Undo"), run: restore } });
  }

  /** @param {string} name */
  #make(name) {
    if (name === GRID) {
      return new GridPart(this.#desk, () => this.#chosenLoras(), this.#readBase);
    }
    const Kind = PARTS[name];
    if (!Kind) throw new Error(`There is no part ${name}`);
    return new Kind(this.#desk);
  }

  /** @returns {[string, string][]} */
  #chosenLoras() {
    const part = this.#parts.get("loras");
    return part instanceof Loras ? part.chosen : [];
  }

  #openMenu() {
    this.#tellMenu();
    this.#loadCatalog(() => this.#tellMenu());
    openMenu(this.#menu, this.#add, (item) => {
      const name = item.dataset.part ?? "";
      const isNew = !this.#parts.has(name);
      const part = this.#put(name);
      this.#refresh();
      part.element.scrollIntoView({ block: "nearest" });
      if (isNew) part.begin();
      else part.element.focus();
    });
  }

  /** Say in the menu what cannot be used with the chosen model, and why; a service's stays short. */
  #tellMenu() {
    const isOfService = Boolean(this.#desk.model?.provider);
    for (const item of this.#menu.querySelectorAll(".guides-menu__item")) {
      if (!(item instanceof HTMLElement)) continue;
      const why = this.#whyNot(item);
      const what = item.querySelector(".guides-menu__what");
      const place = item.querySelector(".guides-menu__why");
      if (!(what instanceof HTMLElement) || !(place instanceof HTMLElement)) continue;
      place.textContent = why;
      place.hidden = why === "";
      what.hidden = why !== "";
      item.setAttribute("aria-disabled", String(why !== ""));
      // What no model of a service can do is nothing to be chosen by.
      item.hidden = why !== "" && isOfService;
    }
    for (const group of this.#menu.querySelectorAll(".guides-menu__group")) {
      if (group instanceof HTMLElement) {
        group.hidden = !group.querySelector(".guides-menu__item:not([hidden])");
      }
    }
  }

  /** @param {HTMLElement} item */
  #whyNot(item) {
    const lack = this.#desk.lack((item.dataset.needs ?? "").split(" ").filter(Boolean));
    const kinds = KINDS[item.dataset.part ?? ""];
    if (lack || !kinds || !this.#desk.knowsCatalog) return lack;
    if (this.#desk.ofKinds(kinds).some((/** @type {FullModel} */ model) => this.#desk.fits(model))) {
      return "";
    }
    return fill(gettext("No model for this is installed here for %(family)s."), {
      family: this.#desk.family?.name ?? "",
    });
  }

  /** @param {() => void} [then] */
  #loadCatalog(then) {
    if (this.#desk.knowsCatalog) return;
    this.#desk.catalog().then(() => {
      this.#refresh();
      then?.();
    }, toastError);
  }

  #changed() {
    this.#refresh();
    // What the chosen model cannot do may be wanted again with the next one.
    const all = Array.from(this.#parts.values(), ({ name, kept }) => [name, kept]);
    const lasting = all.filter(([name]) => name !== GRID);
    const text = JSON.stringify(Object.fromEntries(lasting));
    remember(this.#storage, text === "{}" ? null : text);
    this.#onChange();
  }

  #refresh() {
    this.#desk.parts = new Set(this.#parts.keys());
    for (const part of this.#parts.values()) part.refresh();
  }
}
