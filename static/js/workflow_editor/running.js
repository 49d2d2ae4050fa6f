// @ts-check
/** A run of the workflow: started, followed at the nodes, and what came of it. */

import { ApiError } from "../api.js";
import { announce, byId, make } from "../dom.js";
import { fill, formatPercent, placeInWords } from "../i18n.js";
import { hasEnded } from "../jobs.js";
import { toast, toastError } from "../toast.js";
import { problemsOf } from "../workflow_api.js";
import { WorkflowRun } from "../workflow_run.js";

/** @import {Job, Picture} from "../types.js" */
/** @import {Minimap} from "../workflow_minimap.js" */
/** @import {NodeProgress, RunQuote, RunSubject, Workflow} from "../workflow_types.js" */
/** @import {Board} from "./board.js" */
/** @import {Desk} from "./desk.js" */
/** @import {Problems} from "./problems.js" */
/** @import {Quoting} from "./quoting.js" */

export class Running {
  #desk;
  #board;
  #minimap;
  #problems;
  #quoting;
  #kept;
  #run;
  #strip = byId("run-strip", HTMLElement);
  #state = byId("run-state", HTMLElement);
  #pictures = byId("run-pictures", HTMLElement);
  #runButton = byId("run", HTMLButtonElement);
  #cancelButton = byId("cancel", HTMLButtonElement);
  /** Whether it is asked for, also while a new price is. */
  #isStarting = false;
  #said = "";
  /** The state of the job that who listens was told of last. */
  #heard = "";

