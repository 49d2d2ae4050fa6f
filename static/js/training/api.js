// @ts-check
/** Training in the JSON API. */

import { idempotencyKey, send } from "../api.js";

/** @import {Failure, Picture} from "../types.js" */

const ROOT = "/api/v1/training";
const JSON_BODY = { "Content-Type": "application/json" };

/** @typedef {{id: string, name: string, picture_count: number}} TrainingSet */
/** @typedef {{image: Picture, caption: string, suggested: string}} SetPicture */
/** @typedef {{credits: number, seconds: number, available: number, token: string}} TrainingQuote */
/** @typedef {TrainingQuote & {checkpoint_step: number}} RetryQuote of what is left */
/** @typedef {Record<string, string | number | boolean | string[]>} TrainingRequest */
/** @typedef {{step: number, number: number, prompt: string, width: number, height: number, url: string}} Sample */
/**
 * @typedef {object} Run
 * @property {string} id
 * @property {string} generation
 * @property {string} model
 * @property {"queued" | "running" | "succeeded" | "failed" | "cancelled"} state
 * @property {number} step
 * @property {number} steps
 * @property {number | null} seconds_left
 * @property {number} checkpoint_step
 * @property {string | null} result
 * @property {Failure | null} error
 * @property {boolean} cancel_requested
 * @property {{trigger: string, sample_prompts: string[]}} settings
 * @property {[number, number][]} losses
 * @property {Sample[]} samples
 */

/**
 * @template T
 * @param {string} path
 * @param {string} method
 * @param {unknown} [body]
 * @param {Record<string, string>} [headers]
 * @returns {Promise<T>}
 */
async function ask(path, method, body, headers = {}) {
  const response = await send(`${ROOT}/${path}`, {
    method,
    headers: { ...JSON_BODY, ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return /** @type {Promise<T>} */ (response.json());
}

/**
 * @param {string} name
 * @returns {Promise<TrainingSet>}
 */
export function createSet(name) {
  return ask("sets", "POST", { name });
}

/**
 * @param {string} id
 * @param {string} name
 * @returns {Promise<TrainingSet>}
 */
export function renameSet(id, name) {
  return ask(`sets/${id}`, "PATCH", { name });
}

/** @param {string} id */
export async function deleteSet(id) {
  await send(`${ROOT}/sets/${id}`, { method: "DELETE" });
}

/**
 * @param {string} id
 * @param {string[]} images
 * @returns {Promise<SetPicture[]>} all of the set
 */
export function addPictures(id, images) {
  return ask(`sets/${id}/images`, "POST", { images });
}

/**
 * @param {string} id
 * @param {{captions?: Record<string, string>, order?: string[]}} changes
 * @returns {Promise<SetPicture[]>} all of the set
 */
export function changePictures(id, changes) {
  return ask(`sets/${id}/images`, "PATCH", changes);
}

/**
 * @param {string} id
 * @param {string[]} images
 * @returns {Promise<{count: number}>}
 */
export function removePictures(id, images) {
  return ask(`sets/${id}/images/remove`, "POST", { images });
}

/**
 * @param {TrainingRequest} request
 * @returns {Promise<TrainingQuote>}
 */
export function quoteTraining(request) {
  return ask("quote", "POST", request);
}

/**
 * @param {TrainingRequest} request
 * @param {string} key of an earlier try, so that both are one request
 * @returns {Promise<Run>}
 */
export function startTraining(request, key) {
  return ask("runs", "POST", request, { "Idempotency-Key": key });
}

/**
 * @param {string} id
 * @returns {Promise<Run>}
 */
export async function getRun(id) {
  const response = await send(`${ROOT}/runs/${id}`);
  return /** @type {Promise<Run>} */ (response.json());
}

/**
 * @param {string} id
 * @returns {Promise<Run>}
 */
export function cancelRun(id) {
  return ask(`runs/${id}/cancel`, "POST");
}

/**
 * @param {string} id
 * @returns {Promise<RetryQuote>}
 */
export async function quoteRetry(id) {
  const response = await send(`${ROOT}/runs/${id}/quote`);
  return /** @type {Promise<RetryQuote>} */ (response.json());
}

/**
 * @param {string} id
 * @param {string} quote the token of what was agreed to
 * @returns {Promise<Run>}
 */
export function retryRun(id, quote) {
  return ask(`runs/${id}/retry`, "POST", { quote }, { "Idempotency-Key": idempotencyKey() });
}
