// @ts-check
/** The Create page: composer, settings, stage and strip around one store of jobs. */

import * as api from "./api.js";
import { ApiError } from "./api.js";
import { Composer } from "./composer.js";
import { createGrid } from "./create/guides/grid_api.js";
import { announce, byId, confirmed } from "./dom.js";
import { fill, formatPercent } from "./i18n.js";
import { hasEnded, JobStore } from "./jobs.js";
import { Price } from "./price.js";
import { SettingsPanel } from "./settings.js";
import { balance, socket } from "./shell.js";
import { Stage } from "./stage.js";
import { Strip } from "./strip.js";
import { toast, toastError } from "./toast.js";

/** @import {GenerationRequest, Job, Metadata, Model, Picture, Quote} from "./types.js" */

/** @type {Model[]} */
const models = JSON.parse(byId("models", HTMLScriptElement).text);
const title = document.title;

const jobs = new JobStore(toastError);
const composer = new Composer(order);
const settings = new SettingsPanel(models, (model) => composer.showExamples(model));
composer.revealWith((element) => settings.reveal(element));
const price = new Price(() => settings.priced(), balance);
settings.listen(() => price.refresh());
const stage = new Stage({ cancel, again, vary, useSettings, useSeed, useAsStart, remove });
const strip = new Strip((id) => {
  following = false;
  const job = jobs.get(id);
  if (job) put(job);
});

/** Whether the stage moves on to the job that runs, until the user picks another one. */
let following = true;

jobs.listen((job, before) => {
  strip.show(job);
  const staged = stage.job;
  const idle = staged === null || hasEnded(staged);
  if (staged?.id === job.id || (following && idle && isNews(job, before))) put(job);
  else if (job.state === "failed" && before && !hasEnded(before) && job.error) {
    toast(job.error.detail, { kind: "error", errorId: job.error.error_id });
  }
  announceChange(job, before);
});

socket.listen({
  onEvent(event) {
    jobs.take(event);
    if (event.type === "snapshot") stageWhatMatters();
  },
  onStatus(online) {
    if (online) price.retry();
  },
});
jobs.load().then(stageWhatMatters, toastError);
void takeOverFromAddress();

/**
 * @param {Job} job
 * @param {Job | null} before
 */
function isNews(job, before) {
  return !hasEnded(job) && before?.state !== job.state;
}

/** @param {Job} job */
function put(job) {
  stage.show(job);
  strip.mark(job.id);
  const percent = job.state === "running" && job.progress ? job.progress.percent : null;
  document.title = percent === null ? title : `${formatPercent(percent)} · ${title}`;
}

/** After a reload: what runs, else what waits longest, else the latest result. */
function stageWhatMatters() {
  if (!following || (stage.job && !hasEnded(stage.job))) return;
  const all = jobs.all();
  const job =
    all.find(({ state }) => state === "running") ??
    all.findLast(({ state }) => state === "queued") ??
    all.find(({ images }) => images.length > 0);
  if (job && (stage.job === null || !hasEnded(job))) put(job);
}

/**
 * @param {Job} job
 * @param {Job | null} before
 */
function announceChange(job, before) {
  if (!before || before.state === job.state) return;
  if (job.state === "running") announce(gettext("Your picture is being made."));
  else if (job.state === "succeeded") {
    announce(fill(gettext("Your picture is ready: %(prompt)s"), { prompt: job.prompt }));
  } else if (job.state === "cancelled") announce(gettext("Cancelled."));
  else if (job.state === "failed") announce(job.error?.detail ?? "");
}

/** Ask for what the composer and the settings say, at the price that is shown beside them. */
async function order() {
  if (price.refused) {
    price.pointToPlans();
    return;
  }
  await settings.guides.settled();
  const request = settings.request(composer.prompt);
  const axes = settings.guides.gridRequest();
  if (axes) (await createGrid(request, axes)).generations.toReversed().forEach(take);
  else await submit(request, price.quoteFor(request));
}

/**
 * @param {GenerationRequest} request
 * @param {Quote | null} [quote] the price to keep to; without one it is what it is now
 */
async function submit(request, quote = null) {
  try {
    const job = quote ? await createAt(quote, request) : await api.createGeneration(request);
    if (job) take(job);
  } catch (error) {
    tellPrice(error);
    throw error;
  }
}

/**
 * Ask for pictures at a price; if it does not hold any more, at a new one that is no higher.
 *
 * @param {Quote} quote
 * @param {GenerationRequest} request
 * @returns {Promise<Job | null>} null if there is a higher price to look at first
 */
