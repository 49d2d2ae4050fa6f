// @ts-check
/** Grids in the JSON API. */

import { idempotencyKey, send } from "../../api.js";

/** @import {GenerationRequest, Job} from "../../types.js" */
/** @import {GridAxes} from "./types.js" */

const PATH = "/api/v1/generations/grid";

/**
 * @param {GenerationRequest} base
 * @param {GridAxes} axes
 * @param {string} [key] of an earlier try, so that both are one request
 * @returns {Promise<{batch: string, generations: Job[]}>} the jobs, row by row
 */
export async function createGrid(base, axes, key = idempotencyKey()) {
  const response = await send(PATH, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": key },
    body: JSON.stringify({ base, ...axes }),
  });
  return /** @type {Promise<{batch: string, generations: Job[]}>} */ (response.json());
}

/**
 * @param {GenerationRequest} base
 * @param {GridAxes} axes
 * @param {AbortSignal} signal
 * @returns {Promise<{credits: number, count: number}>} `count` jobs, at most so many credits
 */
export async function quoteGrid(base, axes, signal) {
  const response = await send(`${PATH}/quote`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ base, ...axes }),
    signal,
  });
  return /** @type {Promise<{credits: number, count: number}>} */ (response.json());
}
