// @ts-check
/** The prompts, their counter and examples, and the messages beside the fields. */

import { ApiError } from "./api.js";
import { IS_APPLE, registerShortcuts } from "./create/shortcuts.js";
import { applyChange, reweigh } from "./create/weights.js";
import { byId, make } from "./dom.js";
import { fill, formatNumber } from "./i18n.js";
import { recall, remember } from "./storage.js";
import { toastError } from "./toast.js";

/** @import {PageLife} from "./page.js" */
/** @import {Model, Prompts} from "./types.js" */

/** What the fields of one of many are called in an answer about all of them. */
const OF_A_BATCH = /^(generations\.\d+|base)\./;

/**
 * @typedef {object} ComposerListener
 * @property {() => Promise<void>} onSubmit
 * @property {() => void} onChange the prompts are other ones
 * @property {(element: Element) => void} reveal unfolds what hides an element
 * @property {(name: string, messages: string[]) => boolean} showElsewhere tells what is wrong
 *   where its field is, if it is one of a part of the page that knows itself
 */

export class Composer {
  #form = byId("create-form", HTMLFormElement);
  #prompt = byId("prompt", HTMLTextAreaElement);
  #negative = byId("negative_prompt", HTMLTextAreaElement);
  #negativeField = byId("negative", HTMLElement);
  #toggle = byId("negative-toggle", HTMLButtonElement);
  #count = byId("prompt-count", HTMLElement);
  #button = byId("generate", HTMLButtonElement);
  #most = Number(this.#count.dataset.max);
  // The stage has the same examples then.
  #isFirstRun = document.getElementById("first-run") !== null;
  #listener;

