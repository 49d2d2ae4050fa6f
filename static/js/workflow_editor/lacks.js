// @ts-check
/** What a workflow still lacks before it can be priced: the server need not be asked about that. */

import { reached } from "../workflow_document.js";

/** @import {WorkflowGraph} from "../workflow_graph.js" */
/** @import {Problem} from "../workflow_types.js" */

/**
 * @param {WorkflowGraph} graph
 * @returns {Problem[]} empty if the server can tell what it costs, or what else is wrong
 */
export function lacksOf(graph) {
  const ids = [...graph.nodes.keys()];
  const outputs = ids.filter((id) => graph.declaredOf(id)?.is_output);
  if (!outputs.length) {
    const message = gettext("Nothing is kept: add a node that saves or shows pictures.");
    return [{ node: "", input: "", message }];
  }
  const live = new Set(outputs.flatMap((id) => [...reached(graph.edges, id, "in")]));
  return ids.filter((id) => live.has(id)).flatMap((id) => missingOf(graph, id));
}

/**
 * @param {WorkflowGraph} graph
 * @param {string} id
 * @returns {Problem[]}
 */
function missingOf(graph, id) {
  const given = graph.nodes.get(id)?.inputs ?? {};
  const missing = (graph.declaredOf(id)?.inputs ?? []).filter(
    ({ name, required }) => required && given[name] === undefined && !graph.edges.has(`${id}.${name}`),
  );
  const message = gettext("This needs a value or a link.");
  return missing.map(({ name }) => ({ node: id, input: name, message }));
}
