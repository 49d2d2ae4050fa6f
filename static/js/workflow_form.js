// @ts-check
/** A workflow as a form: what it asks for, what it costs, how far it is, what it made. */

import { ApiError } from "./api.js";
import { announce, bringIntoView, byId, icon, make } from "./dom.js";
import { fill, formatSeconds, placeInWords } from "./i18n.js";
import { balance } from "./shell.js";
import { toast, toastError } from "./toast.js";
import { getPalette, problemsOf } from "./workflow_api.js";
import { exposedGroups } from "./workflow_exposed.js";
import { focusField, makeField, putValue, showProblem } from "./workflow_fields.js";
import { RunPrice } from "./workflow_price.js";
import { WorkflowRun } from "./workflow_run.js";
import { Steps } from "./workflow_steps.js";

/** @import {PageLife} from "./page.js" */
/** @import {Job, Picture} from "./types.js" */
/** @import {ExposedGroup} from "./workflow_exposed.js" */
/** @import {DeclaredInput, Literal, Palette, Problem, RunSubject, Workflow, WorkflowDocument} from "./workflow_types.js" */

/** Widgets in which nothing is typed. */
const CHOSEN = new Set(["picture", "board", "model", "choice"]);

class WorkflowForm {
  #life;
  #workflow;
  #palette;
  #form = byId("workflow-form", HTMLFormElement);
  #start = byId("run", HTMLButtonElement);
  #cancel = byId("cancel", HTMLButtonElement);
  #plans = byId("plans", HTMLAnchorElement);
  #status = byId("run-status", HTMLElement);
  #results = byId("results", HTMLElement);
  #isPaused = byId("refusal", HTMLElement).hidden === false;
  /** Whether the button that had the focus can have it no more, and another one gets it next. */
  #hadFocus = false;
  /** @type {Map<string, HTMLElement>} by "node.input" */
  #fields = new Map();
  /** @type {Map<string, DeclaredInput>} */
  #inputs = new Map();
  /** @type {Map<string, Literal>} what is filled in otherwise than the workflow has it */
  #values = new Map();
  /** @type {Set<string>} the fields of which it is time to say what is wrong */
  #touched = new Set();
  #price;
  #run;
  #steps = new Steps();

