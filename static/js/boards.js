// @ts-check
/** Boards beside the gallery: make one, and put the picture in large view on one. */

import { createBoard, moveToBoard } from "./api.js";
import { toast, toastError } from "./toast.js";

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.id !== "new-board") return;
  event.preventDefault();
  void add(form);
});

/** @param {HTMLFormElement} form */
async function add(form) {
  const name = new FormData(form).get("name");
  try {
    await createBoard(String(name).trim());
  } catch (error) {
    toastError(error);
    return;
  }
  await drawShelf();
  const input = document.querySelector("#new-board input");
  if (input instanceof HTMLInputElement) input.focus();
}

/** Draw boards and counts anew, where they are shown. */
export async function drawShelf() {
  const shelf = document.getElementById("shelf");
  if (shelf?.dataset.href) {
    await htmx.ajax("GET", shelf.dataset.href, { target: shelf, swap: "outerHTML" });
  }
}

document.addEventListener("change", (event) => {
  const choice = event.target;
  if (choice instanceof HTMLSelectElement && choice.id === "board") void move(choice);
});

/** @param {HTMLSelectElement} choice */
async function move(choice) {
  const picture = choice.closest("[data-image-name]");
  if (!(picture instanceof HTMLElement)) return;
  try {
    await moveToBoard(picture.dataset.imageName ?? "", choice.value);
  } catch (error) {
    toastError(error);
    return;
  }
  toast(gettext("The picture is on another board."));
  void drawShelf();
}
