// @ts-check
/** The stage: one job at a time, from waiting through its growing preview to the pictures. */

import { isRun, Result, workflowLink } from "./create/result.js";
import { bringIntoView, byId, icon, make } from "./dom.js";
import { fill, formatNumber, formatPercent, formatSeconds, placeInWords } from "./i18n.js";
import { hasEnded } from "./jobs.js";

/** @import {BoardName, ResultActions} from "./create/result.js" */
/** @import {PageLife} from "./page.js" */
/** @import {Job, Picture} from "./types.js" */

const TICK_MS = 250;
const MOST_BLUR_PX = 14;

/** @typedef {ResultActions & {cancel: (job: Job) => void}} StageActions */

/**
 * @param {string} name
 * @param {string} symbol
 * @param {string} label
 * @param {() => void} act
 * @returns {HTMLButtonElement}
 */
function action(name, symbol, label, act) {
  const button = make("button", { type: "button", class: "button", "data-act": name });
  button.append(icon(symbol), label);
  button.addEventListener("click", act);
  return button;
}

export class Stage {
  #root = byId("stage", HTMLElement);
  #board = byId("stage-board", HTMLElement);
  #foot = byId("stage-foot", HTMLElement);
  #empty = byId("stage-empty", HTMLElement);
  #life;
  #actions;
  #result;
  /** @type {Job | null} */
  #job = null;
  /** What the page was built for; a progress event only updates what is there. */
  #built = "";
  /** @type {string | null} */
  #chosen = null;
  #timer = 0;

  /**
   * @param {PageLife} life
   * @param {StageActions} actions
   * @param {BoardName[]} boards
   */
  constructor(life, actions, boards) {
    this.#life = life;
    this.#actions = actions;
    this.#result = new Result(actions, boards);
    this.clear();
  }

  /** @returns {Job | null} */
  get job() {
    return this.#job;
  }

  /**
   * @param {string} name
   * @returns {HTMLElement | null} the button that does this to what is on the stage, if it can be done
   */
  control(name) {
    const found = this.#root.querySelector(`[data-act="${name}"]`);
    return found instanceof HTMLElement && !found.hasAttribute("disabled") ? found : null;
  }

  bringIntoView() {
    bringIntoView(this.#root, "nearest");
  }

  clear() {
    this.#job = null;
    this.#built = "";
    this.#root.dataset.state = "empty";
    this.#board.replaceChildren(this.#empty);
    this.#foot.replaceChildren();
    this.#tick();
  }

  /** @param {Job} job */
  show(job) {
    if (job.id !== this.#job?.id) this.#chosen = null;
    this.#job = job;
    this.#root.dataset.state = job.state;
    const pictures = job.images.map(({ image_name, starred, board }) => [image_name, starred, board]);
    const build = [job.id, job.state, job.cancel_requested, pictures, this.#chosen].join("/");
    if (build !== this.#built) {
      this.#built = build;
      this.#build(job);
    }
    if (job.state === "running") this.#update(job);
    if (job.state === "queued" && job.queue) {
      byId("stage-queue", HTMLElement).textContent = placeInWords(job.queue);
    }
    this.#tick();
  }

  /** @param {Job} job */
  #build(job) {
    const focused = this.#foot.contains(document.activeElement);
    const act = document.activeElement?.getAttribute("data-act") ?? "";
    const picture = this.#picture(job);
    if (job.state === "queued") this.#buildWaiting(job);
    else if (job.state === "running") this.#buildRunning(job);
    else if (picture) this.#buildResult(job, picture);
    else this.#buildWithout(job);
    // The button that had the focus may be gone; the keyboard stays where it was.
    if (focused && !this.#foot.contains(document.activeElement)) {
      const same = act ? this.#foot.querySelector(`[data-act="${act}"]`) : null;
      const next = same ?? this.#foot.querySelector("button, a");
      if (next instanceof HTMLElement) next.focus();
    }
  }

  /**
   * @param {Job} job
   * @returns {Picture | undefined}
   */
  #picture(job) {
    return job.images.find(({ image_name }) => image_name === this.#chosen) ?? job.images[0];
  }

  /**
   * @param {{width: number, height: number}} size
   * @param {Node[]} children
   */
  #frame(size, ...children) {
    const frame = make("div", { class: "stage__frame" }, ...children);
    frame.style.setProperty("--ratio", String(size.width / size.height));
    return frame;
  }

  /** @param {Job} job */
  #caption(job) {
    return make("p", { class: "stage__caption", title: job.prompt }, job.prompt);
  }

  /** @param {Job} job */
  #cancelButton(job) {
    const label = job.cancel_requested ? gettext("Cancelling…") : gettext("Cancel");
    const button = action("cancel", "stop", label, () => this.#actions.cancel(job));
    button.disabled = job.cancel_requested;
    return button;
  }

