// @ts-check
/** What can be done to the graph, from wherever it is asked for. */

import { announce, byId } from "../dom.js";
import { fill } from "../i18n.js";
import { toast } from "../toast.js";
import { readDocument } from "../workflow_document.js";
import { MOST_NODES } from "../workflow_limits.js";
import { layOut } from "../workflow_layout.js";
import { fittingPorts } from "../workflow_palette.js";
import { GRID, NODE_WIDTH, snapped } from "./desk.js";

/** @import {Point} from "../canvas/geometry.js" */
/** @import {Port} from "../workflow_document.js" */
/** @import {WorkflowDocument} from "../workflow_types.js" */
/** @import {Board} from "./board.js" */
/** @import {Desk} from "./desk.js" */
/** @import {Finder} from "./finder.js" */

const BESIDE = 5 * GRID;
const SHIFT = 2 * GRID;
const TRIES = 80;

export class Acts {
  #desk;
  #board;
  #finder;
  /** @type {WorkflowDocument | null} what was copied, where the clipboard is not to be had */
  #copied = null;

  /**
   * @param {Desk} desk
   * @param {Board} board
   * @param {Finder} finder
   */
  constructor(desk, board, finder) {
    this.#desk = desk;
    this.#board = board;
    this.#finder = finder;
  }

