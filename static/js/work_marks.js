// @ts-check
/** What one's jobs do, wherever one is: their number at the queue, how far they are in the title. */

import { formatNumber, formatPercent } from "./i18n.js";

/** @import {QueueCounts, StudioEvent} from "./types.js" */

/** As it is put before the title of a page. */
const PERCENT_BEFORE = /^[\d\s.,]*\d\s?% · /;

export class WorkMarks {
  /** @type {Map<string, number>} the percent of each job that runs, the first to start first */
  #running = new Map();

  /** @param {StudioEvent} event */
  take(event) {
    if (event.type === "queue") this.#count(event);
    else if (event.type === "snapshot") {
      const running = event.jobs.filter(({ state }) => state === "running").reverse();
      this.#running = new Map(running.map((job) => [job.id, job.progress?.percent ?? 0]));
      this.#count(event.queue);
    } else if (event.type === "started") this.#running.set(event.job_id, 0);
    else if (event.type === "progress") this.#running.set(event.job_id, event.percent);
    else if (event.type === "finished" || event.type === "failed") {
      this.#running.delete(event.job_id);
    } else return;
    this.showInTitle();
  }

  /** Put before the title of the page how far the job is that runs, if one does. */
  showInTitle() {
    const [percent] = this.#running.values();
    const bare = document.title.replace(PERCENT_BEFORE, "");
    const title = percent === undefined ? bare : `${formatPercent(percent)} · ${bare}`;
    if (document.title !== title) document.title = title;
  }

  /** @param {QueueCounts} counts */
  #count({ running, waiting }) {
    const count = running + waiting;
    // One that was lost sight of.
    if (running === 0) this.#running.clear();
    for (const badge of document.querySelectorAll("[data-queue-badge]")) {
      badge.textContent = count > 0 ? formatNumber(count) : "";
      badge.toggleAttribute("hidden", count === 0);
    }
  }
}
