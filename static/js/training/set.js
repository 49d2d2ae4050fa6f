// @ts-check
/** The page of a set: its pictures and captions, and a training with its price. */

import { ApiError, idempotencyKey } from "../api.js";
import { byId, confirmed } from "../dom.js";
import { fill, formatNumber, formatSeconds } from "../i18n.js";
import { toast, toastError } from "../toast.js";
import { deleteSet, quoteTraining, renameSet, startTraining } from "./api.js";
import { Captions } from "./captions.js";
import { SetPicker } from "./picker.js";

/** @import {PageLife} from "../page.js" */
/** @import {Run, TrainingQuote, TrainingRequest} from "./api.js" */

const PAUSE_MS = 400;
const NUMBERS = ["steps", "rank", "learning_rate", "resolution", "batch_size", "preservation", "seed"];
const FLAGS = ["flip", "trains_convolutions"];
const TEXTS = ["model", "trigger"];

/** @typedef {{request: TrainingRequest, quote: TrainingQuote}} Offer */

class SetPage {
  #life;
  #id;
  #least;
  #captions;
  #form = document.getElementById("train");
  /** @type {Offer | null} for what is set now */
  #offer = null;
  /** @type {number | null} the credits that are shown, of what is set now or was a moment ago */
  #shown = null;
  /** Whether nobody knows the price, and asking again may help. */
  #isUnknown = false;
  #isStarting = false;
  /** @type {{body: string, key: string} | null} a start that may have arrived */
  #unanswered = null;
  #asked = 0;
  #timer = 0;

  /** @param {PageLife} life */
  constructor(life) {
    this.#life = life;
    const page = byId("set", HTMLElement);
    this.#id = page.dataset.set ?? "";
    this.#least = Number(page.dataset.least);
    this.#captions = new Captions(life, { set: this.#id, changed: () => this.#requote() });
    const picker = new SetPicker(life, (names) => this.#captions.add(names));
    const { signal } = life;
    /** @type {(id: string, act: () => void) => void} */
    const on = (id, act) =>
      document.getElementById(id)?.addEventListener("click", act, { signal });
    on("add-pictures", () => picker.open(this.#captions.names));
    on("suggest", () => void this.#captions.suggest());
    on("delete-set", () => void this.#delete(page.dataset.list ?? ""));
    const title = byId("set-title", HTMLInputElement);
    title.addEventListener("change", () => void this.#rename(title), { signal });
    this.#form?.addEventListener("input", (event) => this.#edited(event.target), { signal });
    this.#form?.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        void this.#start();
      },
      { signal },
    );
    byId("set", HTMLElement).dataset.ready = "";
    this.#requote();
  }

  /** @returns {TrainingRequest} what is said; the rest is the server's to fill in */
  #request() {
    /** @type {TrainingRequest} */
    const request = { set: this.#id };
    for (const name of FLAGS) request[name] = field(name).checked;
    for (const name of TEXTS) request[name] = valueOf(name);
    for (const name of NUMBERS) putNumber(request, name);
    const lines = byId("train-sample_prompts", HTMLTextAreaElement).value.split("\n");
    const prompts = lines.map((line) => line.trim()).filter(Boolean);
    if (prompts.length > 0) request.sample_prompts = prompts;
    return request;
  }

  /** @param {EventTarget | null} input */
  #edited(input) {
    if (!(input instanceof HTMLElement)) return;
    if (input.id !== "train-name" && input.id !== "train-max_credits") this.#requote();
    else {
      // Of these the price knows nothing.
      byId(`${input.id}-error`, HTMLElement).textContent = "";
      input.removeAttribute("aria-invalid");
    }
  }

  #requote() {
    if (!this.#form) return;
    const resolution = field("resolution");
    const model = byId("train-model", HTMLSelectElement).selectedOptions[0];
    resolution.placeholder = model?.dataset.side ?? "";
    this.#forgetOffer();
    this.#tellStart();
    this.#timer = this.#life.later(() => void this.#ask(), PAUSE_MS);
  }

  /** What was asked is of other settings, or holds no more. */
  #forgetOffer() {
    this.#life.cancel(this.#timer);
    this.#asked += 1;
    this.#offer = null;
    byId("price", HTMLElement).dataset.state = "asking";
  }

  /** @returns {Promise<Offer | null>} for what is set now; null if there is none, and why is told */
  async #ask() {
    this.#forgetOffer();
    const asked = this.#asked;
    const request = this.#request();
    try {
      const quote = await quoteTraining(request);
      if (asked !== this.#asked || this.#life.isOver) return null;
      this.#offer = { request, quote };
      this.#isUnknown = false;
      this.#tellErrors({});
    } catch (error) {
      if (asked !== this.#asked || this.#life.isOver) return null;
      this.#isUnknown = error instanceof ApiError && mayPass(error.status);
      this.#refuse(error);
    }
    this.#tellPrice();
    return this.#offer;
  }

  get #missing() {
    return this.#least - this.#captions.names.length;
  }

  /** While a price is asked for it stays what it was: a press waits for the new one. */
  #tellStart() {
    const isKnown = this.#shown !== null || this.#isUnknown;
    byId("start", HTMLButtonElement).disabled = this.#isStarting || !isKnown || this.#missing > 0;
  }

  #tellPrice() {
    const price = byId("quote", HTMLElement);
    const note = byId("quote-note", HTMLElement);
    const missing = this.#missing;
    const { quote } = this.#offer ?? {};
    this.#shown = quote?.credits ?? null;
    this.#tellStart();
    byId("price", HTMLElement).dataset.state = quote ? "ready" : "none";
    price.textContent = this.#isUnknown ? gettext("No price just now") : "";
    note.textContent = this.#isUnknown || quote ? "" : gettext("The price is known once nothing is wrong.");
    field("max_credits").placeholder = quote ? String(quote.credits) : "";
    if (quote) {
      const words = ngettext("At most %(credits)s credit", "At most %(credits)s credits", quote.credits);
      price.textContent = fill(words, { credits: formatNumber(quote.credits) });
      note.textContent = fill(gettext("About %(time)s. You have %(available)s credits."), {
        time: formatSeconds(quote.seconds),
        available: formatNumber(quote.available),
      });
    }
    if (missing > 0) {
      const words = ngettext("Add %(count)s more picture.", "Add %(count)s more pictures.", missing);
      note.textContent = fill(words, { count: missing });
    }
  }

