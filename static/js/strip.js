// @ts-check
/** The strip of one's jobs: what waits, what runs, and the latest pictures. */

import { byId, icon, make } from "./dom.js";
import { fill, formatNumber } from "./i18n.js";

/** @import {Job, JobState} from "./types.js" */

const MOST = 40;

/**
 * @param {JobState} state
 * @returns {string}
 */
function stateName(state) {
  const names = {
    queued: gettext("Waiting"),
    running: gettext("Running"),
    succeeded: gettext("Done"),
    failed: gettext("Failed"),
    cancelled: gettext("Cancelled"),
  };
  return names[state];
}

export class Strip {
  #list = byId("strip", HTMLElement);
  #note = byId("strip-note", HTMLElement);
  /** @type {Map<string, HTMLElement>} */
  #items = new Map();
  #onChoose;
  #current = "";

  /** @param {(id: string) => void} onChoose */
  constructor(onChoose) {
    this.#onChoose = onChoose;
  }

  /** @param {Job} job */
  show(job) {
    const gone = job.images.length === 0 && job.state === "succeeded";
    if (gone) {
      this.#remove(job.id);
      return;
    }
    let item = this.#items.get(job.id);
    if (!item) {
      item = this.#insert(job);
      while (this.#items.size > MOST) {
        const [oldest] = [...this.#items].reduce((a, b) => (created(a[1]) < created(b[1]) ? a : b));
        this.#remove(oldest);
      }
    }
    const button = item.firstElementChild;
    if (button instanceof HTMLButtonElement) this.#fill(button, job);
  }

  /** @param {string} id the job on the stage */
  mark(id) {
    this.#current = id;
    for (const [key, item] of this.#items) {
      item.firstElementChild?.setAttribute("aria-current", String(key === id));
    }
    this.#items.get(id)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /**
   * @param {1 | -1} by 1 goes to what is older
   * @returns {string | null} the job beside the one on the stage
   */
  beside(by) {
    const ids = [...this.#items].sort((a, b) => created(b[1]).localeCompare(created(a[1])));
    const at = ids.findIndex(([id]) => id === this.#current);
    return ids[at + by]?.[0] ?? null;
  }

  /** @param {Job} job */
  #insert(job) {
    const button = make("button", { class: "strip__job", type: "button" });
    button.setAttribute("aria-current", String(job.id === this.#current));
    button.addEventListener("click", () => this.#onChoose(job.id));
    const item = make("li", { class: "strip__item" }, button);
    item.dataset.created = job.created_at;
    this.#items.set(job.id, item);
    this.#note.remove();
    const later = Array.from(this.#list.children).find(
      (other) => other instanceof HTMLElement && created(other) < job.created_at,
    );
    this.#list.insertBefore(item, later ?? null);
    return item;
  }

  /** @param {string} id */
  #remove(id) {
    this.#items.get(id)?.remove();
    this.#items.delete(id);
    if (this.#items.size === 0) this.#list.append(this.#note);
  }

  /**
   * @param {HTMLButtonElement} button
   * @param {Job} job
   */
  #fill(button, job) {
    button.dataset.state = job.state;
    const label = fill(gettext("%(state)s: %(prompt)s"), {
      state: stateName(job.state),
      prompt: job.prompt,
    });
    button.setAttribute("aria-label", label);
    button.title = label;
    const picture = job.images[0]?.thumbnail_url ?? job.progress?.preview;
    const parts = [];
    if (job.state === "failed") parts.push(icon("alert"));
    else if (picture) {
      const old = button.querySelector("img");
      const image = old ?? make("img", { alt: "", width: "68", height: "68" });
      if (image.getAttribute("src") !== picture) image.src = picture;
      parts.push(image);
    } else parts.push(icon(job.state === "cancelled" ? "stop" : "clock"));
    if (job.state === "running") {
      parts.push(
        make("progress", {
          class: "progress",
          max: "100",
          value: String(job.progress?.percent ?? 0),
          "aria-hidden": "true",
        }),
      );
    }
    if (job.num_images > 1) {
      parts.push(make("span", { class: "strip__count" }, formatNumber(job.num_images)));
    }
    button.replaceChildren(...parts);
  }
}

/**
 * @param {HTMLElement} item
 * @returns {string}
 */
function created(item) {
  return item.dataset.created ?? "";
}
