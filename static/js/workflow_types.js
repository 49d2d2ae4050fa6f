/**
 * The shapes of workflows: their documents and changes of them, the declared nodes, and their runs.
 * Types only.
 *
 * @import {Job} from "./types.js"
 *
 * A literal given to an input; `null` is a value of its own, as of a seed that is drawn.
 * @typedef {string | number | boolean | null} Literal
 *
 * @typedef {object} WorkflowNode
 * @property {string} id
 * @property {string} type
 * @property {number} version
 * @property {string} label
 * @property {[number, number]} position
 * @property {Record<string, Literal>} inputs
 *
 * @typedef {{from: [string, string], to: [string, string]}} WorkflowEdge ids of nodes, names of ports
 *
 * @typedef {{node: string, input: string, title: string}} FormField
 *
 * @typedef {object} WorkflowDocument
 * @property {1} easel_workflow
 * @property {string} name
 * @property {string} description
 * @property {WorkflowNode[]} nodes
 * @property {WorkflowEdge[]} edges
 * @property {FormField[]} form
 *
 * @typedef {object} Change of a document that is worked on
 * @property {ReadonlySet<string>} nodes that are new, changed or gone
 * @property {ReadonlySet<string>} edges that are new, changed or gone, by the input they lead to
 * @property {boolean} form whether the form is another
 * @property {boolean} head whether the name or the description is another
 * @property {boolean} isOpened whether it is another document altogether
 *
 * @typedef {"text" | "textarea" | "number" | "slider" | "switch" | "choice" | "seed" | "colour" | "picture" | "board" | "model"} Widget
 *
 * @typedef {{value: Literal, title: string}} Choice
 *
 * @typedef {object} DeclaredInput
 * @property {string} name
 * @property {string} title
 * @property {string} [description]
 * @property {string} type
 * @property {"value" | "link" | "both"} takes
 * @property {boolean} required
 * @property {boolean} [nullable] whether null is a value of it
 * @property {Literal} [default]
 * @property {number | null} [least]
 * @property {number | null} [most]
 * @property {number | null} [step]
 * @property {Choice[] | null} [choices]
 * @property {number | null} [max_length]
 * @property {Widget | "" | null} [widget] without one nothing can be typed in
 * @property {string[] | null} [kinds] of models
 *
 * @typedef {{name: string, title: string, type: string}} DeclaredOutput
 *
 * @typedef {object} DeclaredNode
 * @property {string} type
 * @property {number} version
 * @property {string} title
 * @property {string} description
 * @property {string} category
 * @property {boolean} [is_output] whether a run keeps or shows what it gets
 * @property {DeclaredInput[]} inputs
 * @property {DeclaredOutput[]} outputs
 *
 * @typedef {object} Palette
 * @property {Record<string, {title: string, accepts: string[]}>} types
 * @property {{key: string, title: string}[]} categories
 * @property {DeclaredNode[]} nodes
 *
 * @typedef {object} WorkflowSummary
 * @property {string} id
 * @property {string} name
 * @property {string} description
 * @property {boolean} is_shared
 * @property {number} version
 * @property {number} node_count
 * @property {string} created_at
 * @property {string} updated_at
 *
 * @typedef {WorkflowSummary & {document: WorkflowDocument}} Workflow
 *
 * @typedef {object} WorkflowChanges
 * @property {string} [name]
 * @property {string} [description]
 * @property {WorkflowDocument} [document]
 * @property {number} base_version the one that was changed
 *
 * @typedef {{version: number, created_at: string}} WorkflowVersion
 *
 * What is to run: a document, or a kept workflow with literals put into it by "node.input".
 * @typedef {{document: WorkflowDocument} | {workflow: string, version?: number, inputs?: Record<string, Literal>}} RunSubject
 *
 * @typedef {object} RunQuote
 * @property {number} credits
 * @property {number} seconds
 * @property {number} available
 * @property {string} token
 * @property {Record<string, number>} nodes seconds by node
 *
 * @typedef {"idle" | "running" | "done" | "cached" | "failed"} NodeState
 *
 * @typedef {object} NodeProgress
 * @property {NodeState} state
 * @property {number | null} seconds
 * @property {number | null} fraction 0 to 1
 * @property {string | null} preview an address of a small picture
 *
 * @typedef {object} Run
 * @property {Job} generation
 * @property {WorkflowDocument} document
 * @property {Record<string, NodeProgress>} nodes
 *
 * What is wrong with a node or one of its inputs; "" of both is the document as a whole.
 * @typedef {{node: string, input: string, message: string}} Problem
 */

export {};
