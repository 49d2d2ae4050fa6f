// @ts-check
/** A grid: what varies across and down, how many pictures that makes, and what they cost at most. */

import { ApiError } from "../../api.js";
import { make } from "../../dom.js";
import { fill, formatNumber } from "../../i18n.js";
import { AxisField } from "./axis.js";
import { quoteGrid } from "./grid_api.js";
import { objectOf, Part, textOf } from "./part.js";

/** @import {GenerationRequest} from "../../types.js" */
/** @import {Desk} from "./desk.js" */
/** @import {GridAxes} from "./types.js" */

const PAUSE_MS = 400;

export class GridPart extends Part {
  #x;
  #y;
  #count = make("p", { class: "grid-count", role: "status" });
  #price = make("span", { class: "grid-count__price" });
  #readBase;
  #timer = 0;
  #asking = new AbortController();
  #asked = "";

  /**
   * @param {Desk} desk
   * @param {() => [string, string][]} loras that are chosen, key and name
   * @param {() => GenerationRequest | null} readBase what all pictures have in common
   */
  constructor(desk, loras, readBase) {
    super(desk, "grid");
    this.#readBase = readBase;
    const changed = () => desk.changed();
    this.#x = new AxisField(
      desk,
      { label: gettext("Across"), name: "x", isOptional: false, loras },
      changed,
    );
    this.#y = new AxisField(
      desk,
      { label: gettext("Down"), name: "y", isOptional: true, loras },
      changed,
    );
    this.body.append(this.#x.element, this.#y.element, this.#count);
    desk.life.onEnd(() => this.#asking.abort());
  }

  /** @returns {GridAxes | null} null while something is missing */
  get axes() {
    const x = this.#x.value;
    const y = this.#y.value;
    if (!x || (this.#y.field !== "" && !y) || this.#tooMany) return null;
    return { x, y };
  }

  get #cells() {
    return (this.#x.value?.values.length ?? 0) * (this.#y.value?.values.length ?? 1);
  }

  get #tooMany() {
    return this.#cells > (this.desk.offers.limits["cells"] ?? 100);
  }

  /** @override */
  get kept() {
    return { x: this.#x.value, y: this.#y.value };
  }

  /** @override */
  get missing() {
    if (this.#tooMany) {
      return fill(gettext("A grid has %(most)s pictures at most; this one would have %(count)s."), {
        most: formatNumber(this.desk.offers.limits["cells"] ?? 100),
        count: formatNumber(this.#cells),
      });
    }
    return this.axes ? "" : gettext("Not used until each axis has values.");
  }

  /**
   * @override
   * @param {unknown} value
   */
  take(value) {
    for (const [name, field] of /** @type {const} */ ([
      ["x", this.#x],
      ["y", this.#y],
    ])) {
      const axis = objectOf(objectOf(value)[name]);
      const { values } = axis;
      if (!Array.isArray(values)) continue;
      const known = values.filter((each) => typeof each === "number" || typeof each === "string");
      field.take({ field: textOf(axis["field"]), values: known, lora: textOf(axis["lora"]) });
    }
  }

  /** @override */
  begin() {
    this.element.querySelector("select")?.focus();
    this.desk.changed();
  }

  /** @override */
  refresh() {
    this.#x.refresh();
    this.#y.refresh();
    super.refresh();
    this.#tell();
    this.quoteSoon();
  }

  /** Ask what the grid costs, if something that it depends on has changed. */
  quoteSoon() {
    const { axes } = this;
    const base = this.#readBase();
    const isOfPrompt = axes?.x.field === "prompt" || axes?.y?.field === "prompt";
    // Each letter of a prompt would be a question, and changes no price.
    const prompt = isOfPrompt ? base?.prompt : Boolean(base?.prompt);
    const subject = JSON.stringify([axes, { ...base, prompt }]);
    if (subject === this.#asked) return;
    this.#asked = subject;
    this.desk.life.cancel(this.#timer);
    this.#price.textContent = "";
    this.#timer = this.desk.life.later(() => void this.#quote(), PAUSE_MS);
  }

  async #quote() {
    const { axes } = this;
    const base = this.#readBase();
    this.#asking.abort();
    if (!axes || !base?.prompt) return;
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    this.clearError();
    try {
      const { credits } = await quoteGrid(base, axes, signal);
      this.#price.textContent = fill(
        ngettext("≈ %(credits)s credit", "≈ %(credits)s credits", credits),
        { credits: formatNumber(credits) },
      );
    } catch (error) {
      if (signal.aborted || !(error instanceof ApiError)) return;
      for (const [name, messages] of Object.entries(error.fields)) {
        if (/^(x|y|cells)\b/.test(name)) this.showError(name, messages);
      }
    }
  }

  #tell() {
    const each = this.#readBase()?.num_images ?? 1;
    const count = this.axes ? this.#cells * each : 0;
    this.#count.hidden = count === 0;
    const words = ngettext("%(count)s picture", "%(count)s pictures", count);
    this.#count.replaceChildren(fill(words, { count: formatNumber(count) }), this.#price);
  }
}
