// @ts-check
/** Results over the box, to be looked at one by one, used or discarded. */

import { announce } from "../dom.js";
import { fill } from "../i18n.js";
import { toastError } from "../toast.js";
import { masksIn, paintedAnewIn } from "./flatten.js";
import { intersection } from "./geometry.js";
import { blank, contextOf } from "./surface.js";

/** @import {PageLife} from "../page.js" */
/** @import {Desk} from "./desk.js" */
/** @import {Rect} from "./geometry.js" */

/** @typedef {{id: string, url: string}} Candidate */

export class Staging {
  #desk;
  #life;
  /** @type {Candidate[]} */
  #candidates = [];
  #at = 0;
  /** @type {Map<string, OffscreenCanvas>} */
  #pictures = new Map();
  /** @type {OffscreenCanvas | null} */
  #preview = null;
  /** @type {OffscreenCanvas | null} */
  #mask = null;
  /** @type {Rect} */
  #place = { x: 0, y: 0, width: 0, height: 0 };
  #isComparing = false;
  // What is still being decoded for an earlier state is not shown.
  #turn = 0;

  /**
   * @param {Desk} desk
   * @param {PageLife} life
   */
  constructor(desk, life) {
    this.#desk = desk;
    this.#life = life;
  }

  /** Whether there are results to choose from. */
  get isOpen() {
    return this.#candidates.length > 0;
  }

  get count() {
    return this.#candidates.length;
  }

  /** The index of the one that is looked at. */
  get at() {
    return this.#at;
  }

  get isComparing() {
    return this.#isComparing;
  }

  /** @returns {boolean} whether the one that is looked at can be seen and used */
  get isReady() {
    return this.#pictures.has(this.#candidates[this.#at]?.id ?? "");
  }

  /** @returns {{picture: OffscreenCanvas, place: Rect} | null} what lies over the layers */
  get shown() {
    if (this.#isComparing) return null;
    const picture = this.#pictures.get(this.#candidates[this.#at]?.id ?? "") ?? this.#preview;
    return picture && { picture, place: this.#place };
  }

  /**
   * @param {Candidate[]} candidates
   * @param {Rect} place
   * @param {boolean} clips to the mask, where there is one
   */
  open(candidates, place, clips) {
    const { document, tool } = this.#desk;
    // What is being drawn while they come is kept.
    tool?.release();
    this.#turn += 1;
    this.#candidates = [...candidates];
    this.#at = 0;
    this.#pictures.clear();
    this.#isComparing = false;
    this.#place = { ...place };
    const isMasked = clips && masksIn(document, place) !== null;
    this.#mask = isMasked ? paintedAnewIn(document, place) : null;
    this.#changed();
    for (const candidate of candidates) void this.#load(candidate);
    if (candidates.length === 0) return;
    const message = ngettext("%(count)s result to look at.", "%(count)s results to look at.", candidates.length);
    announce(fill(message, { count: candidates.length }));
  }

  /**
   * Show how far a picture is.
   *
   * @param {string} url
   * @param {Rect} place
   */
  async preview(url, place) {
    if (this.isOpen) return;
    this.#turn += 1;
    const turn = this.#turn;
    const picture = await read(url, place).catch(() => null);
    // Previews come often: one that cannot be read is followed by another.
    if (!picture || turn !== this.#turn || this.#life.signal.aborted) return;
    this.#place = { ...place };
    this.#preview = picture;
    this.#desk.renderer.show();
  }

  /** @param {number} by */
  step(by) {
    if (!this.isOpen) return;
    this.#at = (this.#at + by + this.count) % this.count;
    this.#changed();
    announce(fill(gettext("Result %(number)s of %(count)s"), { number: this.#at + 1, count: this.count }));
  }

  /** @param {boolean} isComparing whether what was there before is shown instead */
  compare(isComparing) {
    if (!this.isOpen || this.#isComparing === isComparing) return;
    this.#isComparing = isComparing;
    this.#changed();
  }

  /** Make the result that is looked at a layer; the others go. */
  accept() {
    const candidate = this.#candidates[this.#at];
    const picture = this.#pictures.get(candidate?.id ?? "");
    if (!candidate || !picture) return;
    const place = this.#place;
    // Masks lie over all pictures: the tint of what asked for the result would cover it.
    const hides = this.#mask ? this.#masksOver(place) : [];
    this.stop();
    const layer = this.#desk.acts.addPicture(picture, { name: gettext("Result"), hides, ...place });
    announce(
      hides.length > 0
        ? gettext("The result is a layer now. Its mask is hidden.")
        : gettext("The result is a layer now."),
    );
    this.#desk.emit({ type: "accepted", candidate: candidate.id, layer: layer.id });
  }

  discard() {
    if (!this.isOpen) return;
    this.stop();
    announce(gettext("The results are discarded."));
    this.#desk.emit({ type: "discarded" });
  }

  /** Show none any more, neither results nor how far one is. */
  stop() {
    this.#turn += 1;
    this.#candidates = [];
    this.#pictures.clear();
    this.#preview = null;
    this.#mask = null;
    this.#isComparing = false;
    this.#changed();
  }

  /** @param {Rect} place */
  #masksOver(place) {
    const masks = this.#desk.document.ofKind("mask");
    return masks.filter(({ visible, bounds }) => visible && intersection(bounds, place));
  }

  #changed() {
    // The masks come and go with the results.
    this.#desk.renderer.damage();
    this.#desk.renderer.show();
    this.#desk.emit({ type: "staging" });
  }

  /** @param {Candidate} candidate */
  async #load({ id, url }) {
    const turn = this.#turn;
    try {
      const picture = await read(url, this.#place, this.#mask);
      if (turn !== this.#turn || this.#life.signal.aborted) return;
      this.#pictures.set(id, picture);
      this.#preview = null;
      this.#changed();
    } catch (error) {
      if (turn === this.#turn && !this.#life.signal.aborted) toastError(error);
    }
  }
}

/**
 * @param {string} url
 * @param {Rect} place whose size it gets
 * @param {OffscreenCanvas | null} [mask] all else of it is left out
 */
async function read(url, { width, height }, mask = null) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const picture = blank(width, height);
  const context = contextOf(picture);
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, width, height);
  if (mask) {
    context.globalCompositeOperation = "destination-in";
    context.drawImage(mask, 0, 0);
    context.globalCompositeOperation = "source-over";
  }
  return picture;
}
