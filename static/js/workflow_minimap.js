// @ts-check
/** The whole graph in small, with what of it is seen; dragging in it moves the view. */

import { byId } from "./dom.js";

/** @import {Rect} from "./canvas/geometry.js" */
/** @import {Board} from "./workflow_editor/board.js" */
/** @import {Desk} from "./workflow_editor/desk.js" */

const SPACE = "http://www.w3.org/2000/svg";
const MARGIN = 64;

export class Minimap {
  #desk;
  #board;
  #svg = byId("minimap", SVGSVGElement);
  #frame = document.createElementNS(SPACE, "rect");
  /** @type {Map<string, SVGRectElement>} */
  #nodes = new Map();
  #isDrawn = true;
  /** Whether the nodes themselves have changed since, and not the view of them alone. */
  #isChanged = true;
  /** @type {number | null} */
  #pointer = null;

  /**
   * @param {Desk} desk
   * @param {Board} board
   */
  constructor(desk, board) {
    this.#desk = desk;
    this.#board = board;
    this.#frame.setAttribute("class", "minimap__frame");
    this.#svg.append(this.#frame);
    const { signal } = desk.life;
    desk.graph.listen(() => this.#drawSoon(true));
    board.onResize = () => this.#drawSoon(true);
    desk.listen((type) => this.#drawSoon(type === "selection"));
    this.#svg.addEventListener("pointerdown", (event) => this.#press(event), { signal });
    this.#svg.addEventListener("pointermove", (event) => this.#drag(event), { signal });
    for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
      this.#svg.addEventListener(end, () => this.#release(), { signal });
    }
  }

  /**
   * @param {string} id
   * @param {string} state of the node
   */
  showState(id, state) {
    const rect = this.#nodes.get(id);
    if (rect) rect.dataset.state = state;
  }

  /** @param {boolean} isChanged */
  #drawSoon(isChanged) {
    this.#isChanged ||= isChanged;
    if (!this.#isDrawn) return;
    this.#isDrawn = false;
    requestAnimationFrame(() => {
      this.#isDrawn = true;
      if (!this.#desk.life.isOver) this.#draw();
    });
  }

  #draw() {
    const { view } = this.#desk;
    if (this.#isChanged) this.#drawNodes();
    this.#isChanged = false;
    put(this.#frame, view.shown);
    // While it is dragged, what is under the pointer must not slip away.
    if (this.#pointer === null) this.#show(view.shown);
  }

  #drawNodes() {
    const { graph, selection } = this.#desk;
    for (const [id, rect] of this.#nodes) {
      if (graph.nodes.has(id)) continue;
      rect.remove();
      this.#nodes.delete(id);
    }
    for (const id of graph.nodes.keys()) {
      const node = this.#board.node(id);
      if (!node) continue;
      const rect = this.#nodes.get(id) ?? this.#make(id);
      rect.toggleAttribute("data-selected", selection.has(id));
      put(rect, node.rect);
    }
  }

  /** @param {Rect} shown */
  #show(shown) {
    const bounds = this.#board.bounds() ?? shown;
    const x = Math.min(bounds.x, shown.x) - MARGIN;
    const y = Math.min(bounds.y, shown.y) - MARGIN;
    const right = Math.max(bounds.x + bounds.width, shown.x + shown.width) + MARGIN;
    const bottom = Math.max(bounds.y + bounds.height, shown.y + shown.height) + MARGIN;
    this.#svg.setAttribute("viewBox", [x, y, right - x, bottom - y].map(Math.round).join(" "));
  }

  /** @param {string} id */
  #make(id) {
    const rect = document.createElementNS(SPACE, "rect");
    rect.setAttribute("class", "minimap__node");
    rect.setAttribute("rx", "24");
    this.#svg.insertBefore(rect, this.#frame);
    this.#nodes.set(id, rect);
    return rect;
  }

  /** @param {PointerEvent} event */
  #press(event) {
    event.preventDefault();
    this.#pointer = event.pointerId;
    this.#svg.setPointerCapture(event.pointerId);
    this.#drag(event);
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    if (this.#pointer !== event.pointerId) return;
    const matrix = this.#svg.getScreenCTM()?.inverse();
    if (!matrix) return;
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
    this.#desk.view.center({ x, y });
  }

  #release() {
    this.#pointer = null;
    this.#drawSoon(false);
  }
}

/**
 * @param {SVGRectElement} element
 * @param {Rect} rect
 */
function put(element, rect) {
  for (const name of /** @type {const} */ (["x", "y", "width", "height"])) {
    element.setAttribute(name, String(Math.round(rect[name])));
  }
}
