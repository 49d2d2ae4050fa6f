// @ts-check
/** The page of boards: make, name, order, archive and delete them. */

import { announce, asked, byId } from "./dom.js";
import { fill } from "./i18n.js";
import { createBoard, deleteBoard, editBoard, orderBoards } from "./library_api.js";
import { openMenu } from "./menu.js";
import { fetchPart } from "./parts.js";
import { toast, toastError } from "./toast.js";

/** @import {PageLife} from "./page.js" */

const STEPS = /** @type {Record<string, 1 | -1>} */ ({
  ArrowLeft: -1,
  ArrowUp: -1,
  ArrowRight: 1,
  ArrowDown: 1,
});

class BoardCards {
  #life;
  #list = byId("board-cards", HTMLElement);
  #field = byId("board-new-name", HTMLInputElement);
  /** @type {HTMLElement | null} the board that is dragged */
  #dragged = null;

  /** @param {PageLife} life */
  constructor(life) {
    this.#life = life;
    const { signal } = life;
    byId("board-new", HTMLFormElement).addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        void this.#add();
      },
      { signal },
    );
    this.#list.addEventListener("click", (event) => this.#press(event), { signal });
    this.#list.addEventListener("keydown", (event) => this.#move(event), { signal });
    this.#list.addEventListener("dragstart", (event) => this.#drag(event), { signal });
    this.#list.addEventListener("dragover", (event) => this.#hover(event), { signal });
    this.#list.addEventListener("drop", (event) => this.#drop(event), { signal });
    this.#list.addEventListener("dragend", () => this.#unmark(), { signal });
  }

  /** @returns {HTMLElement[]} the boards in their order, without those in the archive */
  #shown() {
    const cards = this.#list.querySelectorAll("[data-board]:not([data-archived])");
    return /** @type {HTMLElement[]} */ (Array.from(cards));
  }

  /**
   * Do something with the server and draw the cards anew.
   *
   * @param {() => Promise<void>} act
   * @returns {Promise<boolean>} whether it was done
   */
  async #change(act) {
    try {
      await act();
      const open = document.querySelector("#board-archive[open]") !== null;
      const part = await fetchPart(this.#list.dataset.href ?? "");
      if (this.#life.signal.aborted) return false;
      this.#list.replaceChildren(part);
      document.getElementById("board-archive")?.toggleAttribute("open", open);
      return true;
    } catch (error) {
      toastError(error);
      return false;
    }
  }

  async #add() {
    const name = this.#field.value.trim();
    if (!name) return;
    if (await this.#change(() => createBoard(name))) {
      this.#field.value = "";
      announce(fill(gettext("“%(name)s” is made."), { name }));
    }
    this.#field.focus();
  }

  /** @param {MouseEvent} event */
  #press(event) {
    const target = event.target instanceof Element ? event.target : null;
    if (target?.closest("[data-act='name-first']")) this.#field.focus();
    const button = target?.closest(".board-card__menu");
    const card = button?.closest("[data-board]");
    if (button instanceof HTMLElement && card instanceof HTMLElement) this.#openMenu(card, button);
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    const step = STEPS[event.key];
    const card = event.target instanceof Element ? event.target.closest("[data-board]") : null;
    if (!event.altKey || step === undefined || !(card instanceof HTMLElement)) return;
    if (card.dataset.archived !== undefined) return;
    // With Alt the browser would go to the page before.
    event.preventDefault();
    void this.#shift(card, step);
  }

  /**
   * @param {HTMLElement} card
   * @param {1 | -1} step
   */
  async #shift(card, step) {
    const cards = this.#shown();
    const to = cards.indexOf(card) + step;
    if (to < 0 || to >= cards.length) return;
    await this.#place(card, (step > 0 ? cards[to + 1] : cards[to]) ?? null);
    this.#focus(card.dataset.board ?? "");
    announce(
      fill(gettext("%(name)s is at place %(place)s of %(count)s."), {
        name: card.dataset.name ?? "",
        place: to + 1,
        count: cards.length,
      }),
    );
  }

  /**
   * @param {HTMLElement} card
   * @param {HTMLElement | null} before another one, or the end
   */
  async #place(card, before) {
    const others = this.#shown().filter((other) => other !== card);
    others.splice(before === null ? others.length : others.indexOf(before), 0, card);
    await this.#change(() => orderBoards(others.map((other) => other.dataset.board ?? "")));
  }

  /** @param {string} id */
  #focus(id) {
    const link = this.#list.querySelector(`[data-board="${CSS.escape(id)}"] .board-card__link`);
    if (link instanceof HTMLElement) link.focus();
  }

  /**
   * @param {HTMLElement} card
   * @param {HTMLElement} button
   */
  #openMenu(card, button) {
    const menu = byId("board-menu", HTMLElement);
    const cards = this.#shown();
    const isArchived = card.dataset.archived !== undefined;
    const isAutoAdd = card.dataset.autoAdd !== undefined;
    const hidden = /** @type {Record<string, boolean>} */ ({
      "auto-add": isArchived,
      up: cards.indexOf(card) <= 0,
      down: isArchived || cards.at(-1) === card,
      archive: isArchived,
      unarchive: !isArchived,
    });
    for (const entry of menu.querySelectorAll("[data-board-act]")) {
      if (!(entry instanceof HTMLElement)) continue;
      entry.hidden = hidden[entry.dataset.boardAct ?? ""] ?? false;
      if (entry.dataset.boardAct === "auto-add") {
        entry.setAttribute("aria-checked", String(isAutoAdd));
      }
    }
    const id = card.dataset.board ?? "";
    const acts = /** @type {Record<string, () => unknown>} */ ({
      describe: () => this.#describe(card),
      "auto-add": () => this.#edit(id, { is_auto_add: !isAutoAdd }),
      up: () => this.#shift(card, -1),
      down: () => this.#shift(card, 1),
      archive: () => this.#archive(card),
      unarchive: () => this.#edit(id, { is_archived: false }),
      delete: () => this.#delete(card),
    });
    openMenu(menu, button, (entry) => {
      void acts[entry.dataset.boardAct ?? ""]?.();
    });
  }

  /**
   * @param {string} id
   * @param {Parameters<typeof editBoard>[1]} changes
   */
  async #edit(id, changes) {
    const done = await this.#change(() => editBoard(id, changes));
    if (done) this.#focus(id);
    return done;
  }

  /** @param {HTMLElement} card */
  async #describe(card) {
    const name = byId("board-name-field", HTMLInputElement);
    const description = byId("board-description-field", HTMLTextAreaElement);
    name.value = card.dataset.name ?? "";
    description.value = card.dataset.description ?? "";
    const answer = asked(byId("describe-board", HTMLDialogElement));
    name.select();
    if (!(await answer)) return;
    await this.#edit(card.dataset.board ?? "", {
      name: name.value.trim(),
      description: description.value.trim(),
    });
  }

  /** @param {HTMLElement} card */
  async #archive(card) {
    const id = card.dataset.board ?? "";
    if (!(await this.#change(() => editBoard(id, { is_archived: true })))) return;
    toast(fill(gettext("“%(name)s” is in the archive."), { name: card.dataset.name ?? "" }), {
      act: { text: gettext("Undo"), run: () => void this.#edit(id, { is_archived: false }) },
    });
  }

  /** @param {HTMLElement} card */
  async #delete(card) {
    const dialog = byId("delete-board", HTMLDialogElement);
    const title = fill(gettext("Delete “%(name)s”?"), { name: card.dataset.name ?? "" });
    byId("delete-board-title", HTMLElement).textContent = title;
    if (!(await asked(dialog))) return;
    const choice = dialog.querySelector("input:checked");
    const pictures = choice instanceof HTMLInputElement && choice.value === "trash" ? "trash" : "keep";
    if (await this.#change(() => deleteBoard(card.dataset.board ?? "", pictures))) {
      toast(fill(gettext("“%(name)s” is deleted."), { name: card.dataset.name ?? "" }));
      this.#field.focus({ preventScroll: true });
    }
  }

  /** @param {DragEvent} event */
  #drag(event) {
    const card = event.target instanceof Element ? event.target.closest("[draggable='true']") : null;
    if (!(card instanceof HTMLElement) || !event.dataTransfer) return;
    this.#dragged = card;
    card.dataset.dragged = "";
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", card.dataset.name ?? "");
  }

  /**
   * @param {DragEvent} event
   * @returns {{card: HTMLElement, isAfter: boolean} | null} where what is dragged would go
   */
  #placeOf(event) {
    const target = event.target instanceof Element ? event.target : null;
    const card = target?.closest("[data-board]:not([data-archived])");
    if (!this.#dragged || !(card instanceof HTMLElement) || card === this.#dragged) return null;
    const box = card.getBoundingClientRect();
    return { card, isAfter: event.clientX > box.left + box.width / 2 };
  }

  /** @param {DragEvent} event */
  #hover(event) {
    const place = this.#placeOf(event);
    for (const card of this.#shown()) delete card.dataset.drop;
    if (!place) return;
    event.preventDefault();
    place.card.dataset.drop = place.isAfter ? "after" : "before";
  }

  /** @param {DragEvent} event */
  #drop(event) {
    const place = this.#placeOf(event);
    const card = this.#dragged;
    if (!place || !card) return;
    event.preventDefault();
    const cards = this.#shown();
    const before = place.isAfter ? cards[cards.indexOf(place.card) + 1] : place.card;
    if (before !== card) void this.#place(card, before ?? null);
  }

  #unmark() {
    for (const card of this.#shown()) {
      delete card.dataset.drop;
      delete card.dataset.dragged;
    }
    this.#dragged = null;
  }
}

/** @param {PageLife} life */
export function start(life) {
  new BoardCards(life);
}
