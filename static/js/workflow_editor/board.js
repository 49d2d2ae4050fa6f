// @ts-check
/** The graph as it is seen. Only what has changed is drawn anew. */

import { byId } from "../dom.js";
import { portKey } from "../workflow_document.js";
import { GRID } from "./desk.js";
import { LinkLayer } from "./link_layer.js";
import { NodeView } from "./node_view.js";

/** @import {Point, Rect} from "../canvas/geometry.js" */
/** @import {Port} from "../workflow_document.js" */
/** @import {Change, WorkflowEdge, WorkflowNode} from "../workflow_types.js" */
/** @import {Desk} from "./desk.js" */

const FAR_BELOW = 0.3;
const READABLE = 0.75;
const REST_MS = 180;
const MARGIN = 24;
const BESIDE = 16;

export class Board {
  stage = byId("graph", HTMLElement);
  #world = byId("graph-world", HTMLElement);
  #layer = byId("graph-nodes", HTMLElement);
  #links;
  #desk;
  /** @type {Map<string, {view: NodeView, node: WorkflowNode}>} */
  #nodes = new Map();
  /** @type {Map<string, WorkflowEdge>} links as they are drawn */
  #edges = new Map();
  /** @type {ReadonlySet<string>} */
  #selected = new Set();
  #restTimer = 0;
  /** Is done when nodes have other sizes. @type {() => void} */
  onResize = () => undefined;

