// @ts-check
/** The page of styles: styles, wildcards, and a place to try templates. */

import { byId } from "./dom.js";
import { fill } from "./i18n.js";
import { fetchPart } from "./parts.js";
import { toast, toastError } from "./toast.js";
import { StyleEditor, WildcardEditor } from "./style_dialogs.js";
import { TemplateTrial } from "./template_trial.js";
import {
  deleteStyle,
  deleteWildcard,
  getStyle,
  getWildcard,
  keepStyle,
  keepWildcard,
} from "./styles_api.js";

/** @import {PageLife} from "./page.js" */
/** @import {Style, Wildcard} from "./styles_api.js" */

class StylesPage {
  #life;
  #cards = byId("style-cards", HTMLElement);
  #words = byId("style-words", HTMLInputElement);
  #styles;
  #wildcards;
  #trial;

  /** @param {PageLife} life */
  constructor(life) {
    this.#life = life;
    this.#styles = new StyleEditor(life, () => this.#shownWords());
    this.#wildcards = new WildcardEditor(life);
    this.#trial = new TemplateTrial(life);
    const { signal } = life;
    this.#words.addEventListener("input", () => this.#fillIn(), { signal });
    life.root.addEventListener("click", (event) => this.#press(event), { signal });
  }

  /** @returns {string} the words that styles are shown with */
  #shownWords() {
    return this.#words.value.trim() || gettext("your words");
  }

  #fillIn() {
    const words = this.#shownWords();
    for (const place of this.#cards.querySelectorAll("[data-words]")) place.textContent = words;
  }

  async #draw() {
    const part = await fetchPart(this.#cards.dataset.href ?? "");
    if (this.#life.signal.aborted) return;
    this.#cards.replaceChildren(part);
    this.#fillIn();
    const styles = /** @type {NodeListOf<HTMLElement>} */ (
      this.#cards.querySelectorAll("[data-style]")
    );
    this.#trial.offer(
      Array.from(styles, (card) => ({
        id: card.dataset.style ?? "",
        name: card.querySelector(".style__name")?.textContent ?? "",
      })),
    );
  }

  /** @param {MouseEvent} event */
  #press(event) {
    const button = event.target instanceof Element ? event.target.closest("[data-act]") : null;
    if (!(button instanceof HTMLElement)) return;
    const style = button.closest("[data-style]");
    const wildcard = button.closest("[data-wildcard]");
    const styleId = style instanceof HTMLElement ? (style.dataset.style ?? "") : "";
    const wildcardId = wildcard instanceof HTMLElement ? (wildcard.dataset.wildcard ?? "") : "";
    const acts = /** @type {Record<string, () => Promise<void> | void>} */ ({
      "new-style": () => this.#newStyle(),
      "copy-style": () => this.#copyStyle(styleId),
      "edit-style": () => this.#editStyle(styleId),
      "new-wildcard": () => this.#newWildcard(),
      "edit-wildcard": () => this.#editWildcard(wildcardId),
    });
    void this.#tried(acts[button.dataset.act ?? ""] ?? (() => undefined));
  }

  /** @param {() => Promise<void> | void} act */
  async #tried(act) {
    try {
      await act();
    } catch (error) {
      toastError(error);
    }
  }

  #newStyle() {
    const empty = { id: null, name: "", prompt: "", negative_prompt: "", cover: null };
    this.#styles.open(empty, {
      title: gettext("New style"),
      onSave: (saved) => void this.#saved(saved, "style"),
      onDelete: null,
    });
  }

  /** @param {string} id */
  async #copyStyle(id) {
    const style = await getStyle(id);
    this.#styles.open(
      { ...style, id: null, cover: null },
      {
        title: fill(gettext("Your own “%(name)s”"), { name: style.name }),
        onSave: (saved) => void this.#saved(saved, "style"),
        onDelete: null,
      },
    );
  }

  /** @param {string} id */
  async #editStyle(id) {
    const style = await getStyle(id);
    this.#styles.open(style, {
      title: gettext("Edit the style"),
      onSave: (saved) => void this.#saved(saved, "style"),
      onDelete: () => void this.#tried(() => this.#deleteStyle(style)),
    });
  }

  /** @param {Style} style */
  async #deleteStyle(style) {
    await deleteStyle(style.id);
    await this.#draw();
    this.#words.focus({ preventScroll: true });
    toast(fill(gettext("“%(name)s” is deleted."), { name: style.name }), {
      act: {
        text: gettext("Undo"),
        run: () =>
          void this.#tried(async () => {
            const { name, prompt, negative_prompt, cover } = style;
            const again = await keepStyle({ name, prompt, negative_prompt, cover }, null);
            await this.#saved(again, "style");
          }),
      },
    });
  }

  #newWildcard() {
    this.#wildcards.open(
      { id: null, name: "", values: [] },
      {
        title: gettext("New wildcard"),
        onSave: (saved) => void this.#saved(saved, "wildcard"),
        onDelete: null,
      },
    );
  }

  /** @param {string} id */
  async #editWildcard(id) {
    const wildcard = await getWildcard(id);
    this.#wildcards.open(wildcard, {
      title: gettext("Edit the wildcard"),
      onSave: (saved) => void this.#saved(saved, "wildcard"),
      onDelete: () => void this.#tried(() => this.#deleteWildcard(wildcard)),
    });
  }

  /** @param {Wildcard} wildcard */
  async #deleteWildcard(wildcard) {
    await deleteWildcard(wildcard.id);
    await this.#draw();
    this.#words.focus({ preventScroll: true });
    toast(fill(gettext("“%(name)s” is deleted."), { name: wildcard.name }), {
      act: {
        text: gettext("Undo"),
        run: () =>
          void this.#tried(async () => {
            const { name, values } = wildcard;
            await this.#saved(await keepWildcard({ name, values }, null), "wildcard");
          }),
      },
    });
  }

  /**
   * Show what was kept, where the keyboard then is.
   *
   * @param {Style | Wildcard} kept
   * @param {"style" | "wildcard"} kind
   */
  async #saved(kept, kind) {
    await this.#tried(() => this.#draw());
    const card = this.#cards.querySelector(`[data-${kind}="${CSS.escape(kept.id)}"]`);
    const button = card?.querySelector(`[data-act="edit-${kind}"]`);
    if (button instanceof HTMLElement) button.focus();
    toast(fill(gettext("“%(name)s” is saved."), { name: kept.name }));
  }
}

/** @param {PageLife} life */
export function start(life) {
  new StylesPage(life);
}
