// @ts-check
/** What the editor says of nodes, ports and links. */

import { fill } from "../i18n.js";
import { MOST_EDGES, MOST_FIELDS, MOST_NODES } from "../workflow_limits.js";

/** @import {Port} from "../workflow_document.js" */
/** @import {Refusal, WorkflowGraph} from "../workflow_graph.js" */
/** @import {NodeState, WorkflowDocument} from "../workflow_types.js" */

/**
 * @param {WorkflowGraph} graph
 * @param {string} type
 */
export function typeName(graph, type) {
  return graph.palette.types[type]?.title ?? type;
}

/**
 * @param {WorkflowGraph} graph
 * @param {Port} port
 * @returns {string} "Steps of Denoise"
 */
export function portName(graph, port) {
  const title = graph.declaredPort(port)?.title ?? port.name;
  return fill(gettext("%(port)s of %(node)s"), { port: title, node: graph.titleOf(port.node) });
}

/**
 * @param {WorkflowGraph} graph
 * @param {Port} port
 * @returns {string} what a screen reader says of it, with where it is linked to
 */
export function portLabel(graph, port) {
  const name = graph.declaredPort(port)?.title ?? port.name;
  const type = typeName(graph, graph.declaredPort(port)?.type ?? "");
  if (port.side === "out") {
    const count = [...graph.edges.values()].filter(
      ({ from }) => from[0] === port.node && from[1] === port.name,
    ).length;
    if (!count) return fill(gettext("Output %(name)s, %(type)s"), { name, type });
    const message = ngettext(
      "Output %(name)s, %(type)s, %(count)s link",
      "Output %(name)s, %(type)s, %(count)s links",
      count,
    );
    return fill(message, { name, type, count });
  }
  const edge = graph.edges.get(`${port.node}.${port.name}`);
  if (!edge) return fill(gettext("Input %(name)s, %(type)s"), { name, type });
  const source = portName(graph, { node: edge.from[0], side: "out", name: edge.from[1] });
  return fill(gettext("Input %(name)s, %(type)s, linked to %(source)s"), { name, type, source });
}

/**
 * @param {WorkflowGraph} graph
 * @param {Port} one
 * @param {Port} other
 * @param {Refusal} refusal
 * @returns {string} why the two are not linked
 */
export function refusalInWords(graph, one, other, refusal) {
  const [from, to] = one.side === "out" ? [one, other] : [other, one];
  const values = {
    output: typeName(graph, graph.declaredPort(from)?.type ?? ""),
    input: typeName(graph, graph.declaredPort(to)?.type ?? ""),
    port: graph.declaredPort(to)?.title ?? to.name,
    count: MOST_EDGES,
  };
  const words = {
    same_side: one.side === "out" ? gettext("Two outputs cannot be linked.") : gettext("Two inputs cannot be linked."),
    unlinkable: gettext("“%(port)s” is typed in, and takes no link."),
    unknown: gettext("This node is not known here, so it cannot be linked."),
    type: gettext("“%(port)s” takes %(input)s, and this is %(output)s."),
    cycle: gettext("That would make a circle, which could never end."),
    too_many: gettext("A workflow can have %(count)s links."),
  }[refusal];
  return fill(words, values);
}

/**
 * @param {WorkflowDocument} document
 * @returns {string} what it has too many of; "" if there is nothing
 */
export function excessInWords({ nodes, edges, form }) {
  if (nodes.length > MOST_NODES) {
    return fill(gettext("A workflow can have %(count)s nodes."), { count: MOST_NODES });
  }
  if (edges.length > MOST_EDGES) {
    return fill(gettext("A workflow can have %(count)s links."), { count: MOST_EDGES });
  }
  if (form.length > MOST_FIELDS) {
    return fill(gettext("The form of a workflow can have %(count)s fields."), { count: MOST_FIELDS });
  }
  return "";
}

/**
 * @param {NodeState} state
 * @returns {string} "" of one that waits
 */
export function stateInWords(state) {
  return {
    idle: "",
    running: gettext("Running"),
    done: gettext("Done"),
    cached: gettext("Taken from before"),
    failed: gettext("Failed"),
  }[state];
}
