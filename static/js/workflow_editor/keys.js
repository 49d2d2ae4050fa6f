// @ts-check
/** The keyboard on the graph: nodes are moved, linked and looked for without a mouse. */

import { isWriting } from "../canvas/elements.js";
import { registerShortcuts } from "../create/shortcuts.js";
import { announce } from "../dom.js";
import { fill } from "../i18n.js";
import { endKey, portOf } from "../workflow_document.js";
import { portName } from "./words.js";

/** @import {Port} from "../workflow_document.js" */
/** @import {Acts} from "./acts.js" */
/** @import {Board} from "./board.js" */
/** @import {Desk} from "./desk.js" */
/** @import {Linking} from "./linking.js" */
/** @import {NodePalette} from "./palette.js" */
/** @import {Pointer} from "./pointer.js" */

const FAR = 4;
const PAN = 64;
const ZOOM = 1.25;
/** @type {Record<string, [number, number]>} */
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * @typedef {object} KeyParts
 * @property {Desk} desk
 * @property {Board} board
 * @property {Linking} linking
 * @property {Acts} acts
 * @property {Pointer} pointer
 * @property {NodePalette} palette
 * @property {{save: () => unknown, run: () => unknown, menu: (id: string) => unknown}} page
 */

export class GraphKeys {
  #parts;
  #desk;
  #board;
  #linking;
  #acts;
  /** Whether the space bar was pressed on the empty graph, and nothing was dragged since. */
  #isSpacePressed = false;

