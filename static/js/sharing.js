// @ts-check
/** The dialog that shares a board: its link, and the people who see it. */

import { ApiError } from "./api.js";
import { byId, confirmed } from "./dom.js";
import {
  addBoardMember,
  changeBoardMember,
  createBoardLink,
  removeBoardMember,
  showBoardPrompts,
  withdrawBoardLink,
} from "./sharing_api.js";
import { toast, toastError } from "./toast.js";

class SharingDialog {
  #dialog;
  #board;

  /** @param {HTMLDialogElement} dialog */
  constructor(dialog) {
    this.#dialog = dialog;
    this.#board = dialog.dataset.board ?? "";
    byId("share-open", HTMLButtonElement).addEventListener("click", () => void this.#open());
    dialog.addEventListener("click", (event) => {
      if (!(event.target instanceof Element)) return;
      const button = event.target.closest("button[data-share]");
      if (button instanceof HTMLElement) this.#press(button);
    });
    dialog.addEventListener("change", (event) => this.#take(event.target));
    dialog.addEventListener("submit", (event) => {
      const form = event.target;
      if (!(form instanceof HTMLFormElement) || form.id !== "share-add") return;
      event.preventDefault();
      void this.#add(form);
    });
  }

  async #open() {
    try {
      await this.#draw();
    } catch {
      const words = gettext("The server cannot be reached. Check the connection and try again.");
      toast(words, { kind: "error" });
      return;
    }
    if (this.#dialog.isConnected) this.#dialog.showModal();
  }

  /** Draw the inside of the dialog anew, with the focus on what had it. */
  async #draw() {
    const dialog = this.#dialog;
    const place = placeOf(document.activeElement);
    await htmx.ajax("GET", dialog.dataset.href ?? "", { target: dialog, swap: "innerHTML" });
    const next = dialog.querySelector(place) ?? dialog.querySelector("[data-share]");
    if (next instanceof HTMLElement) next.focus();
  }

  /** @param {string} problem why something was not done, or nothing */
  #tell(problem) {
    const place = this.#dialog.querySelector("#share-problem");
    if (place) place.textContent = problem;
  }

  /**
   * Do something and show what there is after it, or why it was not done.
   *
   * @param {() => Promise<unknown>} act
   * @returns {Promise<boolean>} whether it was done
   */
  async #change(act) {
    const problem = await problemOf(act);
    await this.#draw();
    this.#tell(problem);
    return !problem;
  }

  /** @param {HTMLFormElement} form whose words stay if they are refused */
  async #add(form) {
    const data = new FormData(form);
    const [email, role] = [String(data.get("email")), String(data.get("role"))];
    const problem = await problemOf(() => addBoardMember(this.#board, email, role));
    if (!problem) await this.#draw();
    this.#tell(problem);
  }

  async #makeLink() {
    let address = "";
    await this.#change(async () => (address = await createBoardLink(this.#board)));
    if (!address || !this.#dialog.isConnected) return;
    byId("share-lost", HTMLElement).hidden = true;
    byId("share-address-row", HTMLElement).hidden = false;
    const input = byId("share-address", HTMLInputElement);
    input.value = address;
    input.select();
  }

  async #renewLink() {
    const sure = await confirmed({
      title: gettext("Make a new link?"),
      text: gettext("The link there is now stops working at once."),
      yes: gettext("Make a new link"),
    });
    if (sure) await this.#makeLink();
  }

  async #withdraw() {
    if (await this.#change(() => withdrawBoardLink(this.#board))) {
      toast(gettext("The link opens nothing any more."));
    }
  }

  /** @param {HTMLElement} button */
  #press(button) {
    switch (button.dataset.share) {
      case "close":
        this.#dialog.close();
        break;
      case "create":
        void this.#makeLink();
        break;
      case "renew":
        void this.#renewLink();
        break;
      case "withdraw":
        void this.#withdraw();
        break;
      case "copy":
        void copyAddress();
        break;
      case "remove":
        void this.#change(() => removeBoardMember(this.#board, memberOf(button)));
        break;
    }
  }

  /** @param {EventTarget | null} field that was changed */
  #take(field) {
    if (field instanceof HTMLSelectElement && field.dataset.share === "role") {
      void this.#change(() => changeBoardMember(this.#board, memberOf(field), field.value));
    } else if (field instanceof HTMLInputElement && field.dataset.share === "prompts") {
      void this.#change(() => showBoardPrompts(this.#board, field.checked));
    }
  }
}

/**
 * Offer to share the board that is looked at, if one is.
 *
 * Its listeners are on its own elements, which go with the page.
 */
export function startSharing() {
  const dialog = document.getElementById("share");
  if (dialog instanceof HTMLDialogElement) new SharingDialog(dialog);
}

/**
 * @param {Element | null} element
 * @returns {string} what finds it again in a dialog that was drawn anew
 */
function placeOf(element) {
  if (element?.closest("#share-add")) return "#share-add [name=email]";
  const field = element?.closest("[data-share]");
  if (!(field instanceof HTMLElement)) return "[data-share]";
  const row = memberOf(field);
  return `${row && `[data-member="${row}"] `}[data-share="${field.dataset.share}"]`;
}

/**
 * @param {() => Promise<unknown>} act
 * @returns {Promise<string>} why it was not done, or nothing
 */
async function problemOf(act) {
  try {
    await act();
    return "";
  } catch (error) {
    if (error instanceof ApiError) return Object.values(error.fields).flat()[0] ?? error.message;
    toastError(error);
    return gettext("Something went wrong in this page. Please reload it.");
  }
}

async function copyAddress() {
  const input = byId("share-address", HTMLInputElement);
  try {
    await navigator.clipboard.writeText(input.value);
    toast(gettext("The link is copied."));
  } catch {
    // Without the right to the clipboard the selection is one keystroke from being copied.
    input.select();
  }
}

/** @param {Element} element */
function memberOf(element) {
  const row = element.closest("[data-member]");
  return row instanceof HTMLElement ? (row.dataset.member ?? "") : "";
}
