// @ts-check
/** What the parts of the editor share: the graph, the view of it, and what is chosen. */

import { recallObject, remember } from "../storage.js";
import { GraphView } from "./view.js";

/** @import {PageLife} from "../page.js" */
/** @import {WorkflowGraph} from "../workflow_graph.js" */

/** @typedef {"view" | "selection" | "folds" | "mode"} DeskChange */

/** Nodes lie on this grid, in pixels. */
export const GRID = 16;
export const NODE_WIDTH = 17 * GRID;
const MOST_REMEMBERED = 40;

/**
 * @param {number} value
 * @returns {number} on the grid
 */
export function snapped(value) {
  return Math.round(value / GRID) * GRID;
}

export class Desk {
  view = new GraphView(() => this.#tell("view"));
  /** @type {ReadonlySet<string>} ids of nodes */
  selection = new Set();
  /** @type {string | null} the link that is chosen, by the input that it leads to */
  link = null;
  /** @type {ReadonlySet<string>} ids of nodes of which the head alone is shown */
  folds = new Set();
  #isReadOnly = false;
  #key = "";
  /** @type {Set<(type: DeskChange) => void>} */
  #listeners = new Set();

  /**
   * @param {WorkflowGraph} graph
   * @param {PageLife} life
   */
  constructor(graph, life) {
    this.graph = graph;
    this.life = life;
    graph.listen(({ nodes }) => {
      const left = [...this.selection].filter((id) => graph.nodes.has(id));
      if (nodes.size && left.length < this.selection.size) this.select(left);
      if (this.link && !graph.edges.has(this.link)) this.selectLink(null);
    });
  }

  /** @returns {boolean} whether the graph can be looked at alone */
  get isReadOnly() {
    return this.#isReadOnly;
  }

  set isReadOnly(isReadOnly) {
    if (this.#isReadOnly === isReadOnly) return;
    this.#isReadOnly = isReadOnly;
    this.#tell("mode");
  }

  /** @param {(type: DeskChange) => void} listener */
  listen(listener) {
    this.#listeners.add(listener);
  }

  /** @param {Iterable<string>} ids */
  select(ids) {
    const next = new Set(ids);
    const isSame = next.size === this.selection.size && [...next].every((id) => this.selection.has(id));
    if (isSame && this.link === null) return;
    this.selection = next;
    this.link = null;
    this.#tell("selection");
  }

  /** @param {string} id is taken into the selection, or out of it */
  toggle(id) {
    const next = new Set(this.selection);
    if (!next.delete(id)) next.add(id);
    this.select(next);
  }

  /** @param {string | null} key */
  selectLink(key) {
    if (this.link === key) return;
    this.link = key;
    if (key) this.selection = new Set();
    this.#tell("selection");
  }

  /**
   * @param {Iterable<string>} ids
   * @param {boolean} isFolded
   */
  fold(ids, isFolded) {
    const next = new Set(this.folds);
    for (const id of ids) {
      if (isFolded) next.add(id);
      else next.delete(id);
    }
    this.folds = next;
    this.#rememberFolds();
    this.#tell("folds");
  }

  /** @param {string} workflow of which this browser may remember what was folded; "" for a new one */
  recallFolds(workflow) {
    this.#key = workflow;
    const found = recallObject("workflow-folds")[workflow];
    this.folds = new Set(typeof found === "string" ? found.split(" ") : []);
    this.#tell("folds");
  }

  #rememberFolds() {
    if (!this.#key) return;
    const others = Object.entries(recallObject("workflow-folds")).filter(([key]) => key !== this.#key);
    const kept = others.slice(-MOST_REMEMBERED);
    if (this.folds.size) kept.push([this.#key, [...this.folds].join(" ")]);
    remember("workflow-folds", JSON.stringify(Object.fromEntries(kept)));
  }

  /** @param {DeskChange} type */
  #tell(type) {
    for (const listener of this.#listeners) listener(type);
  }
}
