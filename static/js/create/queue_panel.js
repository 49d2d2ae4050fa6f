// @ts-check
/** One's queue below the stage: what runs and waits, put in order, paused and cancelled there. */

import { cancelGeneration } from "../api.js";
import { announce, byId, confirmed, icon, make } from "../dom.js";
import { fill, formatNumber, formatPercent, placeInWords } from "../i18n.js";
import { recall, remember } from "../storage.js";
import { toastError } from "../toast.js";
import { clearQueue, getQueue, moveJob, pauseQueue } from "./create_api.js";
import { Reordering } from "./reordering.js";

/** @import {PageLife} from "../page.js" */
/** @import {Job, Move, Queue, StudioEvent} from "../types.js" */

// A batch tells of each of its jobs.
const PAUSE_MS = 300;
/** More are on the page of the queue. */
const SHOWN = 50;

export class QueuePanel {
  #toggle = byId("queue-toggle", HTMLButtonElement);
  #body = byId("queue-body", HTMLElement);
  #counts = byId("queue-counts", HTMLElement);
  #pause = byId("queue-pause", HTMLButtonElement);
  #clear = byId("queue-clear", HTMLButtonElement);
  #paused = byId("queue-paused", HTMLElement);
  #list = byId("queue-list", HTMLOListElement);
  #empty = byId("queue-empty", HTMLElement);
  #life;
  #onChoose;
  #reordering;
  /** @type {Queue} */
  #queue = { paused: false, running: [], waiting: [], ended: [] };
  #numbers = { running: 0, waiting: 0 };
  #timer = 0;
  #asked = 0;

  /**
   * @param {PageLife} life
   * @param {(id: string) => void} onChoose a job that is to be looked at
   */
  constructor(life, onChoose) {
    this.#life = life;
    this.#onChoose = onChoose;
    const { signal } = life;
    this.#reordering = new Reordering(life, this.#list, (id, move) => void this.#move(id, move));
    this.#toggle.addEventListener("click", () => this.toggle(), { signal });
    this.#pause.addEventListener("click", () => void this.togglePause(), { signal });
    this.#clear.addEventListener("click", () => void this.clear(), { signal });
    this.#list.addEventListener("click", (event) => this.#click(event), { signal });
    life.listen({ onEvent: (event) => this.#take(event) });
    if (recall("queue-open") === "yes") this.#open(true);
    void this.#load();
  }

  get isOpen() {
    return !this.#body.hidden;
  }

  toggle() {
    const isOpen = !this.isOpen;
    remember("queue-open", isOpen ? "yes" : null);
    this.#open(isOpen);
    if (isOpen) void this.#load();
  }

  async togglePause() {
    const isPaused = !this.#queue.paused;
    this.#pause.disabled = true;
    try {
      await pauseQueue(isPaused);
      this.#queue.paused = isPaused;
      announce(isPaused ? gettext("Your queue is paused.") : gettext("Your queue goes on."));
      await this.#load();
    } catch (error) {
      toastError(error);
    } finally {
      this.#pause.disabled = false;
    }
  }

  async clear() {
    const { waiting } = this.#numbers;
    if (waiting === 0) return;
    const title = ngettext(
      "Cancel the job that waits?",
      "Cancel all %(count)s jobs that wait?",
      waiting,
    );
    const sure = await confirmed({
      title: fill(title, { count: formatNumber(waiting) }),
      text: gettext("What runs is finished. The credits that were set aside come back."),
      yes: gettext("Cancel them"),
    });
    if (!sure) return;
    try {
      await clearQueue();
      await this.#load();
    } catch (error) {
      toastError(error);
    }
  }

  /** @param {StudioEvent} event */
  #take(event) {
    if (event.type === "queue") {
      this.#queue.paused = event.paused;
      this.#numbers = { running: event.running, waiting: event.waiting };
      this.#showHead();
      if (this.isOpen) this.#loadSoon();
    } else if (event.type === "progress") this.#showProgress(event.job_id, event.percent);
    else if (event.type === "snapshot") this.#loadSoon();
  }

  /**
   * @param {string} id of a job of any kind
   * @param {number} percent
   */
  #showProgress(id, percent) {
    const row = this.#row(id);
    const bar = row?.querySelector("progress");
    const words = row?.querySelector(".backlog__facts");
    if (bar) bar.value = percent;
    if (bar && words) words.textContent = formatPercent(percent);
  }

