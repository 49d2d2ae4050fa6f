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

const dialog = byId("share", HTMLDialogElement);
const board = dialog.dataset.board ?? "";

/** Draw the inside of the dialog anew, with the focus on what had it. */
async function draw() {
  const place = placeOf(document.activeElement);
  await htmx.ajax("GET", dialog.dataset.href ?? "", { target: dialog, swap: "innerHTML" });
  const next = dialog.querySelector(place) ?? dialog.querySelector("[data-share]");
  if (next instanceof HTMLElement) next.focus();
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

async function open() {
  await draw();
  dialog.showModal();
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

/**
 * Do something and show what there is after it, or why it was not done.
 *
 * @param {() => Promise<unknown>} act
 * @returns {Promise<boolean>} whether it was done
 */
async function change(act) {
  const problem = await problemOf(act);
  await draw();
  byId("share-problem", HTMLElement).textContent = problem;
  return !problem;
}

/** @param {HTMLFormElement} form whose words stay if they are refused */
async function add(form) {
  const data = new FormData(form);
  const email = String(data.get("email"));
  const problem = await problemOf(() => addBoardMember(board, email, String(data.get("role"))));
  if (!problem) await draw();
  byId("share-problem", HTMLElement).textContent = problem;
}

async function makeLink() {
  let address = "";
  await change(async () => (address = await createBoardLink(board)));
  if (!address) return;
  byId("share-lost", HTMLElement).hidden = true;
  byId("share-address-row", HTMLElement).hidden = false;
  const input = byId("share-address", HTMLInputElement);
  input.value = address;
  input.select();
}

async function renewLink() {
  const sure = await confirmed({
    title: gettext("Make a new link?"),
    text: gettext("The link there is now stops working at once."),
    yes: gettext("Make a new link"),
  });
  if (sure) await makeLink();
}

async function withdraw() {
  if (await change(() => withdrawBoardLink(board))) {
    toast(gettext("The link opens nothing any more."));
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

/** @param {HTMLElement} button */
function press(button) {
  switch (button.dataset.share) {
    case "close":
      dialog.close();
      break;
    case "create":
      void makeLink();
      break;
    case "renew":
      void renewLink();
      break;
    case "withdraw":
      void withdraw();
      break;
    case "copy":
      void copyAddress();
      break;
    case "remove":
      void change(() => removeBoardMember(board, memberOf(button)));
      break;
  }
}

byId("share-open", HTMLButtonElement).addEventListener("click", () => void open());

dialog.addEventListener("click", (event) => {
  if (!(event.target instanceof Element)) return;
  const button = event.target.closest("button[data-share]");
  if (button instanceof HTMLElement) press(button);
});

dialog.addEventListener("change", (event) => {
  const field = event.target;
  if (field instanceof HTMLSelectElement && field.dataset.share === "role") {
    void change(() => changeBoardMember(board, memberOf(field), field.value));
  } else if (field instanceof HTMLInputElement && field.dataset.share === "prompts") {
    void change(() => showBoardPrompts(board, field.checked));
  }
});

dialog.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.id !== "share-add") return;
  event.preventDefault();
  void add(form);
});
