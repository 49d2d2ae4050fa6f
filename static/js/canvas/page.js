// @ts-check
/** The page of one canvas: the editor, its saves, and what is asked of the models. */

import { ApiError, quoteGeneration } from "../api.js";
import { announce, byId } from "../dom.js";
import { fill, formatNumber } from "../i18n.js";
import { readdress } from "../router.js";
import { toastError } from "../toast.js";
import { createCanvas, getCanvas, readLayer, renameCanvas } from "./api.js";
import { CanvasEditor } from "./editor.js";
import { Preview } from "./preview.js";
import { RunPanel } from "./run_panel.js";
import { makeRequest, readPlan } from "./run_plan.js";
import { RunPrice } from "./run_price.js";
import { lastSaved, Saving } from "./saving.js";
import { StagingRuns } from "./staging_runs.js";

/** @import {PageLife} from "../page.js" */
/** @import {GenerationRequest, PricedSettings} from "../types.js" */
/** @import {Canvas} from "./api.js" */
/** @import {DocumentRecord} from "./document.js" */
/** @import {Plan} from "./run_plan.js" */
/** @import {CanvasModel} from "./run_panel.js" */
/** @import {SaveState} from "./saving.js" */

const LOOK_AFTER_MS = 250;
/** After these the box may hold something else. */
const LOOKED_AT = new Set(["history", "pixels", "layers", "box", "accepted"]);

class CanvasPage {
  #life;
  #page = byId("canvas-page", HTMLElement);
  #editor;
  #preview = new Preview();
  #panel;
  #price;
  /** @type {Saving | null} */
  #saving = null;
  /** @type {StagingRuns | null} */
  #runs = null;
  /** @type {Plan} */
  #plan = { kind: "new", isMasked: false };
  #isAsking = false;
  #timer = 0;