  #loadSoon() {
    this.#life.cancel(this.#timer);
    this.#timer = this.#life.later(() => void this.#load(), PAUSE_MS);
  }

  async #load() {
    this.#asked += 1;
    const asked = this.#asked;
    try {
      const queue = await getQueue();
      if (asked !== this.#asked || this.#life.signal.aborted) return;
      // Rows must not move under the finger that drags one.
      if (this.#reordering.isActive) {
        this.#loadSoon();
        return;
      }
      this.#queue = queue;
      this.#numbers = { running: queue.running.length, waiting: queue.waiting.length };
      this.#show();
    } catch (error) {
      if (asked === this.#asked && this.isOpen && !this.#life.signal.aborted) toastError(error);
    }
  }

  /** @param {boolean} isOpen */
  #open(isOpen) {
    this.#body.hidden = !isOpen;
    this.#toggle.setAttribute("aria-expanded", String(isOpen));
  }

  #show() {
    this.#showHead();
    const focus = this.#focused();
    const { running, waiting } = this.#queue;
    const shown = waiting.slice(0, SHOWN);
    const rows = [
      ...running.map((job) => this.#runningRow(job)),
      ...shown.map((job, index) => this.#waitingRow(job, index)),
    ];
    const left = waiting.length - shown.length;
    if (left > 0) {
      const more = ngettext("and %(count)s more", "and %(count)s more", left);
      const link = make("a", { href: "/queue/" }, fill(more, { count: formatNumber(left) }));
      rows.push(make("li", { class: "backlog__more" }, link));
    }
    this.#list.replaceChildren(...rows);
    this.#empty.hidden = rows.length > 0;
    if (focus) this.#row(focus.id)?.querySelector(focus.part)?.focus();
  }

  #showHead() {
    const { running, waiting } = this.#numbers;
    const words = [];
    if (running > 0) {
      const text = ngettext("%(count)s running", "%(count)s running", running);
      words.push(fill(text, { count: formatNumber(running) }));
    }
    if (waiting > 0) {
      const text = ngettext("%(count)s waiting", "%(count)s waiting", waiting);
      words.push(fill(text, { count: formatNumber(waiting) }));
    }
    const { paused } = this.#queue;
    if (paused) words.push(gettext("paused"));
    this.#counts.textContent = words.join(" · ");
    this.#counts.dataset.paused = String(paused);
    this.#pause.hidden = false;
    this.#pause.replaceChildren(
      icon(paused ? "play" : "pause"),
      make("span", { class: "backlog__word" }, paused ? gettext("Resume") : gettext("Pause")),
    );
    this.#clear.hidden = waiting === 0;
    this.#paused.hidden = !paused;
  }

  /**
   * @param {Job} job
   * @param {Node[]} parts
   */
  #item(job, ...parts) {
    const cancel = make("button", {
      class: "button button--quiet button--icon",
      type: "button",
      "data-act": "cancel",
      "aria-label": fill(gettext("Cancel: %(prompt)s"), { prompt: job.prompt }),
      title: gettext("Cancel"),
    });
    cancel.append(icon("close"));
    cancel.disabled = job.cancel_requested;
    const row = make("li", { class: "backlog__item" }, ...parts, cancel);
    row.dataset.job = job.id;
    row.dataset.state = job.state;
    return row;
  }

  /**
   * @param {Job} job
   * @param {string} facts
   */
  #about(job, facts) {
    return make(
      "button",
      { class: "backlog__about", type: "button", "data-act": "show", title: job.prompt },
      make("span", { class: "backlog__prompt" }, job.prompt),
      make("span", { class: "backlog__facts" }, facts),
    );
  }

  /** @param {Job} job */
  #runningRow(job) {
    const percent = job.progress?.percent ?? 0;
    const bar = make("progress", {
      class: "progress backlog__progress",
      max: "100",
      value: String(percent),
      "aria-label": gettext("Progress"),
    });
    const mark = make("span", { class: "backlog__mark", "aria-hidden": "true" }, icon("brush"));
    return this.#item(job, mark, this.#about(job, formatPercent(percent)), bar);
  }

  /**
   * @param {Job} job
   * @param {number} index
   */
  #waitingRow(job, index) {
    const position = formatNumber(index + 1);
    const label = fill(gettext("Move %(prompt)s, place %(position)s: use the arrow keys"), {
      prompt: job.prompt,
      position,
    });
    const grip = make("button", {
      class: "backlog__grip",
      type: "button",
      "data-act": "move",
      "aria-label": label,
      title: gettext("Drag to move, or use the arrow keys"),
    });
    grip.append(icon("grip"), make("span", { class: "backlog__place" }, position));
    // That the queue is paused is said once, above.
    const facts = job.queue && !this.#queue.paused ? placeInWords(job.queue) : "";
    return this.#item(job, grip, this.#about(job, facts));
  }

  /**
   * @param {string} id
   * @returns {HTMLElement | null}
   */
  #row(id) {
    return this.#list.querySelector(`[data-job="${CSS.escape(id)}"]`);
  }

  /** What has the focus, to be found again after the rows are drawn anew. */
  #focused() {
    const button = document.activeElement?.closest("#queue-list [data-act]");
    const row = button?.closest("[data-job]");
    if (!(button instanceof HTMLElement) || !(row instanceof HTMLElement)) return null;
    return {
      id: row.dataset.job ?? "",
      part: /** @type {"button"} */ (`[data-act="${button.dataset.act ?? ""}"]`),
    };
  }

  /** @param {Event} event */
  #click(event) {
    const button = event.target instanceof Element && event.target.closest("[data-act]");
    const row = button && button.closest("[data-job]");
    if (!(button instanceof HTMLElement) || !(row instanceof HTMLElement)) return;
    const id = row.dataset.job ?? "";
    const { running, waiting } = this.#queue;
    const job = [...running, ...waiting].find((one) => one.id === id);
    // It makes no picture that the stage could show.
    if (button.dataset.act === "show" && job?.kind === "training") this.#life.visit("/training/");
    else if (button.dataset.act === "show") this.#onChoose(id);
    else if (button.dataset.act === "cancel") void this.#cancel(id, button);
  }

  /**
   * @param {string} id
   * @param {HTMLElement} button
   */
  async #cancel(id, button) {
    button.setAttribute("disabled", "");
    try {
      await cancelGeneration(id);
    } catch (error) {
      toastError(error);
    }
    await this.#load();
    if (document.activeElement === document.body) this.#toggle.focus();
  }

  /**
   * @param {string} id
   * @param {Move} move
   */
  async #move(id, move) {
    try {
      await moveJob(id, move);
      const at = Array.from(this.#list.querySelectorAll('[data-state="queued"]')).findIndex(
        (row) => row instanceof HTMLElement && row.dataset.job === id,
      );
      announce(fill(gettext("Place %(position)s"), { position: formatNumber(at + 1) }));
    } catch (error) {
      toastError(error);
    }
    await this.#load();
  }
}
