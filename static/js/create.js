// @ts-check
/** The Create page: composer, settings, stage and queue around one store of jobs. */

import * as api from "./api.js";
import { ApiError } from "./api.js";
import { Composer } from "./composer.js";
import { announceChange } from "./create/announcements.js";
import { drawExamples } from "./create/first_run.js";
import { trainedSettings } from "./create/from_training.js";
import { PromptHistory } from "./create/history.js";
import { registerPageKeys } from "./create/keys.js";
import { placeAgain, placeGrids, placeOrder, refusalOfRepeat } from "./create/orders.js";
import { QueuePanel } from "./create/queue_panel.js";
import { ResultActs } from "./create/result_acts.js";
import { openHelp } from "./create/shortcuts.js";
import { StylePicker } from "./create/styles.js";
import { TemplatePreview } from "./create/templates.js";
import { announce, byId } from "./dom.js";
import { fill, formatNumber } from "./i18n.js";
import { hasEnded, JobStore } from "./jobs.js";
import { Price } from "./price.js";
import { readdress } from "./router.js";
import { SettingsPanel } from "./settings.js";
import { balance } from "./shell.js";
import { Stage } from "./stage.js";
import { Strip } from "./strip.js";
import { toast, toastError } from "./toast.js";

/** @import {BoardName} from "./create/result.js" */
/** @import {PageLife} from "./page.js" */
/** @import {GenerationRequest, Job, Metadata, Model, Picture, Quote} from "./types.js" */

class CreatePage {
  #life;
  #jobs = new JobStore(toastError);
  #composer;
  #history;
  #style;
  #templates;
  #settings;
  #price;
  #stage;
  #strip;
  #queue;
  /** Whether the stage moves on to the job that runs, until the user picks another one. */
  #following = true;

