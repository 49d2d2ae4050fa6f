// @ts-check
/** Which inputs of a workflow are asked for where its graph is not shown. */

/** @import {DeclaredInput, DeclaredNode, FormField, Palette, WorkflowDocument, WorkflowNode} from "./workflow_types.js" */

/** @typedef {{node: string, title: string, inputs: DeclaredInput[]}} ExposedGroup of one node */

/** Whose inputs are asked for where the workflow does not say. */
const ASKED_CATEGORIES = new Set(["prompt", "model", "picture"]);

/**
 * Return the inputs that a workflow exposes, by node; without any of its own choice those of the
 * nodes for prompts, models and pictures.
 *
 * @param {WorkflowDocument} document
 * @param {Palette} palette
 * @returns {ExposedGroup[]}
 */
export function exposedGroups(document, palette) {
  const declared = new Map(palette.nodes.map((node) => [node.type, node]));
  const nodes = new Map(document.nodes.map((node) => [node.id, node]));
  const linked = new Set(document.edges.map(({ to }) => to.join(".")));
  /** @type {Map<string, ExposedGroup>} */
  const groups = new Map();
  for (const field of document.form.length > 0 ? document.form : usual(document, declared)) {
    const node = nodes.get(field.node);
    const type = node && declared.get(node.type);
    const input = type?.inputs.find(({ name }) => name === field.input);
    if (!node || !type || !input || !isTyped(input)) continue;
    if (linked.has(`${node.id}.${input.name}`)) continue;
    const group = groups.get(node.id) ?? { node: node.id, title: node.label || type.title, inputs: [] };
    group.inputs.push(field.title ? { ...input, title: field.title } : input);
    groups.set(node.id, group);
  }
  return [...groups.values()];
}

/** @param {DeclaredInput} input */
function isTyped({ takes, widget }) {
  return takes !== "link" && Boolean(widget);
}

/**
 * @param {WorkflowDocument} document
 * @param {Map<string, DeclaredNode>} declared
 * @returns {FormField[]}
 */
function usual({ nodes }, declared) {
  return nodes.flatMap((/** @type {WorkflowNode} */ { id, type }) => {
    const node = declared.get(type);
    if (!node || !ASKED_CATEGORIES.has(node.category)) return [];
    return node.inputs.map(({ name }) => ({ node: id, input: name, title: "" }));
  });
}
