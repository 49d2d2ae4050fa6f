// @ts-check
/** What stands in the document of a workflow at one moment, and what changes make of it. */

/** @import {FormField, Literal, WorkflowDocument, WorkflowEdge, WorkflowNode} from "./workflow_types.js" */

const MOST_ID = 40;

/**
 * @typedef {object} Port
 * @property {string} node
 * @property {"in" | "out"} side
 * @property {string} name
 *
 * Nothing in it is ever changed, so that what is the same object is the same.
 * @typedef {object} State
 * @property {ReadonlyMap<string, WorkflowNode>} nodes
 * @property {ReadonlyMap<string, WorkflowEdge>} edges by the input that they lead to
 * @property {readonly FormField[]} form
 * @property {string} name
 * @property {string} description
 */

/** @type {State} */
export const EMPTY = { nodes: new Map(), edges: new Map(), form: [], name: "", description: "" };

/**
 * @param {Port} port
 * @returns {string} "denoise_1.in.steps"
 */
export function portKey({ node, side, name }) {
  return `${node}.${side}.${name}`;
}

/**
 * @param {string} key of `portKey`
 * @returns {Port}
 */
export function portOf(key) {
  const [node = "", side, ...name] = key.split(".");
  return { node, side: side === "out" ? "out" : "in", name: name.join(".") };
}

/**
 * @param {readonly [string, string]} end of a link
 * @returns {string} "denoise_1.steps"
 */
export function endKey([node, name]) {
  return `${node}.${name}`;
}

/**
 * Read what claims to be a document; whether it can run is for the server to say.
 *
 * @param {unknown} value
 * @returns {WorkflowDocument | null} null if it is something else
 */
export function readDocument(value) {
  const { easel_workflow: format, nodes, edges = [], form = [], ...rest } = asRecord(value);
  if (format !== 1 || !Array.isArray(nodes) || !Array.isArray(edges) || !Array.isArray(form)) {
    return null;
  }
  if (!nodes.every(isNode) || !edges.every(isEdge)) return null;
  return {
    easel_workflow: 1,
    name: textOf(rest.name),
    description: textOf(rest.description),
    nodes: nodes.map((node) => ({ ...node, label: textOf(node.label), inputs: literalsOf(node.inputs) })),
    edges,
    form: form.filter(isField).map((field) => ({ ...field, title: textOf(field.title) })),
  };
}

/**
 * @param {WorkflowDocument} document
 * @returns {State}
 */
export function stateOf({ nodes, edges, form, name, description }) {
  return {
    nodes: new Map(nodes.map((node) => [node.id, node])),
    edges: new Map(edges.map((edge) => [endKey(edge.to), edge])),
    form,
    name,
    description,
  };
}

/**
 * @param {State} state
 * @returns {WorkflowDocument}
 */
export function documentOf({ nodes, edges, form, name, description }) {
  return {
    easel_workflow: 1,
    name,
    description,
    nodes: [...nodes.values()],
    edges: [...edges.values()],
    form: [...form],
  };
}

/**
 * @param {State} state
 * @param {(id: string) => boolean} stays
 * @returns {State} the nodes that stay, with the links among them and their places in the form
 */
export function filtered(state, stays) {
  const { nodes, edges, form } = state;
  return {
    ...state,
    nodes: new Map([...nodes].filter(([id]) => stays(id))),
    edges: new Map([...edges].filter(([, { from, to }]) => stays(from[0]) && stays(to[0]))),
    form: form.filter(({ node }) => stays(node)),
  };
}

/**
 * @param {State} state
 * @param {WorkflowEdge} edge instead of what led to that input before
 * @returns {State}
 */
export function linked(state, edge) {
  const [id, name] = edge.to;
  const key = endKey(edge.to);
  const node = state.nodes.get(id);
  // A literal beside a link would say two things.
  const { [name]: literal, ...inputs } = node?.inputs ?? {};
  const isFreed = node !== undefined && literal !== undefined;
  return {
    ...state,
    nodes: isFreed ? new Map(state.nodes).set(id, { ...node, inputs }) : state.nodes,
    edges: new Map(state.edges).set(key, edge),
    form: state.form.filter((field) => endKey([field.node, field.input]) !== key),
  };
}

