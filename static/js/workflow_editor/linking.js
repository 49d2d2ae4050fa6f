// @ts-check
/** A link that is being made, by the pointer or by the keyboard: what fits lights up. */

import { announce, byId } from "../dom.js";
import { fill } from "../i18n.js";
import { endKey, portKey, portOf } from "../workflow_document.js";
import { curve } from "./link_layer.js";
import { portName, refusalInWords } from "./words.js";

/** @import {Point} from "../canvas/geometry.js" */
/** @import {Port} from "../workflow_document.js" */
/** @import {Board} from "./board.js" */
/** @import {Desk} from "./desk.js" */

const WORD_MS = 4000;

export class Linking {
  /** @type {Port | null} where the link begins */
  #start = null;
  /** @type {Set<string>} keys of the ports where it may end */
  #fitting = new Set();
  /** @type {string | null} the link that was taken up, if it is one that was there */
  #taken = null;
  #desk;
  #board;
  #draft = byId("graph-draft", SVGSVGElement);
  #word = byId("graph-word", HTMLElement);
  #timer = 0;

  /**
   * @param {Desk} desk
   * @param {Board} board
   */
  constructor(desk, board) {
    this.#desk = desk;
    this.#board = board;
  }

  get isOpen() {
    return this.#start !== null;
  }

  get start() {
    return this.#start;
  }

  /**
   * Begin at a port. A link that leads to it already is taken up: it can be laid elsewhere.
   *
   * @param {Port} port
   * @param {{takesUp?: boolean}} [options]
   */
  begin(port, { takesUp = false } = {}) {
    const { graph } = this.#desk;
    const key = endKey([port.node, port.name]);
    const edge = takesUp && port.side === "in" ? graph.edges.get(key) : undefined;
    this.#taken = edge ? key : null;
    this.#start = edge ? { node: edge.from[0], side: "out", name: edge.from[1] } : port;
    this.#fitting = graph.fitting(this.#start);
    const { stage } = this.#board;
    stage.dataset.linking = this.#start.side;
    const near = new Set([this.#start.node]);
    for (const fitting of this.#fitting) {
      const one = portOf(fitting);
      near.add(one.node);
      this.#board.port(one)?.setAttribute("data-fit", "");
    }
    this.#board.port(this.#start)?.setAttribute("data-start", "");
    for (const id of graph.nodes.keys()) {
      if (!near.has(id)) this.#board.node(id)?.element.setAttribute("data-aside", "");
    }
    this.#draft.dataset.type = graph.declaredPort(this.#start)?.type ?? "";
    if (this.#taken) stage.querySelector(`[data-link="${CSS.escape(key)}"]`)?.setAttribute("data-taken", "");
  }

  /** @returns {HTMLElement[]} the ports that fit, from left to right and from top to bottom */
  get choices() {
    const found = [...this.#board.stage.querySelectorAll(".port[data-fit]")];
    const shown = /** @type {HTMLElement[]} */ (found).filter((port) => port.checkVisibility());
    const places = new Map(shown.map((port) => [port, port.getBoundingClientRect()]));
    return shown.sort((a, b) => {
      const [one, other] = [places.get(a), places.get(b)];
      return (one?.left ?? 0) - (other?.left ?? 0) || (one?.top ?? 0) - (other?.top ?? 0);
    });
  }

  /**
   * Show the link as far as it is.
   *
   * @param {Point} point of the graph
   * @param {Port | null} over the port that is under the pointer, which it snaps to if it fits
   */
  lead(point, over = null) {
    const start = this.#start;
    if (!start) return;
    const isFit = over !== null && this.#fitting.has(portKey(over));
    const from = this.#board.anchor(start);
    const to = isFit ? this.#board.anchor(over) : point;
    const path = start.side === "out" ? curve(from, to) : curve(to, from);
    this.#draft.querySelector("path")?.setAttribute("d", path);
    const refusal = over && !isFit && portKey(over) !== portKey(start) ? this.#refusal(over) : "";
    this.#draft.toggleAttribute("data-refused", refusal !== "");
    this.#say(refusal, 0);
  }

  /**
   * Let the link end at a port, if it fits.
   *
   * @param {Port} port
   * @returns {boolean} whether it is linked now
   */
  finish(port) {
    const start = this.#start;
    if (!start) return false;
    const taken = this.#taken;
    const { graph } = this.#desk;
    const refusal = this.#refusal(port);
    this.leave();
    if (refusal) {
      this.#say(refusal, WORD_MS);
      announce(refusal);
      return false;
    }
    const isSame = taken === endKey([port.node, port.name]);
    if (isSame) return true;
    graph.together(() => {
      if (taken) graph.disconnect([taken]);
      graph.connect(start, port);
    });
    const names = { one: portName(graph, start), other: portName(graph, port) };
    announce(fill(gettext("%(one)s is linked with %(other)s."), names));
    return true;
  }

  /**
   * Let go where there is no port.
   *
   * @returns {Port | null} the port for which a new node may be chosen; null if a link was removed
   */
  drop() {
    const [start, taken] = [this.#start, this.#taken];
    this.leave();
    if (!taken) return start;
    this.#desk.graph.disconnect([taken]);
    announce(gettext("The link is removed."));
    return null;
  }

  /** Give it up; nothing has changed. */
  leave() {
    this.#start = null;
    this.#taken = null;
    const { stage } = this.#board;
    delete stage.dataset.linking;
    for (const name of ["data-fit", "data-start", "data-taken", "data-aside"]) {
      for (const element of stage.querySelectorAll(`[${name}]`)) element.removeAttribute(name);
    }
    this.#draft.querySelector("path")?.removeAttribute("d");
    this.#draft.removeAttribute("data-refused");
    this.#say("", 0);
  }

  /**
   * @param {Point} point of the window
   * @returns {Port | null} the port there
   */
  portAt({ x, y }) {
    const element = document.elementFromPoint(x, y)?.closest("[data-port], .node__row");
    const port = element?.matches("[data-port]") ? element : this.#portOfRow(element ?? null);
    return port instanceof HTMLElement ? portOf(port.dataset.port ?? "") : null;
  }

  /**
   * The whole row of a port takes a link: it is easier to hit.
   *
   * @param {Element | null} row
   */
  #portOfRow(row) {
    const side = this.#start?.side === "out" ? "in" : "out";
    return row?.querySelector(`.port--${side}`) ?? null;
  }

  /** @param {Port} port */
  #refusal(port) {
    const start = this.#start;
    if (!start || this.#fitting.has(portKey(port))) return "";
    const refusal = this.#desk.graph.refusal(start, port);
    return refusal ? refusalInWords(this.#desk.graph, start, port, refusal) : "";
  }

  /**
   * @param {string} words
   * @param {number} forMs 0 until something else is said
   */
  #say(words, forMs) {
    const { life } = this.#desk;
    life.cancel(this.#timer);
    this.#word.hidden = words === "";
    this.#word.textContent = words;
    if (words && forMs) this.#timer = life.later(() => (this.#word.hidden = true), forMs);
  }
}
