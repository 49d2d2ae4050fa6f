// @ts-check
/** A workflow while it is changed: each change is a step that can be taken back. */

import {
  differing,
  documentOf,
  EMPTY,
  endKey,
  filtered,
  freeId,
  linked,
  pasted,
  portKey,
  reached,
  rounded,
  stateOf,
} from "./workflow_document.js";
import { Steps } from "./workflow_history.js";
import { MOST_EDGES, MOST_FIELDS, MOST_NODES } from "./workflow_limits.js";
import { accepts, fittingPorts } from "./workflow_palette.js";

/** @import {Port, State} from "./workflow_document.js" */
/** @import {Change, DeclaredInput, DeclaredNode, DeclaredOutput, FormField, Literal, Palette, WorkflowDocument, WorkflowEdge, WorkflowNode} from "./workflow_types.js" */

/** @typedef {"same_side" | "unlinkable" | "unknown" | "type" | "cycle" | "too_many"} Refusal */

export class WorkflowGraph {
  /** @type {ReadonlyMap<string, DeclaredNode>} */
  #declared;
  #state = EMPTY;
  #saved = EMPTY;
  /** @type {State | null} what is worked on, while something else is looked at */
  #present = null;
  #steps = /** @type {Steps<State>} */ (new Steps());
  /** @type {Set<(change: Change) => void>} */
  #listeners = new Set();

  /** @param {Palette} palette */
  constructor(palette) {
    this.palette = palette;
    this.#declared = new Map(palette.nodes.map((node) => [node.type, node]));
  }

  get nodes() {
    return this.#state.nodes;
  }

  /** @returns {ReadonlyMap<string, WorkflowEdge>} by "node.input", the one input that each leads to */
  get edges() {
    return this.#state.edges;
  }

  get form() {
    return this.#state.form;
  }

  get name() {
    return this.#state.name;
  }

  get description() {
    return this.#state.description;
  }

  get canUndo() {
    return this.#steps.canUndo;
  }

  get canRedo() {
    return this.#steps.canRedo;
  }