  /** @param {PageLife} life */
  constructor(life) {
    this.#life = life;
    this.#editor = new CanvasEditor(byId("canvas-editor", HTMLElement), life);
    const tools = {
      models: JSON.parse(byId("canvas-models", HTMLScriptElement).text),
      controls: JSON.parse(byId("canvas-controls", HTMLScriptElement).text),
    };
    this.#panel = new RunPanel(tools, life, {
      onChange: () => this.#settingsChanged(),
      onModel: (model) => this.#useModel(model),
      onSubmit: () => this.#order(),
    });
    this.#price = new RunPrice(() => this.#priced(), life);
    life.onEnd(() => {
      // The last save draws one more preview, and closes it then.
      if (!this.#saving) this.#preview.close();
    });
    const again = () => location.reload();
    byId("canvas-again", HTMLElement).addEventListener("click", again, { signal: life.signal });
    this.#open().catch((error) => this.#fail(error));
  }

  async #open() {
    const canvas = await this.#read();
    if (this.#life.signal.aborted) return;
    const memory = StagingRuns.recall(canvas.id);
    const document = /** @type {DocumentRecord} */ (canvas.document);
    await this.#editor.open(document, async ({ id, image }) => {
      if (image === null) return null;
      const pixels = await readLayer(canvas.id, image);
      await this.#preview.keep(id, pixels);
      return pixels;
    });
    if (this.#life.signal.aborted) return;
    const parts = { editor: this.#editor, preview: this.#preview };
    this.#saving = new Saving(canvas, parts, this.#life, (state, error) => {
      this.#showSave(state, error);
    });
    this.#runs = new StagingRuns(canvas.id, this.#editor, this.#life, () => this.#showBusy());
    this.#editor.listen(({ type }) => {
      if (LOOKED_AT.has(type)) this.#lookSoon();
    });
    this.#startName(canvas);
    this.#startSaving(this.#saving);
    this.#useModel(this.#panel.model);
    this.#page.dataset.state = "ready";
    byId("canvas-opening", HTMLElement).hidden = true;
    if (memory) await this.#runs.resume(memory);
  }

  /** @returns {Promise<Canvas>} the one of this address, or one that is made for it now */
  async #read() {
    const { canvas, image, width, height, list = "/canvas/" } = this.#page.dataset;
    if (canvas) {
      await lastSaved(canvas);
      return getCanvas(canvas);
    }
    const size = { width: Number(width), height: Number(height) };
    const made = await createCanvas(image ? { image } : size);
    // A reload must open this one, not make another.
    readdress(`${list}${made.id}/`);
    this.#page.dataset.canvas = made.id;
    return made;
  }

  /** @param {unknown} error */
  #fail(error) {
    if (this.#life.signal.aborted) return;
    if (!(error instanceof ApiError)) console.warn(error);
    const words = gettext("Check the connection and try again.");
    this.#page.dataset.state = "failed";
    byId("canvas-opening", HTMLElement).hidden = true;
    byId("canvas-failed", HTMLElement).hidden = false;
    byId("canvas-failure", HTMLElement).textContent =
      error instanceof ApiError ? error.message : words;
  }

  /** @param {Canvas} canvas */
  #startName(canvas) {
    const field = byId("canvas-name", HTMLInputElement);
    const { signal } = this.#life;
    let kept = canvas.name;
    const show = () => {
      field.value = kept;
      document.title = `${kept} · Easel`;
    };
    const rename = async () => {
      const name = field.value.trim();
      if (name === "" || name === kept) {
        show();
        return;
      }
      try {
        await renameCanvas(canvas.id, name);
        kept = name;
        announce(fill(gettext("The canvas is called “%(name)s” now."), { name }));
      } catch (error) {
        toastError(error);
      }
      if (!signal.aborted) show();
    };
    show();
    field.addEventListener("change", () => void rename(), { signal });
    field.addEventListener(
      "keydown",
      (event) => {
        if (event.isComposing) return;
        if (event.key === "Escape") field.value = kept;
        if (event.key === "Enter" || event.key === "Escape") field.blur();
      },
      { signal },
    );
  }

  /** @param {Saving} saving */
  #startSaving(saving) {
    const { signal } = this.#life;
    const save = () => void saving.save();
    byId("save-now", HTMLElement).addEventListener("click", save, { signal });
    addEventListener(
      "keydown",
      (event) => {
        if (event.key.toLowerCase() !== "s" || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        save();
      },
      { signal },
    );
    const load = () => location.reload();
    byId("conflict-load", HTMLElement).addEventListener("click", load, { signal });
    const keep = () => void saving.keepMine().catch(toastError);
    byId("conflict-keep", HTMLElement).addEventListener("click", keep, { signal });
  }

  /**
   * @param {SaveState} state
   * @param {unknown} error
   */
  #showSave(state, error) {
    const refused = error instanceof ApiError ? error.message : "";
    const words = {
      saved: gettext("Saved"),
      unsaved: gettext("Not saved yet"),
      saving: gettext("Saving…"),
      offline: gettext("Offline. It is saved once you are back."),
      conflict: gettext("Saved elsewhere"),
      failed: refused || gettext("It could not be saved."),
    }[state];
    byId("save-state", HTMLElement).dataset.state = state;
    byId("save-text", HTMLElement).textContent = words;
    byId("save-text", HTMLElement).title = words;
    byId("conflict", HTMLElement).hidden = state !== "conflict";
    // That all goes well is not worth a word every few seconds.
    if (["offline", "failed"].includes(state)) announce(words);
  }

  /** @param {CanvasModel} model */
  #useModel({ min_size: min, max_size: max, size_multiple: multiple }) {
    this.#editor.setLimits({ min, max, multiple });
    this.#lookSoon();
  }

  #settingsChanged() {
    this.#panel.showPlan(this.#plan);
    this.#price.refresh();
  }

  #lookSoon() {
    this.#life.cancel(this.#timer);
    this.#timer = this.#life.later(() => void this.#look().catch(toastError), LOOK_AFTER_MS);
  }

  async #look() {
    this.#plan = await readPlan(this.#editor);
    if (this.#life.signal.aborted) return;
    this.#panel.showControls(this.#editor.toJSON().layers);
    this.#settingsChanged();
  }

  /** @returns {PricedSettings} what costs as much as what would be asked for, as far as is known */
  #priced() {
    const { base, strength } = this.#panel.settings;
    const { width, height } = this.#editor.box;
    const steps = Number(base.steps ?? this.#panel.model.default_steps);
    // Of a start only a part is made anew.
    const part = this.#plan.kind === "rework" || this.#plan.kind === "fill" ? strength : 1;
    return {
      ...{ model: String(base.model), width, height, num_images: Number(base.num_images) },
      steps: Math.max(1, Math.floor(steps * part)),
    };
  }

  /** Ask for results, at a price that was shown. */
  async #order() {
    const { credits } = this.#price;
    const box = this.#editor.box;
    this.#isAsking = true;
    this.#showBusy();
    try {
      const plan = await readPlan(this.#editor);
      const request = /** @type {GenerationRequest} */ (
        /** @type {unknown} */ (await makeRequest(this.#editor, plan, this.#panel.settings))
      );
      const quote = await quoteGeneration(request);
      if (this.#life.signal.aborted) return;
      this.#price.show(quote);
      if (credits !== null && quote.credits > credits) {
        const words = gettext("It costs %(credits)s credits. Press Generate again to accept that.");
        this.#panel.showNote(fill(words, { credits: formatNumber(quote.credits) }));
        return;
      }
      await this.#runs?.begin({ ...request, quote: quote.token }, box);
    } finally {
      this.#isAsking = false;
      this.#showBusy();
    }
  }

  #showBusy() {
    this.#panel.setBusy(this.#isAsking || (this.#runs?.isBusy ?? false));
  }
}

/** @param {PageLife} life */
export function start(life) {
  new CanvasPage(life);
}
