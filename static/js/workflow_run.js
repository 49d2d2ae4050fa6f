// @ts-check
/** One run of a workflow, followed from its start, or from a reload, to its end. */

import { ApiError, cancelGeneration, idempotencyKey } from "./api.js";
import { hasEnded } from "./jobs.js";
import { readdress } from "./router.js";
import { getRun, startRun } from "./workflow_api.js";

/** @import {PageLife} from "./page.js" */
/** @import {Job, Picture, StudioEvent} from "./types.js" */
/** @import {NodeProgress, Run, RunSubject} from "./workflow_types.js" */

const IN_ADDRESS = /^#run=([0-9a-f-]{36})$/;

/**
 * @typedef {object} RunListener
 * @property {(job: Job) => void} [onJob] its state, its place in the queue or its step is another
 * @property {(node: string, progress: NodeProgress) => void} [onNode]
 * @property {() => void} [onReset] a new attempt has begun: no node has done anything yet
 * @property {(picture: Picture) => void} [onPicture] each once
 * @property {(job: Job) => void} [onEnd] succeeded, failed or cancelled; once a run
 * @property {(error: unknown) => void} [onError] the run goes on, but cannot be followed now
 */

export class WorkflowRun {
  #life;
  #listener;
  /** @type {Job | null} */
  #job = null;
  /** @type {Map<string, NodeProgress>} */
  #nodes = new Map();
  /** @type {Set<string>} */
  #told = new Set();
  #wasOffline = false;
  #isStarting = false;
  /** @type {{body: string, key: string} | null} a request of which nobody knows whether it came */
  #unanswered = null;