  /**
   * @param {PageLife} life
   * @param {Workflow} workflow
   * @param {Palette} palette
   */
  constructor(life, workflow, palette) {
    this.#life = life;
    this.#workflow = workflow;
    this.#palette = palette;
    this.#draw(exposedGroups(workflow.document, palette));
    this.#price = new RunPrice(life, balance, () => this.#subject(), () => this.#showProblems());
    this.#run = new WorkflowRun(life, {
      onJob: (job) => this.#showJob(job),
      onNode: (node, progress) => this.#steps.take(node, progress),
      onReset: () => this.#reset(this.#workflow.document),
      onPicture: (picture) => this.#results.append(figure(picture)),
      onEnd: (job) => this.#end(job),
      onError: toastError,
    });
    this.#form.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        void this.#place();
      },
      { signal: life.signal },
    );
    this.#cancel.addEventListener("click", () => this.#run.cancel().catch(toastError), {
      signal: life.signal,
    });
    life.onEnd(balance.listen(() => this.#showActs()));
    void this.#begin();
  }

  async #begin() {
    this.#form.removeAttribute("aria-busy");
    const run = await this.#run.resume();
    if (run && !this.#life.isOver) this.#restore(run.document);
    void this.#price.renew();
  }

  /** @param {ExposedGroup[]} groups */
  #draw(groups) {
    const values = new Map(this.#workflow.document.nodes.map((node) => [node.id, node.inputs]));
    const sets = groups.map(({ node, title, inputs }) => {
      const fields = inputs.map((input) => {
        const key = `${node}.${input.name}`;
        const field = makeField(
          input,
          values.get(node)?.[input.name],
          (value) => this.#change(key, value),
          this.#life,
        );
        field.addEventListener("focusout", () => this.#leave(key));
        this.#fields.set(key, field);
        this.#inputs.set(key, input);
        return field;
      });
      // One field says by its own title what it is for.
      const look = fields.length > 1 ? "workflow-form__legend" : "visually-hidden";
      const legend = make("legend", { class: look }, title);
      return make("fieldset", { class: "workflow-form__group", "data-node": node }, legend, ...fields);
    });
    byId("fields", HTMLElement).replaceChildren(...sets);
    byId("no-fields", HTMLElement).hidden = sets.length > 0;
  }

  /** @returns {RunSubject} */
  #subject() {
    const { id, version } = this.#workflow;
    return { workflow: id, version, inputs: Object.fromEntries(this.#values) };
  }

  /**
   * @param {string} key
   * @param {Literal | undefined} value undefined is what the workflow has
   */
  #change(key, value) {
    const field = this.#fields.get(key);
    if (!field) return;
    if (value === undefined) this.#values.delete(key);
    else this.#values.set(key, value);
    // Whoever empties a number may be about to type another one.
    const isTyping = document.activeElement instanceof HTMLInputElement;
    if (value === undefined && !isTyping) this.#putBack(key, field);
    showProblem(field, "");
    this.#price.refresh();
  }

  /**
   * Show what the workflow itself has.
   *
   * @param {string} key
   * @param {HTMLElement} field
   */
  #putBack(key, field) {
    const [node = "", name = ""] = key.split(".");
    putValue(field, this.#kept(node, name) ?? this.#inputs.get(key)?.default);
  }

  /** @param {string} key */
  #leave(key) {
    const field = this.#fields.get(key);
    if (field && !this.#values.has(key)) this.#putBack(key, field);
    this.#touched.add(key);
    this.#showProblems();
  }

  /**
   * Fill in what a run was made with.
   *
   * @param {WorkflowDocument} document
   */
  #restore(document) {
    for (const node of document.nodes) {
      for (const [name, value] of Object.entries(node.inputs)) {
        const key = `${node.id}.${name}`;
        const field = this.#fields.get(key);
        const kept = this.#kept(node.id, name);
        if (!field || value === kept) continue;
        // It was drawn for that run, and is to be drawn anew for the next one.
        if (this.#inputs.get(key)?.widget === "seed" && (kept ?? null) === null) continue;
        putValue(field, value);
        this.#values.set(key, value);
      }
    }
  }

  /**
   * @param {string} node
   * @param {string} name
   */
  #kept(node, name) {
    return this.#workflow.document.nodes.find(({ id }) => id === node)?.inputs[name];
  }

  #showProblems() {
    this.#tell(this.#price.problems, ({ node, input }) => this.#touched.has(`${node}.${input}`));
    this.#showActs();
  }

  /**
   * Say what is wrong beside the fields, and the rest above the button.
   *
   * @param {Problem[]} problems
   * @param {(problem: Problem) => boolean} [isDue] whether it is time for that of a field
   * @returns {HTMLElement | null} the first field that has one
   */
  #tell(problems, isDue = () => true) {
    const elsewhere = problems.filter(({ node, input }) => !this.#fields.has(`${node}.${input}`));
    for (const [key, field] of this.#fields) {
      const own = problems.filter((problem) => key === `${problem.node}.${problem.input}`).filter(isDue);
      const lack = own.length > 0 ? this.#lackOf(key) : "";
      showProblem(field, lack || own.map(({ message }) => message).join(" "));
    }
    const items = elsewhere.map(({ node, message }) =>
      make("li", {}, node ? `${this.#nameOf(node)}: ${message}` : message),
    );
    byId("problems", HTMLElement).replaceChildren(...items);
    const first = [...this.#fields].find(([, field]) => field.querySelector("[aria-invalid]"));
    return first?.[1] ?? null;
  }

  /**
   * Say what to do with a field that is empty: here nothing can be linked.
   *
   * @param {string} key
   */
  #lackOf(key) {
    const [node = "", name = ""] = key.split(".");
    const input = this.#inputs.get(key);
    if (!input?.required || (this.#values.get(key) ?? this.#kept(node, name)) !== undefined) return "";
    return CHOSEN.has(input.widget ?? "") ? gettext("Choose one.") : gettext("Fill this in.");
  }

  /** @param {string} id */
  #nameOf(id) {
    const node = this.#workflow.document.nodes.find((one) => one.id === id);
    const declared = this.#palette.nodes.find(({ type }) => type === node?.type);
    return node?.label || declared?.title || id;
  }

  async #place() {
    if (this.#run.isActive || this.#isPaused) return;
    this.#hadFocus = document.activeElement === this.#start;
    this.#start.disabled = true;
    try {
      const job = await this.#price.start(this.#run);
      if (this.#life.isOver) return;
      if (!job) {
        toast(gettext("There is a new price. Look at it, and press Run again."));
        return;
      }
      this.#tell([]);
      announce(gettext("The workflow is on its way."));
      bringIntoView(byId("run-panel", HTMLElement), "start");
    } catch (error) {
      this.#refused(error);
    } finally {
      this.#start.disabled = false;
      this.#showActs();
    }
  }

  /** @param {unknown} error */
  #refused(error) {
    const problems = problemsOf(error);
    if (problems.length === 0) {
      toastError(error);
      return;
    }
    for (const { node, input } of problems) this.#touched.add(`${node}.${input}`);
    const first = this.#tell(problems);
    if (first) focusField(first);
    else byId("problems", HTMLElement).focus();
    if (error instanceof ApiError) announce(error.message);
  }

  /** @param {WorkflowDocument} document */
  #reset(document) {
    this.#results.replaceChildren();
    this.#steps.show(document, (id) => this.#nameOf(id));
  }

  /** @param {Job} job */
  #showJob(job) {
    this.#status.dataset.state = job.state;
    this.#status.textContent = statusOf(job);
    byId("run-panel", HTMLElement).hidden = false;
    this.#showActs();
  }

  /** @param {Job} job */
  #end(job) {
    if (job.state === "succeeded") this.#steps.finish();
    announce(statusOf(job));
    void this.#price.renew();
  }

  #showActs() {
    const focused = document.activeElement;
    const isHere = [this.#start, this.#cancel, this.#plans].some((act) => act === focused);
    this.#hadFocus = isHere || (this.#hadFocus && focused === document.body);
    const isActive = this.#run?.isActive ?? false;
    const isTooMuch = this.#isPaused || this.#price.isTooMuch;
    this.#start.hidden = isActive || isTooMuch;
    this.#plans.hidden = isActive || !isTooMuch;
    this.#cancel.hidden = !isActive;
    this.#cancel.disabled = this.#run?.job?.cancel_requested ?? false;
    const next = [this.#start, this.#cancel, this.#plans].find((act) => !act.hidden);
    if (!this.#hadFocus || !next || next.matches(":disabled")) return;
    this.#hadFocus = false;
    next.focus({ preventScroll: true });
  }
}

/**
 * @param {Job} job
 * @returns {string}
 */
function statusOf(job) {
  const seconds = Number(job.compute_seconds ?? 0);
  if (job.state === "queued") return job.queue ? placeInWords(job.queue) : gettext("Waiting");
  if (job.state === "running") return job.cancel_requested ? gettext("Stopping") : gettext("Running");
  if (job.state === "cancelled") return gettext("Cancelled");
  if (job.state === "failed") {
    const { detail = gettext("Failed"), error_id: id = "" } = job.error ?? {};
    return id ? `${detail} ${fill(gettext("Error %(id)s"), { id })}` : detail;
  }
  if (seconds <= 0) return gettext("Done");
  return fill(gettext("Made in %(time)s"), { time: formatSeconds(seconds) });
}

/** @param {Picture} picture */
function figure(picture) {
  const path = encodeURIComponent(picture.image_name);
  const label = picture.metadata.prompt || gettext("A picture that the workflow made");
  const image = make("img", {
    ...{ class: "result__picture", src: picture.thumbnail_urls["512"], alt: label },
    ...{ width: String(picture.width), height: String(picture.height), decoding: "async" },
  });
  const open = make("a", { class: "result__open", href: `/gallery/${path}/` }, image);
  const words = gettext("Download");
  const download = make("a", {
    ...{ class: "button button--icon result__download", download: "" },
    ...{ href: `/api/v1/images/${path}/full?download=1`, "aria-label": words, title: words },
  });
  download.append(icon("download"));
  return make("li", { class: "result" }, open, download);
}

/** @param {PageLife} life */
export function start(life) {
  const written = byId("workflow", HTMLScriptElement).textContent;
  const workflow = /** @type {Workflow} */ (JSON.parse(written));
  getPalette().then((palette) => {
    if (!life.isOver) new WorkflowForm(life, workflow, palette);
  }, toastError);
}
