// @ts-check
/** The boards beside the gallery: make one, put them in order, and what the menu of one offers. */

import { offerArchive } from "./archives.js";
import { startDays } from "./board_days.js";
import { announce, asked, byId } from "./dom.js";
import { fill } from "./i18n.js";
import { createBoard, deleteBoard, editBoard, orderBoards } from "./library_api.js";
import { openMenu } from "./menu.js";
import { fetchPart } from "./parts.js";
import { visit } from "./router.js";
import { toast, toastError } from "./toast.js";

/** @import {PageLife} from "./page.js" */

/** @typedef {{board: string, pictures: "keep" | "trash"}} BoardDeletion */

/** What the document hears, with a `BoardDeletion`, when a board went that is not looked at. */
export const BOARD_DELETED = "board-deleted";

/** Draw boards and counts anew, where they are shown; what is written and the focus stay. */
export async function drawShelf() {
  const shelf = document.getElementById("shelf");
  if (!shelf?.dataset.href) return;
  const open = document.querySelector("#days[open]") !== null;
  const part = await fetchPart(shelf.dataset.href);
  const focused = document.activeElement?.closest("#shelf *") ?? null;
  const form = document.getElementById("new-board");
  if (form) part.getElementById("new-board")?.replaceWith(form);
  // It may have been drawn anew meanwhile, for another change, or be that of another page.
  const now = document.getElementById("shelf");
  if (now?.dataset.href !== shelf.dataset.href) return;
  now.replaceWith(part);
  startDays(open);
  if (focused) focusAgain(focused);
}

/** @param {Element} former what had the focus before the shelf was drawn anew */
function focusAgain(former) {
  const same = (/** @type {Element} */ element) =>
    element === former ||
    ["href", "aria-label"].some((name) => {
      const value = former.getAttribute(name);
      return value !== null && value === element.getAttribute(name);
    });
  const found = Array.from(document.querySelectorAll("#shelf :is(a, button, input)")).find(same);
  if (found instanceof HTMLElement) found.focus({ preventScroll: true });
}

/** @returns {HTMLElement[]} the boards in their order, without those in the archive */
export function shownBoards() {
  const items = document.querySelectorAll("#shelf [data-board]:not([data-archived])");
  return /** @type {HTMLElement[]} */ (Array.from(items));
}

/**
 * @param {() => Promise<void>} act
 * @returns {Promise<boolean>} whether it was done
 */
async function changed(act) {
  try {
    await act();
  } catch (error) {
    toastError(error);
    return false;
  }
  await drawShelf();
  return true;
}

/** @param {HTMLFormElement} form */
async function add(form) {
  const name = String(new FormData(form).get("name")).trim();
  if (await changed(() => createBoard(name))) form.reset();
  const input = document.querySelector("#new-board input");
  if (input instanceof HTMLInputElement) input.focus();
}

/**
 * Put a board before another one, or at the end.
 *
 * @param {string} id
 * @param {string | null} before
 */
export async function placeBoard(id, before) {
  const ids = shownBoards()
    .map((item) => item.dataset.board ?? "")
    .filter((other) => other !== id);
  ids.splice(before === null ? ids.length : ids.indexOf(before), 0, id);
  await changed(() => orderBoards(ids));
}

/**
 * @param {HTMLElement} item
 * @param {1 | -1} step
 */
async function shift(item, step) {
  const boards = shownBoards();
  const to = boards.indexOf(item) + step;
  if (to < 0 || to >= boards.length) return;
  const before = boards[step > 0 ? to + 1 : to];
  const id = item.dataset.board ?? "";
  await placeBoard(id, before?.dataset.board ?? null);
  focusBoard(id);
  announce(
    fill(gettext("%(name)s is at place %(place)s of %(count)s."), {
      name: item.dataset.name ?? "",
      place: to + 1,
      count: boards.length,
    }),
  );
}

/** @param {string} id */
function focusBoard(id) {
  const link = document.querySelector(`#shelf [data-board="${CSS.escape(id)}"] .board`);
  if (link instanceof HTMLElement) link.focus();
}

