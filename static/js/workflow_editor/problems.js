// @ts-check
/** What is wrong with the workflow: at the nodes, and in a list that leads to them. */

import { announce, byId, make } from "../dom.js";
import { fill } from "../i18n.js";

/** @import {Problem} from "../workflow_types.js" */
/** @import {Board} from "./board.js" */
/** @import {Desk} from "./desk.js" */

export class Problems {
  #desk;
  #board;
  #part = byId("problems", HTMLDetailsElement);
  #count = byId("problems-count", HTMLElement);
  #list = byId("problems-list", HTMLElement);
  /** @type {Problem[]} */
  #problems = [];

  /**
   * @param {Desk} desk
   * @param {Board} board
   */
  constructor(desk, board) {
    this.#desk = desk;
    this.#board = board;
    this.#list.addEventListener("click", (event) => this.#click(event), { signal: desk.life.signal });
  }

  get count() {
    return this.#problems.length;
  }

  /** Open the list, and lead to what is first in it. */
  open() {
    this.#part.open = true;
    this.#count.focus();
  }

  /** @param {Problem[]} problems instead of those before */
  show(problems) {
    const isMore = problems.length > this.#problems.length;
    this.#problems = problems;
    const ofNode = Map.groupBy(problems, ({ node }) => node);
    for (const id of this.#desk.graph.nodes.keys()) {
      this.#board.node(id)?.showProblems(ofNode.get(id) ?? []);
    }
    const count = problems.length;
    const words = fill(ngettext("%(count)s problem", "%(count)s problems", count), { count });
    this.#part.hidden = count === 0;
    this.#count.textContent = words;
    this.#list.replaceChildren(...problems.map((problem, index) => this.#makeItem(problem, index)));
    if (isMore) announce(words);
  }

  /**
   * @param {Problem} problem
   * @param {number} index
   */
  #makeItem({ node, input, message }, index) {
    const { graph } = this.#desk;
    if (!graph.nodes.has(node)) return make("li", { class: "problems__item" }, message);
    const port = /** @type {const} */ ({ node, side: "in", name: input });
    const title = graph.declaredPort(port)?.title ?? "";
    const place = [graph.titleOf(node), title].filter(Boolean).join(" · ");
    const button = make(
      "button",
      { type: "button", class: "problems__button", "data-at": String(index) },
      make("span", { class: "problems__place" }, place),
      message,
    );
    return make("li", {}, button);
  }

  /** @param {MouseEvent} event */
  #click({ target }) {
    const button = target instanceof Element ? target.closest("[data-at]") : null;
    if (!(button instanceof HTMLElement)) return;
    const problem = this.#problems[Number(button.dataset.at)];
    if (!problem) return;
    this.#desk.fold([problem.node], false);
    this.#board.reveal(problem.node, { isRead: true });
    this.#board.node(problem.node)?.focusTarget(problem.input).focus({ preventScroll: true });
  }
}