  /** @param {Desk} desk */
  constructor(desk) {
    this.#desk = desk;
    this.#links = new LinkLayer(byId("graph-links", SVGSVGElement));
    const { graph, life } = desk;
    const sizes = new ResizeObserver((entries) => this.#resized(entries));
    const window = new ResizeObserver(() => desk.view.resize(this.stage.clientWidth, this.stage.clientHeight));
    this.#sizes = sizes;
    window.observe(this.stage);
    life.onEnd(() => {
      sizes.disconnect();
      window.disconnect();
    });
    graph.listen((change) => this.#take(change));
    desk.listen((type) => {
      if (type === "view") this.#showView();
      if (type === "selection") this.#showSelection();
      if (type === "folds") this.#showFolds();
      if (type === "mode") this.#showMode();
    });
  }

  #sizes;

  /**
   * @param {string} id
   * @returns {NodeView | undefined}
   */
  node(id) {
    return this.#nodes.get(id)?.view;
  }

  /**
   * @param {Port} port
   * @returns {HTMLElement | null}
   */
  port(port) {
    return this.node(port.node)?.port(portKey(port)) ?? null;
  }

  /**
   * @param {Port} port
   * @returns {Point} its middle, in the graph
   */
  anchor({ node, side, name }) {
    return this.node(node)?.anchor(side, name) ?? { x: 0, y: 0 };
  }

  /**
   * @param {Iterable<string>} [ids] all of them if it is left out
   * @returns {Rect | null} around these nodes; null if there are none
   */
  bounds(ids = this.#nodes.keys()) {
    const rects = [...ids].flatMap((id) => this.node(id)?.rect ?? []);
    if (!rects.length) return null;
    const x = Math.min(...rects.map((rect) => rect.x));
    const y = Math.min(...rects.map((rect) => rect.y));
    const right = Math.max(...rects.map((rect) => rect.x + rect.width));
    const bottom = Math.max(...rects.map((rect) => rect.y + rect.height));
    return { x, y, width: right - x, height: bottom - y };
  }

  /** Show all nodes. */
  fit() {
    const { view } = this.#desk;
    view.resize(this.stage.clientWidth, this.stage.clientHeight);
    const bounds = this.bounds();
    view.fit(bounds ?? { x: 0, y: 0, width: 1, height: 1 }, this.#coveredBelow());
  }

  /** @returns {number} how much of the stage lies behind what floats at its lower edge */
  #coveredBelow() {
    const { bottom } = this.stage.getBoundingClientRect();
    const floating = [...document.querySelectorAll("#graph-view, #minimap, #run-strip")];
    const heights = floating
      .filter((part) => part.checkVisibility())
      .map((part) => bottom - part.getBoundingClientRect().top + BESIDE);
    return Math.max(0, ...heights);
  }

  /**
   * Move the view just as far that a node is seen.
   *
   * @param {string} id
   * @param {{isRead?: boolean}} [options] whether it is to be so large that it can be read
   */
  reveal(id, { isRead = false } = {}) {
    const rect = this.node(id)?.rect;
    if (!rect) return;
    const { view } = this.#desk;
    if (isRead && view.scale < FAR_BELOW) {
      view.zoomTo(READABLE);
      view.center({ x: rect.x + rect.width / 2, y: rect.y + rect.height / 2 });
    }
    const shown = view.toWindow(rect);
    const by = [
      inside(shown.x, shown.width, view.width),
      inside(shown.y, shown.height, view.height),
    ];
    if (by.some((part) => part !== 0)) view.pan(by[0] ?? 0, by[1] ?? 0);
  }

  /**
   * Show nodes elsewhere while they are dragged; the graph knows nothing of it yet.
   *
   * @param {ReadonlyMap<string, readonly [number, number]>} places
   */
  carry(places) {
    for (const [id, [x, y]] of places) this.node(id)?.moveTo(x, y);
    this.#drawLinksOf(new Set(places.keys()));
  }

  /**
   * @param {string} id
   * @param {boolean} isFlowing whether it is at work
   */
  flow(id, isFlowing) {
    for (const [key, { to }] of this.#edges) if (to[0] === id) this.#links.flow(key, isFlowing);
  }

  /** @param {Change} change */
  #take({ nodes, edges, form, isOpened }) {
    const { graph } = this.#desk;
    /** @type {Set<string>} nodes of which ports say something else now */
    const touched = new Set();
    for (const key of edges) {
      for (const edge of [this.#edges.get(key), graph.edges.get(key)]) {
        if (edge) touched.add(edge.from[0]).add(edge.to[0]);
      }
    }
    const drawn = new Set(touched);
    for (const id of nodes) {
      const isRenamed = this.#nodes.get(id)?.node.label !== graph.nodes.get(id)?.label;
      this.#showNode(id, isOpened);
      drawn.add(id);
      // Who is linked to it says so by its name.
      if (isRenamed) for (const { from, to } of graph.edges.values()) if (from[0] === id) touched.add(to[0]);
    }
    for (const id of touched) this.node(id)?.showLinks();
    if (form) for (const { view, node } of this.#nodes.values()) view.update(node);
    for (const key of edges) {
      const edge = graph.edges.get(key);
      if (edge) this.#edges.set(key, edge);
      else {
        this.#edges.delete(key);
        this.#links.remove(key);
      }
    }
    this.#drawLinksOf(drawn);
    if (edges.size) this.#links.choose(this.#desk.link);
  }

  /**
   * @param {string} id
   * @param {boolean} isOpened with another document, in which the same id is another node
   */
  #showNode(id, isOpened) {
    const node = this.#desk.graph.nodes.get(id);
    let shown = this.#nodes.get(id);
    if (shown && (!node || isOpened || node.type !== shown.node.type)) {
      this.#sizes.unobserve(shown.view.element);
      shown.view.element.remove();
      this.#nodes.delete(id);
      shown = undefined;
    }
    if (!node) return;
    if (!shown) {
      const view = new NodeView(this.#desk, node);
      this.#nodes.set(id, { view, node });
      this.#layer.append(view.element);
      this.#sizes.observe(view.element);
      view.element.toggleAttribute("data-selected", this.#selected.has(id));
      return;
    }
    const isMovedOnly = shown.node.inputs === node.inputs && shown.node.label === node.label;
    shown.node = node;
    if (isMovedOnly) shown.view.moveTo(...node.position);
    else shown.view.update(node);
  }

  /** @param {ReadonlySet<string>} ids */
  #drawLinksOf(ids) {
    for (const [key, edge] of this.#edges) {
      const { from, to } = edge;
      if (!ids.has(from[0]) && !ids.has(to[0])) continue;
      const output = { node: from[0], side: /** @type {const} */ ("out"), name: from[1] };
      const type = this.#desk.graph.declaredPort(output)?.type ?? "";
      const start = this.anchor(output);
      const end = this.anchor({ node: to[0], side: "in", name: to[1] });
      this.#links.draw(key, type, start, end);
    }
  }

  /** @param {ResizeObserverEntry[]} entries */
  #resized(entries) {
    const ids = new Set();
    for (const { target } of entries) {
      const id = target instanceof HTMLElement ? target.dataset.node : undefined;
      if (!id) continue;
      this.node(id)?.forgetSize();
      ids.add(id);
    }
    this.#drawLinksOf(ids);
    this.onResize();
  }

  #showView() {
    const { view, life } = this.#desk;
    const { stage } = this;
    this.#world.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
    // Properties of its own: a variable would have the styles of every node computed anew.
    const grid = `${GRID * view.scale}px`;
    stage.style.backgroundSize = `${grid} ${grid}`;
    stage.style.backgroundPosition = `${view.x}px ${view.y}px`;
    if (view.scale >= FAR_BELOW) stage.toggleAttribute("data-far", false);
    // Not at once: while one zooms, all would be styled anew each time that it is crossed.
    life.cancel(this.#restTimer);
    this.#restTimer = life.later(() => stage.toggleAttribute("data-far", view.scale < FAR_BELOW), REST_MS);
  }

  #showSelection() {
    const { selection, link } = this.#desk;
    for (const id of this.#selected) {
      if (!selection.has(id)) this.node(id)?.element.removeAttribute("data-selected");
    }
    for (const id of selection) this.node(id)?.element.setAttribute("data-selected", "");
    this.#selected = selection;
    this.#links.choose(link);
  }

  #showMode() {
    this.stage.toggleAttribute("data-read-only", this.#desk.isReadOnly);
    for (const { view } of this.#nodes.values()) view.showMode();
  }

  #showFolds() {
    const { folds } = this.#desk;
    for (const [id, { view, node }] of this.#nodes) {
      if (view.element.hasAttribute("data-folded") !== folds.has(id)) view.update(node);
    }
  }
}

/**
 * @param {number} from
 * @param {number} length
 * @param {number} room
 * @returns {number} by how much it has to move to be in the room, with a margin
 */
function inside(from, length, room) {
  if (from < MARGIN || length > room - 2 * MARGIN) return MARGIN - from;
  return Math.min(0, room - MARGIN - length - from);
}