/**
 * Add copied nodes under ids of their own.
 *
 * @param {State} state
 * @param {WorkflowDocument} copied
 * @param {readonly [number, number]} corner where the upper left of them comes to lie
 * @returns {{state: State, ids: string[]}}
 */
export function pasted(state, copied, [x, y]) {
  const left = Math.min(...copied.nodes.map(({ position }) => position[0]));
  const top = Math.min(...copied.nodes.map(({ position }) => position[1]));
  const nodes = new Map(state.nodes);
  /** @type {Map<string, string>} */
  const names = new Map();
  for (const node of copied.nodes) {
    const id = freeId(node.type, nodes);
    names.set(node.id, id);
    const position = rounded([node.position[0] - left + x, node.position[1] - top + y]);
    nodes.set(id, { ...node, id, position });
  }
  const edges = new Map(state.edges);
  for (const { from, to } of copied.edges) {
    const [source, target] = [names.get(from[0]), names.get(to[0])];
    if (!source || !target) continue;
    edges.set(endKey([target, to[1]]), { from: [source, from[1]], to: [target, to[1]] });
  }
  return { state: { ...state, nodes, edges }, ids: [...names.values()] };
}

/**
 * @param {ReadonlyMap<string, WorkflowEdge>} edges
 * @param {string} id
 * @param {"in" | "out"} way upstream or downstream
 * @returns {Set<string>} the nodes there, and the node itself
 */
export function reached(edges, id, way) {
  const near = way === "in" ? "to" : "from";
  const far = way === "in" ? "from" : "to";
  const neighbours = Map.groupBy(edges.values(), (edge) => edge[near][0]);
  const found = new Set([id]);
  // What is added to a set while it is walked is walked too.
  for (const one of found) for (const edge of neighbours.get(one) ?? []) found.add(edge[far][0]);
  return found;
}

/**
 * @template T
 * @param {ReadonlyMap<string, T>} before
 * @param {ReadonlyMap<string, T>} now
 * @returns {Set<string>} the keys of what is new, changed or gone
 */
export function differing(before, now) {
  const found = /** @type {Set<string>} */ (new Set());
  if (before === now) return found;
  for (const [key, value] of now) if (before.get(key) !== value) found.add(key);
  for (const key of before.keys()) if (!now.has(key)) found.add(key);
  return found;
}

/**
 * @param {string} type
 * @param {ReadonlyMap<string, unknown>} taken
 * @returns {string} "denoise_2"
 */
export function freeId(type, taken) {
  for (let number = 1; ; number += 1) {
    const end = `_${number}`;
    const id = type.slice(0, MOST_ID - end.length) + end;
    if (!taken.has(id)) return id;
  }
}

/**
 * @param {readonly [number, number]} position
 * @returns {[number, number]}
 */
export function rounded([x, y]) {
  return [Math.round(x), Math.round(y)];
}

/**
 * @param {unknown} value
 * @returns {Record<string, unknown>}
 */
function asRecord(value) {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** @param {unknown} value */
function textOf(value) {
  return typeof value === "string" ? value : "";
}

/**
 * @param {unknown} value
 * @returns {value is WorkflowNode}
 */
function isNode(value) {
  const { id, type, position } = asRecord(value);
  if (typeof id !== "string" || typeof type !== "string" || !Array.isArray(position)) return false;
  return position.length === 2 && position.every((part) => Number.isFinite(part));
}

/**
 * Keep what can be the value of an input; anything else would be what no field can show.
 *
 * @param {unknown} value
 * @returns {Record<string, Literal>}
 */
function literalsOf(value) {
  const entries = Object.entries(asRecord(value));
  return Object.fromEntries(entries.flatMap(([name, one]) => (isLiteral(one) ? [[name, one]] : [])));
}

/**
 * @param {unknown} value
 * @returns {value is Literal}
 */
function isLiteral(value) {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}

/**
 * @param {unknown} value
 * @returns {value is FormField}
 */
function isField(value) {
  const { node, input } = asRecord(value);
  return typeof node === "string" && typeof input === "string";
}

/**
 * @param {unknown} value
 * @returns {value is WorkflowEdge}
 */
function isEdge(value) {
  const { from, to } = asRecord(value);
  return [from, to].every(
    (end) => Array.isArray(end) && end.length === 2 && end.every((part) => typeof part === "string"),
  );
}