  async #start() {
    if (this.#isStarting) return;
    this.#isStarting = true;
    const hadFocus = byId("start", HTMLButtonElement).matches(":focus");
    this.#tellStart();
    const agreed = this.#shown;
    try {
      await this.#captions.save();
      const run = await this.#begin(agreed).catch((/** @type {unknown} */ error) => {
        if (!(error instanceof ApiError && error.code === "quote_expired")) throw error;
        this.#forgetOffer();
        return this.#begin(agreed);
      });
      if (this.#life.isOver) return;
      // It stays off: on the way to the training there is no second one to start.
      if (run) {
        this.#life.visit(`/training/${run.id}/`);
        return;
      }
    } catch (error) {
      this.#refuse(error);
    }
    this.#isStarting = false;
    this.#tellStart();
    if (hadFocus) byId("start", HTMLButtonElement).focus();
  }

  /**
   * Begin what is set now, if it costs no more than was agreed to.
   *
   * @param {number | null} agreed credits
   * @returns {Promise<Run | null>} null if there is a price to look at first, or none
   */
  async #begin(agreed) {
    const offer = this.#offer ?? (await this.#ask());
    if (!offer || agreed === null) return null;
    if (offer.quote.credits > agreed) {
      toast(gettext("The price has gone up. Look at it, and press Start the training again."));
      return null;
    }
    return this.#send(offer);
  }

  /** @param {Offer} offer */
  async #send({ request, quote }) {
    const order = { ...request };
    const name = valueOf("name").trim();
    if (name) order.name = name;
    putNumber(order, "max_credits");
    const body = JSON.stringify(order);
    const key = this.#unanswered?.body === body ? this.#unanswered.key : idempotencyKey();
    this.#unanswered = { body, key };
    try {
      return await startTraining({ ...order, quote: quote.token }, key);
    } catch (error) {
      if (error instanceof ApiError && !mayPass(error.status)) this.#unanswered = null;
      throw error;
    }
  }

  /** @param {unknown} error */
  #refuse(error) {
    let fields = error instanceof ApiError ? error.fields : {};
    if (error instanceof ApiError && error.code === "quote_above_cap") {
      fields = { max_credits: [error.message] };
    }
    if (!this.#tellErrors(fields)) toastError(error);
  }

  /**
   * @param {Record<string, string[]>} fields
   * @returns {boolean} whether there is a place for any of them
   */
  #tellErrors(fields) {
    let isTold = false;
    for (const place of this.#form?.querySelectorAll(".field__error") ?? []) {
      const name = place.id.replace(/^train-/, "").replace(/-error$/, "");
      // Of a list the number of the wrong one stands behind its name.
      const found = Object.entries(fields).find(([key]) => key.split(".")[0] === name);
      place.textContent = found?.[1].join(" ") ?? "";
      if (found) isTold = true;
      const input = document.getElementById(`train-${name}`);
      if (found) input?.setAttribute("aria-invalid", "true");
      else input?.removeAttribute("aria-invalid");
      if (found) input?.closest("details")?.setAttribute("open", "");
    }
    return isTold;
  }

  /** @param {HTMLInputElement} title */
  async #rename(title) {
    const name = title.value.trim() || title.defaultValue;
    title.value = name;
    if (name === title.defaultValue) return;
    try {
      await renameSet(this.#id, name);
      title.defaultValue = name;
      document.title = `${name} · Easel`;
    } catch (error) {
      toastError(error);
    }
  }

  /** @param {string} list where the sets are */
  async #delete(list) {
    const sure = await confirmed({
      title: gettext("Delete this set?"),
      text: gettext("Its captions go for good. The pictures stay in your gallery, and so does what was trained from it."),
      yes: gettext("Delete"),
    });
    if (!sure) return;
    try {
      await deleteSet(this.#id);
      this.#life.visit(list);
    } catch (error) {
      toastError(error);
    }
  }
}

/** @param {string} name */
function field(name) {
  return byId(`train-${name}`, HTMLInputElement);
}

/** @param {string} name */
function valueOf(name) {
  const input = document.getElementById(`train-${name}`);
  const isOne = input instanceof HTMLInputElement || input instanceof HTMLSelectElement;
  return isOne ? input.value : "";
}

/**
 * @param {TrainingRequest} request
 * @param {string} name of a number; what is none goes as it is, and the answer says so
 */
function putNumber(request, name) {
  const input = field(name);
  const text = input.validity.badInput ? "?" : input.value.trim();
  if (text !== "") request[name] = Number.isFinite(Number(text)) ? Number(text) : text;
}

/**
 * @param {number} status
 * @returns {boolean} whether the same may be answered otherwise the next time
 */
function mayPass(status) {
  return status === 0 || status === 429 || status >= 500;
}

/** @param {PageLife} life */
export function start(life) {
  new SetPage(life);
}
