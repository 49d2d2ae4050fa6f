// @ts-check
/** What is written beside a picture in large view: stars, rating, note, tags, its board. */

import { drawShelf } from "./boards.js";
import { editBoard, editPicture, movePictures } from "./library_api.js";
import { tagsIn } from "./selection_bar.js";
import { toast, toastError } from "./toast.js";

/** @import {PageLife} from "./page.js" */
/** @import {Facts} from "./types.js" */

/** @returns {HTMLElement | null} the picture in large view */
export function shownPicture() {
  return document.getElementById("picture");
}

/**
 * @param {HTMLElement} picture
 * @param {HTMLElement} button
 * @param {(name: string, facts: Partial<Facts>) => void} onChange
 */
export async function star(picture, button, onChange) {
  const starred = button.getAttribute("aria-pressed") !== "true";
  const name = picture.dataset.imageName ?? "";
  button.setAttribute("aria-pressed", String(starred));
  try {
    await editPicture(name, { starred });
    onChange(name, { starred });
  } catch (error) {
    button.setAttribute("aria-pressed", String(!starred));
    toastError(error);
  }
}

/** @param {HTMLElement} picture */
export async function useAsCover(picture) {
  const { imageName: cover = "", board = "" } = picture.dataset;
  try {
    await editBoard(board, { cover });
    toast(gettext("The picture is the cover of its board now."));
    await drawShelf();
  } catch (error) {
    toastError(error);
  }
}

/**
 * Only a picture that is on a board can be the cover of it.
 *
 * @param {HTMLElement} picture
 * @param {string} board its id, or "none"
 */
function noteBoard(picture, board) {
  picture.dataset.board = board;
  const button = picture.querySelector('[data-action="cover"]');
  if (button instanceof HTMLElement) button.hidden = board === "none";
}

/** @param {string} prompt */
export async function copyPrompt(prompt) {
  try {
    await navigator.clipboard.writeText(prompt);
    toast(gettext("The prompt is copied."));
  } catch {
    toast(gettext("The browser did not allow copying."), { kind: "error" });
  }
}

/**
 * Rate the picture in large view; its own rating once more takes it away.
 *
 * @param {number} rating
 */
export function rateShown(rating) {
  const radios = document.querySelectorAll('#picture input[name="rating"]');
  const inputs = Array.from(radios).filter((radio) => radio instanceof HTMLInputElement);
  const now = inputs.find(({ checked }) => checked)?.value;
  const wanted = String(now === String(rating) ? 0 : rating);
  const input = inputs.find(({ value }) => value === wanted);
  if (!input) return;
  input.checked = true;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

/**
 * Keep what is changed beside the picture.
 *
 * @param {PageLife} life
 * @param {(name: string, facts: Partial<Facts>) => void} onChange hears of it
 */
export function startEditing({ signal }, onChange) {
  /** @param {Event} event */
  function take(event) {
    const field = event.target;
    const picture = field instanceof Element && field.closest("#picture");
    if (!(picture instanceof HTMLElement)) return;
    const name = picture.dataset.imageName ?? "";
    say(picture, "");
    keep(name, field, onChange)?.then(() => say(picture, gettext("Saved")), toastError);
  }

  document.addEventListener("change", take, { signal });
}

/**
 * @param {string} name
 * @param {EventTarget | null} field
 * @param {(name: string, facts: Partial<Facts>) => void} onChange
 * @returns {Promise<void> | null} null for a field that is not ours
 */
function keep(name, field, onChange) {
  if (field instanceof HTMLInputElement && field.name === "rating") {
    const rating = Number(field.value);
    return editPicture(name, { rating }).then(() => onChange(name, { rating }));
  }
  if (field instanceof HTMLInputElement && field.id === "picture-tags") {
    const tags = tagsIn(field.value);
    field.value = tags.join(", ");
    return editPicture(name, { tags }).then(() => onChange(name, { tags }));
  }
  if (field instanceof HTMLTextAreaElement && field.id === "picture-note") {
    return editPicture(name, { note: field.value.trim() });
  }
  if (field instanceof HTMLSelectElement && field.id === "board") {
    const board = field.value;
    return movePictures([name], board).then(({ error }) => {
      if (error) throw error;
      onChange(name, { board });
      const picture = field.closest("#picture");
      if (picture instanceof HTMLElement) noteBoard(picture, board);
      toast(gettext("The picture is on another board."));
      void drawShelf();
    });
  }
  return null;
}

/**
 * @param {HTMLElement} picture
 * @param {string} words
 */
function say(picture, words) {
  const note = picture.querySelector("#picture-saved");
  if (note) note.textContent = words;
}
