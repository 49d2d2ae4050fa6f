// @ts-check
/** The JSON API, spoken as the signed-in user. */

/** @import {Archive, ArchiveRequest, ErrorEnvelope, GenerationRequest, Job, JobPage, Picture, PricedSettings, Quote} from "./types.js" */

const ROOT = "/api/v1";

/** An answer that is not a success; `message` can be shown to the user as it is. */
export class ApiError extends Error {
  /**
   * @param {number} status 0 if no answer came
   * @param {ErrorEnvelope} envelope
   */
  constructor(status, envelope) {
    super(envelope.detail);
    this.name = "ApiError";
    this.status = status;
    this.code = envelope.code;
    this.errorId = envelope.error_id;
    this.fields = envelope.fields ?? {};
    this.available = envelope.available;
    this.node = envelope.node;
  }
}

/**
 * @param {unknown} body
 * @returns {body is ErrorEnvelope}
 */
function isEnvelope(body) {
  return (
    typeof body === "object" &&
    body !== null &&
    "detail" in body &&
    typeof body.detail === "string" &&
    "code" in body
  );
}

/**
 * @param {Response} response
 * @returns {Promise<unknown>} null if there is no JSON in it
 */
async function readJson(response) {
  try {
    return /** @type {unknown} */ (await response.json());
  } catch {
    return null;
  }
}

/**
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
export async function send(path, options = {}) {
  const headers = new Headers(options.headers);
  headers.set("Accept", "application/json");
  const token = document.querySelector('meta[name="csrf-token"]')?.getAttribute("content");
  if (options.method && token) headers.set("X-CSRFToken", token);
  /** @type {Response} */
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...options, headers });
  } catch {
    const detail = gettext("The server cannot be reached. Check the connection and try again.");
    throw new ApiError(0, { detail, code: "unreachable" });
  }
  if (response.ok) return response;
  const body = await readJson(response);
  const detail = gettext("The server did not answer as expected. Please try again.");
  throw new ApiError(response.status, isEnvelope(body) ? body : { detail, code: "unexpected" });
}

/** @returns {string} a key that makes a repeated request the same request */
export function idempotencyKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {GenerationRequest & {quote?: string}} request
 * @param {string} [key] of an earlier try, so that both are one request
 * @returns {Promise<Job>}
 */
export async function createGeneration(request, key = idempotencyKey()) {
  const response = await send(`${ROOT}/generations`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": key },
    body: JSON.stringify(request),
  });
  return /** @type {Promise<Job>} */ (response.json());
}

/**
 * @param {PricedSettings} settings
 * @returns {Promise<Quote>}
 */
export async function quoteGeneration(settings) {
  const response = await send(`${ROOT}/generations/quote`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(settings),
  });
  return /** @type {Promise<Quote>} */ (response.json());
}

/**
 * @param {string} id
 * @returns {Promise<Job>}
 */
export async function getGeneration(id) {
  const response = await send(`${ROOT}/generations/${id}`);
  return /** @type {Promise<Job>} */ (response.json());
}

/** @returns {Promise<JobPage>} the newest jobs */
export async function listGenerations() {
  const response = await send(`${ROOT}/generations?limit=24`);
  return /** @type {Promise<JobPage>} */ (response.json());
}

/**
 * @param {string} id
 * @returns {Promise<Job>}
 */
export async function cancelGeneration(id) {
  const response = await send(`${ROOT}/generations/${id}/cancel`, { method: "POST" });
  return /** @type {Promise<Job>} */ (response.json());
}

/**
 * @param {string} name
 * @returns {Promise<Picture>}
 */
export async function getPicture(name) {
  const response = await send(`${ROOT}/images/${encodeURIComponent(name)}`);
  return /** @type {Promise<Picture>} */ (response.json());
}

/**
 * @param {File} file
 * @returns {Promise<Picture>}
 */
export async function uploadPicture(file) {
  const body = new FormData();
  body.append("file", file);
  const response = await send(`${ROOT}/images`, { method: "POST", body });
  return /** @type {Promise<Picture>} */ (response.json());
}

/**
 * Upload what a job needs; no list shows it.
 *
 * @param {Blob} pixels a PNG
 * @returns {Promise<string>} its name
 */
export async function uploadIntermediate(pixels) {
  const body = new FormData();
  body.append("file", pixels, "picture.png");
  body.append("is_intermediate", "true");
  const response = await send(`${ROOT}/images`, { method: "POST", body });
  const { image_name: name } = /** @type {Picture} */ (await response.json());
  return name;
}

/**
 * @param {ArchiveRequest} request
 * @returns {Promise<Archive>}
 */
export async function createArchive(request) {
  const response = await send(`${ROOT}/images/archives`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(request),
  });
  return /** @type {Promise<Archive>} */ (response.json());
}

/** @returns {Promise<{results: Archive[]}>} the newest first */
export async function listArchives() {
  const response = await send(`${ROOT}/images/archives?limit=100`);
  return /** @type {Promise<{results: Archive[]}>} */ (response.json());
}

/**
 * @param {string} id
 * @returns {Promise<Archive>}
 */
export async function getArchive(id) {
  const response = await send(`${ROOT}/images/archives/${encodeURIComponent(id)}`);
  return /** @type {Promise<Archive>} */ (response.json());
}

/** @param {string} id of an archive that is not wanted any more, made or not */
export async function deleteArchive(id) {
  await send(`${ROOT}/images/archives/${encodeURIComponent(id)}`, { method: "DELETE" });
}

/** Ask for a file with all of one's data. */
export async function requestExport() {
  await send(`${ROOT}/account/export`, { method: "POST" });
}

/** @param {string} email the e-mail of the account, typed anew */
export async function requestDeletion(email) {
  await send(`${ROOT}/account/deletion`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ email }),
  });
}

/**
 * Put a picture into the trash.
 *
 * @param {string} name
 */
export async function deletePicture(name) {
  await send(`${ROOT}/images/${encodeURIComponent(name)}`, { method: "DELETE" });
}
