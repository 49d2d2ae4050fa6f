// @ts-check
/** The editors of styles and wildcards. */

import { ApiError } from "./api.js";
import { byId, make } from "./dom.js";
import { fill, formatNumber } from "./i18n.js";
import { toastError } from "./toast.js";
import { keepStyle, keepWildcard, latestPictures } from "./styles_api.js";

/** @import {PageLife} from "./page.js" */
/** @import {Style, Wildcard} from "./styles_api.js" */

const PLACEHOLDER = "{prompt}";
const COVERS = 24;

/**
 * Return `words` in a style, with a mark around them, as the server puts them together.
 *
 * @param {string} template
 * @param {string} words
 * @returns {(Node | string)[]}
 */
export function styled(template, words) {
  const place = () => make("mark", { class: "style__prompt" }, words);
  if (!template) return [place()];
  if (!template.includes(PLACEHOLDER)) return [place(), `, ${template}`];
  return template
    .split(PLACEHOLDER)
    .flatMap((text, index) => (index ? [place(), text] : [text]));
}

/**
 * What both editors do: open, say what is wrong beside the field, close.
 *
 * @template {{name: string}} T
 */
class Editor {
  #dialog;
  #form;
  /** @type {(value: T) => void} */
  #onSave = () => undefined;
  /** @type {() => void} */
  #onDelete = () => undefined;

  /**
   * @param {PageLife} life
   * @param {string} kind "style" or "wildcard", with which the ids begin
   * @param {() => Promise<T>} save
   */
  constructor(life, kind, save) {
    this.#dialog = byId(`${kind}-dialog`, HTMLDialogElement);
    this.#form = byId(`${kind}-form`, HTMLFormElement);
    this.kind = kind;
    const { signal } = life;
    this.#form.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        void this.#submit(save);
      },
      { signal },
    );
    this.#form.querySelector("[data-close]")?.addEventListener("click", () => this.#dialog.close(), {
      signal,
    });
    byId(`${kind}-delete`, HTMLButtonElement).addEventListener(
      "click",
      () => {
        this.#dialog.close();
        this.#onDelete();
      },
      { signal },
    );
    life.onEnd(() => this.#dialog.close());
  }

  /**
   * @param {object} options
   * @param {string} options.title
   * @param {(value: T) => void} options.onSave
   * @param {(() => void) | null} options.onDelete null for one that is not kept yet
   */
  open({ title, onSave, onDelete }) {
    this.#onSave = onSave;
    this.#onDelete = onDelete ?? (() => undefined);
    byId(`${this.kind}-dialog-title`, HTMLElement).textContent = title;
    byId(`${this.kind}-delete`, HTMLButtonElement).hidden = onDelete === null;
    this.#tell({});
    this.#dialog.showModal();
    byId(`${this.kind}-name`, HTMLInputElement).select();
  }

  /** @param {Record<string, string[]>} messages by the names of fields; "" stands in no field */
  #tell(messages) {
    let first = true;
    for (const field of this.#form.querySelectorAll("[name]")) {
      const error = document.getElementById(`${field.id}-error`);
      if (!error) continue;
      const told = messages[field.getAttribute("name") ?? ""]?.join(" ") ?? "";
      error.textContent = told;
      field.toggleAttribute("aria-invalid", told !== "");
      if (told) field.setAttribute("aria-invalid", "true");
      if (told && first && field instanceof HTMLElement) field.focus();
      if (told) first = false;
    }
  }

  /** @param {() => Promise<T>} save */
  async #submit(save) {
    const button = this.#form.querySelector("[type='submit']");
    if (button instanceof HTMLButtonElement) button.disabled = true;
    try {
      const value = await save();
      this.#dialog.close();
      this.#onSave(value);
    } catch (error) {
      if (error instanceof ApiError && Object.keys(error.fields).length) this.#tell(error.fields);
      else if (error instanceof ApiError && error.status === 409) this.#tell({ name: [error.message] });
      else toastError(error);
    } finally {
      if (button instanceof HTMLButtonElement) button.disabled = false;
    }
  }
}

export class StyleEditor {
  #life;
  #name = byId("style-name", HTMLInputElement);
  #prompt = byId("style-prompt", HTMLTextAreaElement);
  #negative = byId("style-negative", HTMLTextAreaElement);
  /** @type {string | null} of the style that is changed */
  #id = null;
  /** @type {string | null} */
  #cover = null;
  #editor;

  /**
   * @param {PageLife} life
   * @param {() => string} words that styles are shown with
   */
  constructor(life, words) {
    this.#life = life;
    this.words = words;
    this.#editor = /** @type {Editor<Style>} */ (new Editor(life, "style", () => this.#save()));
    this.#prompt.addEventListener("input", () => this.#preview(), { signal: life.signal });
    byId("style-cover-list", HTMLElement).addEventListener(
      "change",
      (event) => {
        if (event.target instanceof HTMLInputElement) this.#cover = event.target.value || null;
      },
      { signal: life.signal },
    );
  }

