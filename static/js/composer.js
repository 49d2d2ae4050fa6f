// @ts-check
/** The prompt, its counter and examples, and the messages beside the fields. */

import { ApiError } from "./api.js";
import { byId, make } from "./dom.js";
import { fill, formatNumber } from "./i18n.js";
import { recall, remember } from "./storage.js";
import { toastError } from "./toast.js";

/** @import {Model} from "./types.js" */

const IS_APPLE = /Mac|iPhone|iPad/.test(navigator.userAgent);

export class Composer {
  #form = byId("create-form", HTMLFormElement);
  #prompt = byId("prompt", HTMLTextAreaElement);
  #count = byId("prompt-count", HTMLElement);
  #button = byId("generate", HTMLButtonElement);
  #most = Number(this.#count.dataset.max);
  /** @type {(element: Element) => void} */
  #reveal = () => undefined;

  /** @param {() => Promise<void>} submit */
  constructor(submit) {
    if (IS_APPLE) byId("generate-keys", HTMLElement).textContent = "⌘ ↵";
    if (!this.#prompt.value) this.#prompt.value = recall("prompt") ?? "";
    this.#prompt.addEventListener("input", () => {
      remember("prompt", this.#prompt.value);
      this.#refresh();
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit(submit);
    });
    this.#form.addEventListener("input", (event) => {
      if (event.target instanceof HTMLElement) this.#clearError(event.target);
    });
    addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
      if (document.querySelector("dialog[open]")) return;
      event.preventDefault();
      this.#form.requestSubmit();
    });
    this.#refresh();
  }

  /** @returns {string} */
  get prompt() {
    return this.#prompt.value.trim();
  }

  set prompt(text) {
    this.#prompt.value = text;
    remember("prompt", text);
    this.#clearError(this.#prompt);
    this.#refresh();
  }

  /** @param {(element: Element) => void} reveal unfolds what hides an element */
  revealWith(reveal) {
    this.#reveal = reveal;
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
        this.prompt = text;
        this.#prompt.focus();
      });
      return chip;
    });
    const group = byId("examples", HTMLElement);
    group.replaceChildren(...chips);
    group.hidden = chips.length === 0;
  }

  /**
   * Show an error beside the fields it names; the rest of it as a message.
   *
   * @param {unknown} error
   */
  showError(error) {
    if (!(error instanceof ApiError) || Object.keys(error.fields).length === 0) {
      toastError(error);
      return;
    }
    /** @type {string[]} */
    const homeless = [];
    /** @type {HTMLElement | null} */
    let first = null;
    for (const [name, messages] of Object.entries(error.fields)) {
      const place = document.getElementById(`${name}-error`);
      if (!place) {
        homeless.push(...messages);
        continue;
      }
      place.textContent = messages.join(" ");
      const field = document.getElementById(name);
      field?.setAttribute("aria-invalid", "true");
      this.#reveal(place);
      first ??= field;
    }
    byId("form-error", HTMLElement).textContent = homeless.join(" ");
    first?.focus();
  }

  /** @param {string} text something to know before the next try */
  showNote(text) {
    byId("form-error", HTMLElement).textContent = text;
  }

  /** @param {() => Promise<void>} submit */
  async #submit(submit) {
    if (this.#button.getAttribute("aria-disabled") === "true") return;
    this.#clearErrors();
    if (this.prompt === "") {
      byId("prompt-error", HTMLElement).textContent = gettext("Say what the picture should show.");
      this.#prompt.setAttribute("aria-invalid", "true");
      this.#prompt.focus();
      return;
    }
    this.#button.setAttribute("aria-disabled", "true");
    try {
      await submit();
    } catch (error) {
      this.showError(error);
    } finally {
      this.#button.removeAttribute("aria-disabled");
    }
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
