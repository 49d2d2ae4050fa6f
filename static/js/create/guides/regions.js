// @ts-check
/** Prompts for regions: rectangles on a board, each with words and a mask that is kept as a picture. */

import { ApiError } from "../../api.js";
import { icon, make } from "../../dom.js";
import { fill, formatNumber } from "../../i18n.js";
import { toastError } from "../../toast.js";
import { boxOfMask, uploadMask } from "./masks.js";
import { addButton } from "./model_row.js";
import { objectsOf, Part, textOf } from "./part.js";
import { Rectangles } from "./rectangles.js";

/** @import {Desk} from "./desk.js" */
/** @import {Box} from "./masks.js" */

const PAUSE_MS = 700;

/**
 * `mask` is the name of the picture that shows `box` in a picture of `ratio`; null while there is
 * none. Without a box it is a mask of another shape, which stays as it is.
 *
 * @typedef {object} Region
 * @property {Box | null} box
 * @property {string | null} mask
 * @property {number} ratio
 * @property {HTMLElement} row
 * @property {HTMLTextAreaElement} words
 */

export class Regions extends Part {
  /** @type {Region[]} */
  #regions = [];
  #board;
  #rows = make("ol", { class: "regions__rows", role: "list" });
  #add;
  #timer = 0;
  /** @type {Promise<void>} */
  #upload = Promise.resolve();

