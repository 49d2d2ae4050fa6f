// @ts-check
/** The page of one training: its losses and samples as they come, and what can be done with it. */

import { announce, byId, confirmed, make } from "../dom.js";
import { fill, formatNumber, formatSeconds } from "../i18n.js";
import { toastError } from "../toast.js";
import { cancelRun, getRun, quoteRetry, retryRun } from "./api.js";
import { LossChart } from "./chart.js";

/** @import {PageLife} from "../page.js" */
/** @import {StudioEvent} from "../types.js" */
/** @import {Run, Sample} from "./api.js" */

// What the socket may have missed.
const POLL_MS = 15_000;

class RunPage {
  #life;
  #id;
  #chart;
  #timer = 0;
  #job;
  #isStopping = false;
  #checkpointStep = 0;

  /** @param {PageLife} life */
  constructor(life) {
    this.#life = life;
    const page = byId("run", HTMLElement);
    this.#id = page.dataset.run ?? "";
    this.#job = page.dataset.job ?? "";
    this.#chart = new LossChart(
      byId("losses", HTMLElement),
      byId("progress", HTMLProgressElement).max,
    );
    const { signal } = life;
    byId("cancel", HTMLButtonElement).addEventListener("click", () => void this.#cancel(), { signal });
    document.getElementById("retry")?.addEventListener("click", () => void this.#retry(), { signal });
    life.listen({ onEvent: (event) => this.#take(event) });
    void this.#refresh();
  }

  async #refresh() {
    this.#life.cancel(this.#timer);
    try {
      const run = await getRun(this.#id);
      if (this.#life.isOver) return;
      this.#show(run);
      if (run.state !== "queued" && run.state !== "running") return;
    } catch (error) {
      // It stays as it is until the next time.
      console.warn(error);
    }
    this.#timer = this.#life.later(() => void this.#refresh(), POLL_MS);
  }

  /** @param {StudioEvent} event */
  #take(event) {
    if (event.type === "snapshot") void this.#refresh();
    if (!("job_id" in event) || event.job_id !== this.#job) return;
    if (event.type === "training") {
      this.#chart.add(event.losses);
      if (event.sample) void this.#refresh();
    } else if (event.type === "progress") {
      this.#showSteps(event.step, event.total, event.seconds_left);
    } else if (["started", "finished", "failed"].includes(event.type)) {
      void this.#refresh();
    }
  }

  /** @param {Run} run */
  #show(run) {
    this.#job = run.generation;
    this.#isStopping = run.cancel_requested && run.state === "running";
    this.#checkpointStep = run.checkpoint_step;
    byId("receipt", HTMLAnchorElement).href = `/usage/receipts/${run.generation}/`;
    this.#showState(run);
    this.#showSteps(run.step, run.steps, run.state === "running" ? run.seconds_left : null);
    this.#chart.show(run.losses);
    this.#showSamples(run.samples);
    byId("cancel", HTMLButtonElement).hidden =
      run.cancel_requested || (run.state !== "queued" && run.state !== "running");
    const again = document.getElementById("retry");
    if (again) {
      // It would go the same way.
      const hasDiverged = run.error?.code === "training_diverged";
      again.hidden = hasDiverged || (run.state !== "failed" && run.state !== "cancelled");
      byId("retry-words", HTMLElement).textContent = this.#retryWords();
    }
    const use = byId("use", HTMLAnchorElement);
    use.hidden = run.result === null;
    if (run.result !== null) {
      const query = new URLSearchParams({ lora: run.result, model: run.model });
      if (run.settings.trigger) query.set("prompt", run.settings.trigger);
      use.href = `${use.pathname}?${query.toString()}`;
    }
  }

  /** @param {Run} run */
  #showState(run) {
    const place = byId("state", HTMLElement);
    const words = {
      queued: gettext("Waiting for a GPU"),
      running: gettext("Learning"),
      succeeded: gettext("Done: the LoRA is in your models"),
      failed: run.error?.detail ?? gettext("Failed"),
      cancelled: gettext("Cancelled"),
    }[run.state];
    const said = this.#isStopping ? gettext("Stopping after this step") : words;
    if (place.textContent !== said) place.textContent = said;
    byId("run", HTMLElement).dataset.state = run.state;
  }

  /**
   * @param {number} step
   * @param {number} total
   * @param {number | null} left seconds
   */
  #showSteps(step, total, left) {
    byId("progress", HTMLProgressElement).value = step;
    byId("steps", HTMLElement).textContent = fill(gettext("Step %(step)s of %(total)s"), {
      step: formatNumber(step),
      total: formatNumber(total),
    });
    byId("left", HTMLElement).textContent =
      left === null || this.#isStopping ? "" : fill(gettext("about %(time)s left"), { time: formatSeconds(left) });
  }

  /** @param {Sample[]} samples by step */
  #showSamples(samples) {
    const place = byId("samples", HTMLElement);
    byId("samples-empty", HTMLElement).hidden = samples.length > 0;
    const shown = place.querySelectorAll("img").length;
    if (shown === samples.length) return;
    /** @type {Map<number, Sample[]>} */
    const steps = new Map();
    for (const sample of samples) {
      steps.set(sample.step, [...(steps.get(sample.step) ?? []), sample]);
    }
    // Who has gone back to earlier ones is left there.
    const { scrollLeft } = place;
    const wasAtEnd = scrollLeft + place.clientWidth >= place.scrollWidth - 1;
    place.replaceChildren(...Array.from(steps, ([step, each]) => column(step, each)));
    place.scrollLeft = wasAtEnd ? place.scrollWidth : scrollLeft;
    if (shown > 0) announce(gettext("There are new samples."));
  }

