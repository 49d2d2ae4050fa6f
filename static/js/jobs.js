// @ts-check
/** What this page knows about one's jobs: from the API, then kept true by the socket. */

import { getGeneration, listGenerations } from "./api.js";

/** @import {Job, JobState, Picture, QueuePlace, StudioEvent} from "./types.js" */

/** @type {ReadonlySet<JobState>} */
const ENDED = new Set(["succeeded", "failed", "cancelled"]);

/** @type {Readonly<Record<JobState, number>>} */
const RANK = { queued: 0, running: 1, succeeded: 2, failed: 2, cancelled: 2 };

/**
 * @param {Job} job
 * @returns {boolean}
 */
export function hasEnded(job) {
  return ENDED.has(job.state);
}

/** @typedef {(job: Job, before: Job | null) => void} JobListener */

export class JobStore {
  /** @type {Map<string, Job>} */
  #jobs = new Map();
  /** @type {Set<JobListener>} */
  #listeners = new Set();
  /** @type {Set<string>} pictures that are no more; an answer that is on its way may still have them */
  #gone = new Set();
  /** @type {Set<string>} jobs that make no pictures, which have pages of their own */
  #others = new Set();
  /** @type {(error: unknown) => void} */
  #onError;

  /** @param {(error: unknown) => void} onError */
  constructor(onError) {
    this.#onError = onError;
  }

  /** @param {JobListener} listener */
  listen(listener) {
    this.#listeners.add(listener);
  }

  /**
   * @param {string} id
   * @returns {Job | undefined}
   */
  get(id) {
    return this.#jobs.get(id);
  }

  /** @returns {Job[]} the newest first */
  all() {
    return [...this.#jobs.values()].sort((a, b) => b.created_at.localeCompare(a.created_at));
  }

  /** @returns {Job | undefined} the one that waits for nothing but its turn */
  next() {
    const waiting = this.all().filter(({ state }) => state === "queued");
    return waiting.find(({ queue }) => queue?.position === 1) ?? waiting.at(-1);
  }

  /** Fetch the latest jobs. */
  async load() {
    const page = await listGenerations();
    for (const job of page.results) if (!this.#jobs.has(job.id)) this.put(job);
  }

  /**
   * @param {Job} job as the API tells it, or a snapshot
   * @param {{isSnapshot?: boolean}} [from]
   */
  put(job, { isSnapshot = false } = {}) {
    if (job.kind === "training") {
      this.#others.add(job.id);
      return;
    }
    const before = this.#jobs.get(job.id) ?? null;
    // Events may overtake an answer. Only a snapshot can tell that a job waits again.
    if (before && hasEnded(before) && !hasEnded(job)) return;
    if (before && !isSnapshot && RANK[job.state] < RANK[before.state]) return;
    const preview = job.progress?.preview ?? before?.progress?.preview ?? null;
    const progress = job.progress ?? (job.state === "running" ? (before?.progress ?? null) : null);
    this.#replace({ ...job, progress: progress && { ...progress, preview } });
  }

  /** @param {StudioEvent} event */
  take(event) {
    if (event.type === "balance" || event.type === "archive" || event.type === "node") return;
    if (event.type === "queue") {
      for (const { job_id, ...queue } of event.jobs) this.#place(job_id, queue);
      return;
    }
    if (event.type === "snapshot") {
      this.#takeSnapshot(event.jobs);
      return;
    }
    if (event.type === "training" || this.#others.has(event.job_id)) return;
    const job = this.#jobs.get(event.job_id);
    if (!job) {
      // Of a thousand that are cancelled at once, those that were never shown need not be.
      if (event.type !== "finished" || event.state !== "cancelled") this.#fetch(event.job_id);
      return;
    }
    if (event.type === "started") {
      if (hasEnded(job) || event.attempt < job.attempt) return;
      const started_at = new Date().toISOString();
      this.#replace({ ...job, state: "running", attempt: event.attempt, started_at });
    } else if (event.type === "progress") {
      if (hasEnded(job) || event.attempt < job.attempt) return;
      const { step, total, percent, seconds_left, attempt } = event;
      const preview = event.preview ?? job.progress?.preview ?? null;
      const progress = { step, total, percent, seconds_left, preview };
      const started_at = job.started_at ?? new Date().toISOString();
      this.#replace({ ...job, state: "running", attempt, started_at, progress });
    } else if (event.type === "image") {
      this.#replace({ ...job, images: withPicture(job.images, event.image) });
    } else if (event.type === "finished") {
      this.#fetch(job.id);
      // Without its pictures, if their events were lost, it would look deleted until then.
      if (event.state === "succeeded" && job.images.length === 0) return;
      this.#replace({ ...job, state: event.state, compute_seconds: event.compute_seconds });
    } else if (event.type === "failed") {
      this.#replace({ ...job, state: "failed", error: event.error });
    }
  }

  /**
   * Show a picture as it is now.
   *
   * @param {string} imageName
   * @param {Partial<Picture>} changes
   */
  changePicture(imageName, changes) {
    for (const job of this.#jobs.values()) {
      if (!job.images.some(({ image_name }) => image_name === imageName)) continue;
      const images = job.images.map((image) =>
        image.image_name === imageName ? { ...image, ...changes } : image,
      );
      this.#replace({ ...job, images });
    }
  }

  /**
   * @param {string} imageName a picture that is no more
   * @returns {() => void} puts it back where it was
   */
  forgetPicture(imageName) {
    const before = [...this.#jobs.values()].filter(({ images }) =>
      images.some(({ image_name }) => image_name === imageName),
    );
    this.#gone.add(imageName);
    for (const job of before) this.#replace(job);
    return () => {
      this.#gone.delete(imageName);
      for (const { id, images } of before) {
        const job = this.#jobs.get(id);
        const kept = new Set([imageName, ...(job?.images ?? []).map((image) => image.image_name)]);
        const again = images.filter(({ image_name }) => kept.has(image_name));
        if (job) this.#replace({ ...job, images: again });
      }
    };
  }

  /** @param {Job[]} jobs */
  #takeSnapshot(jobs) {
    const told = new Set(jobs.map((job) => job.id));
    for (const job of jobs) this.put(job, { isSnapshot: true });
    // What was active when the connection went and is not told of now has ended unseen.
    for (const job of this.#jobs.values()) {
      if (!hasEnded(job) && !told.has(job.id)) this.#fetch(job.id);
    }
  }

  /**
   * @param {string} id
   * @param {QueuePlace} queue
   */
  #place(id, queue) {
    const job = this.#jobs.get(id);
    if (job?.state === "queued") this.#replace({ ...job, queue });
  }

  /** @param {string} id */
  #fetch(id) {
    getGeneration(id).then((job) => this.put(job), this.#onError);
  }

  /** @param {Job} job */
  #replace(job) {
    const before = this.#jobs.get(job.id) ?? null;
    const images = job.images.filter(({ image_name }) => !this.#gone.has(image_name));
    const known = images.length === job.images.length ? job : { ...job, images };
    this.#jobs.set(job.id, known);
    for (const listener of this.#listeners) listener(known, before);
  }
}

/**
 * @param {Picture[]} images
 * @param {Picture} image
 * @returns {Picture[]}
 */
function withPicture(images, image) {
  if (images.some(({ image_name }) => image_name === image.image_name)) return images;
  return [...images, image];
}