  /** @param {Desk} desk */
  constructor(desk) {
    super(desk, "regions");
    this.#board = new Rectangles(desk.life, {
      canDraw: () => this.#regions.length < this.#most,
      onDraw: (box) => this.#draw(box),
      onChange: (at, box) => {
        const region = this.#regions[at];
        if (!region) return;
        region.box = box;
        region.mask = null;
        this.#keepSoon();
      },
      onRemove: (at) => {
        const region = this.#regions[at];
        if (region) this.#remove(region);
      },
      onChoose: (at) => {
        this.#regions.forEach(({ row }, other) => {
          row.dataset.chosen = String(other === at);
        });
      },
    });
    this.#add = addButton(gettext("Add a region"), () => {
      const at = this.#regions.length;
      const side = 0.4;
      this.#draw({ x: 0.05 + 0.1 * (at % 6), y: 0.05 + 0.1 * (at % 6), width: side, height: side });
    });
    this.body.append(
      make("p", { class: "field__note" }, gettext("Draw on the board where each prompt is to work.")),
      this.#board.element,
      this.#rows,
      this.#add,
    );
  }

  get #most() {
    return this.desk.most("regions");
  }

  /** @override */
  get value() {
    const regions = this.#sent.map(({ mask, words }) => ({ prompt: words.value.trim(), mask }));
    return regions.length > 0 ? regions : undefined;
  }

  get #sent() {
    return this.#regions.filter(({ mask, words }) => mask && words.value.trim() !== "");
  }

  /**
   * @override
   * @param {string} path
   * @param {string[]} messages
   */
  showError(path, messages) {
    // The answer counts what was sent, the card all that is drawn.
    const own = path.replace(/^\d+/, (number) => {
      const sent = this.#sent[Number(number)];
      return String(sent ? this.#regions.indexOf(sent) : number);
    });
    super.showError(own, messages);
  }

  /** @override */
  get blocked() {
    if (super.blocked) return super.blocked;
    if (!this.desk.parts.has("image_prompt")) return "";
    return gettext("Not together with a picture prompt. Remove one of the two.");
  }

  /** @override */
  get missing() {
    if (this.#regions.length === 0) return gettext("Nothing is drawn yet.");
    const silent = this.#regions.some(({ words }) => words.value.trim() === "");
    if (silent) return gettext("A region without a prompt is not used.");
    const isLost = this.#regions.some(({ box, mask }) => !box && !mask);
    return isLost ? gettext("The mask of a region is gone. Remove the region and draw it anew.") : "";
  }

  /**
   * @override
   * @param {unknown} value
   */
  take(value) {
    for (const { row } of this.#regions) row.remove();
    this.#regions = [];
    for (const each of objectsOf(value)) {
      const mask = textOf(each["mask"]);
      const region = this.#append(null, textOf(each["prompt"]));
      region.mask = mask;
      boxOfMask(mask).then(
        (box) => {
          // Whoever has drawn it anew meanwhile is right.
          if (region.mask !== mask) return;
          region.box = box;
          this.refresh();
        },
        () => {
          if (region.mask !== mask) return;
          region.mask = null;
          this.refresh();
        },
      );
    }
    this.refresh();
  }

  /** @override */
  begin() {
    this.#add.focus();
  }

  /** @override */
  refresh() {
    this.#board.useShape(this.desk.shape);
    this.#board.show(this.#regions.map(({ box }) => box));
    this.#add.hidden = this.#regions.length >= this.#most;
    // A rectangle of another shape is another part of the picture than its mask says.
    for (const region of this.#regions) {
      if (region.mask && region.box && region.ratio !== 0 && region.ratio !== this.#ratio) {
        region.mask = null;
      }
    }
    if (this.#regions.some(({ box, mask }) => box && !mask)) this.#keepSoon();
    super.refresh();
  }

  /** @override */
  async settled() {
    this.#keep();
    await this.#upload;
    const isOpen = this.#regions.some(({ box, mask, words }) => box && !mask && words.value.trim());
    if (this.blocked || !isOpen) return;
    // Without it the picture would cost as much, and be another one.
    const detail = gettext("A region could not be kept, so nothing is made. Please try again.");
    throw new ApiError(0, { detail, code: "unreachable", fields: { regions: [detail] } });
  }

  get #ratio() {
    const { width, height } = this.desk.shape;
    return width / height;
  }

  /** @param {Box} box */
  #draw(box) {
    const region = this.#append(box, "");
    this.desk.changed();
    region.words.focus();
  }

  /**
   * @param {Box | null} box
   * @param {string} prompt
   */
  #append(box, prompt) {
    const at = this.#regions.length;
    const number = formatNumber(at + 1);
    const words = make("textarea", {
      ...{ class: "input regions__words", rows: "1", "data-path": "prompt" },
      ...{ maxlength: String(this.desk.offers.limits["prompt"] ?? 2000) },
      "aria-label": fill(gettext("Prompt of region %(number)s"), { number }),
      placeholder: gettext("What is to be here"),
    });
    words.value = prompt;
    const said = fill(gettext("Remove region %(number)s"), { number });
    const remove = make(
      "button",
      {
        ...{ class: "button button--quiet button--icon", type: "button" },
        ...{ "aria-label": said, title: said },
      },
      icon("close"),
    );
    const badge = make("span", { class: "regions__badge", "aria-hidden": "true" }, number);
    const row = make("li", { class: "regions__row", "data-line": "" }, badge, words, remove);
    row.style.setProperty("--region", `var(--series-${(at % 6) + 1})`);
    /** @type {Region} */
    const region = { box, mask: null, ratio: 0, row, words };
    words.addEventListener("input", () => this.desk.changed());
    remove.addEventListener("click", () => this.#remove(region));
    this.#rows.append(row);
    this.#regions.push(region);
    return region;
  }

  /** @param {Region} region */
  #remove(region) {
    const left = this.#regions.filter((each) => each !== region);
    for (const { row } of this.#regions) row.remove();
    this.#regions = [];
    // Anew, so that the numbers and the colours follow each other.
    for (const { box, mask, ratio, words } of left) {
      const again = this.#append(box, words.value);
      again.mask = mask;
      again.ratio = ratio;
    }
    this.desk.changed();
    this.#add.focus();
  }

  #keepSoon() {
    this.desk.life.cancel(this.#timer);
    this.#timer = this.desk.life.later(() => this.#keep(), PAUSE_MS);
  }

  /** Upload the masks that are drawn and not kept yet, one after another. */
  #keep() {
    this.desk.life.cancel(this.#timer);
    this.#upload = this.#upload.then(async () => {
      const open = this.#regions.filter(({ box, mask }) => box && !mask);
      for (const region of open) {
        const { box } = region;
        if (!box) continue;
        const ratio = this.#ratio;
        try {
          const mask = await uploadMask(box, this.desk.shape);
          if (region.box !== box) continue;
          region.mask = mask;
          region.ratio = ratio;
        } catch (error) {
          toastError(error);
          return;
        }
      }
      if (open.length > 0) this.desk.changed();
    });
  }
}