  /** @returns {boolean} whether it differs from what was opened or saved last */
  get isDirty() {
    return (this.#present ?? this.#state) !== this.#saved;
  }

  /** @returns {boolean} whether something else is shown than what is worked on */
  get isLooking() {
    return this.#present !== null;
  }

  /** @returns {State} what stands now, to be marked as saved once the server has it */
  get state() {
    return this.#state;
  }

  /** @param {State} [state] what was saved, where there may be changes since */
  markSaved(state = this.#state) {
    this.#saved = state;
  }

  /**
   * @param {(change: Change) => void} listener
   * @returns {() => void} ends it
   */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @param {WorkflowDocument} document which has no steps before it */
  open(document) {
    const before = this.#state;
    this.#state = stateOf(document);
    this.#saved = this.#state;
    this.#present = null;
    this.#steps.clear();
    this.#tell(before, true);
  }

  /** @param {WorkflowDocument} document to be seen until `lookBack`, and not to be changed */
  look(document) {
    const before = this.#state;
    this.#present ??= before;
    this.#state = stateOf(document);
    this.#tell(before, true);
  }

  lookBack() {
    const before = this.#state;
    this.#state = this.#present ?? before;
    this.#present = null;
    this.#tell(before, true);
  }

  /** @param {WorkflowDocument} document in the place of this one, which can be taken back */
  replace(document) {
    this.#commit(stateOf(document));
  }

  /** @returns {WorkflowDocument} */
  toJSON() {
    return documentOf(this.#state);
  }

  /**
   * @param {string} id
   * @returns {DeclaredNode | undefined} undefined if the server knows no such type
   */
  declaredOf(id) {
    return this.#declared.get(this.nodes.get(id)?.type ?? "");
  }

  /**
   * @param {Port} port
   * @returns {DeclaredInput | DeclaredOutput | undefined}
   */
  declaredPort({ node, side, name }) {
    const declared = this.declaredOf(node);
    return (side === "in" ? declared?.inputs : declared?.outputs)?.find((one) => one.name === name);
  }

  /**
   * @param {string} id
   * @returns {string} the name that it was given, or that of its type
   */
  titleOf(id) {
    const node = this.nodes.get(id);
    return node?.label || this.declaredOf(id)?.title || node?.type || id;
  }

  /**
   * Say why two ports cannot be linked, whichever of them is the output.
   *
   * @param {Port} one
   * @param {Port} other
   * @returns {Refusal | null} null if they can
   */
  refusal(one, other) {
    const [from, to] = one.side === "out" ? [one, other] : [other, one];
    if (from.side === to.side) return "same_side";
    const output = this.declaredPort(from);
    const input = /** @type {DeclaredInput | undefined} */ (this.declaredPort(to));
    if (!output || !input) return "unknown";
    if (input.takes === "value") return "unlinkable";
    if (!accepts(this.palette, output.type, input.type)) return "type";
    if (reached(this.edges, to.node, "out").has(from.node)) return "cycle";
    const isNew = !this.edges.has(endKey([to.node, to.name]));
    return isNew && this.edges.size >= MOST_EDGES ? "too_many" : null;
  }

  /**
   * Tell the ports that a link from `port` may end at.
   *
   * @param {Port} port
   * @returns {Set<string>} keys
   */
  fitting(port) {
    const found = /** @type {Set<string>} */ (new Set());
    const type = this.declaredPort(port)?.type;
    if (type === undefined) return found;
    const barred = reached(this.edges, port.node, port.side === "out" ? "in" : "out");
    for (const node of this.nodes.keys()) {
      const declared = this.declaredOf(node);
      if (!declared || barred.has(node)) continue;
      for (const name of fittingPorts(this.palette, declared, { type, side: port.side })) {
        found.add(portKey({ node, side: port.side === "out" ? "in" : "out", name }));
      }
    }
    return found;
  }

  /**
   * @param {string} type
   * @param {readonly [number, number]} position
   * @returns {string | null} its id; null if there are as many nodes as may be, or none may be added
   */
  add(type, position) {
    const declared = this.#declared.get(type);
    if (!declared || this.#present || this.nodes.size >= MOST_NODES) return null;
    const id = freeId(type, this.nodes);
    /** @type {WorkflowNode} */
    const node = {
      ...{ id, type, version: declared.version, label: "" },
      ...{ position: rounded(position), inputs: {} },
    };
    this.#commit({ ...this.#state, nodes: new Map(this.nodes).set(id, node) });
    return id;
  }

  /** @param {Iterable<string>} ids which go with their links and their places in the form */
  remove(ids) {
    const gone = new Set(ids);
    const left = filtered(this.#state, (id) => !gone.has(id));
    if (left.nodes.size < this.nodes.size) this.#commit(left);
  }

  /**
   * @param {ReadonlyMap<string, readonly [number, number]>} places
   * @param {string} [joins] moves in a row that join the same are one step
   */
  place(places, joins = "") {
    this.#change(
      places.keys(),
      ({ id, position }) => ({ position: rounded(places.get(id) ?? position) }),
      joins,
    );
  }

  /**
   * @param {string} id
   * @param {string} name
   * @param {Literal | undefined} value undefined for what it is by default
   */
  setInput(id, name, value) {
    this.#change(
      [id],
      ({ inputs }) => {
        const others = Object.entries(inputs).filter(([key]) => key !== name);
        return { inputs: value === undefined ? Object.fromEntries(others) : { ...inputs, [name]: value } };
      },
      `input ${id}.${name}`,
    );
  }

  /**
   * @param {string} id
   * @param {string} label "" for the name of its type
   */
  rename(id, label) {
    if (this.nodes.get(id)?.label !== label) this.#change([id], () => ({ label }));
  }

  /** @param {{name?: string, description?: string}} head */
  setHead(head) {
    const { name = this.name, description = this.description } = head;
    if (name === this.name && description === this.description) return;
    this.#commit({ ...this.#state, name, description }, "head");
  }

  /** @param {readonly FormField[]} form in the order in which they are asked */
  setForm(form) {
    this.#commit({ ...this.#state, form: form.slice(0, MOST_FIELDS) });
  }

  /**
   * Link two ports that fit; what led to the input before goes.
   *
   * @param {Port} one
   * @param {Port} other
   * @returns {Refusal | null} null if it is done
   */
  connect(one, other) {
    const refusal = this.refusal(one, other);
    if (refusal) return refusal;
    const [from, to] = one.side === "out" ? [one, other] : [other, one];
    /** @type {WorkflowEdge} */
    const edge = { from: [from.node, from.name], to: [to.node, to.name] };
    const before = this.edges.get(endKey(edge.to));
    if (!before || endKey(before.from) !== endKey(edge.from)) this.#commit(linked(this.#state, edge));
    return null;
  }

  /** @param {Iterable<string>} keys of links, "node.input" */
  disconnect(keys) {
    const gone = new Set(keys);
    const edges = new Map([...this.edges].filter(([key]) => !gone.has(key)));
    if (edges.size < this.edges.size) this.#commit({ ...this.#state, edges });
  }

  /**
   * @param {Iterable<string>} ids
   * @returns {WorkflowDocument} these nodes with the links among them
   */
  copy(ids) {
    const chosen = new Set(ids);
    return documentOf(filtered(this.#state, (id) => chosen.has(id)));
  }

  /**
   * Add copied nodes under ids of their own.
   *
   * @param {WorkflowDocument} copied
   * @param {readonly [number, number]} corner where the upper left of them comes to lie
   * @returns {string[] | null} their ids; null if they would be too many
   */
  paste(copied, corner) {
    if (this.nodes.size + copied.nodes.length > MOST_NODES) return null;
    if (!copied.nodes.length) return [];
    const { state, ids } = pasted(this.#state, copied, corner);
    this.#commit(state);
    return ids;
  }

  /**
   * Make everything that `act` changes one step.
   *
   * @template T
   * @param {() => T} act
   * @returns {T}
   */
  together(act) {
    return this.#steps.together(act);
  }

  /** @returns {boolean} whether there was a step to take back */
  undo() {
    return this.#present === null && this.#show(this.#steps.undo(this.#state));
  }

  /** @returns {boolean} whether there was a step to do again */
  redo() {
    return this.#present === null && this.#show(this.#steps.redo(this.#state));
  }

  /**
   * @param {Iterable<string>} ids
   * @param {(node: WorkflowNode) => Partial<WorkflowNode>} part
   * @param {string} [joins]
   */
  #change(ids, part, joins) {
    const nodes = new Map(this.nodes);
    for (const id of ids) {
      const node = nodes.get(id);
      if (node) nodes.set(id, { ...node, ...part(node) });
    }
    this.#commit({ ...this.#state, nodes }, joins);
  }

  /**
   * @param {State} next
   * @param {string} [joins] steps in a row that join the same are one
   */
  #commit(next, joins = "") {
    if (this.#present) return;
    this.#steps.add(this.#state, joins);
    this.#show(next);
  }

  /**
   * @param {State | null} state
   * @returns {boolean} whether there is one
   */
  #show(state) {
    if (!state) return false;
    const before = this.#state;
    this.#state = state;
    this.#tell(before, false);
    return true;
  }

  /**
   * @param {State} before
   * @param {boolean} isOpened
   */
  #tell(before, isOpened) {
    const now = this.#state;
    const change = {
      nodes: differing(before.nodes, now.nodes),
      edges: differing(before.edges, now.edges),
      form: before.form !== now.form,
      head: before.name !== now.name || before.description !== now.description,
      isOpened,
    };
    for (const listener of this.#listeners) listener(change);
  }
}