  /**
   * @param {Desk} desk
   * @param {{board: Board, minimap: Minimap, problems: Problems, quoting: Quoting,
   *   kept: () => Workflow | null}} parts `kept` is the workflow as it was last saved
   */
  constructor(desk, { board, minimap, problems, quoting, kept }) {
    this.#kept = kept;
    this.#desk = desk;
    this.#board = board;
    this.#minimap = minimap;
    this.#problems = problems;
    this.#quoting = quoting;
    const { life } = desk;
    this.#run = new WorkflowRun(life, {
      onJob: (job) => this.#showJob(job),
      onNode: (id, progress) => this.#showNode(id, progress),
      onReset: () => this.#reset(),
      onPicture: (picture) => this.#keep(picture),
      onEnd: (job) => this.#end(job),
      onError: toastError,
    });
    const { signal } = life;
    this.#runButton.addEventListener("click", () => void this.start(), { signal });
    this.#cancelButton.addEventListener("click", () => void this.#cancel(), { signal });
    byId("run-close", HTMLElement).addEventListener("click", () => this.#close(), { signal });
    // Nodes that come back by undoing show how far they are.
    desk.graph.listen(({ nodes }) => {
      for (const id of nodes) {
        const progress = this.#run.nodes.get(id);
        if (progress) this.#showNode(id, progress);
      }
    });
  }

  /** Follow the run that the address names, after a reload. */
  resume() {
    return this.#run.resume();
  }

  async start() {
    const { graph, life } = this.#desk;
    if (this.#isStarting || this.#run.isActive || !graph.nodes.size) return;
    this.#isStarting = true;
    this.#showActive(true);
    try {
      if ((await this.#place()) || life.isOver) return;
      if (this.#problems.count) this.#problems.open();
      else if (this.#quoting.isUnknown) toast(gettext("No price just now"));
      else toast(gettext("There is a new price. Look at it, and press Run again."));
    } catch (error) {
      const problems = problemsOf(error);
      if (problems.length) {
        this.#problems.show(problems);
        this.#problems.open();
      } else toastError(error);
    } finally {
      this.#isStarting = false;
      this.#showActive(this.#run.isActive);
    }
  }

  /**
   * Start at the price that is shown; if it does not hold any more, at a new one that is no higher.
   *
   * @returns {Promise<boolean>} whether it is started; else there is a price to look at first
   */
  async #place() {
    const agreed = this.#quoting.credits;
    // What was refused may be allowed by now, though the graph is the same.
    const quote = this.#problems.count ? null : this.#quoting.quote;
    try {
      return await this.#begin(quote ?? (await this.#quoting.renew()), agreed);
    } catch (error) {
      if (!(error instanceof ApiError && error.code === "quote_expired")) throw error;
    }
    return this.#begin(await this.#quoting.renew(), agreed);
  }

  /**
   * @param {RunQuote | null} quote of what is shown
   * @param {number | null} agreed credits
   */
  async #begin(quote, agreed) {
    if (!quote || agreed === null || quote.credits > agreed) return false;
    await this.#run.start({ ...this.#subject(), quote: quote.token });
    return true;
  }

  /** @returns {RunSubject} what is shown: by its id if it is kept, so that its pictures are its own */
  #subject() {
    const { graph } = this.#desk;
    const kept = this.#kept();
    const isKept = kept !== null && !kept.is_shared && !graph.isDirty && !graph.isLooking;
    if (!isKept) return { document: graph.toJSON() };
    return { workflow: kept.id, version: kept.version };
  }

  async #cancel() {
    this.#cancelButton.disabled = true;
    try {
      await this.#run.cancel();
    } catch (error) {
      toastError(error);
    } finally {
      this.#cancelButton.disabled = false;
    }
  }

  /** @param {boolean} isActive */
  #showActive(isActive) {
    const hadFocus = [this.#runButton, this.#cancelButton].includes(/** @type {any} */ (document.activeElement));
    this.#runButton.hidden = isActive;
    this.#cancelButton.hidden = !isActive;
    if (hadFocus) (isActive ? this.#cancelButton : this.#runButton).focus();
  }

  /** @param {Job} job */
  #showJob(job) {
    this.#strip.hidden = false;
    this.#strip.dataset.state = job.state;
    this.#showActive(!hasEnded(job));
    this.#tell(job);
    // Each percent would be too much to listen to; how it ended is said with what came of it.
    if (job.state !== this.#heard && !hasEnded(job)) announce(this.#said);
    this.#heard = job.state;
  }

  /** @param {Job} job */
  #tell(job) {
    const waiting = job.queue ? placeInWords(job.queue) : gettext("Waiting for its turn");
    const words = {
      queued: waiting,
      running: job.cancel_requested ? gettext("Cancelling…") : this.#runningInWords(),
      succeeded: gettext("Done"),
      failed: job.error?.detail ?? gettext("The run failed."),
      cancelled: gettext("Cancelled"),
    }[job.state];
    if (words === this.#said) return;
    this.#said = words;
    this.#state.textContent = words;
  }

  #runningInWords() {
    for (const [id, { state, fraction }] of this.#run.nodes) {
      if (state !== "running") continue;
      const node = this.#desk.graph.titleOf(id);
      if (fraction === null) return node;
      return fill(gettext("%(node)s: %(percent)s"), { node, percent: formatPercent(fraction * 100) });
    }
    return gettext("Running…");
  }

  /**
   * @param {string} id
   * @param {NodeProgress} progress
   */
  #showNode(id, progress) {
    const { job } = this.#run;
    this.#board.node(id)?.showProgress(progress);
    this.#board.flow(id, progress.state === "running");
    this.#minimap.showState(id, progress.state);
    if (job?.state === "running") this.#tell(job);
  }

  #reset() {
    this.#pictures.replaceChildren();
    for (const id of this.#desk.graph.nodes.keys()) {
      const node = this.#board.node(id);
      node?.showProgress(null);
      this.#board.flow(id, false);
      this.#minimap.showState(id, "idle");
    }
  }

  /** @param {Picture} picture */
  #keep(picture) {
    const { image_name: name, thumbnail_urls: urls } = picture;
    const href = `/gallery/${name}/`;
    const label = gettext("Open the picture");
    const image = make("img", { src: urls["256"], alt: "", width: "72", height: "72" });
    const link = make("a", { class: "run-strip__picture", href, "aria-label": label, title: label }, image);
    this.#pictures.append(make("li", {}, link));
  }

  /** @param {Job} job */
  #end(job) {
    const count = job.images.length;
    const made = ngettext("The run is done: %(count)s picture.", "The run is done: %(count)s pictures.", count);
    announce(job.state === "succeeded" ? fill(made, { count }) : this.#said);
  }

  #close() {
    if (this.#run.job && hasEnded(this.#run.job)) {
      this.#run.forget();
      this.#reset();
    }
    this.#strip.hidden = true;
    this.#board.stage.focus({ preventScroll: true });
  }
}