  /** @param {KeyParts} parts */
  constructor(parts) {
    this.#parts = parts;
    this.#desk = parts.desk;
    this.#board = parts.board;
    this.#linking = parts.linking;
    this.#acts = parts.acts;
    const { stage } = parts.board;
    const { signal } = parts.desk.life;
    stage.addEventListener("keydown", (event) => this.#press(event), { signal });
    stage.addEventListener("keyup", (event) => this.#lift(event), { signal });
    stage.addEventListener("focusin", (event) => this.#focused(event), { signal });
    stage.addEventListener("pointerdown", () => (this.#isSpacePressed = false), { signal });
    // What only speaks to the machine clicks without a pointer.
    stage.addEventListener(
      "click",
      (event) => {
        if (event.detail === 0 && this.#portAt(event.target)) this.#enterPort(event.target);
      },
      { signal },
    );
    addEventListener("blur", () => parts.pointer.holdSpace(false), { signal });
    this.#register();
  }

  /** @param {EventTarget | null} target */
  #portAt(target) {
    const isPort = target instanceof HTMLElement && target.dataset.port !== undefined;
    return isPort ? portOf(target.dataset.port ?? "") : null;
  }

  /** @param {FocusEvent} event */
  #focused({ target }) {
    if (!(target instanceof HTMLElement)) return;
    const node = target.closest(".node");
    if (!(node instanceof HTMLElement) || this.#linking.isOpen) return;
    const id = node.dataset.node ?? "";
    if (!this.#desk.selection.has(id)) this.#desk.select([id]);
    if (target.matches(":focus-visible")) this.#board.reveal(id, { isRead: true });
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (event.defaultPrevented || event.isComposing || event.altKey) return;
    if (this.#linking.isOpen && isWriting(event.target)) this.#linking.leave();
    if (this.#linking.isOpen ? this.#pressLinking(event) : this.#pressFree(event)) event.preventDefault();
  }

  /**
   * @param {KeyboardEvent} event
   * @returns {boolean} whether it means something here
   */
  #pressFree(event) {
    const { target, key } = event;
    const isWithControl = event.ctrlKey || event.metaKey;
    if (key === "Escape") return this.#escape(target);
    if (isWithControl || isWriting(target) || !(target instanceof HTMLElement)) return false;
    const port = this.#portAt(target);
    if (port) return this.#pressPort(event, port, target);
    if (target.classList.contains("node")) return this.#pressNode(event, target.dataset.node ?? "");
    return target === this.#board.stage && this.#pressStage(event);
  }

  /**
   * @param {KeyboardEvent} event
   * @param {string} id
   */
  #pressNode(event, id) {
    const way = WAYS[event.key];
    const { isReadOnly } = this.#desk;
    if (way && !isReadOnly) {
      const steps = event.shiftKey ? FAR : 1;
      this.#acts.nudge(way[0] * steps, way[1] * steps);
    } else if (event.key === "Enter") this.#enter(id);
    else if (event.key === " ") this.#desk.toggle(id);
    else if (event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)) this.#parts.page.menu(id);
    else return false;
    return true;
  }

  /** @param {string} id of the node, of which the first thing to act with gets the focus */
  #enter(id) {
    const body = this.#board.node(id)?.element.querySelector(".node__body");
    const controls = [...(body?.querySelectorAll("button, input, select, textarea") ?? [])];
    const first = controls.find((control) => control.checkVisibility());
    if (first instanceof HTMLElement) first.focus();
  }

  /**
   * @param {KeyboardEvent} event
   * @param {Port} port
   * @param {HTMLElement} element
   */
  #pressPort({ key }, port, element) {
    if (key === "ArrowUp" || key === "ArrowDown") {
      const ports = [...(element.closest(".node")?.querySelectorAll(".port") ?? [])];
      const next = ports[ports.indexOf(element) + (key === "ArrowDown" ? 1 : -1)];
      if (next instanceof HTMLElement) next.focus();
      return true;
    }
    if (this.#desk.isReadOnly) return false;
    if (key === "Enter") this.#enterPort(element);
    else if (key === " ") this.#offer(port, element);
    else if (key === "Delete" || key === "Backspace") this.#unlink(port);
    else return false;
    return true;
  }

  /** @param {Port} port that loses its links */
  #unlink({ node, side, name }) {
    const end = endKey([node, name]);
    const keys = [...this.#desk.graph.edges]
      .filter(([key, { from }]) => (side === "in" ? key === end : endKey(from) === end))
      .map(([key]) => key);
    if (!keys.length) return;
    this.#desk.graph.disconnect(keys);
    const count = keys.length;
    announce(fill(ngettext("%(count)s link is removed.", "%(count)s links are removed.", count), { count }));
  }

  /** @param {EventTarget | null} target a port, where a link begins or ends */
  #enterPort(target) {
    const port = this.#portAt(target);
    if (!port || this.#desk.isReadOnly) return;
    if (this.#linking.isOpen) {
      this.#linking.finish(port);
      return;
    }
    this.#linking.begin(port);
    const { choices } = this.#linking;
    const name = portName(this.#desk.graph, port);
    if (!choices.length) {
      this.#linking.leave();
      announce(fill(gettext("Nothing here fits %(name)s. The space bar offers nodes that do."), { name }));
      return;
    }
    const count = choices.length;
    const words = ngettext(
      "Linking %(name)s: %(count)s port fits. Arrow keys choose, Enter links, Escape leaves.",
      "Linking %(name)s: %(count)s ports fit. Arrow keys choose, Enter links, Escape leaves.",
      count,
    );
    announce(fill(words, { name, count }));
    this.#aim(choices[0]);
  }

  /**
   * Offer nodes that a port can be linked with.
   *
   * @param {Port} port
   * @param {Element} element
   */
  #offer(port, element) {
    const { right, left, top } = element.getBoundingClientRect();
    this.#acts.find({ x: port.side === "out" ? right + PAN : left - PAN, y: top }, port);
  }

  /** @param {KeyboardEvent} event */
  #pressLinking(event) {
    const { choices, start } = this.#linking;
    const at = choices.findIndex((port) => port === document.activeElement);
    const isBack = event.key === "ArrowUp" || event.key === "ArrowLeft" || (event.key === "Tab" && event.shiftKey);
    if (event.key === "Escape") this.#leave();
    else if (event.key === "Enter") {
      const port = at < 0 ? null : this.#portAt(document.activeElement);
      if (port) this.#linking.finish(port);
    } else if (event.key === " " && start) {
      const element = this.#board.port(start);
      this.#linking.leave();
      if (element) this.#offer(start, element);
    } else if (isBack) this.#aim(choices.at(at <= 0 ? -1 : at - 1));
    else if (event.key in WAYS || event.key === "Tab") this.#aim(choices[(at + 1) % choices.length]);
    return true;
  }

  /** @param {HTMLElement | undefined} element a port to which the link would go */
  #aim(element) {
    const port = this.#portAt(element ?? null);
    if (!element || !port) return;
    this.#board.reveal(port.node);
    element.focus({ preventScroll: true });
    this.#linking.lead(this.#board.anchor(port), port);
  }

  #leave() {
    const { start } = this.#linking;
    this.#linking.leave();
    if (start) this.#board.port(start)?.focus({ preventScroll: true });
    announce(gettext("No link was made."));
  }

  /** @param {KeyboardEvent} event */
  #pressStage(event) {
    const way = WAYS[event.key];
    const { view, graph } = this.#desk;
    if (way) view.pan(-way[0] * PAN, -way[1] * PAN);
    else if (event.key === " ") {
      if (!event.repeat) this.#isSpacePressed = true;
      this.#parts.pointer.holdSpace(true);
    } else if (event.key === "Enter") {
      const [first] = graph.nodes.keys();
      if (first) this.#go(first);
    } else return false;
    return true;
  }

