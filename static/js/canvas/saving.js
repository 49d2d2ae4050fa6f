// @ts-check
/** Saves of a canvas: by itself a moment after a change, and never over another's save. */

import { ApiError } from "../api.js";
import { getCanvas, saveCanvas, uploadLayer } from "./api.js";

/** @import {PageLife} from "../page.js" */
/** @import {Canvas} from "./api.js" */
/** @import {CanvasEditor} from "./editor.js" */
/** @import {Preview} from "./preview.js" */

/** @typedef {"saved" | "unsaved" | "saving" | "offline" | "conflict" | "failed"} SaveState */

const PAUSE_MS = 1500;
/** Who paints without a pause is saved all the same. */
const LONGEST_MS = 10_000;
const RETRY_MS = 5000;
/** A preview is of use to the list alone, so not each save brings one. */
const PREVIEW_EVERY_MS = 15_000;
/** What may be saved; the others are about what is seen. */
const KEPT = new Set(["history", "pixels", "layers", "box", "accepted"]);

/** States in which leaving would lose what is not saved: the last save would fail as well. */
const LOSING = new Set(["conflict", "failed", "offline"]);
/** What the document hears when the last save of a page that was left is done. */
export const CANVAS_SAVED = "canvas-saved";

/** @type {Map<string, Promise<void>>} last saves that are under way, by canvas */
const endings = new Map();

/**
 * Wait for the last save of a canvas that was left a moment ago: what is read before it is old.
 *
 * @param {string} id
 */
export async function lastSaved(id) {
  await endings.get(id);
}

export class Saving {
  #editor;
  #life;
  #preview;
  #onState;
  #id;
  #version;
  /** @type {SaveState} */
  #state = "saved";
  /** @type {unknown} */
  #error = null;
  #timer = 0;
  #dirtySince = 0;
  #previewedAt = 0;
  #isPreviewStale = false;
  /** @type {Promise<boolean> | null} */
  #running = null;

  /**
   * @param {Canvas} canvas
   * @param {{editor: CanvasEditor, preview: Preview}} parts
   * @param {PageLife} life
   * @param {(state: SaveState, error: unknown) => void} onState
   */
  constructor(canvas, { editor, preview }, life, onState) {
    this.#editor = editor;
    this.#preview = preview;
    this.#life = life;
    this.#onState = onState;
    this.#id = canvas.id;
    this.#version = canvas.version;
    editor.listen(({ type }) => {
      if (KEPT.has(type)) this.#note();
    });
    const { signal } = life;
    addEventListener("online", () => this.#retry(), { signal });
    addEventListener("beforeunload", (event) => this.#guard(event), { signal });
    document.addEventListener("visibilitychange", () => this.#hurry(), { signal });
    life.guard(() => this.isDirty && LOSING.has(this.#state));
    life.onEnd(() => {
      const ending = this.#finish().finally(() => {
        if (endings.get(this.#id) === ending) endings.delete(this.#id);
      });
      endings.set(this.#id, ending);
    });
    onState("saved", null);
  }

  /** Whether the server lacks something. */
  get isDirty() {
    return this.#editor.isDirty || this.#running !== null;
  }

  /**
   * Save now, if there is something to save.
   *
   * @returns {Promise<boolean>} whether the server has it all
   */
  async save() {
    if (this.#running) {
      await this.#running;
      return this.#editor.isDirty ? this.save() : true;
    }
    if (!this.#editor.isDirty && !this.#isPreviewStale) return this.#state === "saved";
    this.#life.cancel(this.#timer);
    this.#running = this.#run();
    try {
      return await this.#running;
    } finally {
      this.#running = null;
      this.#plan();
    }
  }

  /** Save over what was saved elsewhere meanwhile: who asks has seen that it is there. */
  async keepMine() {
    const { version } = await getCanvas(this.#id);
    this.#version = version;
    this.#tell("unsaved");
    return this.save();
  }

  /** Save what is left when the page ends; only then are the pictures of the preview let go. */
  async #finish() {
    await this.#running;
    if (this.#state !== "conflict" && (this.#editor.isDirty || this.#isPreviewStale)) {
      if (await this.save()) document.dispatchEvent(new Event(CANVAS_SAVED));
    }
    this.#preview.close();
  }

  async #run() {
    this.#tell("saving");
    try {
      /** @type {Record<string, string>} */
      const names = {};
      for (const { id, toBlob } of this.#editor.changedLayers()) {
        const pixels = await toBlob();
        names[id] = await uploadLayer(this.#id, pixels);
        await this.#preview.keep(id, pixels);
      }
      const document = this.#editor.toJSON(names);
      const preview = await this.#uploadPreview(document);
      const save = { version: this.#version, document, ...preview };
      this.#version = (await saveCanvas(this.#id, save)).version;
      this.#editor.markSaved(names);
      this.#dirtySince = 0;
      this.#tell(this.#editor.isDirty ? "unsaved" : "saved");
      return !this.#editor.isDirty;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  /** @param {import("./document.js").DocumentRecord} document */
  async #uploadPreview(document) {
    this.#isPreviewStale = true;
    const isHidden = window.document.visibilityState === "hidden" || this.#life.signal.aborted;
    if (!isHidden && Date.now() - this.#previewedAt < PREVIEW_EVERY_MS) return {};
    const pixels = await this.#preview.draw(document);
    const preview = await uploadLayer(this.#id, pixels);
    this.#previewedAt = Date.now();
    this.#isPreviewStale = false;
    return { preview };
  }

  /** @param {unknown} error */
  #fail(error) {
    this.#error = error;
    if (error instanceof ApiError && error.status === 409) this.#tell("conflict");
    else if (error instanceof ApiError && error.status === 0) this.#tell("offline");
    else this.#tell("failed");
  }

  #note() {
    if (!this.#editor.isDirty) {
      if (this.#state === "unsaved") this.#tell("saved");
      return;
    }
    this.#dirtySince ||= Date.now();
    if (this.#state === "saved" || this.#state === "failed") this.#tell("unsaved");
    this.#plan();
  }

  /** See to it that what is to be saved will be. */
  #plan() {
    if (this.#life.signal.aborted || this.#running || this.#state === "conflict") return;
    this.#life.cancel(this.#timer);
    // What was refused is refused again, until something is changed or somebody asks for it.
    if (this.#state === "failed" && isRefusal(this.#error)) return;
    if (this.#editor.isDirty) {
      const waited = Date.now() - (this.#dirtySince || Date.now());
      const pause = Math.min(PAUSE_MS, Math.max(0, LONGEST_MS - waited));
      const wait = this.#state === "unsaved" ? pause : RETRY_MS;
      this.#timer = this.#life.later(() => void this.save(), wait);
    } else if (this.#isPreviewStale) {
      this.#timer = this.#life.later(() => void this.save(), PREVIEW_EVERY_MS);
    }
  }

  #retry() {
    if (this.#state === "offline") void this.save();
  }

  // Who looks elsewhere may not come back.
  #hurry() {
    const isAway = document.visibilityState === "hidden";
    if (isAway && this.isDirty && this.#state !== "conflict") void this.save();
  }

  /** @param {BeforeUnloadEvent} event */
  #guard(event) {
    if (!this.isDirty) return;
    event.preventDefault();
    if (this.#state !== "conflict") void this.save();
  }

  /** @param {SaveState} state */
  #tell(state) {
    this.#state = state;
    if (!this.#life.signal.aborted) this.#onState(state, this.#error);
  }
}

/** @param {unknown} error */
function isRefusal(error) {
  return error instanceof ApiError && error.status >= 400 && error.status < 429;
}