  /**
   * @param {PageLife} life
   * @param {RunListener} listener
   */
  constructor(life, listener) {
    this.#life = life;
    this.#listener = listener;
    life.listen({
      onEvent: (event) => this.#take(event),
      onStatus: (online) => {
        if (online && this.#wasOffline) this.#refresh();
        this.#wasOffline = !online;
      },
    });
  }

  /** @returns {Job | null} the latest, which may have ended */
  get job() {
    return this.#job;
  }

  /** @returns {ReadonlyMap<string, NodeProgress>} */
  get nodes() {
    return this.#nodes;
  }

  /** @returns {boolean} whether it is asked for, waits or runs */
  get isActive() {
    return this.#isStarting || (this.#job !== null && !hasEnded(this.#job));
  }

  /**
   * Start a run and follow it instead of any before.
   *
   * @param {RunSubject & {quote?: string}} request
   * @returns {Promise<Job | null>} null if a start is under way; a refusal is thrown
   */
  async start(request) {
    if (this.#isStarting) return null;
    this.#isStarting = true;
    try {
      const body = JSON.stringify(request);
      const key = this.#unanswered?.body === body ? this.#unanswered.key : idempotencyKey();
      this.#unanswered = { body, key };
      const job = await startRun(request, key).catch((/** @type {unknown} */ error) => {
        if (error instanceof ApiError && error.status !== 0) this.#unanswered = null;
        throw error;
      });
      this.#unanswered = null;
      if (this.#life.isOver) return job;
      this.#begin(job);
      readdress(`#run=${job.id}`);
      // Nodes may have begun before this answer told which job they belong to.
      this.#refresh();
      return job;
    } finally {
      this.#isStarting = false;
    }
  }

  /**
   * Follow the run that the address of the page names, if it does.
   *
   * @returns {Promise<Run | null>} null if there is none, or it is gone
   */
  async resume() {
    const [, id] = IN_ADDRESS.exec(location.hash) ?? [];
    if (!id) return null;
    try {
      const run = await getRun(id);
      if (this.#life.isOver || this.#isStarting) return null;
      this.#begin(run.generation, run.nodes);
      return run;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) this.forget();
      else this.#listener.onError?.(error);
      return null;
    }
  }

  /** Ask for the end of the run; what was finished until then stays. */
  async cancel() {
    if (!this.#job || hasEnded(this.#job)) return;
    this.#takeJob(await cancelGeneration(this.#job.id));
  }

  /** Follow nothing any more, and have a reload follow nothing. */
  forget() {
    this.#job = null;
    this.#nodes.clear();
    this.#told.clear();
    if (IN_ADDRESS.test(location.hash)) readdress(location.pathname + location.search);
  }

  /**
   * @param {Job} job
   * @param {Record<string, NodeProgress>} [nodes] what they have done already
   */
  #begin(job, nodes = {}) {
    this.#job = null;
    this.#nodes.clear();
    this.#told.clear();
    this.#listener.onReset?.();
    for (const [node, progress] of Object.entries(nodes)) this.#takeNode(node, progress);
    this.#takeJob(job);
  }

  #refresh() {
    const id = this.#job?.id;
    if (!id) return;
    getRun(id).then(
      (run) => {
        if (this.#job?.id === id && !this.#life.isOver) this.#show(run);
      },
      (/** @type {unknown} */ error) => {
        if (!this.#life.isOver) this.#listener.onError?.(error);
      },
    );
  }

  /** @param {Run} run as the API tells it, which may be older than the latest events */
  #show(run) {
    if (run.generation.attempt < (this.#job?.attempt ?? 0)) return;
    // An answer that is late must not wake up what has ended.
    if (this.#job && hasEnded(this.#job) && !hasEnded(run.generation)) return;
    this.#noteAttempt(run.generation.attempt);
    for (const [node, progress] of Object.entries(run.nodes)) this.#takeNode(node, progress);
    this.#takeJob(run.generation);
  }

  /** @param {Job} job */
  #takeJob(job) {
    const before = this.#job;
    // An answer that is late must not wake up what has ended.
    if (before?.id === job.id && hasEnded(before) && !hasEnded(job)) return;
    this.#job = job;
    for (const picture of job.images) this.#takePicture(picture);
    if (hasEnded(job)) this.#stopNodes();
    this.#listener.onJob?.(job);
    const ended = before?.id === job.id && hasEnded(before);
    if (hasEnded(job) && !ended) this.#listener.onEnd?.(job);
  }

  /** Nobody tells of a node that was under way when the job was cancelled or its worker died. */
  #stopNodes() {
    for (const [node, { state }] of this.#nodes) {
      if (state !== "running") continue;
      const idle = /** @type {NodeProgress} */ ({ state: "idle", seconds: null, fraction: null, preview: null });
      this.#nodes.set(node, idle);
      this.#listener.onNode?.(node, idle);
    }
  }

  /** @param {Picture} picture */
  #takePicture(picture) {
    if (this.#told.has(picture.image_name)) return;
    this.#told.add(picture.image_name);
    this.#listener.onPicture?.(picture);
  }

  /**
   * @param {string} node
   * @param {NodeProgress} progress
   */
  #takeNode(node, progress) {
    const before = this.#nodes.get(node);
    const isOver = before && before.state !== "running" && before.state !== "idle";
    if (isOver && (progress.state === "running" || progress.state === "idle")) return;
    const isBehind = (progress.fraction ?? 0) < (before?.fraction ?? 0);
    if (before?.state === "running" && progress.state === "running" && isBehind) return;
    const preview = progress.preview ?? before?.preview ?? null;
    const now = { ...progress, preview };
    this.#nodes.set(node, now);
    this.#listener.onNode?.(node, now);
  }

  /** @param {number} attempt */
  #noteAttempt(attempt) {
    if (!this.#job || attempt <= this.#job.attempt) return;
    const isFirst = this.#job.attempt === 0;
    this.#job = { ...this.#job, attempt };
    if (isFirst) return;
    this.#nodes.clear();
    this.#listener.onReset?.();
  }

  /** @param {StudioEvent} event */
  #take(event) {
    const job = this.#job;
    if (!job) return;
    if (event.type === "snapshot") {
      // It comes where events may have been missed.
      this.#refresh();
      return;
    }
    if (event.type === "queue") {
      const place = event.jobs.find(({ job_id }) => job_id === job.id);
      if (place && job.state === "queued") this.#takeJob({ ...job, queue: place });
      return;
    }
    if (!("job_id" in event) || event.job_id !== job.id || hasEnded(job)) return;
    if (event.type === "started" || event.type === "node" || event.type === "progress") {
      if (event.attempt < job.attempt) return;
      this.#noteAttempt(event.attempt);
    }
    const now = this.#job ?? job;
    if (event.type === "started") {
      this.#takeJob({ ...now, state: "running", started_at: new Date().toISOString() });
    } else if (event.type === "node") {
      const { node, state, seconds, fraction, preview } = event;
      if (now.state === "queued") this.#takeJob({ ...now, state: "running" });
      this.#takeNode(node, { state, seconds, fraction, preview });
    } else if (event.type === "image") this.#takePicture(event.image);
    // What the job cost and all of its pictures are told by the answer alone.
    else if (event.type === "finished" || event.type === "failed") this.#refresh();
  }
}
