// @ts-check
/** Asking for pictures: one generation or many, always at a price that was quoted. */

import * as api from "../api.js";
import { ApiError } from "../api.js";
import { createBatch, retryJob } from "./create_api.js";
import { createGrid } from "./guides/grid_api.js";

/** @import {Price} from "../price.js" */
/** @import {GridAxes} from "./guides/types.js" */
/** @import {GenerationRequest, Guides, Job, Quote} from "../types.js" */

const GUIDES = /** @type {readonly (keyof Guides)[]} */ ([
  "mask",
  "outpaint",
  "upscale",
  "high_res",
  "variation",
  "loras",
  "embeddings",
  "controls",
  "image_prompt",
  "references",
  "regions",
  "clip_skip",
  "vae",
  "seamless",
  "refiner",
]);

/** The fields of a request that name a picture, in an answer about them. */
const PICTURE_FIELD = /(^init_image|^references\.\d+|\.image|\.images\.\d+|\.mask)$/;

/**
 * Return what asks for a job anew, with all that guided it.
 *
 * @param {Job & Partial<Guides>} job
 * @param {number} [seed] a new one if left out
 * @returns {GenerationRequest}
 */
function requestOf(job, seed) {
  const { prompt, negative_prompt, model, width, height, steps } = job;
  const { guidance_scale, scheduler, num_images, init_image, strength } = job;
  const guides = GUIDES.map((name) => [name, job[name]]).filter(
    ([, value]) => value && !(Array.isArray(value) && value.length === 0),
  );
  return {
    ...{ prompt, negative_prompt, model, width, height, num_images, seed },
    // Who makes pictures for us has no scheduler, and none of the settings beside it.
    ...(scheduler ? { steps, guidance_scale, scheduler } : {}),
    ...(init_image ? { init_image } : {}),
    ...(init_image && strength !== null ? { strength } : {}),
    .../** @type {Partial<Guides>} */ (Object.fromEntries(guides)),
  };
}

/**
 * @param {unknown} error that came of asking for a job anew
 * @returns {unknown} what can be done about it, where a picture that guided the job is gone
 */
export function refusalOfRepeat(error) {
  if (!(error instanceof ApiError)) return error;
  if (!Object.keys(error.fields).some((name) => PICTURE_FIELD.test(name))) return error;
  const detail = gettext("A mask or picture it was made with is gone. Press “Use settings” and choose it anew.");
  return new ApiError(error.status, { detail, code: error.code });
}

/**
 * Ask for pictures at a price; if it does not hold any more, at a new one that is no higher.
 *
 * @param {GenerationRequest[]} requests of one price
 * @param {Quote | null} quote without one they cost what they cost now
 * @param {(request: GenerationRequest) => Promise<Quote>} renew
 * @returns {Promise<Job[] | null>} null if there is a higher price to look at first
 */
export async function placeOrder(requests, quote, renew) {
  const [first] = requests;
  if (!first) return [];
  const key = api.idempotencyKey();
  try {
    return await send(requests, quote, key);
  } catch (error) {
    if (!(quote && error instanceof ApiError && error.code === "quote_expired")) throw error;
  }
  const renewed = await renew(first);
  if (renewed.credits > quote.credits) return null;
  return send(requests, renewed, key);
}

/**
 * Ask for a job anew.
 *
 * @param {Job} job a generation, or a workflow that failed or was cancelled
 * @param {number | undefined} seed a new one if left out
 * @param {Price} price
 * @returns {Promise<Job[] | null>} null if there is a higher price to look at first
 */
export async function placeAgain(job, seed, price) {
  // What a list shows of a workflow is a sketch: whoever asked for that would get another picture.
  if (job.kind === "workflow") return [await retryJob(job.id, seed === undefined)];
  const request = requestOf(job, seed);
  const quote = price.quoteFor(request) ?? (await price.quoteOnly(request));
  return placeOrder([request], quote, (one) => price.renew(one));
}

/**
 * @param {GenerationRequest[]} requests
 * @param {Quote | null} quote
 * @param {string} key
 */
async function send(requests, quote, key) {
  const token = quote ? { quote: quote.token } : {};
  const priced = requests.map((request) => ({ ...request, ...token }));
  const [first] = priced;
  if (first && priced.length === 1) return [await api.createGeneration(first, key)];
  return createBatch(priced, key);
}

/**
 * Ask for a grid of each request.
 *
 * @param {GenerationRequest[]} requests
 * @param {GridAxes} axes
 * @returns {Promise<Job[]>} row by row
 */
export async function placeGrids(requests, axes) {
  /** @type {Job[]} */
  const jobs = [];
  for (const request of requests) jobs.push(...(await createGrid(request, axes)).generations);
  return jobs;
}
