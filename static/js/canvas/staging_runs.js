// @ts-check
/** Jobs of a canvas: followed live, staged over the box they were asked for, found after a reload. */

import { cancelGeneration, createGeneration, getGeneration, idempotencyKey } from "../api.js";
import { announce, byId } from "../dom.js";
import { fill, formatNumber, formatSeconds, placeInWords } from "../i18n.js";
import { hasEnded } from "../jobs.js";
import { recallObject, remember } from "../storage.js";
import { toast, toastError } from "../toast.js";

/** @import {PageLife} from "../page.js" */
/** @import {GenerationRequest, Job, Progress, StudioEvent} from "../types.js" */
/** @import {CanvasEditor} from "./editor.js" */
/** @import {Rect} from "./geometry.js" */
/** @import {Candidate} from "./staging.js" */

/**
 * @typedef {object} Memory what outlives a reload
 * @property {string | null} job that is under way
 * @property {Rect} box that it was asked for, and the results before it
 * @property {Candidate[]} results that nobody has chosen among yet
 */

export class StagingRuns {
  #editor;
  #life;
  #onBusy;
  #key;
  /** @type {Memory | null} */
  #memory = null;
  #state = byId("run-state", HTMLElement);
  #cancel = byId("run-cancel", HTMLButtonElement);

  /**
   * @param {string} canvas its id
   * @param {CanvasEditor} editor
   * @param {PageLife} life
   * @param {(isBusy: boolean) => void} onBusy
   */
  constructor(canvas, editor, life, onBusy) {
    this.#editor = editor;
    this.#life = life;
    this.#onBusy = onBusy;
    this.#key = `canvas.run.${canvas}`;
    editor.listen(({ type }) => {
      if (type === "accepted" || type === "discarded") this.#keep({ results: [] });
    });
    this.#cancel.addEventListener("click", () => void this.#stop(), { signal: life.signal });
    life.listen({ onEvent: (event) => this.#take(event) });
  }

  /**
   * @param {string} canvas its id
   * @returns {Memory | null} of the last visit of this browser
   */
  static recall(canvas) {
    const { job, box, results } = recallObject(`canvas.run.${canvas}`);
    if (!isBox(box) || !Array.isArray(results)) return null;
    return { job: typeof job === "string" ? job : null, box, results: results.filter(isCandidate) };
  }

  get isBusy() {
    return typeof this.#memory?.job === "string";
  }

  /**
   * Ask for results in the box.
   *
   * @param {GenerationRequest & {quote?: string}} request
   * @param {Rect} box
   */
  async begin(request, box) {
    const job = await createGeneration(request, idempotencyKey());
    const isSame = JSON.stringify(this.#memory?.box) === JSON.stringify(box);
    this.#memory = { job: job.id, box, results: isSame ? (this.#memory?.results ?? []) : [] };
    this.#keep({});
    this.#onBusy(true);
    this.#follow(job);
    announce(gettext("The results are being made."));
  }

  /**
   * Go on where an earlier visit was: what runs is followed, what was made is staged.
   *
   * @param {Memory} memory
   */
  async resume(memory) {
    this.#memory = memory;
    this.#stage();
    if (memory.job === null) return;
    this.#onBusy(true);
    try {
      this.#follow(await getGeneration(memory.job));
    } catch {
      // It is gone with its pictures, or the answer: there is nothing to follow.
      this.#end();
    }
  }

  /** @param {StudioEvent} event */
  #take(event) {
    const id = this.#memory?.job;
    if (!id) return;
    if (event.type === "snapshot") {
      const told = event.jobs.find((job) => job.id === id);
      if (told) this.#follow(told);
      else this.#look(id);
    } else if (event.type === "queue") {
      const place = event.jobs.find(({ job_id }) => job_id === id);
      if (place && this.#state.dataset.state === "queued") this.#say(placeInWords(place));
    } else if (!("job_id" in event) || event.job_id !== id) return;
    else if (event.type === "started") this.#show("running", gettext("Getting ready"));
    else if (event.type === "progress") this.#advance(event);
    else if (event.type === "finished" || event.type === "failed") this.#look(id);
  }

  /** @param {string} id */
  #look(id) {
    getGeneration(id).then(
      (job) => {
        if (!this.#life.signal.aborted) this.#follow(job);
      },
      () => {
        if (!this.#life.signal.aborted) this.#end();
      },
    );
  }

  /** @param {Job} job as the API tells it */
  #follow(job) {
    // An answer may come after the end was told.
    if (this.#memory?.job !== job.id) return;
    if (hasEnded(job)) this.#settle(job);
    else if (job.state === "running") {
      this.#show("running", gettext("Getting ready"));
      if (job.progress) this.#advance(job.progress);
    } else this.#show("queued", job.queue ? placeInWords(job.queue) : gettext("Waiting for its turn"));
    this.#cancel.disabled = job.cancel_requested;
  }

  /** @param {Progress} progress */
  #advance({ step, total, percent, seconds_left, preview }) {
    const words = fill(gettext("Step %(step)s of %(total)s"), {
      step: formatNumber(step),
      total: formatNumber(total),
    });
    const time = seconds_left === null ? "" : formatSeconds(seconds_left);
    const left = time && ` · ${fill(gettext("about %(time)s left"), { time })}`;
    this.#show("running", step === 0 ? gettext("Getting ready") : words + left);
    byId("run-progress", HTMLProgressElement).value = percent;
    if (preview && this.#memory) this.#editor.preview(preview, this.#memory.box);
  }

  /** @param {Job} job that has ended */
  #settle(job) {
    const made = job.images.map(({ image_name: id, full_url: url }) => ({ id, url }));
    const known = this.#memory?.results ?? [];
    this.#end();
    if (made.length > 0) {
      // The new ones first: it is them that one waits for.
      this.#keep({ results: [...made, ...known] });
      this.#stage();
    } else if (known.length === 0) this.#editor.stopStaging();
    if (job.state === "failed" && job.error) {
      toast(job.error.detail, { kind: "error", errorId: job.error.error_id });
    } else if (job.state === "cancelled") announce(gettext("Cancelled."));
  }

  #stage() {
    const { results = [], box } = this.#memory ?? {};
    if (results.length > 0 && box) this.#editor.stage(results, box);
  }

  #end() {
    this.#keep({ job: null });
    this.#state.dataset.state = "none";
    this.#onBusy(false);
  }

  async #stop() {
    const id = this.#memory?.job;
    if (!id) return;
    this.#cancel.disabled = true;
    this.#say(gettext("Cancelling…"));
    try {
      this.#follow(await cancelGeneration(id));
    } catch (error) {
      this.#cancel.disabled = false;
      toastError(error);
    }
  }