async function createAt(quote, request) {
  const key = api.idempotencyKey();
  try {
    return await api.createGeneration({ ...request, quote: quote.token }, key);
  } catch (error) {
    if (!(error instanceof ApiError && error.code === "quote_expired")) throw error;
  }
  const renewed = await price.renew(request);
  if (renewed.credits > quote.credits) {
    composer.showNote(gettext("The price has gone up meanwhile. Press Generate to accept it."));
    return null;
  }
  return api.createGeneration({ ...request, quote: renewed.token }, key);
}

/**
 * Show what a refusal says about plan and credits where these are shown.
 *
 * @param {unknown} error
 */
function tellPrice(error) {
  if (!(error instanceof ApiError)) return;
  if (error.code === "plan_paused") price.pause(error.message);
  if (error.available !== undefined) balance.show(error.available);
}

/** @param {Job} job that was accepted */
function take(job) {
  following = true;
  settings.fold();
  stage.bringIntoView();
  jobs.put(job);
  if (stage.job === null || hasEnded(stage.job)) put(jobs.get(job.id) ?? job);
  else if (stage.job.id !== job.id) {
    announce(gettext("In the queue: it starts after the pictures before it."));
  }
}

/**
 * @param {Job} job
 * @param {number} [seed] a new one if left out
 */
function requestOf(job, seed) {
  const { prompt, negative_prompt, model, width, height, steps } = job;
  const { guidance_scale, scheduler, num_images, init_image, strength } = job;
  const start = init_image ? { init_image, strength: strength ?? 0.6 } : {};
  return {
    ...{ prompt, negative_prompt, model, width, height, steps },
    ...{ guidance_scale, scheduler, num_images, seed },
    ...start,
  };
}

/** @param {Job} job */
function vary(job) {
  submit(requestOf(job)).catch(toastError);
}

/** @param {Job} job */
function again(job) {
  submit(requestOf(job, job.seed)).catch(toastError);
}

/** @param {Job} job */
function cancel(job) {
  api.cancelGeneration(job.id).then((answer) => jobs.put(answer), toastError);
}

/**
 * @param {Job} job
 * @param {Picture} picture
 */
function useSettings(job, picture) {
  // A batch counts its seeds up: the picture knows its own, the job the first one.
  void takeOver({ ...job, seed: picture.metadata.seed ?? job.seed });
}

/**
 * @param {Picture} picture
 * @param {Job} job
 */
function useSeed(picture, job) {
  takeSeed(picture.metadata.seed ?? job.seed);
}

/** @param {number} seed */
function takeSeed(seed) {
  settings.useSeed(seed);
  toast(gettext("The next picture uses this seed."));
}

/** @param {Picture} picture */
function useAsStart(picture) {
  settings.startImage.use(picture);
  toast(gettext("The next picture starts from this one."));
}

/** @param {Picture} picture */
async function remove(picture) {
  const sure = await confirmed({
    title: gettext("Delete this picture?"),
    text: gettext("It goes for good, with its thumbnails and settings."),
    yes: gettext("Delete"),
  });
  if (!sure) return;
  try {
    await api.deletePicture(picture.image_name);
    jobs.forgetPicture(picture.image_name);
    toast(gettext("The picture is deleted."));
  } catch (error) {
    toastError(error);
  }
}

/** @param {Metadata} metadata */
async function takeOver(metadata) {
  composer.prompt = metadata.prompt ?? "";
  settings.apply(metadata);
  settings.startImage.clear();
  if (metadata.init_image) {
    try {
      settings.startImage.use(await api.getPicture(metadata.init_image));
      if (metadata.strength) settings.startImage.useStrength(metadata.strength);
    } catch {
      toast(gettext("The start image of this picture is gone; the other settings are set."));
      return;
    }
  }
  toast(gettext("The settings are taken over."));
}

/** Carry out what a link from the gallery asks for: its settings, its seed, or it as the start. */
async function takeOverFromAddress() {
  const query = new URLSearchParams(location.search);
  const from = query.get("from");
  const start = query.get("start");
  const seed = query.get("seed");
  if (!from && !start && !seed) return;
  // A reload must not undo what was changed since.
  history.replaceState(null, "", location.pathname);
  if (seed && /^\d+$/.test(seed)) takeSeed(Number(seed));
  if (!from && !start) return;
  try {
    const picture = await api.getPicture(from ?? start ?? "");
    if (from) await takeOver(picture.metadata);
    else useAsStart(picture);
  } catch (error) {
    toastError(error);
  }
}
