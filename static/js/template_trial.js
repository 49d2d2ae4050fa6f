// @ts-check
/** Where a template is tried: the prompts it makes, before any picture is. */

import { ApiError } from "./api.js";
import { byId, icon, make } from "./dom.js";
import { fill, formatNumber } from "./i18n.js";
import { toast, toastError } from "./toast.js";
import { expandTemplate } from "./styles_api.js";

/** @import {PageLife} from "./page.js" */
/** @import {MadePrompt} from "./styles_api.js" */

export class TemplateTrial {
  #life;
  #form = byId("trial", HTMLFormElement);
  #template = byId("trial-prompt", HTMLTextAreaElement);
  #count = byId("trial-count", HTMLInputElement);
  #style = byId("trial-style", HTMLSelectElement);
  #made = byId("trial-made", HTMLElement);
  /** Which try is the latest: an answer to one before is not shown. */
  #tries = 0;

  /** @param {PageLife} life */
  constructor(life) {
    this.#life = life;
    const { signal } = life;
    this.#form.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        void this.#expand();
      },
      { signal },
    );
    this.#template.addEventListener(
      "keydown",
      (event) => {
        if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
        event.preventDefault();
        void this.#expand();
      },
      { signal },
    );
    this.#form.addEventListener("change", () => this.#dim(), { signal });
    this.#made.addEventListener("click", (event) => this.#press(event), { signal });
  }

  /** @param {Iterable<{id: string, name: string}>} styles */
  offer(styles) {
    const { value } = this.#style;
    const none = this.#style.options[0];
    const offered = Array.from(styles, ({ id, name }) => make("option", { value: id }, name));
    this.#style.replaceChildren(...(none ? [none] : []), ...offered);
    this.#style.value = value;
    if (this.#style.selectedIndex < 0) this.#style.value = "";
  }

  /** All there are is a number that nobody chooses. */
  #dim() {
    this.#count.disabled = this.#mode() === "all";
  }

  /** @returns {"random" | "all"} */
  #mode() {
    return new FormData(this.#form).get("mode") === "all" ? "all" : "random";
  }

  async #expand() {
    this.#tell({});
    if (!this.#template.value.trim()) {
      this.#tell({ prompt: [gettext("Write a template, or begin with an example.")] });
      return;
    }
    this.#tries += 1;
    const mine = this.#tries;
    this.#made.setAttribute("aria-busy", "true");
    const waiting = [1, 2, 3].map(() => make("div", { class: "trial__wait skeleton" }));
    if (!this.#made.querySelector(".trial__prompt")) this.#made.replaceChildren(...waiting);
    try {
      const prompts = await expandTemplate({
        prompt: this.#template.value,
        preset: this.#style.value || null,
        count: this.#count.valueAsNumber || 1,
        mode: this.#mode(),
      });
      if (mine === this.#tries && !this.#life.signal.aborted) this.#show(prompts);
    } catch (error) {
      if (mine !== this.#tries) return;
      this.#made.replaceChildren();
      if (error instanceof ApiError && Object.keys(error.fields).length) this.#tell(error.fields);
      else toastError(error);
    } finally {
      this.#made.removeAttribute("aria-busy");
    }
  }

  /** @param {Record<string, string[]>} messages by the names of fields */
  #tell(messages) {
    const { prompt = [], count = [], ...others } = messages;
    const ofTemplate = [...prompt, ...Object.values(others).flat()].join(" ");
    byId("trial-prompt-error", HTMLElement).textContent = ofTemplate;
    byId("trial-count-error", HTMLElement).textContent = count.join(" ");
    this.#template.toggleAttribute("aria-invalid", ofTemplate !== "");
    if (ofTemplate) this.#template.focus();
    else if (count.length) this.#count.focus();
  }

  /** @param {MadePrompt[]} prompts */
  #show(prompts) {
    const words = fill(ngettext("%(count)s prompt", "%(count)s prompts", prompts.length), {
      count: formatNumber(prompts.length),
    });
    const all = make("button", { type: "button", class: "button button--quiet" });
    all.append(icon("copy"), gettext("Copy all"));
    all.dataset.copy = prompts.map(({ prompt }) => prompt).join("\n");
    const items = prompts.map(({ prompt }) => {
      const copy = make("button", {
        type: "button",
        class: "button button--quiet button--icon",
        "aria-label": fill(gettext("Copy: %(prompt)s"), { prompt }),
        title: gettext("Copy"),
      });
      copy.dataset.copy = prompt;
      copy.append(icon("copy"));
      return make("li", { class: "trial__prompt" }, make("span", { class: "trial__words" }, prompt), copy);
    });
    this.#made.replaceChildren(
      make("div", { class: "trial__head" }, make("h3", { class: "trial__title" }, words), all),
      make("ol", { class: "trial__list", role: "list" }, ...items),
    );
  }

  /** @param {MouseEvent} event */
  #press(event) {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    if (!button) return;
    if (button.dataset.example !== undefined) {
      this.#template.value = button.dataset.example;
      void this.#expand();
    }
    if (button.dataset.copy !== undefined) void copyText(button.dataset.copy);
  }
}

/** @param {string} text */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(gettext("Copied."));
  } catch {
    toast(gettext("The browser does not let this page copy. Select the words and copy them."), {
      kind: "error",
    });
  }
}
