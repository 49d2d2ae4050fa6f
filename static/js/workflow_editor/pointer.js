// @ts-check
/** Mouse, pen and fingers on the graph. */

import { byId } from "../dom.js";
import { portOf } from "../workflow_document.js";
import { snapped } from "./desk.js";
import { Touches } from "./touches.js";

/** @import {Point} from "../canvas/geometry.js" */
/** @import {Port} from "../workflow_document.js" */
/** @import {Board} from "./board.js" */
/** @import {Desk} from "./desk.js" */
/** @import {Linking} from "./linking.js" */

/**
 * @typedef {object} PointerActs
 * @property {(client: Point, port: Port | null) => void} add choose a node to add there, which
 *   fits the port if there is one
 * @property {(id: string, client: Point) => void} nodeMenu
 * @property {(key: string, client: Point) => void} linkMenu
 *
 * @typedef {object} Held what a pressed pointer does
 * @property {number} pointer
 * @property {"pan" | "band" | "move" | "link"} mode
 * @property {Point} start in the window
 * @property {Point} last
 * @property {boolean} isMoved
 * @property {ReadonlyMap<string, readonly [number, number]>} places where the nodes were
 * @property {ReadonlySet<string>} before what was chosen
 * @property {string} node that was pressed, if one was
 * @property {Port | null} port that was pressed, if one was
 */

const CLICK_WITHIN_PX = 4;
const CONTROLS = "input, textarea, select, a, label, button:not(.port), progress";

export class Pointer {
  #desk;
  #board;
  #linking;
  #acts;
  #stage;
  #band = byId("graph-band", HTMLElement);
  #touches;
  /** @type {Held | null} */
  #held = null;
  #isSpaceHeld = false;
  /** @type {Point | null} where the pointer is, in the window, while it is over the graph */
  #at = null;