/** @param {HTMLElement} item */
async function archive(item) {
  const id = item.dataset.board ?? "";
  if (!(await changed(() => editBoard(id, { is_archived: true })))) return;
  toast(fill(gettext("“%(name)s” is in the archive."), { name: item.dataset.name ?? "" }), {
    act: {
      text: gettext("Undo"),
      run: () => void changed(() => editBoard(id, { is_archived: false })),
    },
  });
}

/** @param {HTMLElement} item */
async function describe(item) {
  const nameField = byId("board-name-field", HTMLInputElement);
  const descriptionField = byId("board-description-field", HTMLTextAreaElement);
  const id = item.dataset.board ?? "";
  nameField.value = item.dataset.name ?? "";
  descriptionField.value = item.dataset.description ?? "";
  const answer = asked(byId("describe-board", HTMLDialogElement));
  nameField.select();
  if (!(await answer)) return;
  const name = nameField.value.trim();
  const description = descriptionField.value.trim();
  const done = await changed(() => editBoard(id, { name, description }));
  if (done && isLookedAt(id)) showHead(name, description);
  focusBoard(id);
}

/** @param {string} id */
function isLookedAt(id) {
  return new URLSearchParams(location.search).get("board") === id;
}

/**
 * @param {string} name
 * @param {string} description
 */
function showHead(name, description) {
  byId("board-name", HTMLElement).textContent = name;
  const about = byId("board-description", HTMLElement);
  about.textContent = description;
  about.hidden = description === "";
}

/** @param {HTMLElement} item */
async function remove(item) {
  const dialog = byId("delete-board", HTMLDialogElement);
  const title = fill(gettext("Delete “%(name)s”?"), { name: item.dataset.name ?? "" });
  byId("delete-board-title", HTMLElement).textContent = title;
  if (!(await asked(dialog))) return;
  const choice = dialog.querySelector("input:checked");
  const pictures = choice instanceof HTMLInputElement && choice.value === "trash" ? "trash" : "keep";
  const id = item.dataset.board ?? "";
  if (!(await changed(() => deleteBoard(id, pictures)))) return;
  if (isLookedAt(id)) visit(location.pathname);
  else document.dispatchEvent(new CustomEvent(BOARD_DELETED, { detail: { board: id, pictures } }));
}

/**
 * @param {HTMLElement} item
 * @param {HTMLElement} button
 */
function openBoardMenu(item, button) {
  const menu = byId("board-menu", HTMLElement);
  const boards = shownBoards();
  const at = boards.indexOf(item);
  const isArchived = item.dataset.archived !== undefined;
  const isAutoAdd = item.dataset.autoAdd !== undefined;
  const hidden = /** @type {Record<string, boolean>} */ ({
    "auto-add": isArchived,
    up: at <= 0,
    down: isArchived || at === boards.length - 1,
    download: item.dataset.count === "0",
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
  const id = item.dataset.board ?? "";
  openMenu(menu, button, (entry) => {
    const acts = /** @type {Record<string, () => unknown>} */ ({
      describe: () => describe(item),
      "auto-add": () => changed(() => editBoard(id, { is_auto_add: !isAutoAdd })),
      up: () => shift(item, -1),
      down: () => shift(item, 1),
      download: () => offerArchive({ board: id }, button),
      archive: () => archive(item),
      unarchive: () => changed(() => editBoard(id, { is_archived: false })),
      delete: () => remove(item),
    });
    acts[entry.dataset.boardAct ?? ""]?.();
  });
}

/**
 * Listen to what is done to the boards, which are drawn anew now and then.
 *
 * @param {PageLife} life
 */
export function startBoards({ signal }) {
  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      if (!(form instanceof HTMLFormElement) || form.id !== "new-board") return;
      event.preventDefault();
      void add(form);
    },
    { signal },
  );

  document.addEventListener(
    "click",
    (event) => {
      const button = event.target instanceof Element && event.target.closest(".board__menu");
      const item = button && button.closest("[data-board]");
      if (button instanceof HTMLElement && item instanceof HTMLElement) openBoardMenu(item, button);
    },
    { signal },
  );

  document.addEventListener(
    "keydown",
    (event) => {
      if (!event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
      const item = event.target instanceof Element && event.target.closest("#shelf [data-board]");
      if (!(item instanceof HTMLElement) || item.dataset.archived !== undefined) return;
      event.preventDefault();
      void shift(item, event.key === "ArrowUp" ? -1 : 1);
    },
    { signal },
  );
}