  /**
   * @param {"queued" | "running"} state
   * @param {string} words
   */
  #show(state, words) {
    const bar = byId("run-progress", HTMLProgressElement);
    if (this.#state.dataset.state !== state) bar.removeAttribute("value");
    this.#state.dataset.state = state;
    if (!this.#cancel.disabled) this.#say(words);
  }

  /** @param {string} words */
  #say(words) {
    byId("run-step", HTMLElement).textContent = words;
  }

  /** @param {Partial<Memory>} changes */
  #keep(changes) {
    if (this.#memory === null) return;
    this.#memory = { ...this.#memory, ...changes };
    const { job, results } = this.#memory;
    const isOver = job === null && results.length === 0;
    remember(this.#key, isOver ? null : JSON.stringify(this.#memory));
  }
}

/**
 * @param {unknown} value
 * @returns {value is Rect}
 */
function isBox(value) {
  if (typeof value !== "object" || value === null) return false;
  const { x, y, width, height } = /** @type {Record<string, unknown>} */ (value);
  return [x, y, width, height].every(Number.isFinite);
}

/**
 * @param {unknown} value
 * @returns {value is Candidate}
 */
function isCandidate(value) {
  if (typeof value !== "object" || value === null) return false;
  const { id, url } = /** @type {Record<string, unknown>} */ (value);
  // It becomes the address of a picture: one of ours, whatever has written there.
  return typeof id === "string" && typeof url === "string" && url.startsWith("/api/v1/images/");
}