  /**
   * @param {Desk} desk
   * @param {Board} board
   * @param {Linking} linking
   * @param {PointerActs} acts
   */
  constructor(desk, board, linking, acts) {
    this.#desk = desk;
    this.#board = board;
    this.#linking = linking;
    this.#acts = acts;
    this.#stage = board.stage;
    this.#touches = new Touches(desk.view, this.#stage, () => this.cancel());
    const { signal } = desk.life;
    const stage = this.#stage;
    stage.addEventListener("pointerdown", (event) => this.#press(event), { signal });
    stage.addEventListener("pointermove", (event) => this.#move(event), { signal });
    stage.addEventListener("pointerup", (event) => this.#release(event), { signal });
    stage.addEventListener("pointercancel", (event) => this.#lose(event), { signal });
    stage.addEventListener("pointerleave", () => (this.#at = null), { signal });
    stage.addEventListener("dblclick", (event) => this.#twice(event), { signal });
    stage.addEventListener("contextmenu", (event) => this.#menu(event), { signal });
    stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false, signal });
  }

  /** @returns {Point | null} where the pointer is over the graph, in the window */
  get at() {
    return this.#at;
  }

  /** @param {boolean} isHeld the space bar, with which dragging moves the view */
  holdSpace(isHeld) {
    this.#isSpaceHeld = isHeld;
    this.#stage.toggleAttribute("data-hand", isHeld);
  }

  /** @returns {boolean} whether something was under way, of which nothing is left */
  cancel() {
    const held = this.#held;
    if (!held) return false;
    this.#held = null;
    this.#band.hidden = true;
    if (held.mode === "link") this.#linking.leave();
    if (held.mode === "move") this.#board.carry(held.places);
    if (held.mode === "band") this.#desk.select(held.before);
    this.#showHeld();
    return true;
  }

  /** @param {PointerEvent} event */
  #press(event) {
    const { target } = event;
    if (!(target instanceof Element)) return;
    if (event.pointerType === "touch" && this.#touches.press(event)) return;
    this.cancel();
    const isPan = event.button === 1 || (event.button === 0 && this.#isSpaceHeld);
    const isControl = !isPan && target.closest(CONTROLS) !== null;
    // Who goes on in a field has no use for the link that a click began.
    if (isControl && this.#linking.isOpen) this.#linking.leave();
    if (isControl || (!isPan && event.button !== 0)) return;
    const node = target.closest(".node");
    const port = target.closest(".port");
    const id = node instanceof HTMLElement ? (node.dataset.node ?? "") : "";
    // A click began a link, and this one ends it.
    const isSecond = !isPan && this.#linking.isOpen;
    const mode = isPan ? "pan" : isSecond ? "link" : this.#modeOf(event, id, port);
    if (!mode) return;
    const pressed = port instanceof HTMLElement ? portOf(port.dataset.port ?? "") : null;
    this.#held = this.#heldBy(event, mode, { node: id, port: isSecond ? null : pressed });
    this.#held.isMoved = isSecond;
    // A press with the middle button would begin to scroll.
    if (mode !== "move") event.preventDefault();
    this.#showHeld();
    if (mode === "link" && pressed && !isSecond) this.#linking.begin(pressed);
    if (mode === "band") {
      const link = target.closest(".link");
      const key = link instanceof SVGElement ? (link.dataset.link ?? null) : null;
      if (!event.shiftKey) this.#desk.select([]);
      this.#desk.selectLink(key);
      this.#stage.focus({ preventScroll: true });
    }
  }

  /**
   * @param {PointerEvent} event
   * @param {string} id
   * @param {Element | null} port
   * @returns {Held["mode"] | null}
   */
  #modeOf(event, id, port) {
    const isTouch = event.pointerType === "touch";
    if (this.#desk.isReadOnly) return "pan";
    if (port) return "link";
    if (!id) return isTouch ? "pan" : "band";
    const { selection } = this.#desk;
    if (event.shiftKey || event.ctrlKey || event.metaKey) {
      this.#desk.toggle(id);
      return this.#desk.selection.has(id) ? "move" : null;
    }
    if (!selection.has(id)) this.#desk.select([id]);
    return "move";
  }

  /**
   * @param {PointerEvent} event
   * @param {Held["mode"]} mode
   * @param {{node: string, port: Port | null}} pressed
   * @returns {Held}
   */
  #heldBy(event, mode, { node, port }) {
    const start = { x: event.clientX, y: event.clientY };
    const { graph, selection } = this.#desk;
    /** @type {Map<string, readonly [number, number]>} */
    const places = new Map();
    if (mode === "move") {
      for (const id of selection) places.set(id, graph.nodes.get(id)?.position ?? [0, 0]);
    }
    return {
      ...{ pointer: event.pointerId, mode, start, last: start, isMoved: false },
      ...{ places, before: event.shiftKey ? selection : new Set(), node, port },
    };
  }

  /** @param {PointerEvent} event */
  #move(event) {
    this.#at = { x: event.clientX, y: event.clientY };
    if (this.#touches.move(event)) return;
    const held = this.#held;
    if (!held && this.#linking.isOpen) this.#lead(this.#at);
    if (held?.pointer !== event.pointerId) return;
    // It was let go outside of the graph, where nobody listens.
    if (event.pointerType === "mouse" && event.buttons === 0) {
      this.cancel();
      return;
    }
    const [x, y] = [event.clientX - held.start.x, event.clientY - held.start.y];
    if (!held.isMoved && Math.hypot(x, y) < CLICK_WITHIN_PX) return;
    if (!held.isMoved) this.#begin(held, event);
    const { view } = this.#desk;
    if (held.mode === "pan") view.pan(event.clientX - held.last.x, event.clientY - held.last.y);
    if (held.mode === "move") this.#board.carry(this.#carried(held, x / view.scale, y / view.scale));
    if (held.mode === "band") this.#drawBand(held, this.#at);
    if (held.mode === "link") this.#lead(this.#at);
    held.last = this.#at;
  }

  /** @param {Point} at */
  #lead(at) {
    this.#linking.lead(this.#inGraph(at), this.#linking.portAt(at));
  }

  /**
   * It is a drag and no click.
   *
   * @param {Held} held
   * @param {PointerEvent} event
   */
  #begin(held, event) {
    held.isMoved = true;
    if (held.mode === "link" && held.port) {
      this.#linking.leave();
      this.#linking.begin(held.port, { takesUp: true });
    }
    // Not before: a captured click would not reach what was clicked on.
    try {
      this.#stage.setPointerCapture(event.pointerId);
    } catch {
      // The pointer is gone already.
    }
  }

  /** @param {PointerEvent} event */
  #release(event) {
    this.#touches.release(event);
    const held = this.#held;
    if (held?.pointer !== event.pointerId) return;
    this.#held = null;
    this.#band.hidden = true;
    this.#showHeld();
    const at = { x: event.clientX, y: event.clientY };
    if (held.mode === "link") this.#endLink(held, at);
    if (held.mode !== "move") return;
    const { graph, view } = this.#desk;
    if (held.isMoved) {
      const [x, y] = [(at.x - held.start.x) / view.scale, (at.y - held.start.y) / view.scale];
      graph.place(this.#carried(held, x, y));
    } else if (!event.shiftKey && !event.ctrlKey && !event.metaKey) this.#desk.select([held.node]);
  }

  /** @param {PointerEvent} event */
  #lose(event) {
    this.#touches.release(event);
    if (this.#held?.pointer === event.pointerId) this.cancel();
  }

  /**
   * @param {Held} held
   * @param {Point} at
   */
  #endLink(held, at) {
    // After a click the link follows the pointer until the next one.
    if (!held.isMoved) return;
    const port = this.#linking.portAt(at);
    if (port) this.#linking.finish(port);
    else if (document.elementFromPoint(at.x, at.y)?.closest(".node, #palette")) this.#linking.leave();
    else {
      const start = this.#linking.drop();
      // What pops up while a button goes up would be closed by it.
      if (start) this.#desk.life.later(() => this.#acts.add(at, start), 0);
    }
  }

  /**
   * @param {Held} held
   * @param {number} x
   * @param {number} y
   * @returns {Map<string, readonly [number, number]>} on the grid
   */
  #carried({ places, node }, x, y) {
    const [left = 0, top = 0] = places.get(node) ?? [];
    // All move as far as the one that is held, so that they keep their distances.
    const [across, down] = [snapped(left + x) - left, snapped(top + y) - top];
    return new Map([...places].map(([id, [px, py]]) => [id, [px + across, py + down]]));
  }

  /**
   * @param {Held} held
   * @param {Point} at
   */
  #drawBand({ start, before }, at) {
    const frame = this.#stage.getBoundingClientRect();
    const [left, right] = [Math.min(start.x, at.x), Math.max(start.x, at.x)];
    const [top, bottom] = [Math.min(start.y, at.y), Math.max(start.y, at.y)];
    this.#band.hidden = false;
    this.#band.style.transform = `translate(${left - frame.left}px, ${top - frame.top}px)`;
    this.#band.style.width = `${right - left}px`;
    this.#band.style.height = `${bottom - top}px`;
    const from = this.#inGraph({ x: left, y: top });
    const to = this.#inGraph({ x: right, y: bottom });
    const touched = [...this.#desk.graph.nodes.keys()].filter((id) => {
      const rect = this.#board.node(id)?.rect;
      if (!rect || rect.x > to.x || rect.y > to.y) return false;
      return rect.x + rect.width >= from.x && rect.y + rect.height >= from.y;
    });
    this.#desk.select([...before, ...touched]);
  }

  /**
   * @param {Point} client of the window
   * @returns {Point}
   */
  #inGraph({ x, y }) {
    const { left, top } = this.#stage.getBoundingClientRect();
    return this.#desk.view.toDocument({ x: x - left, y: y - top });
  }

  /** @param {MouseEvent} event */
  #twice(event) {
    if (this.#desk.isReadOnly || !(event.target instanceof Element)) return;
    if (event.target.closest(".node, .link")) return;
    this.#acts.add({ x: event.clientX, y: event.clientY }, null);
  }

  /** @param {MouseEvent} event */
  #menu(event) {
    if (!(event.target instanceof Element) || event.target.closest("input, textarea, select, a")) return;
    event.preventDefault();
    if (this.#desk.isReadOnly) return;
    const at = { x: event.clientX, y: event.clientY };
    const node = event.target.closest(".node");
    const link = event.target.closest(".link");
    const open = () => {
      if (node instanceof HTMLElement) this.#acts.nodeMenu(node.dataset.node ?? "", at);
      else if (link instanceof SVGElement) this.#acts.linkMenu(link.dataset.link ?? "", at);
      // The key of the menu comes without a place in the window.
      else if (event.button === 2) this.#acts.add(at, null);
    };
    const { life } = this.#desk;
    const soon = () => void life.later(open, 0);
    // Some systems tell it when the button goes down, others when it goes up.
    if (event.buttons) addEventListener("pointerup", soon, { once: true, signal: life.signal });
    else soon();
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    const { target } = event;
    const isScrolled = target instanceof HTMLTextAreaElement && target === document.activeElement;
    if (isScrolled && !event.ctrlKey && target.scrollHeight > target.clientHeight) return;
    event.preventDefault();
    const { view } = this.#desk;
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    if (event.shiftKey && !event.ctrlKey) {
      view.pan(-(event.deltaX || event.deltaY) * lines, 0);
    } else if (!event.ctrlKey && event.deltaX !== 0) {
      // A wheel turns one way; two fingers on a trackpad go anywhere.
      view.pan(-event.deltaX * lines, -event.deltaY * lines);
    } else {
      const { left, top } = this.#stage.getBoundingClientRect();
      // A pinch on a trackpad comes as a wheel with Ctrl, in small steps.
      const speed = event.ctrlKey ? 0.01 : 0.0015;
      const at = { x: event.clientX - left, y: event.clientY - top };
      view.zoom(Math.exp(-event.deltaY * lines * speed), at);
    }
  }

  #showHeld() {
    const mode = this.#held?.mode;
    if (mode) this.#stage.dataset.held = mode;
    else delete this.#stage.dataset.held;
  }
}
