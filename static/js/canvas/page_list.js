// @ts-check
/** The list of canvases: new, renamed, duplicated, thrown away and taken back. */

import { announce, asked, byId } from "../dom.js";
import { fill } from "../i18n.js";
import { toast, toastError } from "../toast.js";
import { duplicateCanvas, renameCanvas, restoreCanvas, trashCanvas } from "./api.js";
import { CANVAS_SAVED } from "./saving.js";

/** @import {PageLife} from "../page.js" */

class CanvasList {
  #list = byId("canvases", HTMLElement);
  #empty = byId("canvases-empty", HTMLElement);
  #dialog = byId("new-dialog", HTMLDialogElement);

  /** @param {PageLife} life */
  constructor(life) {
    const { signal } = life;
    life.root.addEventListener(
      "click",
      (event) => {
        if (event.target instanceof Element) this.#click(event.target);
      },
      { signal },
    );
    byId("new-shapes", HTMLElement).addEventListener(
      "change",
      (event) => {
        if (event.target instanceof HTMLInputElement) this.#useShape(event.target.value);
      },
      { signal },
    );
    for (const id of ["new-width", "new-height"]) {
      byId(id, HTMLElement).addEventListener("input", () => this.#showShape(), { signal });
    }
    // Only its size is asked for; the shape is a way to say it.
    byId("new-form", HTMLFormElement).addEventListener(
      "formdata",
      (event) => event.formData.delete("shape"),
      { signal },
    );
    // The page of a canvas is left before its last save, so its preview came too late for this one.
    const reload = () => this.#reload().catch(toastError);
    document.addEventListener(CANVAS_SAVED, reload, { signal });
    life.onEnd(() => this.#dialog.close());
  }

  /** @param {Element} target */
  #click(target) {
    if (target.closest("#new-canvas, [data-new-canvas]")) this.#dialog.showModal();
    else if (target.closest("[data-close]")) target.closest("dialog")?.close("no");
    const act = target.closest("[data-act]")?.getAttribute("data-act");
    const card = target.closest(".canvas-card");
    if (!act || !(card instanceof HTMLElement)) return;
    const run = { rename: this.#rename, duplicate: this.#duplicate, delete: this.#remove }[act];
    run?.call(this, card).catch(toastError);
  }

  /** @param {string} size */
  #useShape(size) {
    const [width = "", height = ""] = size.split("x");
    byId("new-width", HTMLInputElement).value = width;
    byId("new-height", HTMLInputElement).value = height;
  }

  #showShape() {
    const width = byId("new-width", HTMLInputElement).value;
    const height = byId("new-height", HTMLInputElement).value;
    for (const input of this.#dialog.querySelectorAll("[name=shape]")) {
      if (input instanceof HTMLInputElement) input.checked = input.value === `${width}x${height}`;
    }
  }

  /** @param {HTMLElement} card */
  async #rename(card) {
    const field = byId("rename-name", HTMLInputElement);
    field.value = card.dataset.name ?? "";
    const answer = asked(byId("rename-dialog", HTMLDialogElement));
    field.select();
    const name = (await answer) ? field.value.trim() : "";
    if (name === "" || name === card.dataset.name) return;
    await renameCanvas(card.dataset.canvas ?? "", name);
    await this.#reload();
    announce(fill(gettext("The canvas is called “%(name)s” now."), { name }));
  }

  /** @param {HTMLElement} card */
  async #duplicate(card) {
    card.setAttribute("aria-busy", "true");
    try {
      const copy = await duplicateCanvas(card.dataset.canvas ?? "");
      await this.#reload();
      this.#focus(copy.id);
      toast(gettext("The canvas is copied."));
    } finally {
      card.removeAttribute("aria-busy");
    }
  }

  /** @param {HTMLElement} card */
  async #remove(card) {
    const id = card.dataset.canvas ?? "";
    const next = card.nextElementSibling ?? card.previousElementSibling;
    await trashCanvas(id);
    card.remove();
    this.#showEmpty();
    if (next instanceof HTMLElement) this.#focus(next.dataset.canvas ?? "");
    const name = card.dataset.name ?? "";
    toast(fill(gettext("The canvas “%(name)s” is deleted."), { name }), {
      act: { text: gettext("Undo"), run: () => void this.#takeBack(id) },
    });
  }

  /** @param {string} id */
  async #takeBack(id) {
    try {
      await restoreCanvas(id);
      await this.#reload();
      this.#focus(id);
    } catch (error) {
      toastError(error);
    }
  }

  async #reload() {
    const address = this.#list.dataset.address ?? "";
    const card = document.activeElement?.closest(".canvas-card");
    const focused = card instanceof HTMLElement ? card.dataset.canvas : "";
    await htmx.ajax("GET", address, { target: this.#list, swap: "innerHTML" });
    this.#showEmpty();
    if (focused && document.activeElement === document.body) this.#focus(focused);
  }

  #showEmpty() {
    this.#empty.hidden = this.#list.querySelector(".canvas-card") !== null;
  }

  /** @param {string} id */
  #focus(id) {
    const link = this.#list.querySelector(`[data-canvas="${CSS.escape(id)}"] .canvas-card__open`);
    if (link instanceof HTMLElement) link.focus();
  }
}

/** @param {PageLife} life */
export function start(life) {
  new CanvasList(life);
}