  /** @param {Job} job */
  #buildWaiting(job) {
    this.#board.replaceChildren(
      this.#frame(job, make("div", { class: "stage__picture skeleton" })),
    );
    this.#foot.replaceChildren(
      make("div", { class: "stage__line" }, this.#caption(job), this.#cancelButton(job)),
      make(
        "p",
        { class: "stage__figures" },
        make("span", { id: "stage-queue" }, gettext("Waiting for its turn")),
        make("span", { id: "stage-elapsed" }),
      ),
    );
  }

  /** @param {Job} job */
  #buildRunning(job) {
    const preview = make("img", {
      class: "stage__picture stage__picture--preview",
      id: "stage-preview",
      alt: "",
      hidden: "",
    });
    const waiting = make("div", { class: "stage__picture skeleton" });
    this.#board.replaceChildren(this.#frame(job, waiting, preview));
    const bar = make("progress", {
      class: "progress",
      id: "stage-progress",
      max: "100",
      value: "0",
      "aria-label": gettext("Progress"),
    });
    this.#foot.replaceChildren(
      make(
        "div",
        { class: "stage__line" },
        make("span", { class: "stage__percent", id: "stage-percent" }),
        bar,
        this.#cancelButton(job),
      ),
      this.#caption(job),
      make(
        "p",
        { class: "stage__figures" },
        make("span", { id: "stage-step" }),
        make("span", { id: "stage-left" }),
        make("span", { id: "stage-elapsed" }),
      ),
    );
  }

  /** @param {Job} job */
  #update(job) {
    const { percent = 0, step = 0, total = 0, seconds_left = null } = job.progress ?? {};
    byId("stage-progress", HTMLProgressElement).value = percent;
    byId("stage-percent", HTMLElement).textContent = formatPercent(percent);
    byId("stage-step", HTMLElement).textContent =
      step === 0
        ? gettext("Getting ready")
        : fill(gettext("Step %(step)s of %(total)s"), {
            step: formatNumber(step),
            total: formatNumber(total),
          });
    byId("stage-left", HTMLElement).textContent =
      seconds_left === null
        ? ""
        : fill(gettext("about %(time)s left"), { time: formatSeconds(seconds_left) });
    const preview = byId("stage-preview", HTMLImageElement);
    if (job.progress?.preview) {
      preview.src = job.progress.preview;
      preview.hidden = false;
      const blur = MOST_BLUR_PX * (1 - percent / 100) ** 2;
      preview.style.setProperty("--blur", `${blur.toFixed(1)}px`);
    }
  }

  /**
   * @param {Job} job
   * @param {Picture} picture
   */
  #buildResult(job, picture) {
    const image = make("img", {
      class: "stage__picture",
      id: "stage-picture",
      src: picture.full_url,
      width: String(picture.width),
      height: String(picture.height),
      alt: job.prompt,
    });
    // The last preview lies beneath until the picture itself is there: nothing flashes.
    const under = job.progress?.preview
      ? [make("img", { class: "stage__picture", src: job.progress.preview, alt: "" })]
      : [];
    this.#board.replaceChildren(this.#frame(picture, ...under, image));
    this.#foot.replaceChildren(...this.#result.draw(job, picture, this.#variants(job, picture)));
  }

  /**
   * @param {Job} job
   * @param {Picture} shown
   */
  #variants(job, shown) {
    const group = make("div", { class: "stage__variants" });
    if (job.images.length < 2) return group;
    job.images.forEach((picture, index) => {
      const label = fill(gettext("Picture %(number)s"), { number: formatNumber(index + 1) });
      const button = make(
        "button",
        {
          type: "button",
          class: "stage__variant",
          "aria-label": label,
          "aria-pressed": String(picture === shown),
        },
        make("img", { src: picture.thumbnail_url, alt: "", width: "44", height: "44" }),
      );
      button.addEventListener("click", () => {
        this.#chosen = picture.image_name;
        this.show(job);
        const again = this.#foot.querySelector('.stage__variant[aria-pressed="true"]');
        if (again instanceof HTMLElement) again.focus();
      });
      group.append(button);
    });
    return group;
  }

  /** @param {Job} job an ended job that has no picture */
  #buildWithout(job) {
    const failed = job.state === "failed";
    const title = titleWithout(job);
    const text = make("p", { class: "empty__text" });
    if (job.error) text.textContent = job.error.detail;
    const note = make("p", { class: "field__note" });
    if (job.error?.error_id) {
      note.textContent = fill(gettext("Error %(id)s"), { id: job.error.error_id });
    }
    const label = failed ? gettext("Try again") : gettext("Make it again");
    const isDone = isRun(job) && job.state === "succeeded";
    const next = isDone
      ? workflowLink(`/workflows/new/#run=${job.id}`)
      : action("again", "repeat", label, () => this.#actions.again(job));
    const heading = make(
      "h2",
      { class: failed ? "empty__title stage__failed" : "empty__title" },
      title,
    );
    this.#board.replaceChildren(make("div", { class: "empty" }, heading, text, note, next));
    this.#foot.replaceChildren(make("div", { class: "stage__line" }, this.#caption(job)));
  }

  // One timer, and only while there is time to show.
  #tick() {
    this.#life.cancel(this.#timer);
    const job = this.#job;
    if (!job || hasEnded(job)) return;
    const place = document.getElementById("stage-elapsed");
    const since = job.state === "running" ? job.started_at : job.created_at;
    const seconds = Math.max(0, (Date.now() - Date.parse(since ?? job.created_at)) / 1000);
    if (place) {
      place.textContent =
        job.state === "running"
          ? fill(gettext("%(time)s elapsed"), { time: formatSeconds(seconds) })
          : fill(gettext("for %(time)s"), { time: formatSeconds(seconds) });
    }
    this.#timer = this.#life.later(() => this.#tick(), TICK_MS);
  }
}

/**
 * @param {Job} job an ended job that has no picture
 * @returns {string}
 */
function titleWithout(job) {
  if (job.state === "cancelled") return gettext("Cancelled");
  if (job.state === "failed") {
    return isRun(job) ? gettext("This workflow failed") : gettext("This picture could not be made");
  }
  // It may have nodes that show pictures, and none that keeps them.
  if (isRun(job) && job.num_images === 0) return gettext("This workflow keeps no picture");
  return gettext("This picture was deleted");
}