  /** @param {PageLife} life */
  constructor(life) {
    this.#life = life;
    /** @type {Model[]} */
    const models = JSON.parse(byId("models", HTMLScriptElement).text);
    /** @type {BoardName[]} */
    const boards = JSON.parse(byId("boards", HTMLScriptElement).text);
    this.#composer = new Composer(life, {
      onSubmit: () => this.#order(),
      onChange: () => this.#promptChanged(),
      reveal: (element) => this.#settings.reveal(element),
      showElsewhere: (name, messages) => this.#settings.showError(name, messages),
    });
    const composer = this.#composer;
    this.#history = new PromptHistory(life, {
      read: () => composer.read(),
      write: (prompts) => this.#takeFromHistory(prompts),
    });
    this.#settings = new SettingsPanel(life, models, {
      onModel: (model) => this.#useModel(model),
      onChange: () => this.#price.refresh(),
      onReset: () => this.#reset(),
    });
    const settings = this.#settings;
    this.#style = new StylePicker(life, () => this.#templates.refresh());
    const style = this.#style;
    this.#templates = new TemplatePreview(
      life,
      { read: () => composer.read(), style: () => style.value },
      () => this.#price.refresh(),
    );
    const templates = this.#templates;
    const chosen = {
      settings: () => settings.priced(),
      count: () => templates.count,
      grid: () => {
        const axes = settings.guides.gridRequest();
        return axes && { base: { ...settings.value, ...composer.read() }, axes };
      },
    };
    this.#price = new Price(life, chosen, balance);
    const acts = new ResultActs(this.#jobs, boards);
    this.#stage = new Stage(
      life,
      {
        cancel: (job) => this.#cancel(job),
        again: (job) => void this.#repeat(job, job.seed),
        vary: (job) => void this.#repeat(job),
        useSettings: (job, picture) => this.#useSettings(job, picture),
        useSeed: (picture, job) => this.#useSeed(picture.metadata.seed ?? job.seed),
        useAsStart: (picture) => this.#useAsStart(picture),
        star: (picture) => void acts.star(picture),
        putOnBoard: (picture, board) => void acts.putOnBoard(picture, board),
        remove: (picture) => void acts.remove(picture),
      },
      boards,
    );
    this.#strip = new Strip((id) => this.#choose(id));
    this.#queue = new QueuePanel(life, (id) => this.#choose(id));
    this.#wire();
  }

  async begin() {
    this.#templates.refresh();
    this.#jobs.load().then(() => this.#stageWhatMatters(), toastError);
    await this.#takeOverFromAddress();
  }

  #wire() {
    const life = this.#life;
    this.#jobs.listen((job, before) => this.#jobChanged(job, before));
    life.listen({
      onEvent: (event) => {
        this.#jobs.take(event);
        if (event.type === "snapshot") this.#stageWhatMatters();
      },
      onStatus: (online) => {
        if (online) this.#price.retry();
      },
    });
    byId("help-open", HTMLElement).addEventListener("click", openHelp, { signal: life.signal });
    registerPageKeys(life, {
      stage: this.#stage,
      stepInHistory: (by) => this.#history.step(by),
      openHistory: () => this.#history.toggle(),
      openStyles: () => this.#style.open(),
      pickStart: () => void this.#settings.startImage.pick(),
      swapSize: () => this.#settings.swapSize(),
      toggleQueue: () => this.#queue.toggle(),
      togglePause: () => void this.#queue.togglePause(),
      stepInStrip: (by) => {
        const id = this.#strip.beside(by);
        if (id) this.#choose(id);
      },
    });
  }

  /** @param {Model} model */
  #useModel(model) {
    this.#composer.showExamples(model);
    drawExamples(model, (prompt) => {
      this.#composer.write({ prompt });
      this.#composer.submit();
    });
  }

  #promptChanged() {
    this.#history.leave();
    this.#templates.refresh();
  }

  /** @param {{prompt: string, negative_prompt: string}} prompts */
  #takeFromHistory(prompts) {
    this.#composer.write(prompts);
    this.#composer.focus();
  }

  #reset() {
    this.#style.use(null);
    this.#composer.write({ negative_prompt: "" });
  }

  /** @param {string} id a job to look at */
  #choose(id) {
    this.#following = false;
    const job = this.#jobs.get(id);
    if (job) this.#put(job);
    else api.getGeneration(id).then((found) => this.#put(found), toastError);
  }

  /**
   * @param {Job} job
   * @param {Job | null} before
   */
  #jobChanged(job, before) {
    if (this.#life.isOver) return;
    this.#strip.show(job);
    // Nobody wrote what stands for a workflow as its prompt.
    if (!before && job.kind !== "workflow") this.#history.addOfJob(job);
    const staged = this.#stage.job;
    const idle = staged === null || hasEnded(staged);
    const isNews = !hasEnded(job) && before?.state !== job.state;
    if (staged?.id === job.id || (this.#following && idle && isNews)) this.#put(job);
    else if (job.state === "failed" && before && !hasEnded(before) && job.error) {
      toast(job.error.detail, { kind: "error", errorId: job.error.error_id });
    }
    announceChange(job, before);
  }

  /** @param {Job} job */
  #put(job) {
    if (this.#life.isOver) return;
    this.#stage.show(job);
    this.#strip.mark(job.id);
  }

  /** After a reload: what runs, else what is next, else the latest result. */
  #stageWhatMatters() {
    const staged = this.#stage.job;
    if (this.#life.signal.aborted || !this.#following || staged?.state === "running") return;
    const all = this.#jobs.all();
    const job =
      all.find(({ state }) => state === "running") ??
      this.#jobs.next() ??
      (staged ? undefined : all.find(({ images }) => images.length > 0));
    if (job && job.id !== staged?.id) this.#put(job);
  }

  /** Ask for what the composer and the settings say, at the price that is shown beside them. */
  async #order() {
    if (this.#price.refused) {
      this.#price.pointToPlans();
      return;
    }
    const written = this.#composer.read();
    const seen = this.#templates.count;
    const prompts = await this.#templates.make();
    if (prompts.length > seen) {
      const message = ngettext(
        "This makes %(count)s generation. Press Generate to accept the price.",
        "This makes %(count)s generations. Press Generate to accept the price.",
        prompts.length,
      );
      this.#composer.showNote(fill(message, { count: formatNumber(prompts.length) }));
      return;
    }
    await this.#settings.guides.settled();
    const settings = this.#settings.value;
    // Kept whatever comes of it: what was refused is changed and asked for again.
    this.#history.add(written);
    const requests = prompts.map((one) => ({ ...settings, ...one }));
    const axes = this.#settings.guides.gridRequest();
    const isAccepted = axes
      ? await this.#accept(() => placeGrids(requests, axes))
      : await this.#submit(requests, this.#price.quoteFor(settings));
    if (isAccepted) this.#templates.renew();
  }

  /**
   * @param {GenerationRequest[]} requests of one price
   * @param {Quote | null} quote the price that was shown, if it was
   */
  #submit(requests, quote) {
    return this.#accept(() =>
      placeOrder(requests, quote, (request) => this.#price.renew(request)),
    );
  }

  /**
   * @param {() => Promise<Job[] | null>} place returns null if there is a higher price to look at
   * @returns {Promise<boolean>} whether the jobs were accepted
   */
  async #accept(place) {
    try {
      const jobs = await place();
      if (jobs === null) {
        const note = gettext("The price has gone up meanwhile. Press Generate to accept it.");
        this.#composer.showNote(note);
        return false;
      }
      this.#take(jobs);
      return true;
    } catch (error) {
      this.#tellPrice(error);
      throw error;
    }
  }

  /**
   * Show what a refusal says about plan and credits where these are shown.
   *
   * @param {unknown} error
   */
  #tellPrice(error) {
    if (!(error instanceof ApiError)) return;
    if (error.code === "plan_paused") this.#price.pause(error.message);
    if (error.available !== undefined) balance.show(error.available);
  }

  /** @param {Job[]} jobs that were accepted */
  #take(jobs) {
    const [first] = jobs;
    if (!first || this.#life.isOver) return;
    this.#following = true;
    this.#settings.fold();
    this.#stage.bringIntoView();
    for (const job of jobs) this.#jobs.put(job);
    const staged = this.#stage.job;
    if (staged === null || hasEnded(staged)) this.#put(this.#jobs.get(first.id) ?? first);
    else if (staged.id !== first.id) {
      announce(gettext("In the queue: it starts after the pictures before it."));
    }
    if (jobs.length > 1) {
      const message = ngettext(
        "%(count)s generation is in your queue.",
        "%(count)s generations are in your queue.",
        jobs.length,
      );
      toast(fill(message, { count: formatNumber(jobs.length) }));
    }
  }

  /**
   * Make a job once more.
   *
   * @param {Job} job
   * @param {number} [seed] a new one if left out
   */
  async #repeat(job, seed) {
    try {
      await this.#accept(() => placeAgain(job, seed, this.#price));
    } catch (error) {
      toastError(refusalOfRepeat(error));
    }
  }

  /** @param {Job} job */
  #cancel(job) {
    api.cancelGeneration(job.id).then((answer) => this.#jobs.put(answer), toastError);
  }

  /**
   * @param {Job} job
   * @param {Picture} picture
   */
  #useSettings(job, picture) {
    // A batch counts its seeds up: the picture knows its own, the job the first one.
    void this.#takeOver({ ...job, seed: picture.metadata.seed ?? job.seed });
  }

  /** @param {number} seed */
  #useSeed(seed) {
    this.#settings.useSeed(seed);
    toast(gettext("The next picture uses this seed."));
  }

  /** @param {Picture} picture */
  #useAsStart(picture) {
    this.#settings.startImage.use(picture);
    toast(gettext("The next picture starts from this one."));
  }

  /** @param {Metadata} metadata */
  async #takeOver(metadata) {
    // The words of a style are in the prompt already.
    this.#style.use(null);
    const { prompt = "", negative_prompt = "" } = metadata;
    this.#composer.write({ prompt, negative_prompt });
    this.#settings.apply(metadata);
    const { startImage } = this.#settings;
    startImage.clear();
    if (metadata.init_image) {
      try {
        const picture = await api.getPicture(metadata.init_image);
        if (this.#life.isOver) return;
        startImage.use(picture);
        if (metadata.strength) startImage.useStrength(metadata.strength);
      } catch {
        toast(gettext("The start image of this picture is gone; the other settings are set."));
        return;
      }
    }
    toast(gettext("The settings are taken over."));
  }

  /** Carry out what a link from the gallery asks for: its settings, its seed, or it as the start. */
  async #takeOverFromAddress() {
    const query = new URLSearchParams(location.search);
    const [from, startName, seed] = ["from", "start", "seed"].map((name) => query.get(name));
    const trained = trainedSettings(query);
    if (![from, startName, seed, trained].some(Boolean)) return;
    // A reload must not undo what was changed since.
    readdress(location.pathname);
    if (seed && /^\d+$/.test(seed)) this.#useSeed(Number(seed));
    if (trained) await this.#takeOver(trained);
    if (!from && !startName) return;
    try {
      const picture = await api.getPicture(from ?? startName ?? "");
      if (this.#life.isOver) return;
      if (from) await this.#takeOver(picture.metadata);
      else this.#useAsStart(picture);
    } catch (error) {
      toastError(error);
    }
  }
}

/** @param {PageLife} life */
export function start(life) {
  void new CreatePage(life).begin();
}
