// @ts-check
/** The nodes of a run as a list of steps, in the order in which they can be made. */

import { byId, icon, make } from "./dom.js";
import { fill, formatNumber, formatSeconds } from "./i18n.js";

/** @import {NodeProgress, NodeState, WorkflowDocument} from "./workflow_types.js" */

/** @type {Readonly<Record<NodeState, string>>} */
const SYMBOLS = { idle: "clock", running: "play", done: "check", cached: "check", failed: "alert" };

/** @typedef {{name: string, item: HTMLElement, state: NodeState}} Step */

/**
 * Return the ids of nodes so that each comes after those that it needs.
 *
 * @param {WorkflowDocument} document
 * @returns {string[]}
 */
export function inOrder({ nodes, edges }) {
  const left = new Set(nodes.map(({ id }) => id));
  /** @type {string[]} */
  const ordered = [];
  while (left.size > 0) {
    const needs = edges.filter(({ from }) => left.has(from[0]));
    const blocked = new Set(needs.map(({ to }) => to[0]));
    const [next] = [...left].filter((id) => !blocked.has(id));
    // In a circle there is no order; whoever runs it says so.
    const taken = next ?? [...left][0] ?? "";
    ordered.push(taken);
    left.delete(taken);
  }
  return ordered;
}

export class Steps {
  #place = byId("steps", HTMLDetailsElement);
  #list = byId("steps-list", HTMLElement);
  #summary = byId("steps-summary", HTMLElement);
  #bar = byId("steps-bar", HTMLProgressElement);
  /** @type {Map<string, Step>} */
  #steps = new Map();

  /**
   * Show the steps of a document, of which none is made yet.
   *
   * @param {WorkflowDocument} document
   * @param {(node: string) => string} nameOf
   */
  show(document, nameOf) {
    this.#steps.clear();
    const items = inOrder(document).map((id) => {
      const name = nameOf(id);
      const item = make("li", { class: "step", "data-node": id, "data-state": "idle" });
      this.#steps.set(id, { name, item, state: "idle" });
      this.#draw(id, { state: "idle", seconds: null, fraction: null, preview: null });
      return item;
    });
    this.#list.replaceChildren(...items);
    this.#place.hidden = items.length === 0;
    this.#summarize();
  }

  /**
   * @param {string} node
   * @param {NodeProgress} progress
   */
  take(node, progress) {
    const step = this.#steps.get(node);
    if (!step) return;
    step.state = progress.state;
    this.#draw(node, progress);
    this.#summarize();
  }

  /** All that could be made is made: what had nothing to do has done it. */
  finish() {
    for (const [node, step] of this.#steps) {
      if (step.state !== "idle") continue;
      step.state = "done";
      this.#draw(node, { state: "done", seconds: null, fraction: null, preview: null });
    }
    this.#summarize();
  }

  /**
   * @param {string} node
   * @param {NodeProgress} progress
   */
  #draw(node, { state, seconds, fraction, preview }) {
    const step = this.#steps.get(node);
    if (!step) return;
    const { item, name } = step;
    item.dataset.state = state;
    const mark = make("span", { class: "step__mark" }, icon(SYMBOLS[state]));
    const words = make("span", { class: "step__name" }, name);
    const told = make("span", { class: "step__told" }, toldOf(state, seconds));
    item.replaceChildren(mark, words, told);
    if (state !== "running") return;
    const bar = make("progress", { class: "progress step__bar", max: "1", "aria-label": name });
    if (fraction !== null) bar.value = fraction;
    item.append(bar);
    if (preview) item.append(make("img", { class: "step__preview", src: preview, alt: "" }));
  }

  #summarize() {
    const steps = [...this.#steps.values()];
    const done = steps.filter(({ state }) => state === "done" || state === "cached").length;
    const running = steps.find(({ state }) => state === "running");
    this.#bar.max = Math.max(steps.length, 1);
    this.#bar.value = done;
    this.#summary.textContent = fill(
      running ? gettext("%(done)s of %(total)s steps · %(name)s") : gettext("%(done)s of %(total)s steps"),
      { done: formatNumber(done), total: formatNumber(steps.length), name: running?.name ?? "" },
    );
  }
}

/**
 * @param {NodeState} state
 * @param {number | null} seconds
 * @returns {string}
 */
function toldOf(state, seconds) {
  if (state === "failed") return gettext("Failed");
  if (state === "cached") return gettext("Known already");
  if (state === "done" && seconds !== null && seconds >= 0.05) return formatSeconds(seconds);
  return "";
}