  /** @param {KeyboardEvent} event */
  #lift(event) {
    if (event.key !== " ") return;
    this.#parts.pointer.holdSpace(false);
    if (!this.#isSpacePressed || event.target !== this.#board.stage) return;
    this.#isSpacePressed = false;
    if (this.#desk.isReadOnly) return;
    const { at } = this.#parts.pointer;
    if (at) this.#acts.find(at);
    else this.#acts.findInView();
  }

  /** @param {EventTarget | null} target */
  #escape(target) {
    if (this.#parts.pointer.cancel()) return true;
    const node = target instanceof Element ? target.closest(".node") : null;
    if (node instanceof HTMLElement && node !== target) {
      node.focus({ preventScroll: true });
      return true;
    }
    this.#desk.select([]);
    this.#board.stage.focus({ preventScroll: true });
    return true;
  }

  /** @param {string} id */
  #go(id) {
    this.#board.reveal(id, { isRead: true });
    this.#board.node(id)?.element.focus({ preventScroll: true });
  }

  /** @param {1 | -1} by */
  #step(by) {
    const ids = [...this.#desk.graph.nodes.keys()];
    const [current] = [...this.#desk.selection].slice(-1);
    const at = current === undefined ? -1 : ids.indexOf(current);
    const next = at < 0 ? (by > 0 ? ids[0] : ids.at(-1)) : ids[(at + by + ids.length) % ids.length];
    if (next) this.#go(next);
  }

  #register() {
    const { page, palette } = this.#parts;
    const [acts, desk] = [this.#acts, this.#desk];
    const { view } = desk;
    const [graph, nodes, links, look] = [gettext("Workflow"), gettext("Nodes"), gettext("Links"), gettext("View")];
    const mayChange = () => !desk.isReadOnly;
    // There they choose and write text.
    const isFree = () => !isWriting(document.activeElement);
    // What is written for the graph is a step of it; what is searched for is not.
    const mayStep = () => mayChange() && (isFree() || document.activeElement?.closest("#graph, #workflow-name") !== null);
    const hasNodes = () => mayChange() && desk.selection.size > 0;
    const hasAny = () => mayChange() && (desk.selection.size > 0 || desk.link !== null);
    registerShortcuts(desk.life, [
      { keys: "Mod+Enter", label: gettext("Run"), section: graph, act: page.run },
      { keys: "Mod+S", label: gettext("Save"), section: graph, act: page.save },
      { keys: "Mod+Z", label: gettext("Undo"), section: graph, act: () => acts.undo(), when: mayStep },
      { keys: ["Mod+Shift+Z", "Mod+Y"], label: gettext("Redo"), section: graph, act: () => acts.redo(), when: mayStep },
      { keys: "/", label: gettext("Search the nodes"), section: nodes, act: () => palette.focus(), when: mayChange },
      { keys: "Space", label: gettext("Add a node"), section: nodes, act: null },
      { keys: "[", label: gettext("Node before"), section: nodes, act: () => this.#step(-1) },
      { keys: "]", label: gettext("Node after"), section: nodes, act: () => this.#step(1) },
      { keys: Object.keys(WAYS), label: gettext("Move the node, with Shift further"), section: nodes, act: null },
      { keys: "F2", label: gettext("Rename"), section: nodes, act: () => acts.rename(), when: hasNodes },
      { keys: "C", label: gettext("Fold or unfold"), section: nodes, act: () => acts.fold(), when: () => desk.selection.size > 0 },
      { keys: "Mod+A", label: gettext("Choose all"), section: nodes, act: () => acts.selectAll(), when: isFree },
      { keys: ["Mod+C", "Mod+X", "Mod+V"], label: gettext("Copy, cut, paste"), section: nodes, act: null },
      { keys: "Mod+D", label: gettext("Duplicate"), section: nodes, act: () => acts.duplicate(), when: () => isFree() && hasNodes() },
      { keys: ["Delete", "Backspace"], label: gettext("Delete"), section: nodes, act: () => acts.remove(), when: hasAny },
      { keys: "L", label: gettext("Tidy up"), section: nodes, act: () => acts.tidy(), when: mayChange },
      { keys: "Enter", label: gettext("Begin a link at a port, and end it"), section: links, act: null },
      { keys: ["ArrowUp", "ArrowDown"], label: gettext("Choose among the ports that fit"), section: links, act: null },
      { keys: "Space", label: gettext("Nodes that fit the port"), section: links, act: null },
      { keys: "Escape", label: gettext("Leave the link, the field or the choice"), section: links, act: null },
      { keys: ["+", "="], label: gettext("Zoom in"), section: look, act: () => view.zoom(ZOOM) },
      { keys: "-", label: gettext("Zoom out"), section: look, act: () => view.zoom(1 / ZOOM) },
      { keys: "1", label: gettext("Show at full size"), section: look, act: () => view.zoomTo(1) },
      { keys: ["0", "F"], label: gettext("Fit into the window"), section: look, act: () => this.#board.fit() },
    ]);
  }
}