  /**
   * Choose a node to add at a place.
   *
   * @param {Point} client in the window
   * @param {Port | null} port what it is to be linked to; only what fits it is offered
   */
  find(client, port = null) {
    const { graph } = this.#desk;
    const type = port && graph.declaredPort(port)?.type;
    const place = this.#inGraph(client);
    if (port && type) {
      this.#finder.open(client, {
        fits: (node) => fittingPorts(graph.palette, node, { type, side: port.side }).length > 0,
        choose: (chosen) => this.#addLinked(chosen, port, type, place),
      });
    } else this.#finder.open(client, { choose: (chosen) => void this.addAt(chosen, [place.x, place.y], { isRevealed: false }) });
  }

  /** Choose a node to add where there is room, as the keyboard asks for it. */
  findInView() {
    const { left, top, width, height } = this.#board.stage.getBoundingClientRect();
    const at = { x: left + width / 2 - NODE_WIDTH / 2, y: top + height / 4 };
    this.#finder.open(at, { choose: (type) => void this.addWithRoom(type, true) });
  }

  /**
   * @param {string} type
   * @param {Point} client where it was dropped, by its head
   */
  addDropped(type, client) {
    const { x, y } = this.#inGraph(client);
    this.addAt(type, [x - NODE_WIDTH / 2, y - GRID], { isRevealed: false });
  }

  /**
   * @param {string} type
   * @param {boolean} isFocused whether the keyboard follows
   */
  addWithRoom(type, isFocused) {
    const { graph, view, selection } = this.#desk;
    const [last] = [...selection].slice(-1);
    const beside = last && selection.size === 1 ? this.#board.node(last)?.rect : undefined;
    const middle = view.toDocument({ x: view.width / 2, y: view.height / 3 });
    const x = beside ? beside.x + beside.width + BESIDE : middle.x - NODE_WIDTH / 2;
    let y = beside ? beside.y : middle.y;
    const rects = [...graph.nodes.keys()].flatMap((id) => this.#board.node(id)?.rect ?? []);
    for (let tries = 0; tries < TRIES; tries += 1) {
      const other = rects.find(
        (rect) =>
          x < rect.x + rect.width && x + NODE_WIDTH > rect.x && y < rect.y + rect.height + GRID && y + 8 * GRID > rect.y,
      );
      if (!other) break;
      y = other.y + other.height + SHIFT;
    }
    return this.addAt(type, [x, y], { isFocused });
  }

  /**
   * @param {string} type
   * @param {readonly [number, number]} place in the graph
   * @param {{isFocused?: boolean, isRevealed?: boolean}} [options] whether the keyboard follows,
   *   and the view
   * @returns {string | null} its id; null if there are as many as may be
   */
  addAt(type, [x, y], { isFocused = true, isRevealed = true } = {}) {
    const { graph, isReadOnly } = this.#desk;
    if (isReadOnly) return null;
    const id = graph.add(type, [snapped(x), snapped(y)]);
    if (!id) {
      this.#tellFull();
      return null;
    }
    this.#desk.select([id]);
    if (isRevealed) this.#board.reveal(id);
    if (isFocused) this.#board.node(id)?.element.focus({ preventScroll: true });
    announce(fill(gettext("%(node)s is added."), { node: graph.titleOf(id) }));
    return id;
  }

  /**
   * @param {string} type
   * @param {Port} port
   * @param {string} portType
   * @param {Point} place
   */
  #addLinked(type, port, portType, { x, y }) {
    const { graph } = this.#desk;
    graph.together(() => {
      // It comes to lie so that the link ends where it was dropped.
      const left = port.side === "out" ? x : x - NODE_WIDTH;
      const id = this.addAt(type, [left, y - 3 * GRID], { isRevealed: false });
      const declared = id ? graph.declaredOf(id) : undefined;
      if (!id || !declared) return;
      const [name] = fittingPorts(graph.palette, declared, { type: portType, side: port.side });
      if (name) graph.connect(port, { node: id, side: port.side === "out" ? "in" : "out", name });
    });
  }

  /** Delete the nodes, or the link, that are chosen. */
  remove() {
    const { graph, selection, link } = this.#desk;
    if (link) {
      graph.disconnect([link]);
      announce(gettext("The link is removed."));
      this.#board.stage.focus({ preventScroll: true });
      return;
    }
    const count = selection.size;
    if (!count) return;
    graph.remove(selection);
    this.#board.stage.focus({ preventScroll: true });
    announce(fill(ngettext("%(count)s node is deleted.", "%(count)s nodes are deleted.", count), { count }));
  }

  /** @returns {string} the chosen nodes as text; "" if there are none */
  copy() {
    const { graph, selection } = this.#desk;
    if (!selection.size) return "";
    this.#copied = graph.copy(selection);
    const count = selection.size;
    announce(fill(ngettext("%(count)s node is copied.", "%(count)s nodes are copied.", count), { count }));
    return JSON.stringify(this.#copied);
  }

  /**
   * @param {string} text of the clipboard; "" pastes what was copied here
   * @param {Point | null} client where to, in the window
   * @returns {boolean} whether it was something to paste
   */
  paste(text, client) {
    const copied = text ? readText(text) : this.#copied;
    if (!copied?.nodes.length) return false;
    const left = Math.min(...copied.nodes.map(({ position }) => position[0]));
    const top = Math.min(...copied.nodes.map(({ position }) => position[1]));
    const at = client ? this.#inGraph(client) : { x: left + SHIFT, y: top + SHIFT };
    this.#put(copied, [snapped(at.x), snapped(at.y)]);
    return true;
  }

  duplicate() {
    const { graph, selection } = this.#desk;
    if (!selection.size) return;
    const copied = graph.copy(selection);
    const left = Math.min(...copied.nodes.map(({ position }) => position[0]));
    const top = Math.min(...copied.nodes.map(({ position }) => position[1]));
    this.#put(copied, [left + SHIFT, top + SHIFT]);
  }

  /**
   * @param {WorkflowDocument} copied
   * @param {[number, number]} corner
   */
  #put(copied, corner) {
    const ids = this.#desk.graph.paste(copied, corner);
    if (!ids) {
      this.#tellFull();
      return;
    }
    this.#desk.select(ids);
    const [first] = ids;
    if (first) this.#board.node(first)?.element.focus({ preventScroll: true });
    if (ids.length > 1) this.#desk.select(ids);
    const count = ids.length;
    announce(fill(ngettext("%(count)s node is added.", "%(count)s nodes are added.", count), { count }));
  }

  selectAll() {
    const { graph } = this.#desk;
    this.#desk.select(graph.nodes.keys());
    const count = graph.nodes.size;
    announce(fill(ngettext("%(count)s node is chosen.", "%(count)s nodes are chosen.", count), { count }));
  }

  undo() {
    if (this.#desk.graph.undo()) announce(gettext("Undone."));
  }

  redo() {
    if (this.#desk.graph.redo()) announce(gettext("Done again."));
  }

  /**
   * @param {number} x steps of the grid
   * @param {number} y
   */
  nudge(x, y) {
    const { graph, selection } = this.#desk;
    const places = new Map();
    for (const id of selection) {
      const [left = 0, top = 0] = graph.nodes.get(id)?.position ?? [];
      places.set(id, [snapped(left + x * GRID), snapped(top + y * GRID)]);
    }
    graph.place(places, `nudge ${[...selection].join(" ")}`);
    const [last] = [...selection].slice(-1);
    if (last) this.#board.reveal(last);
  }

  /** Lay out the chosen nodes, or all of them. */
  tidy() {
    const { graph, selection, isReadOnly } = this.#desk;
    if (isReadOnly) return;
    const ids = selection.size > 1 ? selection : new Set(graph.nodes.keys());
    const bounds = this.#board.bounds(ids);
    if (!bounds) return;
    const boxes = [...ids].flatMap((id) => {
      const rect = this.#board.node(id)?.rect;
      return rect ? [{ id, y: rect.y, width: rect.width, height: rect.height }] : [];
    });
    /** @type {[string, string][]} */
    const links = [...graph.edges.values()].map(({ from, to }) => [from[0], to[0]]);
    const own = links.filter(([from, to]) => ids.has(from) && ids.has(to));
    const places = layOut(boxes, own, snapped);
    const [left, top] = [snapped(bounds.x), snapped(bounds.y)];
    graph.place(new Map([...places].map(([id, [x, y]]) => [id, [x + left, y + top]])));
    if (ids.size === graph.nodes.size) this.#board.fit();
    announce(gettext("The nodes are laid out."));
  }

  /** Fold the chosen nodes, or unfold them if all of them are folded. */
  fold(ids = this.#desk.selection) {
    const areFolded = [...ids].every((id) => this.#desk.folds.has(id));
    this.#desk.fold(ids, !areFolded);
  }

  /** @param {Iterable<string>} ids of nodes that lose all their links */
  disconnect(ids) {
    const chosen = new Set(ids);
    const edges = [...this.#desk.graph.edges];
    const keys = edges.filter(([, { from, to }]) => chosen.has(from[0]) || chosen.has(to[0]));
    this.#desk.graph.disconnect(keys.map(([key]) => key));
    const count = keys.length;
    announce(fill(ngettext("%(count)s link is removed.", "%(count)s links are removed.", count), { count }));
  }

  /** @param {string | undefined} [id] the one that is chosen if it is left out */
  rename(id = [...this.#desk.selection][0]) {
    const { graph, life } = this.#desk;
    if (!id) return;
    const dialog = byId("rename-dialog", HTMLDialogElement);
    const label = byId("rename-label", HTMLInputElement);
    label.value = graph.nodes.get(id)?.label ?? "";
    label.placeholder = graph.declaredOf(id)?.title ?? "";
    dialog.returnValue = "no";
    dialog.addEventListener(
      "close",
      () => {
        if (dialog.returnValue === "yes") graph.rename(id, label.value.trim());
        this.#board.node(id)?.element.focus({ preventScroll: true });
      },
      { once: true, signal: life.signal },
    );
    dialog.showModal();
    label.select();
  }

  /**
   * @param {string} id
   * @param {string} name of an input, which the form asks for from now on, or no more
   */
  toggleStar(id, name) {
    const { graph } = this.#desk;
    const others = graph.form.filter((field) => field.node !== id || field.input !== name);
    const title = graph.declaredPort({ node: id, side: "in", name })?.title ?? name;
    const isNew = others.length === graph.form.length;
    graph.setForm(isNew ? [...others, { node: id, input: name, title }] : others);
    const words = isNew ? gettext("The form asks for “%(title)s”.") : gettext("The form does not ask for “%(title)s” any more.");
    announce(fill(words, { title }));
  }

  #tellFull() {
    toast(fill(gettext("A workflow can have %(count)s nodes."), { count: MOST_NODES }), { kind: "error" });
  }

  /** @param {Point} client */
  #inGraph({ x, y }) {
    const { left, top } = this.#board.stage.getBoundingClientRect();
    return this.#desk.view.toDocument({ x: x - left, y: y - top });
  }
}

/**
 * @param {string} text
 * @returns {WorkflowDocument | null}
 */
function readText(text) {
  if (!text.trimStart().startsWith("{")) return null;
  try {
    return readDocument(JSON.parse(text));
  } catch {
    return null;
  }
}