  async #cancel() {
    const sure = await confirmed({
      title: gettext("Cancel this training?"),
      text: gettext("Nothing of it is kept. The seconds that it has run are charged."),
      yes: gettext("Cancel the training"),
    });
    if (!sure) return;
    try {
      this.#show(await cancelRun(this.#id));
    } catch (error) {
      toastError(error);
    }
  }

  #retryWords() {
    return this.#checkpointStep > 0 ? gettext("Go on") : gettext("Start again");
  }

  /**
   * @param {number} credits
   * @returns {Promise<boolean>}
   */
  #isAgreed(credits) {
    const step = this.#checkpointStep;
    const words = ngettext("At most %(credits)s credit", "At most %(credits)s credits", credits);
    const most = fill(words, { credits: formatNumber(credits) });
    const where = step
      ? fill(gettext("It goes on after step %(step)s."), { step: formatNumber(step) })
      : gettext("It begins at the first step, and the samples so far go.");
    return confirmed({
      title: step ? gettext("Go on with this training?") : gettext("Start this training again?"),
      text: `${where} ${most}.`,
      yes: this.#retryWords(),
      no: gettext("Not now"),
    });
  }

  async #retry() {
    try {
      const quote = await quoteRetry(this.#id);
      this.#checkpointStep = quote.checkpoint_step;
      if (!(await this.#isAgreed(quote.credits))) return;
      this.#show(await retryRun(this.#id, quote.token));
    } catch (error) {
      toastError(error);
    }
    // Also where it failed: what it was to go on from may be gone.
    void this.#refresh();
  }
}

/**
 * @param {number} step
 * @param {Sample[]} samples
 */
function column(step, samples) {
  const title = fill(gettext("Step %(step)s"), { step: formatNumber(step) });
  const pictures = samples.map(({ url, prompt, width, height }) =>
    make("img", {
      class: "samples__picture",
      src: url,
      alt: fill(gettext("%(prompt)s, at step %(step)s"), { prompt, step }),
      title: prompt,
      width: String(width),
      height: String(height),
      loading: "lazy",
    }),
  );
  return make(
    "figure",
    { class: "samples__step" },
    ...pictures,
    make("figcaption", { class: "samples__number" }, title),
  );
}

/** @param {PageLife} life */
export function start(life) {
  new RunPage(life);
}