  /**
   * @param {PageLife} life
   * @param {ComposerListener} listener
   */
  constructor(life, listener) {
    this.#listener = listener;
    if (IS_APPLE) byId("generate-keys", HTMLElement).textContent = "⌘ ↵";
    if (!this.#prompt.value) this.#prompt.value = recall("prompt") ?? "";
    if (!this.#negative.value) this.#negative.value = recall("negative") ?? "";
    this.#wire(life);
    this.#showNegative(recall("negative-open") === "yes" || this.#negative.value !== "");
    this.#refresh();
  }

  /** @returns {Prompts} as they are sent */
  read() {
    return {
      prompt: this.#prompt.value.trim(),
      negative_prompt: this.#negative.value.trim(),
    };
  }

  /** @param {Partial<Prompts>} prompts what is left out stays as it is */
  write({ prompt, negative_prompt }) {
    if (prompt !== undefined) this.#prompt.value = prompt;
    if (negative_prompt !== undefined) {
      this.#negative.value = negative_prompt;
      if (negative_prompt) this.#showNegative(true);
    }
    for (const field of [this.#prompt, this.#negative]) this.#clearError(field);
    this.#changed();
  }

  focus() {
    this.#prompt.focus();
  }

  /** @param {Model} model */
  showExamples(model) {
    const chips = model.example_prompts.map((text) => {
      const chip = make(
        "button",
        { class: "chip", type: "button" },
        make("span", { class: "chip__text" }, text),
      );
      chip.addEventListener("click", () => {
        this.write({ prompt: text });
        this.#prompt.focus();
      });
      return chip;
    });
    const group = byId("examples", HTMLElement);
    group.replaceChildren(...chips);
    group.hidden = chips.length === 0 || this.#isFirstRun;
  }

  /**
   * Show an error beside the fields it names; the rest of it as a message.
   *
   * @param {unknown} error
   */
  showError(error) {
    const isBeside = error instanceof ApiError && Object.keys(error.fields).length > 0;
    // Who has left the page is told all the same.
    if (!isBeside || !this.#form.isConnected) {
      toastError(error);
      return;
    }
    /** @type {Set<string>} */
    const homeless = new Set();
    /** @type {HTMLElement | null} */
    let first = null;
    for (const [path, messages] of Object.entries(error.fields)) {
      const name = path.replace(OF_A_BATCH, "");
      if (this.#listener.showElsewhere(name, messages)) continue;
      const place = document.getElementById(`${name}-error`);
      if (!place) {
        for (const message of messages) homeless.add(message);
        continue;
      }
      place.textContent = messages.join(" ");
      const field = document.getElementById(name);
      field?.setAttribute("aria-invalid", "true");
      if (this.#negativeField.contains(place)) this.#showNegative(true);
      this.#listener.reveal(place);
      first ??= field;
    }
    byId("form-error", HTMLElement).textContent = [...homeless].join(" ");
    first?.focus();
  }

  /** @param {string} text something to know before the next try */
  showNote(text) {
    if (!this.#form.isConnected) return;
    byId("form-error", HTMLElement).textContent = text;
  }

  /** Ask for what is written, as the button does. */
  submit() {
    this.#form.requestSubmit();
  }

  /** @param {PageLife} life */
  #wire(life) {
    const { signal } = life;
    for (const field of [this.#prompt, this.#negative]) {
      field.addEventListener("input", () => this.#changed(), { signal });
    }
    this.#form.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        void this.#submit();
      },
      { signal },
    );
    this.#form.addEventListener(
      "input",
      (event) => {
        if (event.target instanceof HTMLElement) this.#clearError(event.target);
      },
      { signal },
    );
    this.#toggle.addEventListener(
      "click",
      () => {
        const isOpen = this.#toggle.getAttribute("aria-expanded") !== "true";
        this.#showNegative(isOpen);
        remember("negative-open", isOpen ? "yes" : null);
        if (isOpen) this.#negative.focus();
      },
      { signal },
    );
    document.addEventListener("easel:insert", (event) => this.#insert(event), { signal });
    this.#registerKeys(life);
  }

  /** @param {PageLife} life */
  #registerKeys(life) {
    const section = gettext("Prompt");
    const isWriting = () => this.#written() !== null;
    registerShortcuts(life, [
      { keys: "Mod+Enter", label: gettext("Generate"), section, act: () => this.submit() },
      { keys: "/", label: gettext("Write the prompt"), section, act: () => this.focus() },
      {
        keys: "Mod+ArrowUp",
        label: gettext("Give the word more weight"),
        section,
        act: () => this.#weigh(1),
        when: isWriting,
      },
      {
        keys: "Mod+ArrowDown",
        label: gettext("Give the word less weight"),
        section,
        act: () => this.#weigh(-1),
        when: isWriting,
      },
    ]);
  }

  /** @returns {HTMLTextAreaElement | null} the field that is written into */
  #written() {
    const fields = [this.#prompt, this.#negative];
    return fields.find((field) => field === document.activeElement) ?? null;
  }

  /** @param {1 | -1} direction */
  #weigh(direction) {
    const field = this.#written();
    if (!field) return;
    const { value, selectionStart, selectionEnd } = field;
    const change = reweigh(value, selectionStart, selectionEnd, direction);
    if (change) applyChange(field, change);
  }

  /**
   * Add words that another part of the page has for the prompt, behind a comma.
   *
   * @param {Event} event
   */
  #insert(event) {
    if (!(event instanceof CustomEvent)) return;
    const { text } = /** @type {{text: string}} */ (event.detail);
    const at = this.#prompt.value.trimEnd().length;
    const words = at > 0 ? `, ${text}` : text;
    const end = this.#prompt.value.length;
    const to = at + words.length;
    applyChange(this.#prompt, { start: at, end, text: words, from: to, to });
  }

  async #submit() {
    if (this.#button.getAttribute("aria-disabled") === "true") return;
    this.#clearErrors();
    if (this.read().prompt === "") {
      byId("prompt-error", HTMLElement).textContent = gettext("Say what the picture should show.");
      this.#prompt.setAttribute("aria-invalid", "true");
      this.#prompt.focus();
      return;
    }
    this.#button.setAttribute("aria-disabled", "true");
    try {
      await this.#listener.onSubmit();
    } catch (error) {
      this.showError(error);
    } finally {
      this.#button.removeAttribute("aria-disabled");
    }
  }

  /** @param {boolean} isOpen */
  #showNegative(isOpen) {
    this.#negativeField.hidden = !isOpen;
    this.#toggle.setAttribute("aria-expanded", String(isOpen));
  }

  #changed() {
    remember("prompt", this.#prompt.value);
    remember("negative", this.#negative.value || null);
    this.#refresh();
    this.#listener.onChange();
  }

  /** @param {HTMLElement} field */
  #clearError(field) {
    field.removeAttribute("aria-invalid");
    const place = document.getElementById(`${field.getAttribute("name") ?? ""}-error`);
    if (place) place.textContent = "";
  }

  #clearErrors() {
    for (const place of this.#form.querySelectorAll(".field__error")) place.textContent = "";
    for (const field of this.#form.querySelectorAll("[aria-invalid]")) {
      field.removeAttribute("aria-invalid");
    }
  }

  #refresh() {
    // A closed field that says something must not be forgotten.
    this.#toggle.dataset.used = String(this.#negative.value.trim() !== "");
    // Counted as the server counts: a picture character is one, whatever its encoding.
    const length = Array.from(this.#prompt.value).length;
    this.#count.hidden = length === 0;
    this.#count.dataset.over = String(length > this.#most);
    this.#count.textContent = fill(gettext("%(count)s of %(most)s"), {
      count: formatNumber(length),
      most: formatNumber(this.#most),
    });
  }
}
