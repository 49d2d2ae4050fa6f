// @ts-check
/** The page of a set: its pictures and captions, and a training with its price. */

import { ApiError } from "../api.js";
import { byId, confirmed } from "../dom.js";
import { fill, formatNumber, formatSeconds } from "../i18n.js";
import { toastError } from "../toast.js";
import { deleteSet, quoteTraining, renameSet, startTraining } from "./api.js";
import { Captions } from "./captions.js";
import { SetPicker } from "./picker.js";

/** @import {PageLife} from "../page.js" */
/** @import {TrainingQuote, TrainingRequest} from "./api.js" */

const PAUSE_MS = 400;
const NUMBERS = ["steps", "rank", "learning_rate", "resolution", "batch_size", "preservation", "seed"];
const FLAGS = ["flip", "trains_convolutions"];
const TEXTS = ["model", "trigger"];

class SetPage {
  #life;
  #id;
  #least;
  #captions;
  #form = document.getElementById("train");
  /** @type {TrainingQuote | null} */
  #quote = null;
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
    for (const name of NUMBERS) {
      const text = valueOf(name);
      if (text !== "") request[name] = Number(text);
    }
    const lines = byId("train-sample_prompts", HTMLTextAreaElement).value.split("\n");
    const prompts = lines.map((line) => line.trim()).filter(Boolean);
    if (prompts.length > 0) request.sample_prompts = prompts;
    return request;
  }

  /** @param {EventTarget | null} input */
  #edited(input) {
    if (!(input instanceof HTMLElement)) return;
    if (input.id !== "train-name" && input.id !== "train-max_credits") this.#requote();
    // Of these the price knows nothing.
    else byId(`${input.id}-error`, HTMLElement).textContent = "";
  }

  #requote() {
    if (!this.#form) return;
    const resolution = field("resolution");
    const model = byId("train-model", HTMLSelectElement).selectedOptions[0];
    resolution.placeholder = model?.dataset.side ?? "";
    this.#life.cancel(this.#timer);
    this.#timer = this.#life.later(() => void this.#ask(), PAUSE_MS);
  }

  async #ask() {
    this.#asked += 1;
    const asked = this.#asked;
    this.#quote = null;
    const missing = this.#least - this.#captions.names.length;
    try {
      const quote = await quoteTraining(this.#request());
      if (asked !== this.#asked || this.#life.isOver) return;
      this.#quote = quote;
      this.#tellErrors({});
    } catch (error) {
      if (asked !== this.#asked || this.#life.isOver) return;
      this.#refuse(error);
    }
    this.#tellPrice(missing);
  }

  /** @param {number} missing pictures */
  #tellPrice(missing) {
    const price = byId("quote", HTMLElement);
    const note = byId("quote-note", HTMLElement);
    const quote = this.#quote;
    byId("start", HTMLButtonElement).disabled = !quote || missing > 0;
    price.textContent = "";
    note.textContent = "";
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
    const button = byId("start", HTMLButtonElement);
    button.disabled = true;
    try {
      await this.#captions.save();
      const request = this.#request();
      const name = valueOf("name").trim();
      if (name) request.name = name;
      const most = valueOf("max_credits");
      if (most !== "") request.max_credits = Number(most);
      if (this.#quote) request.quote = this.#quote.token;
      const run = await startTraining(request);
      this.#life.visit(`/training/${run.id}/`);
    } catch (error) {
      button.disabled = false;
      this.#refuse(error);
    }
  }

  /** @param {unknown} error */
  #refuse(error) {
    if (error instanceof ApiError && error.code === "quote_above_cap") {
      this.#tellErrors({ max_credits: [error.message] });
    } else if (error instanceof ApiError && Object.keys(error.fields).length > 0) {
      this.#tellErrors(error.fields);
    } else {
      toastError(error);
    }
  }

  /** @param {Record<string, string[]>} fields */
  #tellErrors(fields) {
    for (const place of this.#form?.querySelectorAll(".field__error") ?? []) {
      const name = place.id.replace(/^train-/, "").replace(/-error$/, "");
      // Of a list the number of the wrong one stands behind its name.
      const found = Object.entries(fields).find(([key]) => key.split(".")[0] === name);
      place.textContent = found?.[1].join(" ") ?? "";
      const input = document.getElementById(`train-${name}`);
      if (found) input?.setAttribute("aria-invalid", "true");
      else input?.removeAttribute("aria-invalid");
      if (found) input?.closest("details")?.setAttribute("open", "");
    }
  }

  /** @param {HTMLInputElement} title */
  async #rename(title) {
    const name = title.value.trim();
    if (name === "") return;
    try {
      await renameSet(this.#id, name);
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

/** @param {PageLife} life */
export function start(life) {
  new SetPage(life);
}
