// @ts-check
/** The part of the JSON API that is about workflows and their runs. */

import { ApiError, idempotencyKey, send } from "./api.js";

/** @import {Job} from "./types.js" */
/** @import {Palette, Problem, Run, RunQuote, RunSubject, Workflow, WorkflowChanges, WorkflowDocument, WorkflowVersion} from "./workflow_types.js" */

const ROOT = "/api/v1/workflows";

/** @type {Promise<Palette> | null} the same on every page, for the language is */
let palette = null;

/**
 * @param {string} method
 * @param {string} path below that of the workflows
 * @param {unknown} [body]
 * @param {Record<string, string>} [headers]
 */
function sendJson(method, path, body, headers = {}) {
  return send(ROOT + path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: { ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
  });
}

/** @param {string} id */
function pathOf(id) {
  return `/${encodeURIComponent(id)}`;
}

/** @returns {Promise<Palette>} the declared nodes; asked for once */
export function getPalette() {
  palette ??= send(`${ROOT}/nodes`)
    .then((response) => /** @type {Promise<Palette>} */ (response.json()))
    .catch((/** @type {unknown} */ error) => {
      // The next one who asks tries again.
      palette = null;
      throw error;
    });
  return palette;
}

/**
 * @param {string} id
 * @returns {Promise<Workflow>}
 */
export async function getWorkflow(id) {
  return /** @type {Promise<Workflow>} */ ((await send(ROOT + pathOf(id))).json());
}

/**
 * @param {{name: string, description?: string, document: WorkflowDocument}} workflow
 * @returns {Promise<Workflow>}
 */
export async function createWorkflow(workflow) {
  return /** @type {Promise<Workflow>} */ ((await sendJson("POST", "", workflow)).json());
}

/**
 * Make a version of a workflow.
 *
 * @param {string} id
 * @param {WorkflowChanges} changes
 * @returns {Promise<Workflow>} refused with the code `version_conflict` if there is a later one
 */
export async function changeWorkflow(id, changes) {
  return /** @type {Promise<Workflow>} */ ((await sendJson("PATCH", pathOf(id), changes)).json());
}

/** @param {string} id */
export async function deleteWorkflow(id) {
  await sendJson("DELETE", pathOf(id));
}

/**
 * @param {string} id
 * @returns {Promise<WorkflowVersion[]>} the latest first
 */
export async function listVersions(id) {
  const response = await send(`${ROOT}${pathOf(id)}/versions`);
  return /** @type {{results: WorkflowVersion[]}} */ (await response.json()).results;
}

/**
 * @param {string} id
 * @param {number} version
 * @returns {Promise<WorkflowVersion & {document: WorkflowDocument}>}
 */
export async function getVersion(id, version) {
  const response = await send(`${ROOT}${pathOf(id)}/versions/${String(version)}`);
  return /** @type {Promise<WorkflowVersion & {document: WorkflowDocument}>} */ (response.json());
}

/**
 * Make an earlier version the latest one again.
 *
 * @param {string} id
 * @param {number} version
 * @returns {Promise<Workflow>}
 */
export async function restoreVersion(id, version) {
  const response = await sendJson("POST", `${pathOf(id)}/versions/${String(version)}/restore`);
  return /** @type {Promise<Workflow>} */ (response.json());
}

/**
 * @param {string} id of one's own or of a default one
 * @returns {Promise<Workflow>} the copy, which is one's own
 */
export async function duplicateWorkflow(id) {
  const response = await sendJson("POST", `${pathOf(id)}/duplicate`);
  return /** @type {Promise<Workflow>} */ (response.json());
}

/**
 * @param {string} id
 * @returns {string} where the file of a workflow can be downloaded
 */
export function exportAddress(id) {
  return `${ROOT}${pathOf(id)}/export`;
}

/**
 * @param {unknown} document what a file holds, whatever that is
 * @returns {Promise<Workflow>}
 */
export async function importWorkflow(document) {
  return /** @type {Promise<Workflow>} */ ((await sendJson("POST", "/import", document)).json());
}

/**
 * @param {RunSubject} subject
 * @returns {Promise<RunQuote>}
 */
export async function quoteRun(subject) {
  return /** @type {Promise<RunQuote>} */ ((await sendJson("POST", "/quote", subject)).json());
}

/**
 * @param {RunSubject & {quote?: string}} request
 * @param {string} [key] of an earlier try, so that both are one request
 * @returns {Promise<Job>}
 */
export async function startRun(request, key = idempotencyKey()) {
  const response = await sendJson("POST", "/runs", request, { "Idempotency-Key": key });
  return /** @type {Promise<Job>} */ (response.json());
}

/**
 * @param {string} job
 * @returns {Promise<Run>}
 */
export async function getRun(job) {
  return /** @type {Promise<Run>} */ ((await send(`${ROOT}/runs${pathOf(job)}`)).json());
}

/**
 * @param {string} imageName
 * @returns {Promise<WorkflowDocument>} what made the picture
 */
export async function workflowOfPicture(imageName) {
  const response = await send(`/api/v1/images/${encodeURIComponent(imageName)}/workflow`);
  return /** @type {Promise<WorkflowDocument>} */ (response.json());
}

/**
 * Return what a refusal says of nodes and their inputs.
 *
 * @param {unknown} error
 * @returns {Problem[]} empty if it is about something else
 */
export function problemsOf(error) {
  if (!(error instanceof ApiError) || error.status !== 422) return [];
  return Object.entries(error.fields).flatMap(([field, messages]) => {
    const [, node = "", input = ""] = /^(?:document\.)?nodes\.([^.]+)(?:\.(.+))?$/.exec(field) ?? [];
    const [, ofNode = "", ofInput = ""] = /^inputs\.([^.]+)\.(.+)$/.exec(field) ?? [];
    return messages.map((message) => ({ node: node || ofNode, input: input || ofInput, message }));
  });
}
