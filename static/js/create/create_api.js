// @ts-check
/** The part of the JSON API that the Create page alone asks for: styles, templates, the queue. */

import { send } from "../api.js";

/** @import {GenerationRequest, Job, Move, Prompts, PromptTemplates, Queue, StylePreset} from "../types.js" */

const ROOT = "/api/v1";

/**
 * @param {string} path
 * @param {unknown} body
 * @param {Record<string, string>} [headers]
 */
function post(path, body, headers = {}) {
  return send(`${ROOT}/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

/**
 * Ask for many generations: all are accepted or none.
 *
 * @param {(GenerationRequest & {quote?: string})[]} generations
 * @param {string} key of an earlier try, so that both are one request
 * @returns {Promise<Job[]>}
 */
export async function createBatch(generations, key) {
  const response = await post("generations/batch", { generations }, { "Idempotency-Key": key });
  const answer = /** @type {{generations: Job[]}} */ (await response.json());
  return answer.generations;
}

/** @returns {Promise<StylePreset[]>} one's own first */
export async function listStyles() {
  const response = await send(`${ROOT}/style-presets`);
  return /** @type {{results: StylePreset[]}} */ (await response.json()).results;
}

/**
 * @param {PromptTemplates} templates
 * @returns {Promise<{prompts: Prompts[], seed: number}>} `seed` makes the same prompts again
 */
export async function expandPrompts(templates) {
  const response = await post("prompts/expand", templates);
  return /** @type {Promise<{prompts: Prompts[], seed: number}>} */ (response.json());
}

/**
 * Ask anew for what failed or was cancelled, as it was asked for.
 *
 * @param {string} id
 * @param {boolean} hasNewSeed
 * @returns {Promise<Job>}
 */
export async function retryJob(id, hasNewSeed) {
  const response = await post(`generations/${id}/retry`, { new_seed: hasNewSeed });
  return /** @type {Promise<Job>} */ (response.json());
}

/** @returns {Promise<Queue>} */
export async function getQueue() {
  const response = await send(`${ROOT}/queue`);
  return /** @type {Promise<Queue>} */ (response.json());
}

/** @param {boolean} isPaused whether nothing more is to start */
export async function pauseQueue(isPaused) {
  await send(`${ROOT}/queue/${isPaused ? "pause" : "resume"}`, { method: "POST" });
}

/** Cancel all that waits. */
export async function clearQueue() {
  await post("queue/clear", {});
}

/**
 * @param {string} id of a waiting job
 * @param {Move} move
 */
export async function moveJob(id, move) {
  await post(`generations/${id}/move`, move);
}