  /**
   * @param {Omit<Style, "id"> & {id: string | null}} style without an id for a new one
   * @param {object} options
   * @param {string} options.title
   * @param {(style: Style) => void} options.onSave
   * @param {(() => void) | null} options.onDelete
   */
  open(style, options) {
    this.#id = style.id;
    this.#cover = style.cover;
    this.#name.value = style.name;
    this.#prompt.value = style.prompt;
    this.#negative.value = style.negative_prompt;
    this.#preview();
    this.#editor.open(options);
    void this.#offerCovers();
  }

  #save() {
    const style = {
      name: this.#name.value,
      prompt: this.#prompt.value,
      negative_prompt: this.#negative.value,
      cover: this.#cover,
    };
    return keepStyle(style, this.#id);
  }

  #preview() {
    const shown = styled(this.#prompt.value.trim(), this.words());
    byId("style-preview", HTMLElement).replaceChildren(...shown);
  }

  async #offerCovers() {
    const part = byId("style-covers", HTMLFieldSetElement);
    const list = byId("style-cover-list", HTMLElement);
    if (!list.childElementCount) {
      part.hidden = false;
      for (let n = 0; n < 6; n += 1) {
        list.append(make("span", { class: "covers__option skeleton" }));
      }
    }
    try {
      const pictures = await latestPictures(COVERS);
      if (this.#life.signal.aborted) return;
      part.hidden = !pictures.length;
      list.replaceChildren(
        coverOption("", gettext("None"), make("span", {}, gettext("None"))),
        ...pictures.map(({ image_name: name, thumbnail_url: src, metadata }) =>
          coverOption(
            name,
            metadata.prompt ?? gettext("Uploaded picture"),
            make("img", { src, width: "64", height: "64", alt: "", loading: "lazy" }),
          ),
        ),
      );
      const chosen = list.querySelector(`[value="${CSS.escape(this.#cover ?? "")}"]`);
      if (chosen instanceof HTMLInputElement) chosen.checked = true;
    } catch (error) {
      // A style can be written without one.
      part.hidden = true;
      list.replaceChildren();
      toastError(error);
    }
  }
}

/**
 * @param {string} value
 * @param {string} title
 * @param {HTMLElement} face
 */
function coverOption(value, title, face) {
  const input = make("input", {
    type: "radio",
    class: "covers__input",
    name: "cover",
    value,
    "aria-label": title,
  });
  return make("label", { class: "covers__option", title }, face, input);
}

export class WildcardEditor {
  #name = byId("wildcard-name", HTMLInputElement);
  #values = byId("wildcard-values", HTMLTextAreaElement);
  /** What the field was opened with. */
  #shown = "";
  /** @type {string | null} of the wildcard that is changed */
  #id = null;
  #editor;

  /** @param {PageLife} life */
  constructor(life) {
    this.#editor = /** @type {Editor<Wildcard>} */ (new Editor(life, "wildcard", () => this.#save()));
    this.#name.addEventListener("input", () => this.#tell(), { signal: life.signal });
    this.#values.addEventListener("input", () => this.#tell(), { signal: life.signal });
  }

  /**
   * @param {Omit<Wildcard, "id"> & {id: string | null}} wildcard without an id for a new one
   * @param {object} options
   * @param {string} options.title
   * @param {(wildcard: Wildcard) => void} options.onSave
   * @param {(() => void) | null} options.onDelete
   */
  open(wildcard, options) {
    this.#id = wildcard.id;
    this.#name.value = wildcard.name;
    this.#values.value = wildcard.values.join("\n");
    this.#shown = this.#values.value;
    this.#tell();
    this.#editor.open(options);
  }

  /** @returns {string[]} the lines, without empty ones */
  #lines() {
    return this.#values.value.split("\n").map((line) => line.trim()).filter(Boolean);
  }

  #save() {
    const name = this.#name.value;
    // The API keeps values that lines cannot show: edges of spaces, breaks, empty ones.
    const isUntouched = this.#id !== null && this.#values.value === this.#shown;
    return keepWildcard(isUntouched ? { name } : { name, values: this.#lines() }, this.#id);
  }

  #tell() {
    const name = this.#name.value.trim().toLowerCase() || gettext("colour");
    const note = fill(gettext("Write %(name)s in a template."), { name: `__${name}__` });
    byId("wildcard-name-note", HTMLElement).textContent = note;
    const count = this.#lines().length;
    byId("wildcard-count", HTMLElement).textContent = fill(
      ngettext("%(count)s value", "%(count)s values", count),
      { count: formatNumber(count) },
    );
  }
}
